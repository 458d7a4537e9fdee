"""The invented clinic that the other tests stand on."""

from datetime import timedelta

import pytest

from scheduling.planning.values import Span
from scheduling.roster import availability
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_small_clinic_has_people_and_rooms_free_for_its_protocol():
    clinic = factories.small_clinic()
    free = availability.calendar(
        practice_id=clinic.practice.pk,
        site_id=clinic.site.pk,
        patient_id=clinic.patient.pk,
        span=Span(factories.NOW, factories.NOW + timedelta(days=28)),
        now=factories.NOW,
    ).availability()
    assert {role for one in free.practitioners for role in one.roles} >= {
        "prescriber",
        "monitor",
        "therapist",
    }
    assert {one.kind for one in free.rooms} == {"infusion_chair", "therapy_room"}
    assert all(len(one.on_shift) == 20 for one in free.practitioners)
