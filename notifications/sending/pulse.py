"""Whether workers are alive: each queue has a pulse, and what has none for too long is silent."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest

from notifications.models import Pulse


def beat(*, queue: str, now: datetime) -> None:
    """A worker of this queue is alive. A late one never turns a later one back."""
    Pulse.objects.bulk_create([Pulse(queue=queue, at=now)], ignore_conflicts=True)
    Pulse.objects.filter(queue=queue).update(at=Greatest(F("at"), now))


def silences(*, queues: Collection[str], now: datetime) -> dict[str, float | None]:
    """For each queue the seconds since its last pulse; None where there never was one."""
    known = dict(Pulse.objects.values_list("queue", "at"))
    return {name: (now - known[name]).total_seconds() if name in known else None for name in queues}


def silent_since(*, now: datetime) -> datetime | None:
    """Since when any queue has been silent for longer than SILENCE_ALARM_SECONDS; None when all is well, or
    no worker has ever run.
    """
    oldest = Pulse.objects.order_by("at").values_list("at", flat=True).first()
    limit = timedelta(seconds=settings.SILENCE_ALARM_SECONDS)
    return oldest if oldest is not None and now - oldest > limit else None
