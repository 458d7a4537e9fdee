"""Booking a follow-up that is missing: one click for the next best, a short list to choose from, and undo."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.web import pages, times
from clinic.practice.web.times import Moment
from scheduling.booking.openings import slots
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.web import forms, words

UNDO = "booked"


@dataclass(frozen=True, slots=True)
class SlotLine:
    """A slot as a row: `value` is what its button sends, `why` is why it stands where it does."""

    value: str
    at: Moment
    end: Moment
    who: str
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Left:
    """What is left for a follow-up: the best times and how many in all, in words."""

    lines: tuple[SlotLine, ...]
    told: str
    late: bool


@dataclass(frozen=True, slots=True)
class Undo:
    """A visit that this person booked a moment ago and may take back."""

    visit: rows.Visit
    told: str


def left(*, actor: Actor, gap: rows.Gap, now: datetime, limit: int = slots.LISTED) -> Left:
    """The slots of a follow-up, in words."""
    found = slots.ranked(actor=actor, gap_id=gap.id, now=now, limit=limit)
    return Left(
        lines=tuple(_line(one, gap.time_zone) for one in found.found),
        told=_told(found.total),
        late=found.late,
    )


def _told(total: int) -> str:
    if total >= slots.COUNTED:
        return f"{slots.COUNTED} times or more fit"
    if not total:
        return "no time is left"
    return "1 time fits" if total == 1 else f"{total} times fit"


def _line(slot: slots.Slot, zone: str) -> SlotLine:
    why = ["at the best time"] if slot.ideal else []
    why += ["knows the patient"] if slot.familiar else []
    return SlotLine(
        value=slot.start.isoformat(),
        at=times.moment(slot.start, zone),
        end=times.moment(slot.end, zone),
        who=slot.practitioner.name,
        where=slot.room.name if slot.room else words.MODES[slot.mode],
        why=", ".join(why),
    )


@pages.staff_page("GET", "HEAD")
def next_best(request: HttpRequest, actor: Actor, gap_id: UUID) -> HttpResponse:
    """How many times fit a follow-up and the best of them: a part of its row, fetched when it is seen."""
    now = timezone.now()
    gap = booked.gap(actor=actor, gap_id=gap_id)
    context = {"left": left(actor=actor, gap=gap, now=now, limit=1), "gap": gap}
    # Who it is about stands in the row already, and was written down with it.
    return pages.show(request, "scheduling/_next_best.html", context, here="worklist")


@pages.staff_page("POST")
def book(request: HttpRequest, actor: Actor, gap_id: UUID) -> HttpResponse:
    """Book the follow-up: at the time that was chosen, else at the next best."""
    back = pages.back_to(request, reverse("follow-up", kwargs={"gap_id": gap_id})).partition("#")[0]
    try:
        key = forms.once(request, actor, what=f"follow-up:{gap_id}")
        visit = slots.book(actor=actor, gap_id=gap_id, now=timezone.now(), start=_start(request), key=key)
    except DomainError as error:
        return _refused(request, actor, gap_id, error)
    joint = "&" if "?" in back else "?"
    return pages.done(f"{back}{joint}{UNDO}={visit.id}#undo")


def _refused(request: HttpRequest, actor: Actor, gap_id: UUID, error: DomainError) -> HttpResponse:
    """The follow-up's own page says why, and what else fits."""
    refused = pages.refusal(request, form="book", error=error)
    clashes = error.data.get("clashes") or [{}]
    told = clashes[0].get("message") or refused.reasons[0]
    messages.warning(request, f"Not booked. {told}")
    booked.gap(actor=actor, gap_id=gap_id)
    return pages.done(f"{reverse('follow-up', kwargs={'gap_id': gap_id})}#slots")


@pages.staff_page("POST")
def undo(request: HttpRequest, actor: Actor, visit_id: UUID) -> HttpResponse:
    """Take back what was booked a moment ago."""
    try:
        slots.undo(actor=actor, appointment_id=visit_id, now=timezone.now())
    except DomainError as error:
        messages.warning(request, pages.refusal(request, form="undo", error=error).reasons[0])
    else:
        messages.success(request, "Taken back. Nobody was told of it.")
    return pages.done(pages.back_to(request, reverse("worklist")))


def just_booked(request: HttpRequest, actor: Actor, now: datetime) -> Undo | None:
    """What the address says was booked just now; with a way back as long as there is one."""
    visit_id = forms.uuid(request.GET.get(UNDO))
    if visit_id is None:
        return None
    visit = booked.visit(actor=actor, appointment_id=visit_id)
    if not slots.may_undo(actor=actor, appointment_id=visit_id, now=now):
        return None
    at, who = times.moment(visit.start, visit.time_zone), _people(visit.practitioners)
    return Undo(visit, f"Booked for {visit.patient.name}: {at}{f' with {who}' if who else ''}")


def _people(people: Collection[rows.Person]) -> str:
    return ", ".join(dict.fromkeys(person.name for person in people))


def may_book(actor: Actor) -> bool:
    return permissions.allows(actor=actor, capability="appointments.book")


def _start(request: HttpRequest) -> datetime | None:
    value = request.POST.get("start", "")
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise Invalid({"start": ["Choose one of the times."]}) from None
    if found.tzinfo is None:
        raise Invalid({"start": ["Choose one of the times."]})
    return found


def why_not(gap: rows.Gap, now: datetime) -> str:
    """The address that explains the best time of a follow-up's window; blank once that is over."""
    best = gap.window.ideal_from
    if best is None or best <= now:
        return ""
    # A whole hour lies on every grid.
    hour = best.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    asked = {"site": str(gap.site.id), "start": hour.isoformat(), "gap": str(gap.id)}
    return f"{reverse('why-not')}?{urlencode(asked)}"
