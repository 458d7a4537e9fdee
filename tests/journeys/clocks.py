"""Two changes of the clocks in each of seven zones: by an hour, by half an hour, at midnight, around Ramadan,
and in a place that never changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.planning import windows
from tests import factories

ZONES = {
    "America/New_York": 60,
    "Europe/London": 60,
    "America/Santiago": 60,
    "Australia/Lord_Howe": 30,
    "Australia/Sydney": 60,
    "Africa/Casablanca": 60,
    "America/Phoenix": 0,
}
QUARTER = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Change:
    """The instant at which a zone's clocks change, and by how many minutes; 0 where they never do."""

    zone: str
    at: datetime
    minutes: int

    def __str__(self) -> str:
        return f"{self.zone} {self.at:%Y-%m-%d} {self.minutes:+}"

    @property
    def day(self) -> date:
        """The local day on which the clocks change: at midnight, it is the day that begins."""
        return windows.local_day(zone=self.zone, instant=self.at)


def _offset(zone: str, instant: datetime) -> timedelta:
    found = instant.astimezone(ZoneInfo(zone)).utcoffset()
    assert found is not None
    return found


def changes(zone: str) -> Iterator[Change]:
    """The first two changes after the tests' own now, by looking at every quarter of an hour of a year."""
    instant, left = factories.NOW + timedelta(days=30), 2
    if not ZONES[zone]:
        yield from (Change(zone, instant.replace(hour=9), 0), Change(zone, instant.replace(month=11), 0))
        return
    while left:
        by = _offset(zone, instant + QUARTER) - _offset(zone, instant)
        if by:
            yield Change(zone, instant + QUARTER, int(by.total_seconds() // 60))
            left -= 1
        instant += QUARTER


CHANGES = [change for zone in ZONES for change in changes(zone)]
