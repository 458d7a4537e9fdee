"""Moving a visit: choose where, see everything that follows, then do it, leave it, or choose again."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import idempotency
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from scheduling.booking.moving import moves, swaps, undoing, vacancies
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.errors import PreviewStale, SlotTaken
from scheduling.web import forms, words
from scheduling.web.visit import moved

# What a page or a form says of the place that is wanted.
ASKED = ("start", "fold", "who", "instead", "room", "with")
Typed = Mapping[str, str]


@pages.staff_page("GET", "HEAD", "POST")
def move(request: HttpRequest, actor: Actor, visit_id: UUID) -> HttpResponse:
    """`?start=` with `?who=` `?instead=` or `?room=`, or `?with=` another visit: what would follow. Without
    them: where it could go. A POST does what was shown.
    """
    visit = booked.visit(actor=actor, appointment_id=visit_id, capability=moves.CAPABILITY)
    if request.method == "POST":
        return _apply(request, actor, visit)
    asked = {name: request.GET[name] for name in ASKED if request.GET.get(name)}
    if "start" not in asked and "with" not in asked:
        return _choose(request, actor, visit, {}, None)
    return _see(request, actor, visit, asked, None)


@pages.staff_page("GET", "HEAD")
def fits(request: HttpRequest, actor: Actor, visit_id: UUID) -> HttpResponse:
    """Whether a visit that somebody holds over a place fits there, in a line: asked while they drag."""
    now = timezone.now()
    visit = booked.visit(actor=actor, appointment_id=visit_id, capability=moves.CAPABILITY)
    told, fit = [], "good"
    # Only whoever is in the way is named.
    patients: list[UUID] = []
    wish = Wish()
    try:
        wish = _wish(request.GET, visit)
        found = moves.fits(actor=actor, appointment_id=visit_id, wish=wish, now=now)
        told = [one["message"] for one in found.broken]
        fit = "rule" if told else "good"
        told = told or moved.changes(actor=actor, visit=visit, place=found.place)
    except SlotTaken as taken:
        told, fit = [one["message"] for one in taken.clashes], "bad"
        blockers = moved.in_the_way(actor=actor, visit=visit, wish=wish)
        told += [text for _, text in blockers]
        patients += [one for one, _ in blockers if one]
        if taken.alternative:
            told.append(f"The nearest free start: {taken.alternative['start']}.")
    except DomainError as error:
        told, fit = list(pages.refusal(request, form="move", error=error).reasons), "bad"
    context = {"told": [times.localized(words.told(text), visit.time_zone) for text in told], "fit": fit}
    return pages.show(request, "scheduling/_fits.html", context, here="day", patients=patients)


@pages.staff_page("POST")
def undo(request: HttpRequest, actor: Actor, act_id: UUID) -> HttpResponse:
    """Take a move back, as long as nobody has changed what it moved."""
    back = pages.back_to(request, reverse("day"))
    try:
        undoing.undo(actor=actor, act_id=act_id, now=timezone.now(), key=_key(actor, f"undo-{act_id}"))
    except DomainError as error:
        told = pages.refusal(request, form="undo", error=error).reasons
        messages.error(request, f"Not undone. {' '.join(told)}")
    else:
        messages.success(request, "The move is undone.")
    return pages.done(moved.without(back))


def _wish(typed: Typed, visit: rows.Visit) -> Wish:
    return Wish(
        start=forms.instant(
            typed.get("start", ""), name="start", zone=visit.time_zone, fold=typed.get("fold", "")
        ),
        practitioner_ids=_people(visit, forms.uuid(typed.get("who")), forms.uuid(typed.get("instead"))),
        room_id=forms.uuid(typed.get("room")),
    )


def _people(visit: rows.Visit, who: UUID | None, instead: UUID | None) -> tuple[UUID, ...] | None:
    """Whom the visit has, with `who` in the place of `instead`; None, where nobody changes, leaves it to the
    domain who comes if one of them cannot."""
    if who is None or who == instead:
        return None
    kept = [who if one.id == instead else one.id for one in visit.practitioners]
    return tuple(dict.fromkeys([*kept, who]))


def _key(actor: Actor, of: str) -> idempotency.Key:
    """A form that is sent twice is one write: the key is made of what it carries."""
    digest = hashlib.sha256(of.encode()).hexdigest()
    return idempotency.Key(scope=actor.ref, value=f"page-{digest[:40]}", fingerprint=digest)


# --- seeing it ------------------------------------------------------------------------------------------
def _see(
    request: HttpRequest, actor: Actor, visit: rows.Visit, asked: Typed, refusal: Refusal | None
) -> HttpResponse:
    """What would follow; where the place is taken or cannot be, the choice again."""
    now = timezone.now()
    try:
        seen = _preview(actor, visit, asked, now)
    except NotFound:
        raise
    except DomainError as error:
        found = pages.refusal(request, form="move", error=error)
        return _choose(request, actor, visit, asked, _with_nearest(refusal or found, error))
    lines = moved.told(actor=actor, preview=seen, now=now)
    context = {
        "visit": visit,
        "title": words.title(visit),
        "asked": asked,
        "token": seen.token,
        "refusal": refusal,
        "reasons": _reasons(refusal, visit),
        "swap": "with" in asked,
        "again": f"{reverse('move', kwargs={'visit_id': visit.id})}?{urlencode(_back(request, visit))}",
        "back": _back(request, visit)["back"],
        "zone": times.zone_words(visit.start, visit.time_zone),
        **lines,
    }
    patients = [visit.patient.id, *(one["patient"] for one in seen.moves)]
    status = refusal.status if refusal else 200
    page = "scheduling/move_preview.html"
    return pages.show(request, page, context, here="day", patients=patients, status=status)


def _preview(actor: Actor, visit: rows.Visit, asked: Typed, now: datetime) -> Preview:
    if other := forms.uuid(asked.get("with")):
        return swaps.preview(actor=actor, appointment_id=visit.id, other_id=other, ways=Ways(), now=now)
    wish = _wish(asked, visit)
    if wish.start is None:
        raise Invalid({"start": ["A date and a time."]})
    return moves.preview(actor=actor, appointment_id=visit.id, wish=wish, ways=Ways(), now=now)


def _with_nearest(refusal: Refusal, error: DomainError) -> Refusal:
    """The refusal with the nearest start that fits, where the domain named one."""
    if not isinstance(error, SlotTaken):
        return refusal
    told = [one["message"] for one in error.clashes]
    if error.alternative:
        told.append(f"The nearest free start is {error.alternative['start']}.")
    return Refusal(refusal.form, tuple(told) or refusal.reasons, refusal.typed, status=409)


def _reasons(refusal: Refusal | None, visit: rows.Visit) -> list[str]:
    reasons = refusal.reasons if refusal else ()
    return [times.localized(words.told(text), visit.time_zone) for text in reasons]


def _back(request: HttpRequest, visit: rows.Visit) -> dict[str, str]:
    return {"back": pages.back_to(request, reverse("visit", kwargs={"visit_id": visit.id}))}


# --- doing it -------------------------------------------------------------------------------------------
def _apply(request: HttpRequest, actor: Actor, visit: rows.Visit) -> HttpResponse:
    asked = {name: request.POST[name] for name in ASKED if request.POST.get(name)}
    token = request.POST.get("token", "")
    try:
        reason = forms.text(request, "override_reason")
        rules = [rule for rule in request.POST.getlist("rule")[:20] if len(rule) <= 60]
        ways = Ways(
            overrides=[{"rule_id": rule, "reason": reason} for rule in dict.fromkeys(rules) if reason]
        )
        key = _key(actor, f"{visit.id} {token}")
        now = timezone.now()
        if other := forms.uuid(asked.get("with")):
            act_id = swaps.apply(
                actor=actor, appointment_id=visit.id, other_id=other, now=now, token=token, ways=ways, key=key
            )
        else:
            act_id = moves.apply(
                actor=actor, appointment_id=visit.id, now=now, token=token, ways=ways, key=key
            )
    except DomainError as error:
        found = pages.refusal(request, form="move", error=error)
        if isinstance(error, PreviewStale):
            told = dict.fromkeys(f"{words.named(one['visit'])}: {one['message']}" for one in error.changed)
            found = Refusal(found.form, tuple(told), found.typed, status=409)
        return _see(request, actor, visit, asked, _with_nearest(found, error))
    return pages.done(moved.shown_on(_back(request, visit)["back"], moved=act_id, visit_id=visit.id))


# --- choosing where -------------------------------------------------------------------------------------
def _choose(
    request: HttpRequest, actor: Actor, visit: rows.Visit, asked: Typed, refusal: Refusal | None
) -> HttpResponse:
    now = timezone.now()
    near = _near(request, visit, asked, now)
    closed = ""
    try:
        free = vacancies.near(actor=actor, appointment_id=visit.id, at=near, now=now)
    except DomainError as error:
        # Only where it cannot be moved at all; the page says so instead of offering what would be refused.
        closed, free = pages.refusal(request, form="move", error=error).reasons[0], []
    back = _back(request, visit)
    context = {
        "visit": visit,
        "title": words.title(visit),
        "when": times.span(visit.start, visit.end, visit.time_zone),
        "starts": asked.get("start") or times.wall(near, visit.time_zone),
        "ambiguous": refusal is not None and forms.TWICE in refusal.reasons,
        "room": asked.get("room", ""),
        "rooms": [one for one in places.rooms(actor=actor) if one.site_id == visit.site.id and one.is_active],
        "days": moved.openings(actor=actor, visit=visit, free=free, back=back),
        "swaps": [] if closed else moved.others(actor=actor, visit=visit, now=now),
        "closed": closed,
        "reasons": _reasons(refusal, visit),
        "why": _why(visit, asked) if refusal else "",
        "zone": times.zone_words(visit.start, visit.time_zone),
        "least": times.wall(now, visit.time_zone),
        **back,
    }
    status = refusal.status if refusal else 200
    page, patients = "scheduling/move.html", [visit.patient.id]
    return pages.show(request, page, context, here="day", patients=patients, status=status)


def _why(visit: rows.Visit, asked: Typed) -> str:
    """What the page that explains a refusal is asked, rule by rule."""
    try:
        start = forms.instant(asked.get("start", ""), name="start", zone=visit.time_zone, fold="0")
    except Invalid:
        return ""
    if start is None:
        return ""
    wanted = {"site": visit.site.id, "start": start.isoformat(), "visit": visit.id}
    wanted |= {"practitioner": asked["who"]} if "who" in asked else {}
    wanted |= {"room": asked["room"]} if "room" in asked else {}
    return urlencode(wanted)


def _near(request: HttpRequest, visit: rows.Visit, asked: Typed, now: datetime) -> datetime:
    """Around which time free starts are looked for: the one that was asked for, else the visit's own."""
    try:
        wished = forms.instant(
            asked.get("start") or request.GET.get("near", ""), name="near", zone=visit.time_zone, fold="0"
        )
    except Invalid:
        wished = None
    # A request from years away is none that a calendar can answer.
    latest = now + timedelta(days=365)
    return min(max(wished or visit.start, now), latest)
