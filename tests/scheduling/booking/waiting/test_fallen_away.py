"""Somebody falls ill, or a site is shut, while places are held: what is booked then is put before people."""

from datetime import date

import pytest

from clinic.practice import directory
from clinic.practice.models import WorkItem
from scheduling.booking.course import courses
from scheduling.booking.moving import absences, stranded
from scheduling.booking.waiting import holds
from scheduling.booking.wanted.holding import Hold
from scheduling.models import TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.mark.parametrize("why", [stranded.ABSENT, stranded.SHUT])
def test_it_is_booked_because_its_place_was_promised_but_not_silently(
    clinic: factories.Clinic, why: str
) -> None:
    token = booked.propose(clinic, start_on_or_after=date(2026, 6, 1))[0].token
    course_id = courses.book(actor=clinic.admin, proposal=token, now=NOW, hold=Hold())
    course = TreatmentCourse.objects.get(pk=course_id)
    first = course.appointments.order_by("start")[0]
    if why == stranded.ABSENT:
        who = first.staffing.values_list("staff_id", flat=True)[0]
        absences.create(actor=clinic.admin, staff_id=who, starts_at=first.start, ends_at=first.end, now=NOW)
    else:
        directory.create_closure(
            actor=clinic.admin, site_id=first.site_id, starts_at=first.start, ends_at=first.end, now=NOW
        )
    asked = WorkItem.objects.filter(kind="needs_new_place", done_at=None)
    assert not asked.exists()
    holds.book_course(actor=clinic.admin, course_id=course.pk, now=NOW)
    assert list(asked.values_list("subject_id", "reason")) == [(first.pk, why)]
    assert set(course.appointments.values_list("status", flat=True)) == {"booked"}
