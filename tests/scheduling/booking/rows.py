"""Bare rows, for tests of what the database itself guarantees."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from patients.models import Patient
from scheduling.models import Appointment


def bare_visit(patient: Patient, *, start: datetime, end: datetime, **fields: Any) -> Appointment:
    """A visit that occupies nothing."""
    wall = start.astimezone(ZoneInfo(patient.site.time_zone))
    values: dict[str, Any] = {
        "practice_id": patient.practice_id,
        "patient": patient,
        "site": patient.site,
        "kind": "therapy",
        "local_date": wall.date(),
        "local_time": wall.time(),
        "time_zone": patient.site.time_zone,
        "created_at": start,
        "created_by": "test",
    }
    return Appointment.objects.create(**{**values, "start": start, "end": end, **fields})
