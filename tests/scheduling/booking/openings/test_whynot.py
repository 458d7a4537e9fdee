"""Why a visit does not fit: rule by rule."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from clinic.practice.errors import Invalid, NotFound
from scheduling.booking.openings import slots, whynot
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

NOW = booked.NOW


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def course(clinic: factories.Clinic) -> TreatmentCourse:
    return booked.book(clinic, skip=("integration-3",))


def ask(clinic: factories.Clinic, start: datetime, **changes: Any) -> whynot.WhyNot:
    return whynot.explain(actor=clinic.admin, site_id=clinic.site.pk, start=start, now=NOW, **changes)


def broken(found: whynot.WhyNot) -> dict[str, whynot.Check]:
    return {check.rule_id: check for check in found.checks if not check.holds}


def test_where_a_visit_stands_nothing_is_in_its_way(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    for visit in Appointment.objects.filter(course=course):
        found = ask(clinic, visit.start, visit_id=visit.pk)
        assert broken(found) == {}, visit.ref
        assert found.fits


def test_at_night_nobody_is_there_and_others_may_say_so(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose = booked.visit(course, "dose-2")
    found = ask(clinic, dose.start.replace(hour=7), visit_id=dose.pk)
    assert broken(found)["shift"].may_override == ("clinical_lead", "practice_admin", "prescriber")
    assert found.nearest is not None


def test_too_soon_after_the_dose_before(clinic: factories.Clinic, course: TreatmentCourse) -> None:
    dose, before = booked.visit(course, "dose-2"), booked.visit(course, "dose-1")
    found = ask(clinic, before.start + timedelta(days=1), visit_id=dose.pk)
    assert "spacing_min" in broken(found)
    assert "prescriber" in broken(found)["spacing_min"].may_override


def test_a_patient_is_never_in_two_places_and_nobody_may_say_so(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose, other = booked.visit(course, "dose-2"), booked.visit(course, "integration-1")
    found = ask(clinic, other.start, visit_id=dose.pk)
    assert broken(found)["patient_busy"].may_override == ()
    assert other.pk in {visit.id for visit in found.blockers}


def test_a_follow_up_is_told_its_window(clinic: factories.Clinic, course: TreatmentCourse) -> None:
    gap = booked.gap_of(course, "dose-3")
    assert gap.closes_at
    found = ask(clinic, gap.closes_at + timedelta(days=1), gap_id=gap.pk)
    assert gap.closes_at.isoformat() in broken(found)["follow_up_window"].message
    best = slots.ranked(actor=clinic.admin, gap_id=gap.pk, now=NOW).found[0]
    assert ask(clinic, best.start, gap_id=gap.pk).fits


def test_an_empty_slot_of_a_person_says_whether_they_are_there(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    visit = booked.visit(course, "integration-1")
    who = visit.staffing.get().staff
    found = ask(clinic, visit.start, practitioner_id=who.pk)
    assert who.display_name in broken(found)["practitioner_busy"].message
    assert [one.id for one in found.blockers] == [visit.pk]
    assert ask(clinic, visit.start.replace(hour=7), practitioner_id=who.pk).checks[0].rule_id == "shift"


def test_an_empty_slot_of_a_room_says_what_stands_there(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose = booked.visit(course, "dose-1")
    found = ask(clinic, dose.start, room_id=dose.room_id)
    assert set(broken(found)) == {"room_busy"}
    assert [one.id for one in found.blockers] == [dose.pk]


def test_it_agrees_with_what_booking_would_say(clinic: factories.Clinic, course: TreatmentCourse) -> None:
    """The same slots that ranking offers are those in which no rule is broken, hour by hour."""
    gap = FollowUpGap.objects.select_related("site").get(pk=booked.gap_of(course, "dose-3").pk)
    fits = {
        one.start
        for one in slots.ranked(
            actor=clinic.admin, gap_id=gap.pk, now=NOW, limit=1_000, apart=timedelta()
        ).found
    }
    assert gap.opens_at and gap.closes_at
    moment = gap.opens_at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while moment <= gap.closes_at:
        assert ask(clinic, moment, gap_id=gap.pk).fits == (moment in fits), moment
        moment += timedelta(hours=3)


def test_what_is_not_ours_is_not_there(clinic: factories.Clinic, course: TreatmentCourse) -> None:
    other = factories.small_clinic()
    theirs = booked.visit(booked.book(other), "dose-1")
    for named in (
        {"visit_id": theirs.pk},
        {"gap_id": booked.gap_of(theirs.course, "dose-1").pk},
        {"practitioner_id": other.prescriber.pk},
        {"room_id": other.chairs[0].pk},
    ):
        with pytest.raises(NotFound):
            ask(clinic, theirs.start, **named)
    with pytest.raises(Invalid):
        ask(clinic, NOW + timedelta(days=3_000))


def test_asking_changes_nothing(clinic: factories.Clinic, course: TreatmentCourse) -> None:
    dose = booked.visit(course, "dose-2")
    ask(clinic, dose.start + timedelta(days=1), visit_id=dose.pk)
    dose.refresh_from_db()
    assert (dose.version, dose.status) == (1, "booked")
