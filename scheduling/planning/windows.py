"""When a follow-up may start, and what a local time means. Shared by the planner and by the follow-up gaps.

Offsets are elapsed hours, so a window over a change of the clocks keeps its length; days are the site's
calendar days.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.values import Span, Window


class UnknownZone(ValueError):
    """There is no time zone of this name."""


class LocalGap(ValueError):
    """The clocks skip this local time; `nearest` is the first valid instant after the skip."""

    def __init__(self, wall: datetime, nearest: datetime) -> None:
        super().__init__(f"{wall:%Y-%m-%d %H:%M} does not exist: the clocks are put forward over it")
        self.nearest = nearest


class LocalOverlap(ValueError):
    """The clocks show this local time twice; `first` and `second` are the two instants."""

    def __init__(self, wall: datetime, first: datetime, second: datetime) -> None:
        super().__init__(f"{wall:%Y-%m-%d %H:%M} happens twice: say which one is meant")
        self.first = first
        self.second = second


@lru_cache(maxsize=64)
def load_zone(name: str) -> ZoneInfo:
    """The IANA zone of this name; raises UnknownZone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(f"{name!r} is not a time zone") from error


def resolve_local(*, zone: str, wall: datetime, fold: int | None = None) -> datetime:
    """The UTC instant at which the site's clocks show `wall` (naive).

    Raises LocalGap where they never do, LocalOverlap where they do twice and `fold` (0 first, 1 second) does
    not say.
    """
    tz = load_zone(zone)
    first = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    if first == second:
        return first
    # In a skip the fold-0 reading is the later instant; in a repetition it is the earlier one.
    if first > second:
        raise LocalGap(wall, _after_skip(tz, second, first))
    if fold is None:
        raise LocalOverlap(wall, first, second)
    return second if fold else first


def _after_skip(tz: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = low.astimezone(tz).utcoffset()
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(second=0, microsecond=0)


def local_day(*, zone: str, instant: datetime) -> date:
    """The site's calendar day at an instant."""
    return instant.astimezone(load_zone(zone)).date()


@lru_cache(maxsize=4096)
def day_start(*, zone: str, day: date) -> datetime:
    """The UTC instant at which the site's day begins: midnight, or the first instant after it where midnight
    is skipped."""
    try:
        return resolve_local(zone=zone, wall=datetime.combine(day, time()), fold=0)
    except LocalGap as gap:
        return gap.nearest


def day_bounds(*, zone: str, day: date) -> Span:
    """The site's day as a span: 23, 24 or 25 hours as the clocks go."""
    return Span(day_start(zone=zone, day=day), day_start(zone=zone, day=day + timedelta(days=1)))


def dose_window(
    *,
    rule: FollowUpRule,
    zone: str,
    anchor_start: datetime,
    anchor_end: datetime,
    next_dose_start: datetime | None,
) -> Window:
    """The window of one dose: see `unit_window`."""
    return unit_window(
        rule=rule, zone=zone, doses=((anchor_start, anchor_end),), next_dose_start=next_dose_start
    )


def unit_window(
    *,
    rule: FollowUpRule,
    zone: str,
    doses: Sequence[tuple[datetime, datetime]],
    next_dose_start: datetime | None,
) -> Window:
    """The window of a unit's doses, (start, end) each, in order.

    `weekly` opens (min, ideal_from, not the same day) from the first dose and closes (ideal_to, max, grace)
    from the last; every other coverage takes all of it from the last. After-windows are anchored on the
    dose's end: the visit starts at or after end + min, with `not_same_day` not before the next local day
    begins, and at or before end + max, with `before_next_dosing` not after `next_dose_start`. Before-windows
    (min < 0, max <= 0) are anchored on the dose's start, and `not_same_day` closes them where the dose's
    local day begins. A window that opens after it closes is empty; no error is raised for it.
    """
    # In UTC: Python adds hours to a local time by the wall, not by what elapses.
    doses = [(start.astimezone(UTC), end.astimezone(UTC)) for start, end in doses]
    opening = doses[0] if rule.coverage is Coverage.WEEKLY else doses[-1]
    if rule.is_before:
        return _before(rule, zone, doses[-1][0])
    opens = opening[1] + _hours(rule.min_hours)
    if rule.not_same_day:
        following = local_day(zone=zone, instant=opening[1]) + timedelta(days=1)
        opens = max(opens, day_start(zone=zone, day=following))
    end = doses[-1][1]
    closes = end + _hours(rule.max_hours)
    if rule.before_next_dosing and next_dose_start is not None:
        closes = min(closes, next_dose_start)
    return Window(
        opens_at=opens,
        ideal_from=opening[1] + _hours(rule.ideal_from),
        ideal_to=end + _hours(rule.ideal_to),
        closes_at=closes,
        grace_until=end + _hours(rule.grace_hours),
    )


def _hours(hours: float) -> timedelta:
    # Whole minutes: the planner and the database must agree on the edge to the last digit.
    return timedelta(minutes=round(hours * 60))


def _before(rule: FollowUpRule, zone: str, start: datetime) -> Window:
    closes = start + _hours(rule.max_hours)
    if rule.not_same_day:
        day = day_start(zone=zone, day=local_day(zone=zone, instant=start))
        # A start on the stroke of midnight is on the dose's day, so the last start is a microsecond sooner.
        closes = min(closes, day - timedelta(microseconds=1))
    return Window(
        opens_at=start + _hours(rule.min_hours),
        ideal_from=start + _hours(rule.ideal_from),
        ideal_to=start + _hours(rule.ideal_to),
        closes_at=closes,
        grace_until=start + _hours(rule.grace_hours),
    )
