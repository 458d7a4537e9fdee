"""Rows written in bulk are the rows that the ORM would have written."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from clinic.practice import bulk
from clinic.practice.models import TrailEntry
from scheduling.models import Appointment, AppointmentPractitioner, CoursePhase, Shift
from tests import factories

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 4, 13, 30, 0, 123456, tzinfo=UTC)


def appointment(clinic: factories.Clinic, **changes: Any) -> Appointment:
    values: dict[str, Any] = {
        "practice": clinic.practice,
        "patient": clinic.patient,
        "site": clinic.site,
        "kind": "therapy",
        "ref": "therapy-1",
        "start": START,
        "end": START.replace(hour=15),
        "local_date": date(2026, 5, 4),
        "local_time": time(9, 30, 0, 123456),
        "time_zone": "America/New_York",
        "room": clinic.therapy_rooms[0],
        "created_at": START,
        "created_by": "test",
    }
    return Appointment(**{**values, **changes})


def stored(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_row_is_stored_as_it_was_given() -> None:
    clinic = factories.small_clinic()
    texts = {"ref": "", "late_entry_reason": 'Ünï "quoted" \\ %s\n\u2028', "sequence": 3}
    row = appointment(clinic, **texts)
    (made,) = bulk.insert(Appointment, [vars(row)])
    found = Appointment.objects.get(pk=row.pk)
    assert made == {"id": row.pk, "updated_at": found.updated_at}
    assert stored(found) == stored(row) | made


def test_what_is_not_given_gets_the_model_s_default() -> None:
    clinic = factories.small_clinic()
    rows = [
        {
            "staff_id": clinic.monitor.pk,
            "site_id": clinic.site.pk,
            "weekdays": [1, 5],
            "starts": time(8),
            "ends": time(9),
            "valid_from": date(2026, 1, 5),
        }
        for _ in range(2)
    ]
    made = bulk.insert(Shift, rows)
    assert len({one["id"] for one in made}) == 2, "each row gets an id of its own"
    found = Shift.objects.get(pk=made[0]["id"])
    assert (found.every_weeks, found.version, found.valid_until) == (1, 1, None)
    assert found.weekdays == [1, 5]


def test_numbered_keys_come_back_in_order_and_json_stays_json() -> None:
    clinic = factories.small_clinic()
    rows = [
        {
            "practice_id": clinic.practice.pk,
            "at": START,
            "actor_ref": "test",
            "verb": f"verb-{number}",
            "subject_kind": "test",
            "subject_id": clinic.patient.pk,
            "data": {"nested": [number, None, {"a": "b"}]},
        }
        for number in range(30)
    ]
    for row, made in zip(rows, bulk.insert(TrailEntry, rows), strict=True):
        found = TrailEntry.objects.get(pk=made["id"])
        assert (found.verb, found.data) == (row["verb"], row["data"])
        assert found.recorded_at == made["recorded_at"]


def test_a_known_row_is_left_out_or_refused() -> None:
    clinic = factories.small_clinic()
    row = appointment(clinic)
    row.save()
    part = {
        "appointment_id": row.pk,
        "staff_id": clinic.monitor.pk,
        "role": "monitor",
        "presence": "shared",
        "seats": 4,
    }
    bulk.insert(AppointmentPractitioner, [part])
    assert bulk.insert(AppointmentPractitioner, [part], skip_known=True) == []
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert(AppointmentPractitioner, [part])


def test_nothing_is_asked_for_no_rows(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert bulk.insert(CoursePhase, []) == []
