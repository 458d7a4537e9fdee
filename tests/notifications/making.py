"""Visits, courses and messages as rows, at a moment when patients in New York may be messaged."""

import itertools
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from notifications.models import Message
from notifications.sending import delivery
from patients.models import Patient
from scheduling.models import Appointment, FollowUpGap, GapDose, TreatmentCourse
from tests import factories

# Monday, 11:00 in New York.
NOW = datetime(2026, 5, 4, 15, tzinfo=UTC)
_count = itertools.count(1)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


def patient(**fields: Any) -> Patient:
    """Of a new practice with one site in New York."""
    return factories.patient(factories.site(factories.practice()), **fields)


def visit(someone: Patient, start: datetime, **fields: Any) -> Appointment:
    """A booked visit of two hours at the patient's site."""
    wall = start.astimezone(ZoneInfo(someone.site.time_zone))
    values = {
        "kind": "integration",
        "end": start + timedelta(hours=2),
        "local_date": wall.date(),
        "local_time": wall.time(),
        "time_zone": someone.site.time_zone,
        "created_at": NOW,
        "created_by": "test",
    }
    return Appointment.objects.create(
        practice=someone.practice, patient=someone, site=someone.site, start=start, **{**values, **fields}
    )


def course(someone: Patient) -> TreatmentCourse:
    return TreatmentCourse.objects.create(
        practice=someone.practice,
        patient=someone,
        site=someone.site,
        protocol_version=factories.protocol(someone.practice, name=f"Protocol {next(_count)}"),
        start_on_or_after=NOW.date(),
        created_at=NOW,
        created_by="test",
    )


def gap(dose: Appointment, *, status: str = "prospective", **fields: Any) -> FollowUpGap:
    """The record of the follow-up that the dose needs."""
    assert dose.course is not None
    values = {
        "unit_key": f"dose:{dose.pk}",
        "needed": 1,
        "opens_at": dose.end,
        "closes_at": dose.end + timedelta(hours=72),
        "grace_until": dose.end + timedelta(hours=96),
        "severity": "moderate",
        "flagged": True,
        "created_at": NOW,
    }
    made = FollowUpGap.objects.create(
        practice=dose.practice,
        course=dose.course,
        patient=dose.patient,
        site=dose.site,
        status=status,
        **{**values, **fields},
    )
    GapDose.objects.create(gap=made, appointment=dose)
    return made


def reminder(about: Appointment, **fields: Any) -> Message:
    """A 24 h reminder by SMS that is due."""
    values: dict[str, Any] = {
        "kind": "reminder_24h",
        "channel": "sms",
        "subject_kind": "appointment",
        "subject_id": about.pk,
        "subject_at": about.start,
        "due_at": NOW,
        "useful_until": about.start - timedelta(hours=1),
        "created_at": NOW,
        "updated_at": NOW,
    }
    values |= fields
    values.setdefault("dedupe_key", f"test-{next(_count)}")
    return Message.objects.create(practice=about.practice, patient=about.patient, **values)


def reminder_now(now: datetime) -> Message:
    """A reminder that is due at `now`, to a new patient who is where it is noon."""
    # The signs of these names are turned round: Etc/GMT+5 is five hours behind.
    zone = f"Etc/GMT{now.hour - 12:+d}" if now.hour != 12 else "Etc/GMT"
    return reminder(visit(patient(time_zone=zone), now + timedelta(days=1)), due_at=now)


def deliver(clock: Clock | None = None, worker: str = "test") -> int:
    """Hand over everything that is due."""
    return delivery.run(clock=clock or Clock(), worker=worker)


def tomorrow(hour: int = 14, minute: int = 0) -> datetime:
    return NOW.replace(hour=hour, minute=minute) + timedelta(days=1)


def child_environment() -> dict[str, str]:
    """This process's environment with the test's own database."""
    name = connection.settings_dict["NAME"]
    head, _, tail = os.environ["DATABASE_URL"].partition("?")
    return {**os.environ, "DATABASE_URL": f"{head.rpartition('/')[0]}/{name}" + (f"?{tail}" if tail else "")}


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    """Fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def state(row: Message) -> tuple[str, str]:
    """Its state and the reason kept with it, as they are now."""
    row.refresh_from_db()
    return row.state, row.state_reason
