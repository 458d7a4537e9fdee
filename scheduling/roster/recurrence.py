"""From local, recurring times to spans in UTC, right across changes of the clocks. Pure: it is given rows,
it reads none.

A boundary that the clocks skip moves to the first instant after the skip, so that a shift is never
longer than the wall says. A boundary that they show twice is the first for a start and the second for an
end: whoever works through the repeated hour works it twice. A time that somebody enters for one day is
not moved but refused: see `local_instant`.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from clinic.practice.errors import Invalid
from clinic.practice.models import OpeningHours
from scheduling.models import Shift
from scheduling.planning import windows
from scheduling.planning.values import Span
from scheduling.roster import spans

DAY = timedelta(days=1)


@lru_cache(maxsize=32_768)
def boundary(zone: str, day: date, wall: time, is_end: bool) -> datetime:
    """The instant of a recurring local time on a day."""
    try:
        return windows.resolve_local(zone=zone, wall=datetime.combine(day, wall), fold=int(is_end))
    except windows.LocalGap as gap:
        return gap.nearest


def local_instant(*, zone: str, wall: datetime, field: str, fold: int | None = None) -> datetime:
    """The instant of a local time that somebody entered for one day.

    Raises Invalid on `field`: in a skip with the nearest valid time, in a repetition unless `fold` (0
    first, 1 second) says which one is meant.
    """
    try:
        return windows.resolve_local(zone=zone, wall=wall, fold=fold)
    except windows.LocalGap as gap:
        nearest = gap.nearest.astimezone(windows.load_zone(zone))
        raise Invalid(
            {field: [f"The clocks skip this time; the nearest valid time is {nearest:%Y-%m-%d %H:%M}."]}
        ) from gap
    except windows.LocalOverlap as overlap:
        first, second = (
            one.astimezone(windows.load_zone(zone)).isoformat(timespec="minutes")
            for one in (overlap.first, overlap.second)
        )
        raise Invalid(
            {field: [f"The clocks show this time twice: say whether {first} or {second} is meant."]}
        ) from overlap


def occurs(*, shift: Shift, day: date) -> bool:
    """Whether the shift begins on this local day."""
    if day.isoweekday() not in shift.weekdays or day < shift.valid_from:
        return False
    if shift.valid_until is not None and day > shift.valid_until:
        return False
    first_monday = shift.valid_from - DAY * shift.valid_from.weekday()
    weeks = (day - DAY * day.weekday() - first_monday).days // 7
    return weeks % shift.every_weeks == 0


def working(*, shift: Shift, zone: str, within: Span) -> Iterator[Span]:
    """Every stretch of work of the shift that touches `within`: each occurrence less its breaks.

    `shift.breaks` is read with `.all()`: prefetch it.
    """
    overnight = shift.ends <= shift.starts
    # A shift of the day before can reach into the first day.
    for day in _days(zone, within, lead=1):
        if not occurs(shift=shift, day=day):
            continue
        whole = Span(
            boundary(zone, day, shift.starts, False),
            boundary(zone, day + DAY if overnight else day, shift.ends, True),
        )
        if whole.end <= within.start or whole.start >= within.end:
            continue
        pauses = []
        for pause in shift.breaks.all():
            on = day + DAY if overnight and pause.starts < shift.starts else day
            pauses.append(Span(boundary(zone, on, pause.starts, False), boundary(zone, on, pause.ends, True)))
        yield from spans.subtract(spans=[whole], minus=pauses)


def open_spans(*, hours: Iterable[OpeningHours], zone: str, within: Span) -> tuple[Span, ...]:
    """When a site is open. Without any hours it is open whenever somebody works there."""
    hours = list(hours)
    if not hours:
        return (within,)
    found = [
        Span(boundary(zone, day, row.opens, False), boundary(zone, day, row.closes, True))
        for day in _days(zone, within, lead=0)
        for row in hours
        if row.weekday == day.isoweekday()
    ]
    return spans.intersect(spans=found, others=[within])


def _days(zone: str, within: Span, *, lead: int) -> Iterator[date]:
    day = windows.local_day(zone=zone, instant=within.start) - DAY * lead
    last = windows.local_day(zone=zone, instant=within.end)
    while day <= last:
        yield day
        day += DAY
