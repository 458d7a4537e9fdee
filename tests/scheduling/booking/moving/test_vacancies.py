"""Where else a visit could be."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduling.booking.moving import moves, vacancies
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.models import TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = ZoneInfo(factories.NEW_YORK)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def course(clinic: factories.Clinic) -> TreatmentCourse:
    return booked.book(clinic)


def test_a_dose_that_needs_nobody_is_offered_while_somebody_works(clinic: factories.Clinic) -> None:
    at_home = factories.protocol(clinic.practice, "at_home_sublingual_telehealth")
    dose = booked.visit(booked.book(clinic, protocol_id=at_home.template_id), "dose-4")
    assert not dose.staffing.exists()
    found = vacancies.near(actor=clinic.admin, appointment_id=dose.pk, at=dose.start, now=NOW)
    assert len(found) == vacancies.MOST
    for one in found:
        start = one.start.astimezone(ZONE)
        assert 8 <= start.hour < 18, start
        assert start.isoweekday() <= 5


def test_a_dose_is_offered_no_day_on_which_a_rule_breaks(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    booked.give(clinic, booked.visit(course, "dose-1"))
    given, dose = booked.visit(course, "dose-1"), booked.visit(course, "dose-2")
    now = given.end + HOUR
    # The day after a dose is too soon for the next one, and nothing that moves along mends it.
    found = vacancies.near(actor=clinic.admin, appointment_id=dose.pk, at=given.start + DAY, now=now)
    assert found
    for one in found:
        seen = moves.preview(
            actor=clinic.admin, appointment_id=dose.pk, wish=Wish(start=one.start), ways=Ways(), now=now
        )
        assert not seen.open


def test_the_next_start_is_with_who_was_named_where_it_was_wished(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    talk = booked.visit(course, "integration-1")
    other, room = clinic.therapists[1], clinic.therapy_rooms[1]
    factories.absence(other, talk.start - DAY, talk.start + HOUR)
    wish = Wish(start=talk.start, practitioner_ids=(other.pk,), room_id=room.pk)
    found = vacancies.after(actor=clinic.admin, appointment_id=talk.pk, wish=wish, now=NOW)
    assert found == talk.start + HOUR
    # Not beyond its window, however free everybody is then.
    factories.absence(other, talk.start, talk.start + 5 * DAY)
    assert vacancies.after(actor=clinic.admin, appointment_id=talk.pk, wish=wish, now=NOW) is None
