"""Why a visit does not fit at a time: rule by rule, where it fits next, and who may do it all the same.

Reads only. It asks what a booking or a move would ask, one rule after the other instead of up to the first
refusal.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from scheduling import states
from scheduling.booking.guard import access, rulebook
from scheduling.booking.moving import relocations, standing
from scheduling.booking.openings import blockers
from scheduling.booking.reading import fetched, rows
from scheduling.booking.visit.group_sessions import Standing
from scheduling.booking.wanted import given, nearest
from scheduling.booking.wanted.nearest import Wanted
from scheduling.followups import facts
from scheduling.models import Appointment, FollowUpGap
from scheduling.planning import repair
from scheduling.planning.protocol import Presence
from scheduling.planning.repair import RepairRequest
from scheduling.planning.values import (
    IN_PERSON,
    SEATS,
    Availability,
    Busy,
    Practitioner,
    Room,
    Span,
    Violation,
)
from scheduling.roster import rosters
from scheduling.roster.rosters import Roster

# A visit of nobody in particular: an empty slot that somebody points at.
ANYBODY = "therapy"
USUAL = timedelta(minutes=60)
# Rules that tie a visit to the others of its course, by kind of visit.
DOSE_RULES = ("spacing_min", "spacing_max", "rolling_cap", "start_day")
BONDS: dict[str, tuple[str, ...]] = {
    "dosing": DOSE_RULES,
    "device": DOSE_RULES,
    "integration": ("follow_up_window",),
    "group_integration": ("follow_up_window",),
    "preparation": ("preparation_hours",),
    "plan_review": ("plan_review",),
}
# How far the next start of an empty place is looked for.
NEXT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule at this time. `message` says what is so; `may_override` are the roles that may break it."""

    rule_id: str
    holds: bool
    message: str
    may_override: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Every rule that was asked, the visits and group sessions that stand in the way, and the nearest start
    that fits; `next` is the next one of an empty place with the same people and room."""

    site: rows.Named
    time_zone: str
    kind: str
    start: datetime
    end: datetime
    visit: rows.Visit | None
    checks: tuple[Check, ...]
    blockers: tuple[rows.Visit, ...]
    groups: tuple[Standing, ...]
    nearest: datetime | None
    next: datetime | None

    @property
    def fits(self) -> bool:
        return all(check.holds for check in self.checks)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What somebody would like to put where."""

    wanted: Wanted
    roster: Roster
    visit: Appointment | None
    gap: FollowUpGap | None

    @property
    def end(self) -> datetime:
        return self.wanted.start + self.wanted.length


def explain(
    *,
    actor: Actor,
    site_id: UUID,
    start: datetime,
    now: datetime,
    visit_id: UUID | None = None,
    gap_id: UUID | None = None,
    practitioner_id: UUID | None = None,
    room_id: UUID | None = None,
) -> WhyNot:
    """Every rule for a visit, a missing follow-up or anybody's visit at this start, with these people and
    this room where they are named. Raises NotFound, NotAllowed, Invalid for a start that is not near.
    """
    permissions.check(actor=actor, capability="availability.read")
    if abs(start - now) > timedelta(days=730):
        raise Invalid({"start": ["The time is not within two years."]})
    roster = rosters.of(practice_id=actor.practice_id)
    asked = _asked(actor, roster, site_id, start, (visit_id, gap_id, practitioner_id, room_id))
    margin = timedelta(hours=4)
    free = nearest.calendar(
        wanted=asked.wanted, span=Span(start - margin, asked.end + margin), now=now, roster=roster
    )
    checks = (
        *_time(asked, now),
        *_people(asked, free),
        *_room(asked, free),
        *_patient(asked, free),
        *_bonds(asked, now),
    )
    site = roster.site(site_id)
    return WhyNot(
        site=rows.Named(site.pk, site.name),
        time_zone=site.time_zone,
        kind=asked.wanted.kind,
        start=start,
        end=asked.end,
        visit=next(iter(fetched.visits(actor=actor, ids=[asked.visit.pk])), None) if asked.visit else None,
        checks=checks,
        blockers=blockers.visits(actor=actor, wanted=asked.wanted, visit=asked.visit),
        groups=blockers.groups(actor=actor, wanted=asked.wanted, visit=asked.visit),
        nearest=_nearest(asked, now),
        next=None if all(check.holds for check in checks) else _next(asked, now),
    )


