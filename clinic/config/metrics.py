"""What is counted for Prometheus: requests by route, what waits and what is late. Never anything about a
person."""

import math
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from clinic.config.celery import QUEUES
from clinic.practice.models import WorkItem
from notifications.models import Message
from notifications.models.message import State
from notifications.sending import pulse
from scheduling.followups import nightly
from scheduling.models import FollowUpGap

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What is handed over stays in its state for ever: counting all of it would take longer every week.
MESSAGE_STATES = (State.PLANNED, State.LEASED, State.HANDING_OVER, State.IN_DOUBT, State.FAILED_FINAL)
OVERDUE = timedelta(minutes=5)
STUCK = timedelta(minutes=2)
ALARMED_KIND = nightly.KIND

_requests = Counter("clinic_http_requests_total", "Requests answered.", ["method", "route", "status"])
_seconds = Histogram(
    "clinic_http_request_seconds",
    "Seconds to answer a request.",
    ["method", "route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def observe(*, method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request. `route` is the pattern, so the labels are few and hold no id."""
    _requests.labels(method=method, route=route, status=str(status)).inc()
    _seconds.labels(method=method, route=route).observe(seconds)


class _Waiting(Collector):
    """Read from the rows when asked: the truth is there, whichever process did the work."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        now = timezone.now()
        yield _by("clinic_messages", "Messages by state.", "state", _messages_by_state())
        yield from (GaugeMetricFamily(name, told, value=count) for name, told, count in _late(now))
        flagged = FollowUpGap.objects.filter(flagged=True).count()
        yield GaugeMetricFamily("clinic_gaps_flagged", "Follow-up units that need a person.", value=flagged)
        yield _by("clinic_worker_silent_seconds", "Since a worker took a task.", "queue", _silences(now))
        yield _by("clinic_work_items_open", "Tasks that wait for a person.", "kind", _work_by_kind())


def _messages_by_state() -> dict[str, int]:
    return {state: Message.objects.filter(state=state).count() for state in MESSAGE_STATES}


def _late(now: datetime) -> list[tuple[str, str, int]]:
    """What no worker has done in time; 0 when all is well."""
    messages = Message.objects.all()
    overdue = messages.filter(state=State.PLANNED, due_at__lt=now - OVERDUE).count()
    # A lease ends long before this: recovery should have moved the row on.
    stuck = messages.filter(state=State.HANDING_OVER, updated_at__lt=now - STUCK).count()
    unswept = FollowUpGap.objects.filter(next_change_at__lt=now - OVERDUE).count()
    return [
        ("clinic_messages_overdue", "Messages due more than 5 minutes ago and not begun.", overdue),
        ("clinic_messages_stuck", "Messages being handed over for more than 2 minutes.", stuck),
        ("clinic_gaps_unswept", "Follow-up units due more than 5 minutes ago and not swept.", unswept),
    ]


def _silences(now: datetime) -> dict[str, float]:
    """Of a queue that never had a worker: since ever."""
    silences = pulse.silences(queues=QUEUES, now=now)
    return {name: math.inf if seconds is None else seconds for name, seconds in silences.items()}


def _work_by_kind() -> dict[str, int]:
    rows = WorkItem.objects.filter(done_at=None).order_by().values_list("kind").annotate(count=Count("id"))
    # A kind that an alarm names is there before its first task, so that its absence is no answer.
    return {ALARMED_KIND: 0, **dict(rows)}


def _by(name: str, told: str, label: str, counts: Mapping[str, float]) -> GaugeMetricFamily:
    """One gauge with a line for each value of a label."""
    family = GaugeMetricFamily(name, told, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def exposition() -> bytes:
    """The metrics in Prometheus' text format, of all processes when PROMETHEUS_MULTIPROC_DIR names their
    folder."""
    registry = CollectorRegistry()
    registry.register(_Waiting())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)
