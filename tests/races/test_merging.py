"""A merge while the duplicate is being booked: everything ends up with one of two patients, or is refused."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from clinic.practice.errors import Busy, NotFound
from patients import decisions
from patients.errors import Merged
from patients.models import Measure, Patient
from scheduling.booking.intake import merging
from scheduling.booking.visit import single
from scheduling.booking.visit.single import Visit
from scheduling.models import Appointment
from tests import factories
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
FIRST = datetime(2026, 5, 11, 13, tzinfo=factories.NOW.tzinfo)


def test_nothing_is_left_with_the_duplicate() -> None:
    clinic = factories.small_clinic()
    double = factories.patient(clinic.site)

    def book(day: int) -> Callable[[], Any]:
        visit = Visit(patient_id=double.pk, kind="therapy", start=FIRST + timedelta(days=day))
        return lambda: single.book(actor=clinic.admin, now=factories.NOW, visit=visit)

    def measure() -> Any:
        return decisions.record_measure(
            actor=clinic.admin, patient_id=double.pk, code="PHQ-9", score=9, now=factories.NOW
        )

    def merge() -> Any:
        return merging.merge(
            actor=clinic.admin,
            survivor_id=clinic.patient.pk,
            duplicate_id=double.pk,
            reason="The same person.",
            now=factories.NOW,
        )

    outcome = race.run([merge, *(book(day) for day in (0, 1, 2, 3, 4)), measure, measure, merge])
    refused = (Merged, NotFound, Busy, IntegrityError)
    broken = [
        one for one in outcome.results if isinstance(one, BaseException) and not isinstance(one, refused)
    ]
    assert broken == []
    assert race.deadlocks() == 0
    merge()
    assert not Patient.objects.filter(pk=double.pk).exists()
    owners = set(Appointment.objects.values_list("patient_id", flat=True))
    owners |= set(Measure.objects.values_list("patient_id", flat=True))
    assert owners <= {clinic.patient.pk}
    assert race.overlaps() == race.half_booked() == 0
