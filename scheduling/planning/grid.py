"""The site's grid of possible starts, and sets of starts as bits of one integer.

Time inside the planner is whole minutes since 1970 in UTC. Slot k is the k-th grid time; bit k of a set is
slot k.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from scheduling.planning import windows
from scheduling.planning.values import SEATS, Busy, Span

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GRIDS = (5, 10, 15, 20, 30, 60)

Stretch = tuple[int, int]
"""A half-open stretch of minutes."""


def minute_of(instant: datetime) -> int:
    """The minute that an instant lies in."""
    return (instant - EPOCH) // MINUTE


def minute_after(instant: datetime) -> int:
    """The first whole minute at or after an instant."""
    return -((EPOCH - instant) // MINUTE)


def instant_of(minute: int) -> datetime:
    """The UTC instant of a minute."""
    return EPOCH + timedelta(minutes=minute)


class BadGrid(ValueError):
    """The grid must be 5, 10, 15, 20, 30 or 60 minutes."""


class Grid:
    """Every start from the first to the last local day, with its local day, hour and wall-clock minute.

    `extra` are minutes off the grid at which something stands; they are slots too, but not `regular` ones.
    """

    def __init__(
        self, *, zone: str, minutes: int, first: date, last: date, extra: Iterable[int] = ()
    ) -> None:
        if minutes not in GRIDS:
            raise BadGrid(f"{minutes} minutes is no grid")
        self.zone = zone
        self.at: list[int] = []
        self.day: list[int] = []
        self.wall: list[int] = []
        self.first_slot: dict[int, int] = {}
        self.day_begins: dict[int, int] = {}
        begins = minute_of(windows.day_start(zone=zone, day=first))
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            following = date.fromordinal(ordinal + 1)
            ends = minute_of(windows.day_start(zone=zone, day=following))
            self._add_day(ordinal, begins, ends, minutes)
            begins = ends
        self.day_begins[last.toordinal() + 1] = begins
        odd = sorted(minute for minute in set(extra) if self.at[0] <= minute < begins)
        odd = [minute for minute in odd if self.at[max(0, bisect_right(self.at, minute) - 1)] != minute]
        self._insert(odd)
        self.size = len(self.at)
        self.everything = (1 << self.size) - 1
        self.regular = self.everything
        for minute in odd:
            self.regular &= ~(1 << bisect_left(self.at, minute))

    def _insert(self, odd: Sequence[int]) -> None:
        tz = windows.load_zone(self.zone)
        for minute in odd:
            local, slot = instant_of(minute).astimezone(tz), bisect_left(self.at, minute)
            self.at.insert(slot, minute)
            self.day.insert(slot, local.date().toordinal())
            self.wall.insert(slot, local.hour * 60 + local.minute)
        if odd:
            for slot in range(len(self.day) - 1, -1, -1):
                self.first_slot[self.day[slot]] = slot

    def _add_day(self, ordinal: int, begins: int, ends: int, step: int) -> None:
        self.first_slot[ordinal] = len(self.at)
        self.day_begins[ordinal] = begins
        if ends - begins == 1440:
            at: Sequence[int] = range(begins, ends, step)
            self.wall.extend(range(0, 1440, step))
        else:
            odd = self._odd_day(date.fromordinal(ordinal), begins, ends, step)
            at = [minute for minute, _ in odd]
            self.wall.extend(wall for _, wall in odd)
        self.at.extend(at)
        self.day.extend([ordinal] * len(at))

    def _odd_day(self, day: date, begins: int, ends: int, step: int) -> list[tuple[int, int]]:
        # The clocks change on this day: every minute is asked what the wall clock shows then.
        tz = windows.load_zone(self.zone)
        found = []
        for at in range(begins, ends, 5):
            local = instant_of(at).astimezone(tz)
            wall = local.hour * 60 + local.minute
            if wall % step == 0 and local.date() == day:
                found.append((at, wall))
        return found

    def from_minute(self, minute: int) -> int:
        """The first slot at or after a minute."""
        return bisect_left(self.at, minute)

    def between(self, first: int, last: int) -> int:
        """The starts from one minute to another, both included."""
        low, high = bisect_left(self.at, first), bisect_right(self.at, last)
        return ((1 << (high - low)) - 1) << low if high > low else 0

    def starts(self, free: Iterable[Stretch], length: int) -> int:
        """The starts from which `length` minutes fit into one of the free stretches."""
        at, bits = self.at, 0
        for begins, ends in free:
            if ends - begins >= length:
                low = bisect_left(at, begins)
                high = bisect_right(at, ends - length, low)
                if high > low:
                    bits |= ((1 << (high - low)) - 1) << low
        return bits

    def on_weekdays(self, weekdays: Iterable[int]) -> int:
        """The starts whose local ISO weekday is one of these."""
        wanted, bits = set(weekdays), 0
        for ordinal, low in self.first_slot.items():
            if (ordinal - 1) % 7 + 1 in wanted:
                high = self.first_slot.get(ordinal + 1, self.size)
                bits |= ((1 << (high - low)) - 1) << low
        return bits

    def at_times(self, earliest: time | None, latest: time | None, length: int) -> int:
        """The starts at or after `earliest` whose visit ends by `latest` on the same local day, by the
        site's clocks."""
        bits, from_wall = 0, _up(earliest)
        until_wall = _down(latest) if latest is not None else None
        for ordinal, low in self.first_slot.items():
            high = self.first_slot.get(ordinal + 1, self.size)
            for slot in self._range_in(ordinal, low, high, from_wall, until_wall, length):
                bits |= slot
        return bits

    def _range_in(
        self, ordinal: int, low: int, high: int, from_wall: int, until_wall: int | None, length: int
    ) -> Iterator[int]:
        if self.day_begins[ordinal + 1] - self.day_begins[ordinal] == 1440:
            first = bisect_left(self.wall, from_wall, low, high)
            last = high if until_wall is None else bisect_right(self.wall, until_wall - length, low, high)
            if last > first:
                yield ((1 << (last - first)) - 1) << first
            return
        tz = windows.load_zone(self.zone)
        for slot in range(low, high):
            end = instant_of(self.at[slot] + length).astimezone(tz)
            same_day = end.date().toordinal() == ordinal
            late = until_wall is not None and not (same_day and end.hour * 60 + end.minute <= until_wall)
            if self.wall[slot] >= from_wall and not late:
                yield 1 << slot


