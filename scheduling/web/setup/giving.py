"""Somebody is away: their visits go to others who can, at the same times; seen first, then done."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError
from clinic.practice.web import pages
from scheduling.booking.moving import acts, reassignments, stranded
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.reassignments import Asked
from scheduling.models import Absence
from scheduling.roster import shifts
from scheduling.web import forms, moved


@pages.staff_page("GET", "HEAD", "POST")
def give(request: HttpRequest, actor: Actor, absence_id: UUID) -> HttpResponse:
    """A GET shows who would take what, a POST does what was shown."""
    now = timezone.now()
    row = shifts.absence(actor=actor, absence_id=absence_id)
    permissions.check(actor=actor, capability=reassignments.CAPABILITY)
    asked = Asked(row.staff_id, row.starts_at, row.ends_at)
    if request.method != "POST":
        return _see(request, actor, row, asked, now)
    try:
        act_id = reassignments.apply(
            actor=actor,
            asked=asked,
            now=now,
            token=request.POST.get("token", ""),
            key=forms.once(request, actor, what="give"),
        )
    except DomainError as error:
        told = pages.refusal(request, form="give", error=error).reasons
        messages.error(request, f"Nothing was given away. {' '.join(told)}")
    else:
        given = len(acts.done(actor=actor, act_id=act_id).relocated)
        messages.success(request, f"{_counted(given)} given to others. Nobody's time has changed.")
    return pages.done(_absence(row))


def _see(request: HttpRequest, actor: Actor, row: Absence, asked: Asked, now: datetime) -> HttpResponse:
    try:
        preview = reassignments.preview(actor=actor, asked=asked, ways=Ways(cascade=False), now=now)
    except DomainError as error:
        messages.error(request, " ".join(pages.refusal(request, form="give", error=error).reasons))
        return pages.done(_absence(row))
    standing = stranded.by_absence(actor=actor, absence=row, now=now)
    context = {
        "who": row.staff.display_name,
        "back": _absence(row),
        "token": preview.token,
        "lines": moved.told(actor=actor, preview=preview, now=now)["lines"],
        "stay": len(standing) - len(preview.moves),
    }
    patients = [one.patient.id for one in standing]
    return pages.show(request, "scheduling/setup/give.html", context, here="setup", patients=patients)


def _absence(row: Absence) -> str:
    return reverse("setup-thing", kwargs={"noun": "absences", "thing_id": row.pk})


def _counted(number: int) -> str:
    return "1 visit is" if number == 1 else f"{number} visits are"
