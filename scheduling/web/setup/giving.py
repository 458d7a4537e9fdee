"""Somebody is away, or a room is shut: their visits go to others who can, its visits to other rooms, at the
same times; seen first, then done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import idempotency, permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError
from clinic.practice.models import Closure
from clinic.practice.web import pages
from scheduling.booking.moving import acts, closures, reassignments, stranded
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.moving.reassignments import Asked
from scheduling.booking.reading.rows import Visit
from scheduling.models import Absence
from scheduling.roster import shifts
from scheduling.web import forms
from scheduling.web.visit import moved

Key = idempotency.Key | None


@dataclass(frozen=True, slots=True)
class Way:
    """What is given away, by which use cases, in which words. `lead` says who or what comes first, `stay` why
    the rest cannot, `none` what to do when nothing can.
    """

    noun: str
    title: Callable[[Any], str]
    lead: str
    stay: str
    none: str
    done: str
    preview: Callable[[Actor, Any, datetime], Preview]
    apply: Callable[[Actor, Any, str, datetime, Key], UUID]
    stranded: Callable[[Actor, Any, datetime], tuple[Visit, ...]]


@pages.staff_page("GET", "HEAD", "POST")
def give(request: HttpRequest, actor: Actor, absence_id: UUID) -> HttpResponse:
    """The visits of who is away, to others."""
    row = shifts.absence(actor=actor, absence_id=absence_id)
    return _answer(request, actor, row, PEOPLE)


@pages.staff_page("GET", "HEAD", "POST")
def rooms(request: HttpRequest, actor: Actor, closure_id: UUID) -> HttpResponse:
    """The visits of a shut room, to other rooms."""
    row = queries.closure(actor=actor, closure_id=closure_id)
    return _answer(request, actor, row, ROOMS)


def _answer(request: HttpRequest, actor: Actor, row: Absence | Closure, way: Way) -> HttpResponse:
    """A GET shows who or what would take them, a POST does what was shown."""
    now, back = timezone.now(), reverse("setup-thing", kwargs={"noun": way.noun, "thing_id": row.pk})
    permissions.check(actor=actor, capability=reassignments.CAPABILITY)
    if request.method != "POST":
        return _see(request, actor, row, way, back, now)
    token = request.POST.get("token", "")
    try:
        act_id = way.apply(actor, row, token, now, forms.once(request, actor, what="give"))
    except DomainError as error:
        told = pages.refusal(request, form="give", error=error).reasons
        messages.error(request, f"Nothing was given away. {' '.join(told)}")
    else:
        given = len(acts.done(actor=actor, act_id=act_id).relocated)
        messages.success(request, f"{_counted(given)} {way.done}. Nobody's time has changed.")
    return pages.done(back)


def _see(
    request: HttpRequest, actor: Actor, row: Absence | Closure, way: Way, back: str, now: datetime
) -> HttpResponse:
    try:
        preview = way.preview(actor, row, now)
    except DomainError as error:
        messages.error(request, " ".join(pages.refusal(request, form="give", error=error).reasons))
        return pages.done(back)
    standing = way.stranded(actor, row, now)
    context = {
        "way": way,
        "title": way.title(row),
        "back": back,
        "token": preview.token,
        "lines": moved.told(actor=actor, preview=preview, now=now)["lines"],
        "stay": len(standing) - len(preview.moves),
    }
    patients = [one.patient.id for one in standing]
    return pages.show(request, "scheduling/setup/give.html", context, here="setup", patients=patients)


def _counted(number: int) -> str:
    return "1 visit is" if number == 1 else f"{number} visits are"


def _asked(row: Absence) -> Asked:
    return Asked(row.staff_id, row.starts_at, row.ends_at)


PEOPLE = Way(
    noun="absences",
    title=lambda row: f"Visits of {row.staff.display_name} to others",
    lead="Everybody keeps their time, so no patient is told. Whom the patient knows comes first; of one "
    "course all visits change or none does.",
    stay="nobody else can take it then",
    none="At these times nobody with the role is free. Move each visit to another time instead.",
    done="given to others",
    preview=lambda actor, row, now: reassignments.preview(
        actor=actor, asked=_asked(row), ways=Ways(cascade=False), now=now
    ),
    apply=lambda actor, row, token, now, key: reassignments.apply(
        actor=actor, asked=_asked(row), token=token, now=now, key=key
    ),
    stranded=lambda actor, row, now: stranded.by_absence(actor=actor, absence=row, now=now),
)
ROOMS = Way(
    noun="closures",
    title=lambda row: f"Visits of {row.room or row.site} to other rooms",
    lead="Everybody keeps their time and their people, so no patient is told.",
    stay="no other room for it is free then",
    none="At these times no other room for such visits is free. Move each visit to another time instead.",
    done="in another room",
    preview=lambda actor, row, now: closures.preview(actor=actor, closure_id=row.pk, now=now),
    apply=lambda actor, row, token, now, key: closures.apply(
        actor=actor, closure_id=row.pk, token=token, now=now, key=key
    ),
    stranded=lambda actor, row, now: stranded.by_closure(actor=actor, closure=row, now=now),
)
