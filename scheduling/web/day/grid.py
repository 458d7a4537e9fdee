"""The day grid's geometry: columns of people or rooms, hours as rows, visits in lanes. No request, no query.

A row is five minutes. Where something stands is a class of `day-rows.css` (`r-13 s-6`: from row 13, six
rows), because the pages allow no inline style.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Generic, TypeVar

from scheduling.booking.reading.rows import Interval, Visit
from scheduling.planning import windows
from scheduling.planning.windows import LocalGap

Of = TypeVar("Of")
ROW = timedelta(minutes=5)
IN_AN_HOUR = 12
MOST_ROWS = 24 * IN_AN_HOUR
# What is shown of a day on which nothing says otherwise.
FIRST_HOUR, LAST_HOUR = 8, 18
# Side by side: numbers that divide the twelve tracks of a column.
LANES = (1, 2, 3, 4, 6, 12)


@dataclass(frozen=True, slots=True)
class Hour:
    label: str
    place: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The hours that are shown, the same ones for every day."""

    zone: str
    first: int
    last: int

    @property
    def rows(self) -> int:
        return (self.last - self.first) * IN_AN_HOUR

    @property
    def shown(self) -> int:
        """How many hours."""
        return self.last - self.first

    @property
    def hours(self) -> list[Hour]:
        return [
            Hour(f"{hour:02}:00", f"r-{(hour - self.first) * IN_AN_HOUR + 1}")
            for hour in range(self.first, self.last)
        ]

    def begins(self, day: date) -> datetime:
        """The instant of the first row of a day."""
        try:
            wall = datetime.combine(day, time(self.first))
            return windows.resolve_local(zone=self.zone, wall=wall, fold=0)
        except LocalGap as gap:
            return gap.nearest

    def place(self, day: date, start: datetime, end: datetime) -> str:
        """The classes of what lasts from start to end, cut to what is shown; blank when nothing of it is."""
        begins = self.begins(day)
        first = max(0, (start - begins) // ROW)
        last = min(self.rows, -((begins - end) // ROW))
        return f"r-{first + 1} s-{last - first}" if first < last else ""


@dataclass(frozen=True, slots=True)
class Lane(Generic[Of]):
    """A thing with its place from side to side: `lane` of `of` that stand there together."""

    thing: Of
    lane: int
    of: int

    @property
    def place(self) -> str:
        return f"l-{self.of}-{self.lane}" if self.of > 1 else ""


def scale(*, zone: str, spans: Iterable[Interval]) -> Scale:
    """Whole hours that hold all of these spans, on whichever day each is."""
    first, last = FIRST_HOUR, LAST_HOUR
    tz = windows.load_zone(zone)
    for one in spans:
        start, end = one.start.astimezone(tz), one.end.astimezone(tz)
        first = min(first, start.hour)
        last = 24 if end.date() > start.date() else max(last, end.hour + (end.minute > 0))
    return Scale(zone, first, last)


def lanes(visits: Sequence[Visit]) -> list[Lane[Visit]]:
    """Visits of one column, by start, those that overlap side by side."""
    found: list[Lane[Visit]] = []
    together: list[tuple[Visit, int]] = []
    ends: list[datetime] = []

    def close() -> None:
        of = next((one for one in LANES if one >= len(ends)), LANES[-1])
        found.extend(Lane(visit, min(lane, of), of) for visit, lane in together)
        together.clear()
        ends.clear()

    for visit in sorted(visits, key=lambda one: (one.start, one.end, one.id)):
        if ends and visit.start >= max(ends):
            close()
        lane = next((index for index, end in enumerate(ends) if end <= visit.start), len(ends))
        ends[lane : lane + 1] = [visit.end]
        together.append((visit, lane + 1))
    if together:
        close()
    return found


def outside(*, within: Interval, of: Sequence[Interval]) -> list[Interval]:
    """What is left of a span: where nobody is on shift, or a room is shut."""
    ordered = sorted((one for one in of if one.end > within.start), key=lambda one: one.start)
    edges = [Interval(within.start, within.start), *ordered, Interval(within.end, within.end)]
    return [
        Interval(before.end, min(after.start, within.end))
        for before, after in pairwise(edges)
        if before.end < min(after.start, within.end)
    ]


def stylesheet() -> str:
    """`day-rows.css`: every place that a row, a span and a lane can have."""
    lines = ["/* Written by scheduling/web/day/grid.py: places as classes, because no style is inline. */"]
    lines += [f".r-{row}{{grid-row-start:{row}}}" for row in range(1, MOST_ROWS + 1)]
    lines += [f".s-{rows}{{grid-row-end:span {rows}}}" for rows in range(1, MOST_ROWS + 1)]
    lines += [f".hours-{hours}{{--rows:{hours * IN_AN_HOUR}}}" for hours in range(1, 25)]
    lines += [
        f".l-{of}-{lane}{{grid-column:{(lane - 1) * 12 // of + 1}/span {12 // of}}}"
        for of in LANES[1:]
        for lane in range(1, of + 1)
    ]
    return "\n".join(lines) + "\n"
