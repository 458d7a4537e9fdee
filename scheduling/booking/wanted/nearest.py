"""Does one visit fit at one time, with whom and where; and if not, when is the nearest time that it does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduling import states
from scheduling.booking.wanted import given
from scheduling.planning import protocol as protocols
from scheduling.planning.protocol import Presence, Protocol
from scheduling.planning.values import (
    IN_PERSON,
    SEATS,
    Availability,
    Busy,
    Practitioner,
    Room,
    Span,
    Staffing,
)
from scheduling.roster import availability
from scheduling.roster.rosters import Roster

REACH = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One visit as somebody wants it. No people or room named: whoever and whatever is free."""

    practice_id: UUID
    site_id: UUID
    patient_id: UUID
    kind: str
    start: datetime
    length: timedelta
    grid_minutes: int
    mode: str
    protocol: Protocol | None
    ordinal: int
    people: tuple[UUID, ...] = ()
    room_id: UUID | None = None
    # Tried first where nobody is named: the therapist that the patient knows.
    familiar: tuple[str, ...] = ()
    # Visits that take nothing: they are about to move.
    ignoring: tuple[UUID, ...] = ()
    # The resource that the patient is, where it was read already.
    patient_resource: int | None = None

    @property
    def turnover(self) -> timedelta:
        dose = self.protocol is not None and self.kind in states.DOSES
        return timedelta(minutes=self.protocol.turnover_minutes if dose and self.protocol else 0)


