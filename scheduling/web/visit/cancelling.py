"""Cancelling a visit: see what follows, with the visit after it kept or cancelled too; then do it, or not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from scheduling import reasons
from scheduling.booking.moving import cancelling, moves
from scheduling.booking.moving.cancelling import Choice, Preview
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.booking.visit import appointments
from scheduling.web import forms, words
from scheduling.web.visit import moved
from scheduling.web.visit.moved import NoticeLine, UnitLine

FORM = "cancel"
ALONE = "It then counts for no dose's follow-up: it stays as a talk of its own."


@dataclass(frozen=True, slots=True)
class Line:
    """A visit as it is, and what becomes of it."""

    title: str
    when: str
    where: str
    becomes: words.Badge
    told: str


@dataclass(frozen=True, slots=True)
class Way:
    """One answer to what becomes of the visits that follow, and all that it leads to."""

    value: str
    lines: tuple[Line, ...]
    units: tuple[UnitLine, ...]
    withdraw: tuple[NoticeLine, ...]
    said: tuple[NoticeLine, ...]


@pages.staff_page("GET", "HEAD", "POST")
def cancel(request: HttpRequest, actor: Actor, visit_id: UUID) -> HttpResponse:
    """What would follow; a POST does it."""
    permissions.check(actor=actor, capability=cancelling.CAPABILITY)
    visit = booked.visit(actor=actor, appointment_id=visit_id)
    if request.method != "POST":
        return _page(request, actor, visit, None)
    try:
        appointments.transition(
            actor=actor,
            appointment_id=visit_id,
            verb=FORM,
            now=timezone.now(),
            reason=forms.text(request, "reason", longest=200),
            reason_code=forms.text(request, "reason_code", longest=30),
            follow_up=forms.text(request, "follow_up", longest=10),
            version=forms.version(request),
        )
    except DomainError as error:
        visit = booked.visit(actor=actor, appointment_id=visit_id)
        return _page(request, actor, visit, pages.refusal(request, form=FORM, error=error))
    messages.success(request, words.VERBS[FORM].done)
    return pages.done(moved.shown_on(_back(request, visit), visit_id=visit_id, cancelled=visit_id))


@pages.staff_page("POST")
def undo(request: HttpRequest, actor: Actor, visit_id: UUID) -> HttpResponse:
    """Bring a cancelled visit back, with what was cancelled with it."""
    visit = booked.visit(actor=actor, appointment_id=visit_id)
    back = moved.without(_back(request, visit))
    try:
        found = cancelling.undo(
            actor=actor, appointment_id=visit_id, now=timezone.now(), version=forms.version(request)
        )
    except DomainError as error:
        told = pages.refusal(request, form="undo", error=error).reasons
        messages.error(
            request, f"Not undone. {' '.join(times.localized(one, visit.time_zone) for one in told)}"
        )
    else:
        others = len(found) - 1
        messages.success(
            request, "The visit takes place after all" + (", and what follows it." if others else ".")
        )
    return pages.done(f"{back.partition('#')[0]}#visit-{visit_id}")


def _back(request: HttpRequest, visit: rows.Visit) -> str:
    return pages.back_to(request, reverse("visit", kwargs={"visit_id": visit.id}))


def _page(request: HttpRequest, actor: Actor, visit: rows.Visit, refusal: Refusal | None) -> HttpResponse:
    now, back = timezone.now(), _back(request, visit)
    closed, follows = "", {}
    try:
        seen = cancelling.preview(actor=actor, appointment_id=visit.id, now=now)
    except DomainError as error:
        closed = pages.refusal(request, form=FORM, error=error).reasons[0]
    else:
        follows = _follows(actor, seen, visit, now)
    may_move = "move" in visit.allowed and permissions.allows(actor=actor, capability=moves.CAPABILITY)
    context = {
        "visit": visit,
        "title": words.title(visit),
        "closed": closed,
        "refusal": refusal,
        "reasons": [times.localized(one, visit.time_zone) for one in refusal.reasons] if refusal else [],
        "typed": refusal.typed if refusal else {},
        "cancel_reasons": [(code, reasons.CANCELLATION[code].words) for code in reasons.CHOICES],
        "elsewhere": f"{reverse('move', kwargs={'visit_id': visit.id})}?{urlencode({'back': back})}"
        if may_move
        else "",
        "zone": times.zone_words(visit.start, visit.time_zone),
        "back": back,
        **follows,
    }
    status = refusal.status if refusal else 200
    page, patients = "scheduling/cancel.html", [visit.patient.id]
    return pages.show(request, page, context, here="day", patients=patients, status=status)


def _follows(actor: Actor, seen: Preview, visit: rows.Visit, now: datetime) -> dict[str, Any]:
    ids = {visit.id, *(one.pk for one in seen.followers)}
    ids |= {UUID(dose) for way in seen.choices for unit in way.units for dose in unit.doses}
    found = booked.visits_named(actor=actor, ids=ids, capability=cancelling.CAPABILITY)
    named = {one.id: one for one in found}
    return {
        "followers": [words.title(named[one.pk]) for one in seen.followers],
        "ways": [_way(seen, one, named, now) for one in seen.choices],
        "broken": [
            f"{words.named(str(one['visit'] or ''))}: {words.told(str(one['message']))}"
            for one in seen.broken
        ],
    }


def _way(seen: Preview, choice: Choice, named: Mapping[UUID, rows.Visit], now: datetime) -> Way:
    ended = {one.pk for one in choice.ended}
    zone = named[seen.visit.pk].time_zone
    lines = [_line(named[seen.visit.pk], words.STATUSES["cancelled"], "Its place is free for others.")]
    for one in seen.followers:
        visit = named[one.pk]
        if one.pk in ended:
            lines.append(_line(visit, words.STATUSES["cancelled"], "Cancelled with it; its place is free."))
        else:
            lines.append(_line(visit, words.STATUSES[visit.status], _meaning(choice, one.pk, named)))
    return Way(
        value=choice.follow_up,
        lines=tuple(lines),
        units=tuple(moved.unit(one, named) for one in choice.units),
        withdraw=tuple(moved.notice(one, zone, now) for one in _once(choice.withdraw)),
        said=tuple(moved.notice(one, zone, one.due_at) for one in _once(choice.said)),
    )


def _once(found: Collection[Any]) -> list[Any]:
    """What is said in one message stands once."""
    return list({(one.kind, one.channel, one.due_at): one for one in found}.values())


def _meaning(choice: Choice, visit_id: UUID, named: Mapping[UUID, rows.Visit]) -> str:
    """What a visit that is kept is for, once its dose does not take place."""
    for unit in choice.units:
        if unit.after and str(visit_id) in unit.after.visits:
            return f"Kept; it then counts as the {moved.unit(unit, named).what.lower()}."
    return f"Kept. {ALONE}"


def _line(visit: rows.Visit, becomes: words.Badge, told: str) -> Line:
    people = ", ".join(dict.fromkeys(one.name for one in visit.practitioners))
    where = visit.room.name if visit.room else words.MODES[visit.mode]
    return Line(
        title=words.title(visit),
        when=times.span(visit.start, visit.end, visit.time_zone),
        where=", ".join(one for one in (people, where) if one),
        becomes=becomes,
        told=told,
    )