def _asked(
    actor: Actor,
    roster: Roster,
    site_id: UUID,
    start: datetime,
    named: tuple[UUID | None, UUID | None, UUID | None, UUID | None],
) -> _Asked:
    visit_id, gap_id, practitioner_id, room_id = named
    site = roster.site(site_id)
    if practitioner_id and practitioner_id not in roster.people:
        raise NotFound()
    if room_id and (room_id not in roster.rooms or roster.rooms[room_id].site_id != site_id):
        raise NotFound()
    visit = access.visit(actor=actor, appointment_id=visit_id) if visit_id else None
    gap = _gap(actor, gap_id) if gap_id and not visit else None
    course = visit.course if visit else gap.course if gap else None
    protocol = facts.protocol_of(course.protocol_version_id) if course else None
    kind = visit.kind if visit else "integration" if gap else ANYBODY
    usual = timedelta(minutes=given.minutes_of(protocol=protocol, kind=kind)) if protocol else USUAL
    wanted = Wanted(
        practice_id=actor.practice_id,
        site_id=site_id,
        patient_id=visit.patient_id if visit else gap.patient_id if gap else UUID(int=0),
        kind=kind,
        start=start,
        length=visit.end - visit.start if visit else usual,
        grid_minutes=site.grid_minutes,
        mode=visit.mode if visit else IN_PERSON,
        protocol=protocol,
        ordinal=(visit.sequence or 1) if visit else 1,
        people=(practitioner_id,) if practitioner_id else (),
        room_id=room_id,
        familiar=tuple(str(one.staff_id) for one in visit.staffing.all()) if visit else (),
        ignoring=(visit.pk,) if visit else (),
        # Of nobody in particular: no patient is anywhere.
        patient_resource=None if visit or gap else 0,
    )
    return _Asked(wanted, roster, visit, gap)


def _gap(actor: Actor, gap_id: UUID) -> FollowUpGap:
    found = FollowUpGap.objects.filter(practice_id=actor.practice_id, pk=gap_id)
    gap = found.select_related("course", "site").first()
    if gap is None:
        raise NotFound()
    return gap


def _check(rule_id: str, holds: bool, message: str) -> Check:
    may = () if holds else tuple(rulebook.of(rule_id).may_override)
    return Check(rule_id, holds, message, may)


# --- one rule after the other -------------------------------------------------------------------------------
def _time(asked: _Asked, now: datetime) -> Iterator[Check]:
    if asked.wanted.start < now:
        yield _check("not_before", False, "That time is over.")


def _people(asked: _Asked, free: Availability) -> Iterator[Check]:
    wanted = asked.wanted
    named = {str(one) for one in wanted.people}
    yield from _parts(asked, free, named)
    for role, presence, seats in _needs(asked):
        able = [one for one in free.practitioners if role in one.roles]
        mine = [one for one in able if one.id in named] or able
        who = mine[0].name if len(mine) == 1 else f"a {role.replace('_', ' ')}"
        on_shift = [one for one in mine if nearest.covers(one.on_shift, wanted.start, asked.end)]
        there = f"{_upper(who)} is on shift." if on_shift else f"{_nobody(who, mine, role)} on shift then."
        yield _check("shift", bool(on_shift), there)
        if not on_shift or presence is Presence.ON_SITE:
            continue
        open_to = [
            one
            for one in on_shift
            if nearest.is_free(person=one, start=wanted.start, end=asked.end, seats=seats)
        ]
        told = f"{_upper(who)} is free." if open_to else _occupied(who, on_shift, role)
        yield _check("practitioner_busy", bool(open_to), told)


def _parts(asked: _Asked, free: Availability, named: Collection[str]) -> Iterator[Check]:
    """Whoever is named has a part that they can play; who is unknown here is told of by the shift."""
    needed = [role for role, _, _ in _needs(asked)]
    for one in free.practitioners:
        if one.id in named and not set(needed) & set(one.roles):
            told = " and ".join(f"a {role.replace('_', ' ')}" for role in dict.fromkeys(needed))
            yield _check("staff", False, f"It needs {told}, which {one.name} is not.")


def _needs(asked: _Asked) -> Sequence[tuple[str, Presence, int]]:
    """Whom it needs; an empty slot of one person needs that person, of a room alone nobody, of neither
    somebody to talk to."""
    wanted = asked.wanted
    if asked.visit or asked.gap or not (wanted.people or wanted.room_id):
        return given.needs_of(protocol=wanted.protocol, kind=wanted.kind, ordinal=wanted.ordinal)
    roles = [asked.roster.people[one].roles for one in wanted.people]
    return [(found[0], Presence.EXCLUSIVE, SEATS) for found in roles if found]


def _nobody(who: str, mine: Collection[Practitioner], role: str) -> str:
    return f"{who} is not" if len(mine) == 1 else f"No {role.replace('_', ' ')} is"


def _occupied(who: str, on_shift: Collection[Practitioner], role: str) -> str:
    if len(on_shift) == 1:
        name = next(iter(on_shift)).name
        return f"{name} is with somebody else then, or needs the time before or after it."
    return f"Every {role.replace('_', ' ')} is with somebody else then."


def _room(asked: _Asked, free: Availability) -> Iterator[Check]:
    wanted = asked.wanted
    kinds = given.room_kinds_of(protocol=wanted.protocol, kind=wanted.kind)
    at_home = wanted.protocol is not None and wanted.kind in states.DOSES and not kinds
    alone = bool(wanted.people) and not (asked.visit or asked.gap or wanted.room_id)
    if wanted.mode != IN_PERSON or at_home or alone:
        return
    usable = nearest.usable_rooms(wanted=wanted, free=free)
    name = usable[0].name if len(usable) == 1 else "a suitable room"
    until = asked.end + wanted.turnover
    opened = [one for one in usable if nearest.covers(one.open, wanted.start, until)]
    told = f"{_upper(name)} is open." if opened else f"{_closed(name, usable)} open then{_turnover(wanted)}."
    yield _check("room", bool(opened), told)
    if not opened:
        return
    empty = [one for one in opened if not _overlap(one.busy, wanted.start, until)]
    told = f"{_upper(name)} is free." if empty else f"{_taken(name, opened)}{_turnover(wanted)}."
    yield _check("room_busy", bool(empty), told)


