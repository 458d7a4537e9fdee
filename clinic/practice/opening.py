"""On which days a site is open, in its own local calendar."""

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from clinic.practice.models import Closure, OpeningHours


def weekdays(*, site_id: UUID) -> frozenset[int]:
    """The ISO weekdays on which the site opens; empty when it has no hours on file."""
    return frozenset(OpeningHours.objects.filter(site_id=site_id).values_list("weekday", flat=True))


def closed_days(*, site_id: UUID, zone: str, since: datetime, days: int = 60) -> frozenset[date]:
    """The local days from `since` on that a closure of the whole site touches."""
    tz, until = ZoneInfo(zone), since + timedelta(days=days)
    closures = Closure.objects.filter(site_id=site_id, room=None, ends_at__gt=since, starts_at__lt=until)
    found: set[date] = set()
    for starts_at, ends_at in closures.values_list("starts_at", "ends_at"):
        day = max(starts_at, since).astimezone(tz).date()
        # The end is exclusive: a closure until midnight leaves the next day open.
        last = (min(ends_at, until) - timedelta(microseconds=1)).astimezone(tz).date()
        found.update(day + timedelta(days=ahead) for ahead in range((last - day).days + 1))
    return frozenset(found)
