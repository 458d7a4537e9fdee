"""A move in words: each visit before and after, what stays, what its follow-ups become, who is told what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.web import times
from clinic.practice.web.times import Moment
from scheduling import states
from scheduling.booking.guard import rulebook
from scheduling.booking.moving import acts, effects, moves, notices, previews, relocations
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.openings import days
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.booking.visit import group_sessions
from scheduling.booking.wanted.nearest import Fit
from scheduling.planning import windows
from scheduling.web import forms, queries, words
from scheduling.web.words import Badge

# What an address names that may be taken back.
UNDOES = ("moved", "cancelled")
# More than so many visits in the way say no more.
BLOCKERS = 3
STAYS = {"fits": "still fits", "pinned": "is fixed there", "fixed": "has begun, or its time has come"}


@dataclass(frozen=True, slots=True)
class Place:
    when: str
    people: str
    room: str


@dataclass(frozen=True, slots=True)
class MoveLine:
    """A visit before and after. `asked`: a person put it there; the others follow."""

    title: str
    who: str
    before: Place
    after: Place
    asked: bool
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitLine:
    what: str
    before: Badge | None
    after: Badge | None
    window: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule that would be broken; `why` asks for every rule of that visit at its new place."""

    rule: str
    visit: str
    message: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class NoticeLine:
    what: str
    channel: str
    at: Moment


@dataclass(frozen=True, slots=True)
class Opening:
    clock: str
    told: str
    address: str


def told(*, actor: Actor, preview: previews.Preview, now: datetime) -> dict[str, Any]:
    """Everything that a page of a preview shows."""
    act = preview.act
    ids = {one["id"] for one in preview.moves} | {one.visit.pk for one in act.stays}
    ids |= {UUID(dose) for unit in preview.units for dose in unit.doses}
    found = booked.visits_named(actor=actor, ids=ids, capability=moves.CAPABILITY)
    visits = {one.id: one for one in found}
    names = queries.place_names(actor=actor)
    lines = [_move(one, visits, names) for one in preview.moves]
    where = {str(one["id"]): (one["after"]["site"], one["after"]["start"]) for one in preview.moves}
    where |= {str(one.visit.pk): (one.visit.site_id, one.visit.start) for one in act.stays}
    open_rules = [_rule(one, where) for one in preview.open]
    may = all(
        one["overridable"] and _may(actor, rulebook.of(one["rule_id"]).capability) for one in preview.open
    )
    said = {one.message for one in open_rules}
    return {
        "lines": sorted(lines, key=lambda line: not line.asked),
        "stays": [
            (words.title(visits[one.visit.pk]), _when(one.visit.start, one.visit.end, one.visit.time_zone))
            + (STAYS[one.why],)
            for one in act.stays
            if one.visit.pk in visits
        ],
        "units": [unit(one, visits) for one in preview.units],
        "broken": open_rules,
        "warnings": [_rule(one, where) for one in act.violations if one["severity"] != rulebook.ERROR],
        "may_override": may,
        "overridable": all(one["overridable"] for one in preview.open),
        "unmet": [
            one for one in dict.fromkeys(words.told(one.message) for one in act.unmet) if one not in said
        ],
        "added": [words.KINDS[one.kind] for one in preview.added],
        "ended": [words.KINDS[one.kind] for one in preview.ended],
        **_notices(preview.notices, preview, now),
    }


def _may(actor: Actor, capability: str | None) -> bool:
    return capability is not None and permissions.allows(actor=actor, capability=capability)


def _when(start: datetime, end: datetime, zone: str) -> str:
    return times.span(start, end, zone)


def _move(one: Mapping[str, Any], visits: Mapping[UUID, rows.Visit], names: Mapping[str, str]) -> MoveLine:
    visit = visits[one["id"]]
    before, after = (_place(one[side], names) for side in ("before", "after"))
    new = tuple(part for part in ("when", "people", "room") if getattr(before, part) != getattr(after, part))
    return MoveLine(words.title(visit), visit.patient.name, before, after, one["asked"], new)