@dataclass(frozen=True, slots=True)
class Fit:
    """Who and where, at a start that works."""

    start: datetime
    staffing: tuple[Staffing, ...]
    room: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a start does not work. `taken`: somebody was faster; otherwise a rule that may be overridden."""

    rule_id: str
    message: str
    taken: bool


def calendar(*, wanted: Wanted, span: Span, now: datetime, roster: Roster | None = None) -> Availability:
    """Who and what is free; single visits never join a group. `roster` is the practice's, where it was read
    already.
    """
    return availability.calendar(
        practice_id=wanted.practice_id,
        site_id=wanted.site_id,
        patient_id=wanted.patient_id,
        span=span,
        now=now,
        ignore_appointments=wanted.ignoring,
        roster=roster,
        patient_resource=wanted.patient_resource,
        groups=False,
    ).availability()


def fit(*, wanted: Wanted, free: Availability, start: datetime) -> Fit | Refusal:
    """People and a room for this start, or what stands in the way."""
    end = start + wanted.length
    if any(busy.start < end and start < busy.end for busy in free.patient_busy):
        return Refusal("patient_busy", "The patient has another visit at that time.", taken=True)
    staffing: list[Staffing] = []
    for role, presence, seats in given.needs_of(
        protocol=wanted.protocol, kind=wanted.kind, ordinal=wanted.ordinal
    ):
        named = {str(one) for one in wanted.people}
        able = [
            one
            for one in free.practitioners
            if role in one.roles and one.id not in {s.practitioner for s in staffing}
        ]
        if mine := [one for one in able if one.id in named]:
            able = mine
        able.sort(key=lambda one: (one.id not in wanted.familiar, one.id))
        on_shift = [one for one in able if covers(one.on_shift, start, end)]
        if not on_shift:
            return Refusal("shift", f"No {role} is on shift at that time.", taken=False)
        free_ones = [
            one
            for one in on_shift
            if presence is Presence.ON_SITE or _load(one.busy, start, end) + seats <= SEATS
        ]
        if not free_ones:
            return Refusal("practitioner_busy", f"No {role} is free at that time.", taken=True)
        staffing.append(Staffing(role, free_ones[0].id, presence, seats))
    room = _room(wanted, free, start, end)
    if isinstance(room, Refusal):
        return room
    return Fit(start, tuple(staffing), room)


def offered(*, wanted: Wanted, free: Availability, start: datetime) -> Fit | None:
    """A fit that one may be offered without having asked for the time: while somebody works at the site. A
    dose at home may need nobody, and would fit at any hour of the night.
    """
    answer = fit(wanted=wanted, free=free, start=start)
    end = start + wanted.length
    worked = any(covers(one.on_shift, start, end) for one in free.practitioners)
    return answer if isinstance(answer, Fit) and worked else None


def is_free(*, person: Practitioner, start: datetime, end: datetime, seats: int) -> bool:
    """Whether a person is on shift for the whole time and has so many of their seats left."""
    return covers(person.on_shift, start, end) and (
        not seats or _load(person.busy, start, end) + seats <= SEATS
    )


def _room(wanted: Wanted, free: Availability, start: datetime, end: datetime) -> str | None | Refusal:
    kinds = given.room_kinds_of(protocol=wanted.protocol, kind=wanted.kind)
    at_home = wanted.protocol is not None and wanted.kind in states.DOSES and not kinds
    if wanted.mode != IN_PERSON or at_home:
        return None
    usable = usable_rooms(wanted=wanted, free=free)
    # A room is made ready before it closes.
    until = end + wanted.turnover
    opened = [one for one in usable if covers(one.open, start, until)]
    if not opened:
        return Refusal("room", "No suitable room is open at that time.", taken=False)
    empty = [one for one in opened if _load(one.busy, start, until) == 0]
    if not empty:
        return Refusal("room_busy", "No suitable room is free at that time.", taken=True)
    return min(empty, key=lambda one: _unlike(wanted, one)).id


def _unlike(wanted: Wanted, room: Room) -> int:
    """How little a room is meant for a visit of which no protocol says where: a talk takes no chair for doses
    while a room to talk in is empty."""
    if wanted.protocol is not None or wanted.kind in states.DOSES or room.kind in protocols.REVIEW_ROOMS:
        return 0
    return 1 if set(protocols.room_kinds_of(room.kind)) & set(protocols.REVIEW_ROOMS) else 2


def room(*, wanted: Wanted, free: Availability, start: datetime) -> str | None:
    """A room for this start, whoever takes part; None where there is none, or none is needed."""
    found = _room(wanted, free, start, start + wanted.length)
    return None if isinstance(found, Refusal) else found


def usable_rooms(*, wanted: Wanted, free: Availability) -> list[Room]:
    """The rooms that the visit may use: the one that is named, or all of its kinds."""
    kinds = given.room_kinds_of(protocol=wanted.protocol, kind=wanted.kind)
    return [
        one
        for one in free.rooms
        if (wanted.room_id is None or one.id == str(wanted.room_id))
        and (not kinds or set(protocols.room_kinds_of(one.kind)) & set(kinds))
    ]


def start(*, wanted: Wanted, now: datetime) -> datetime | None:
    """The start nearest to the wanted one, on the grid, not in the past and within two weeks, at which the
    visit fits."""
    found = starts(wanted=wanted, now=now, count=1)
    return found[0].start if found else None


def starts(
    *,
    wanted: Wanted,
    now: datetime,
    count: int,
    apart: timedelta = timedelta(0),
    reach: timedelta = REACH,
    may: Callable[[Fit], bool] | None = None,
) -> list[Fit]:
    """The `count` starts nearest to the wanted one at which the visit fits, the nearest first, each `apart`
    from the others, on the grid, not in the past and within `reach`. `may` is asked of each that fits."""
    first = max(now, wanted.start - reach)
    span = Span(first, wanted.start + reach + wanted.length + timedelta(hours=1))
    free = calendar(wanted=wanted, span=span, now=now)
    found: list[Fit] = []
    for moment in _outward(wanted.start, timedelta(minutes=wanted.grid_minutes), reach):
        if moment < first or any(abs(moment - one.start) < apart for one in found):
            continue
        answer = offered(wanted=wanted, free=free, start=moment)
        if answer and (may is None or may(answer)):
            found.append(answer)
            if len(found) == count:
                break
    return found


def after(
    *, wanted: Wanted, now: datetime, reach: timedelta = REACH, may: Callable[[Fit], bool] | None = None
) -> datetime | None:
    """The first start after the wanted one at which the visit fits, on the grid, not in the past and within
    `reach`; with the people and the room that are named. `may` is asked of each that fits."""
    first = max(now, wanted.start)
    span = Span(first, wanted.start + reach + wanted.length + timedelta(hours=1))
    free = calendar(wanted=wanted, span=span, now=now)
    for moment in following(start=first, grid_minutes=wanted.grid_minutes, until=wanted.start + reach):
        answer = offered(wanted=wanted, free=free, start=moment)
        if answer and (may is None or may(answer)):
            return moment
    return None


def following(*, start: datetime, grid_minutes: int, until: datetime) -> Iterator[datetime]:
    """The times of the grid after a start."""
    step = timedelta(minutes=grid_minutes)
    # The grid begins at a whole hour, and every grid divides an hour.
    moment = start.replace(minute=0, second=0, microsecond=0)
    while moment <= until:
        if moment > start:
            yield moment
        moment += step


def _outward(middle: datetime, step: timedelta, reach: timedelta) -> Iterator[datetime]:
    on_grid = datetime.fromtimestamp(middle.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
    yield on_grid
    for count in range(1, int(reach / step)):
        yield on_grid + count * step
        yield on_grid - count * step


def covers(spans: Sequence[Span], start: datetime, end: datetime) -> bool:
    """Whether one of the spans holds the whole visit."""
    return any(span.start <= start and end <= span.end for span in spans)


def _load(busy: Sequence[Busy], start: datetime, end: datetime) -> int:
    """The most seats in use at any moment of the span."""
    near = [one for one in busy if one.span.start < end and start < one.span.end]
    moments = [start, *(one.span.start for one in near if one.span.start > start)]
    return max(sum(one.seats for one in near if one.span.start <= at < one.span.end) for at in moments)