def _turnover(wanted: Wanted) -> str:
    """What a room is needed for besides the visit."""
    minutes = int(wanted.turnover.total_seconds() // 60)
    return f" with its turnover of {minutes} minutes" if minutes else ""


def _closed(name: str, usable: Collection[Room]) -> str:
    return f"{name} is not" if len(usable) == 1 else "No suitable room is"


def _taken(name: str, opened: Collection[Room]) -> str:
    return f"{name} is taken then" if len(opened) == 1 else "Every suitable room is taken then"


def _overlap(busy: Sequence[Busy], start: datetime, end: datetime) -> bool:
    return any(one.span.start < end and start < one.span.end for one in busy)


def _patient(asked: _Asked, free: Availability) -> Iterator[Check]:
    if asked.visit is None and asked.gap is None:
        return
    taken = any(one.start < asked.end and asked.wanted.start < one.end for one in free.patient_busy)
    told = "The patient has another visit then." if taken else "The patient has nothing else then."
    yield _check("patient_busy", not taken, told)


def _bonds(asked: _Asked, now: datetime) -> Iterator[Check]:
    """What ties it to the other visits of its course."""
    if asked.gap is not None:
        yield _window(asked, asked.gap)
    visit = asked.visit
    if visit is None or visit.course_id is None:
        return
    course = standing.load(practice_id=visit.practice_id, course_ids=[visit.course_id], now=now)[
        visit.course_id
    ]
    broken = {one.rule_id: one.message for one in _judged(course, asked, now) if one.visit == str(visit.pk)}
    for rule in BONDS.get(visit.kind, ()):
        yield _check(rule, rule not in broken, broken.get(rule) or KEPT[rule])


def _judged(course: standing.StandingCourse, asked: _Asked, now: datetime) -> Sequence[Violation]:
    here = {key: one for key, one in course.standings(pins=(), told={}).items() if asked.visit}
    visit = asked.visit
    if visit is None or visit.pk not in here:
        return ()
    planned = relocations.place_of(visit=visit).planned
    moved = replace(planned, start=asked.wanted.start, end=asked.end)
    here[visit.pk] = replace(here[visit.pk], visit=moved, given=False)
    request = RepairRequest(plan=course.plan, standing=tuple(here.values()))
    return repair.judge(request=request, availability=course.calendar(places=(), now=now))


def _window(asked: _Asked, gap: FollowUpGap) -> Check:
    start, opens, closes = asked.wanted.start, gap.opens_at, gap.closes_at
    if opens is None or closes is None:
        return _check(
            "follow_up_window_empty", False, "No start lets the follow-up end before the next dose."
        )
    inside = opens <= start <= closes
    told = (
        KEPT["follow_up_window"]
        if inside
        else f"The window is from {opens.isoformat()} to {closes.isoformat()}."
    )
    return _check("follow_up_window", inside, told)


KEPT = {
    "spacing_min": "There are days enough after the dose before.",
    "spacing_max": "It is not too many days after the dose before.",
    "rolling_cap": "There are not too many doses in seven days.",
    "start_day": "The course may begin by then.",
    "follow_up_window": "It lies in the window of its dose.",
    "preparation_hours": "It lies in its hours before the first dose.",
    "plan_review": "It lies between the two phases.",
}


# --- where else -------------------------------------------------------------------------------------------
def _nearest(asked: _Asked, now: datetime) -> datetime | None:
    """The nearest start at which it fits, with whoever is free; for an empty slot nothing is looked for."""
    if asked.visit is None and asked.gap is None:
        return None
    found = nearest.start(wanted=replace(asked.wanted, people=(), room_id=None), now=now)
    gap = asked.gap
    if found and gap and gap.closes_at and not (gap.opens_at or found) <= found <= gap.closes_at:
        return None
    return found


def _next(asked: _Asked, now: datetime) -> datetime | None:
    """Of an empty place: the next start at which whoever and whatever was pointed at is free."""
    wanted = asked.wanted
    if asked.visit or asked.gap or not (wanted.people or wanted.room_id):
        return None
    first, until = max(now, wanted.start), wanted.start + NEXT
    span = Span(first, until + wanted.length)
    free = nearest.calendar(wanted=wanted, span=span, now=now, roster=asked.roster)
    for moment in nearest.following(start=first, grid_minutes=wanted.grid_minutes, until=until):
        there = replace(asked, wanted=replace(wanted, start=moment))
        if all(one.holds for one in (*_people(there, free), *_room(there, free))):
            return moment
    return None


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