def _place(place: Mapping[str, Any], names: Mapping[str, str]) -> Place:
    people = sorted({names.get(str(one["id"]), "") for one in place["practitioners"]})
    room = names.get(str(place["room"]), "") if place["room"] else words.MODES.get(place["mode"], "")
    return Place(
        _when(place["start"], place["end"], place["time_zone"]), ", ".join(one for one in people if one), room
    )


def _rule(one: Mapping[str, Any], where: Mapping[str, tuple[UUID, datetime]]) -> RuleLine:
    named = words.named(str(one.get("visit") or ""))
    return RuleLine(one["rule_id"], named, words.told(one["message"]), _why(one.get("appointment"), where))


def _why(visit_id: Any, where: Mapping[str, tuple[UUID, datetime]]) -> str:
    if visit_id is None or str(visit_id) not in where:
        return ""
    site, start = where[str(visit_id)]
    return f"{reverse('why-not')}?{urlencode({'site': site, 'start': start.isoformat(), 'visit': visit_id})}"


def unit(one: effects.UnitChange, visits: Mapping[UUID, rows.Visit]) -> UnitLine:
    """A follow-up unit that reads otherwise, in words."""
    doses = [visits[UUID(dose)] for dose in one.doses if UUID(dose) in visits]
    numbers = " and ".join(words.title(dose).lower() for dose in doses)
    window = one.after.window if one.after else None
    zone = doses[0].time_zone if doses else "UTC"
    return UnitLine(
        what=f"Follow-up after {numbers}" if numbers else "Follow-up",
        before=words.GAPS[one.before.status] if one.before else None,
        after=words.GAPS[one.after.status] if one.after else None,
        window=_when(window.opens_at, window.closes_at, zone)
        if window and window.opens_at < window.closes_at
        else "",
    )


def _notices(told: notices.Notices, preview: previews.Preview, now: datetime) -> dict[str, Any]:
    zone = next((one["after"]["time_zone"] for one in preview.moves), "UTC")
    return {
        "send": once(notice(one, zone, now) for one in told.send),
        "withdraw": once(notice(one, zone, now) for one in told.withdraw),
        "said": bool(told.said),
    }


def notice(one: Any, zone: str, now: datetime) -> NoticeLine:
    """A message, or the draft of one, in words; what is due already goes out now."""
    return NoticeLine(
        words.MESSAGE_KINDS.get(one.kind) or words.sentence(one.kind),
        words.CHANNELS.get(one.channel, one.channel),
        times.moment(max(one.due_at, now), zone),
    )


def once(found: Iterable[NoticeLine]) -> list[NoticeLine]:
    """Each message once: what is said of several visits in one is written down for each of them."""
    return list(dict.fromkeys(found))


def changes(*, actor: Actor, visit: rows.Visit, place: relocations.Place) -> list[str]:
    """Who and where, as far as a place that fits is another one than the visit has."""
    people = {one.practitioner for one in place.planned.staffing} - {
        str(one.id) for one in visit.practitioners
    }
    room = place.planned.room if not visit.room or place.planned.room != str(visit.room.id) else None
    if not people and not room:
        return []
    names = queries.place_names(actor=actor)
    who = " and ".join(sorted(names.get(one, "") for one in people))
    told = [f"With {who}." if who else "", f"In {names.get(room, '')}." if room else ""]
    return [one for one in told if one]


def in_the_way(*, actor: Actor, visit: rows.Visit, wish: Wish) -> list[tuple[UUID | None, str]]:
    """Who has the wished people or room at the wished time, each in words: `Dana Roe has Max Lee, 10:00 to
    11:00.`, by patient; of a group session its places.
    """
    if wish.start is None:
        return []
    end = wish.start + (visit.end - visit.start)
    day = windows.local_day(zone=visit.time_zone, instant=wish.start)
    people = set(wish.practitioner_ids or (one.id for one in visit.practitioners))
    room = wish.room_id or (visit.room.id if visit.room else None)
    told: list[tuple[UUID | None, str]] = []
    for group in group_sessions.between(actor=actor, site_id=visit.site.id, start=wish.start, end=end):
        if people & group.staff or room == group.room is not None:
            told.append((None, f"A group session is there, {words.seats(group.taken, group.places)}."))
    for one in days.site_day(actor=actor, site_id=visit.site.id, day=day).visits:
        over = one.status in states.LIVE and one.start < end and wish.start < one.end and one.id != visit.id
        names = [who.name for who in one.practitioners if who.id in people and who.presence != "on_site"]
        names += [one.room.name] if one.room and one.room.id == room else []
        if over and names:
            first, last = (times.moment(at, one.time_zone).clock for at in (one.start, one.end))
            told.append((one.patient.id, f"{names[0]} has {one.patient.name}, {first} to {last}."))
    return told[:BLOCKERS]


