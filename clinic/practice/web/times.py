"""Instants in the words of a place: a page shows the site's time, whoever reads it and wherever they are."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z)")


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as a page shows it: `iso` for machines, with the place's offset; the rest for people."""

    iso: str
    day: str
    clock: str

    def __str__(self) -> str:
        return f"{self.day}, {self.clock}"


def moment(instant: datetime, zone: str) -> Moment:
    local = instant.astimezone(ZoneInfo(zone))
    return Moment(
        iso=local.isoformat(timespec="minutes"), day=short_day(local.date()), clock=f"{local:%H:%M}"
    )


def optional(instant: datetime | None, zone: str) -> Moment | None:
    return None if instant is None else moment(instant, zone)


def short_day(day: date) -> str:
    """`Mon 4 May`."""
    return f"{day:%a} {day.day} {day:%b}"


def long_day(day: date) -> str:
    """`Monday 4 May 2026`."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def span(start: datetime, end: datetime, zone: str) -> str:
    """`Mon 4 May, 10:00 to 12:00`, or with both days where they differ."""
    first, last = moment(start, zone), moment(end, zone)
    return f"{first} to {last.clock if first.day == last.day else last}"


def zone_words(instant: datetime, zone: str) -> str:
    """`New York time (EDT)`: what the times of a page mean."""
    place = zone.rpartition("/")[2].replace("_", " ")
    return f"{place} time ({instant.astimezone(ZoneInfo(zone)):%Z})"


def length(of: timedelta) -> str:
    """A rough length that reads well: `25 min`, `5 h 10 min`, `31 h`, `4 days`. Never negative."""
    minutes = max(0, int(of.total_seconds() // 60))
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    if hours >= 10 or (hours and not rest):
        return f"{hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def wall(instant: datetime, zone: str) -> str:
    """What a `datetime-local` field holds: `2026-05-04T10:00` in the place's time."""
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def localized(text: str, zone: str) -> str:
    """A sentence of the domain for a page: the instants in it in the place's time."""
    return _INSTANT.sub(lambda found: str(moment(datetime.fromisoformat(found[0]), zone)), text)
