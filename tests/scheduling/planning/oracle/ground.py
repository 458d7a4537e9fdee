"""The fixed facts of a case on a time line of five-minute cells: who is free where, which starts are allowed.

Written from the rules' text, shared by the CP-SAT model and the enumeration; `verify` uses none of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.planning.protocol import Protocol
from scheduling.planning.values import Availability, Busy, PlanRequest, Span
from tests.scheduling.planning.oracle import facts

CELL = 5
SEATS = 12
# Rooms that may stand in for another kind, besides their own.
ALSO = {"therapy_room_recliner": ("therapy_room",), "infusion_room": ("therapy_room",)}


@dataclass(frozen=True, slots=True)
class Line:
    """A time line in minutes from `base` (an instant in UTC); `end` is its length."""

    base: datetime
    end: int

    def minute(self, instant: datetime) -> int:
        """Minutes from the base to an instant."""
        return round((instant - self.base).total_seconds() / 60)

    def instant(self, minute: int) -> datetime:
        """The instant of a minute."""
        return self.base + timedelta(minutes=minute)


class Free:
    """Free seats of one resource in each cell; -1 outside its shifts or opening times."""

    def __init__(self, *, line: Line, opened: Iterable[Span], busy: Iterable[Busy]) -> None:
        self.cells = [-1] * (line.end // CELL)
        for span in opened:
            for cell in _cells(line=line, start=span.start, end=span.end, size=len(self.cells)):
                self.cells[cell] = SEATS
        for entry in busy:
            for cell in _cells(line=line, start=entry.span.start, end=entry.span.end, size=len(self.cells)):
                if self.cells[cell] >= 0:
                    self.cells[cell] = max(0, self.cells[cell] - entry.seats)

    def least(self, *, start: int, end: int) -> int:
        """The fewest free seats at any moment of [start, end), in minutes; -1 when once not there at all."""
        if start < 0 or end > len(self.cells) * CELL:
            return -1
        return min(self.cells[start // CELL : -(-end // CELL)])


def _cells(*, line: Line, start: datetime, end: datetime, size: int) -> range:
    first, last = line.minute(start), line.minute(end)
    return range(max(0, first // CELL), min(size, max(0, -(-last // CELL))))


class Ground:
    """All look-ups of one case."""

    def __init__(self, *, request: PlanRequest, availability: Availability) -> None:
        self.request = request
        self.availability = availability
        self.protocol: Protocol = request.protocol
        self.zone = ZoneInfo(request.zone)
        self.line = _line(request=request, availability=availability)
        self.people = {
            p.id: Free(line=self.line, opened=p.on_shift, busy=p.busy) for p in availability.practitioners
        }
        self.roles = {p.id: p.roles for p in availability.practitioners}
        self.rooms = {r.id: Free(line=self.line, opened=r.open, busy=r.busy) for r in availability.rooms}
        self.kinds = {r.id: (r.kind, *ALSO.get(r.kind, ())) for r in availability.rooms}
        self.taken = [(self.line.minute(s.start), self.line.minute(s.end)) for s in availability.patient_busy]
        self.clock: dict[int, datetime] = {}
        self.first_minute = self.line.minute(request.not_before)
        self.minutes = [
            m for m in range(0, self.line.end, CELL) if m >= self.first_minute and self._on_grid(m)
        ]

    def local(self, minute: int) -> datetime:
        """The wall time at the site."""
        if minute not in self.clock:
            self.clock[minute] = self.line.instant(minute).astimezone(self.zone)
        return self.clock[minute]

    def day(self, minute: int) -> date:
        """The local date at the site."""
        return self.local(minute).date()

    def _on_grid(self, minute: int) -> bool:
        wall = self.local(minute)
        return (wall.hour * 60 + wall.minute) % self.request.grid_minutes == 0

    def patient_can(self, *, start: int, length: int) -> bool:
        """The patient has nothing else then, and none of the hard limits is crossed."""
        if any(start < b and a < start + length for a, b in self.taken):
            return False
        limits = self.request.hard_limits
        wall, wall_end = self.local(start), self.local(start + length)
        if wall.isoweekday() in limits.weekdays_never:
            return False
        if limits.not_before is not None and wall.time() < limits.not_before:
            return False
        ends_on_day = wall_end.date() == wall.date()
        return limits.not_after is None or (ends_on_day and wall_end.time() <= limits.not_after)

    def who(self, *, role: str, start: int, length: int, seats: int) -> tuple[str, ...]:
        """The people of a role with that many seats free throughout (0 seats: on shift is enough)."""
        return tuple(
            key
            for key, free in self.people.items()
            if role in self.roles[key] and free.least(start=start, end=start + length) >= seats
        )

    def where(self, *, kinds: Sequence[str], start: int, length: int) -> tuple[str, ...]:
        """The rooms that serve as one of the kinds and are wholly free."""
        return tuple(
            key
            for key, free in self.rooms.items()
            if any(kind in self.kinds[key] for kind in kinds)
            and free.least(start=start, end=start + length) >= SEATS
        )


def _line(*, request: PlanRequest, availability: Availability) -> Line:
    given = facts.given_in_order(request)
    spans = [s for p in availability.practitioners for s in p.on_shift] + [
        s for r in availability.rooms for s in r.open
    ]
    first = min([request.not_before, *(s.start for s in spans), *(g.start for g in given)])
    base = first.replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    last = facts.day_begins(zone=request.zone, day=facts.first_day(request) + timedelta(days=facts.WEEKS_26))
    protocol = request.protocol
    if protocol.room_kinds or any(need.doses is None for need in protocol.staff):
        # Every visit needs a room or a person, so nothing fits after the last of them is gone.
        spans += [session.span for session in availability.group_sessions]
        last = min(last, max([request.not_before, *(s.end for s in spans)]))
    return Line(base=base, end=-(-round((last - base).total_seconds()) // (60 * CELL)) * CELL)
