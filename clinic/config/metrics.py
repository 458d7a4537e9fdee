"""What is counted for Prometheus: requests by route, and how late the sweeps are. Never anything about a
person."""

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from notifications.models import Message
from scheduling.models import FollowUpGap

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

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
        states = GaugeMetricFamily("clinic_messages", "Messages by state.", labels=["state"])
        for state in ("planned", "leased", "handing_over", "in_doubt", "failed_final"):
            states.add_metric([state], Message.objects.filter(state=state).count())
        yield states
        flagged = FollowUpGap.objects.filter(flagged=True).count()
        yield GaugeMetricFamily("clinic_gaps_flagged", "Follow-up units that need a person.", value=flagged)


def exposition() -> bytes:
    """The metrics in Prometheus' text format, of all processes when PROMETHEUS_MULTIPROC_DIR names their
    folder."""
    registry = CollectorRegistry()
    registry.register(_Waiting())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)