# --- choosing -------------------------------------------------------------------------------------------
def openings(
    *, actor: Actor, visit: rows.Visit, free: Iterable[Fit], back: Mapping[str, str]
) -> list[tuple[str, list[Opening]]]:
    """Free starts by day, each as the address of its preview."""
    names = queries.place_names(actor=actor)
    found: dict[str, list[Opening]] = {}
    for one in sorted(free, key=lambda fit: fit.start):
        at = times.moment(one.start, visit.time_zone)
        people = dict.fromkeys(names.get(part.practitioner, "") for part in one.staffing)
        where = [*people, names.get(one.room or "", "")]
        asked = {"start": times.wall(one.start, visit.time_zone), **back}
        address = f"{reverse('move', kwargs={'visit_id': visit.id})}?{urlencode(asked)}"
        found.setdefault(at.day, []).append(
            Opening(at.clock, ", ".join(part for part in where if part), address)
        )
    return list(found.items())


def others(*, actor: Actor, visit: rows.Visit, now: datetime) -> list[tuple[UUID, str]]:
    """The visits of that day and kind with which it could change places."""
    day = windows.local_day(zone=visit.time_zone, instant=visit.start)
    of_day = days.site_day(actor=actor, site_id=visit.site.id, day=day).visits
    return [
        (one.id, f"{one.patient.name}, {times.moment(one.start, one.time_zone).clock}, {words.title(one)}")
        for one in of_day
        if one.id != visit.id
        and one.kind == visit.kind
        and one.start > now
        and one.start != visit.start
        and "move" in states.allowed(machine=states.APPOINTMENT, state=one.status, kind=one.kind)
        and one.status != "displaced"
    ]


# --- afterwards -----------------------------------------------------------------------------------------
def shown_on(back: str, *, visit_id: UUID, **undone: UUID) -> str:
    """The page that one came from, told which move (`moved`) or cancellation (`cancelled`) it may offer to
    undo."""
    parts = urlsplit(without(back))
    query = urlencode([*parse_qsl(parts.query), *((name, str(one)) for name, one in undone.items())])
    return f"{parts.path}?{query}#visit-{visit_id}"


def without(address: str) -> str:
    """An address that names nothing to undo any more."""
    parts = urlsplit(address)
    query = urlencode([one for one in parse_qsl(parts.query) if one[0] not in UNDOES])
    return f"{parts.path}?{query}" if query else parts.path


def of(request: HttpRequest, actor: Actor) -> dict[str, Any] | None:
    """The move or the cancellation that has just been made, for the page that one came back to: it may be
    undone there."""
    if visit_id := forms.uuid(request.GET.get("cancelled")):
        visit = booked.visit(actor=actor, appointment_id=visit_id)
        # The address is kept and opened again: what somebody else cancelled since is no slip of one's own.
        mine = any(one.name == "cancelled" and one.by == actor.ref for one in visit.facts)
        own = visit.status == "cancelled" and mine
        return {"cancelled": visit_id, "version": visit.version} if own else None
    act_id = forms.uuid(request.GET.get("moved"))
    if act_id is None:
        return None
    act = acts.done(actor=actor, act_id=act_id)
    first = next((one for one in act.relocated if one["asked"]), None)
    at = times.moment(first["after"]["start"], first["after"]["time_zone"]) if first else None
    return {"id": act_id, "at": at, "others": len(act.relocated) - 1}
