"""How long and how many: a practice's own limits on holds."""

from datetime import timedelta

import pytest

from clinic.practice.errors import Invalid
from scheduling.booking.waiting import holds
from scheduling.booking.wanted.holding import Hold
from scheduling.errors import TooManyHolds
from scheduling.models import Appointment
from tests import factories
from tests.scheduling.booking.waiting.test_holds import NOW, TEN, hold, hold_visit, minutes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def test_minutes_are_the_practices(clinic: factories.Clinic) -> None:
    clinic.practice.settings = {"holds": {"minutes": 3, "most_minutes": 5}}
    clinic.practice.save(update_fields=["settings"])
    assert hold_visit(clinic, hold=Hold()).hold_expires_at == minutes(3)
    with pytest.raises(Invalid) as refusal:
        hold_visit(clinic, hold=Hold(6, named="hold_minutes"), start=TEN + timedelta(hours=2))
    assert refusal.value.fields == {"hold_minutes": ["From 1 to 5 minutes."]}


@pytest.mark.parametrize("named", ["per_actor", "per_practice"])
def test_there_are_so_many_and_no_more(clinic: factories.Clinic, named: str) -> None:
    clinic.practice.settings = {"holds": {named: 1}}
    clinic.practice.save(update_fields=["settings"])
    course = hold(clinic)
    with pytest.raises(TooManyHolds):
        hold_visit(clinic, start=TEN + timedelta(days=60))
    assert not Appointment.objects.filter(course=None).exists()
    holds.book_course(actor=clinic.admin, course_id=course.pk, now=NOW)
    assert hold_visit(clinic, start=TEN + timedelta(days=60))


def test_an_expired_one_counts_no_more(clinic: factories.Clinic) -> None:
    clinic.practice.settings = {"holds": {"per_actor": 1}}
    clinic.practice.save(update_fields=["settings"])
    hold_visit(clinic)
    assert hold_visit(clinic, start=TEN + timedelta(days=60), now=minutes(10))