def _up(wall: time | None) -> int:
    if wall is None:
        return 0
    return wall.hour * 60 + wall.minute + (1 if wall.second or wall.microsecond else 0)


def _down(wall: time) -> int:
    return wall.hour * 60 + wall.minute


def slots_in(bits: int) -> Iterator[int]:
    """The slots of a set, ascending."""
    if not bits:
        return
    digits = bin(bits)[:1:-1]
    slot = digits.find("1")
    while slot >= 0:
        yield slot
        slot = digits.find("1", slot + 1)


def merged(spans: Iterable[Span]) -> list[Stretch]:
    """Spans as sorted stretches; ones that touch or overlap are one."""
    found: list[Stretch] = []
    for begins, ends in sorted((minute_after(span.start), minute_of(span.end)) for span in spans):
        if found and begins <= found[-1][1]:
            if ends > found[-1][1]:
                found[-1] = (found[-1][0], ends)
        elif ends > begins:
            found.append((begins, ends))
    return found


def crowded(busy: Iterable[Busy], room_for: int) -> list[Stretch]:
    """The stretches in which fewer than `room_for` of the 12 seats are free."""
    entries = [(minute_of(entry.span.start), minute_after(entry.span.end), entry.seats) for entry in busy]
    if all(seats + room_for > SEATS for _, _, seats in entries):
        return _joined(sorted((begins, ends) for begins, ends, seats in entries if seats))
    changes: dict[int, int] = {}
    for begins, ends, seats in entries:
        changes[begins] = changes.get(begins, 0) + seats
        changes[ends] = changes.get(ends, 0) - seats
    found: list[Stretch] = []
    taken, since = 0, None
    for minute in sorted(changes):
        taken += changes[minute]
        if taken + room_for > SEATS:
            since = minute if since is None else since
        elif since is not None:
            found.append((since, minute))
            since = None
    return found


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for begins, ends in stretches:
        if found and begins <= found[-1][1]:
            if ends > found[-1][1]:
                found[-1] = (found[-1][0], ends)
        else:
            found.append((begins, ends))
    return found


def without(free: Sequence[Stretch], taken: Sequence[Stretch]) -> list[Stretch]:
    """The free stretches less the taken ones; both sorted and disjoint."""
    found: list[Stretch] = []
    index = 0
    for begins, ends in free:
        while index < len(taken) and taken[index][1] <= begins:
            index += 1
        here = index
        while here < len(taken) and taken[here][0] < ends:
            if taken[here][0] > begins:
                found.append((begins, taken[here][0]))
            begins = max(begins, taken[here][1])
            here += 1
        if begins < ends:
            found.append((begins, ends))
    return found
