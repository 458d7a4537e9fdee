"""Cancelling with a reason of the list, and what becomes of the follow-ups of a cancelled dose."""

import pytest

from clinic.practice.errors import Invalid
from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from scheduling import reasons
from scheduling.booking.course import courses
from scheduling.models import Appointment, Occupancy
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def test_a_code_and_a_note_are_kept_and_told(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="weather", reason="snow on the road")
    visit.refresh_from_db()
    assert (visit.cancel_code, visit.cancel_reason) == ("weather", "snow on the road")
    told = TrailEntry.objects.get(subject_id=visit.pk, verb="appointment.cancel")
    assert (told.reason, told.data["code"]) == ("snow on the road", "weather")


def test_a_code_alone_is_told_in_words(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_unwell")
    assert TrailEntry.objects.get(subject_id=visit.pk, verb="appointment.cancel").reason == (
        "the patient is unwell"
    )


def test_a_note_alone_is_another_reason(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    assert booked.move(clinic, visit.pk, "cancel", now=NOW, reason="a funeral").cancel_code == "other"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "reason_code"),
        ({"reason": "   "}, "reason_code"),
        ({"reason_code": "boredom"}, "reason_code"),
        # Written by the product itself, never chosen.
        ({"reason_code": "course_paused"}, "reason_code"),
        ({"reason_code": "other"}, "reason"),
    ],
)
def test_what_says_too_little_is_refused(clinic: factories.Clinic, given: dict[str, str], field: str) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    with pytest.raises(Invalid) as refusal:
        booked.move(clinic, visit.pk, "cancel", now=NOW, **given)
    assert list(refusal.value.fields) == [field]
    assert Appointment.objects.get(pk=visit.pk).status == "booked"


def test_every_reason_is_told_in_words() -> None:
    for code, reason in reasons.CANCELLATION.items():
        assert reasons.in_words(code=code, note="") == reason.words
    assert set(reasons.CHOICES) < set(reasons.CANCELLATION)


def test_the_follow_up_of_a_cancelled_dose_is_cancelled_at_once(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose, after = booked.visit(course, "dose-2"), booked.visit(course, "integration-2")
    booked.move(clinic, dose.pk, "cancel", now=NOW, reason_code="medical_hold", follow_up="cancel")
    after.refresh_from_db()
    assert (after.status, after.cancel_code) == ("cancelled", "dose_cancelled")
    assert not Occupancy.objects.filter(appointment__in=[dose, after]).exists()
    assert not Message.objects.filter(subject_id=after.pk, state="planned").exists()
    assert booked.gap_of(course, "dose-2").status == "void"
    assert not WorkItem.objects.filter(kind="orphaned_follow_up").exists()


def test_the_follow_up_of_a_cancelled_dose_is_kept_without_a_question(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-2")
    booked.move(clinic, dose.pk, "cancel", now=NOW, reason_code="medical_hold", follow_up="keep")
    assert booked.visit(course, "integration-2").status == "booked"
    assert not WorkItem.objects.filter(kind="orphaned_follow_up").exists()


def test_unsaid_people_are_asked_until_the_visit_is_settled(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose, after = booked.visit(course, "dose-2"), booked.visit(course, "integration-2")
    booked.move(clinic, dose.pk, "cancel", now=NOW, reason_code="medical_hold")
    asked = WorkItem.objects.get(kind="orphaned_follow_up", subject_id=after.pk)
    assert asked.done_at is None
    booked.move(clinic, after.pk, "cancel", now=NOW, reason_code="patient_asked")
    asked.refresh_from_db()
    assert asked.done_at == NOW


def test_nothing_is_said_of_follow_ups_where_there_are_none(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    with pytest.raises(Invalid) as refusal:
        booked.move(
            clinic,
            booked.visit(course, "integration-2").pk,
            "cancel",
            now=NOW,
            reason_code="weather",
            follow_up="cancel",
        )
    assert list(refusal.value.fields) == ["follow_up"]


def test_a_stopped_course_tells_its_reason_with_every_visit(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    courses.cancel(actor=clinic.admin, course_id=course.pk, reason_code="cost", now=NOW)
    freed = Appointment.objects.filter(course=course, status="cancelled")
    codes = set(freed.values_list("cancel_code", flat=True))
    assert codes == {"course_stopped"}
    told = TrailEntry.objects.get(course_id=course.pk, verb="course.cancelled")
    assert told.data["code"] == "cost"
