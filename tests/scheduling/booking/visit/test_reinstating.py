"""A visit that takes place after all: its old place again, or why not."""

from datetime import timedelta

import pytest

from clinic.practice import people
from clinic.practice.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from patients.models import Patient
from scheduling.booking.course import courses
from scheduling.booking.visit import reinstating, single
from scheduling.errors import RuleViolation, SlotTaken
from scheduling.models import Absence, Appointment, Occupancy, RuleOverride
from scheduling.states import InvalidTransition
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def reinstate(clinic: factories.Clinic, visit: Appointment, **extra: object) -> Appointment:
    given = {"actor": clinic.admin, "appointment_id": visit.pk, "reason": "can come", "now": NOW}
    return reinstating.reinstate(**{**given, **extra})  # type: ignore[arg-type]


def places(visit: Appointment) -> set[tuple[object, ...]]:
    rows = Occupancy.objects.filter(appointment=visit)
    return {(row.resource_id, row.during.lower, row.during.upper) for row in rows}


@pytest.mark.parametrize("ref", ["dose-2", "integration-2"])
def test_it_is_back_at_its_time_and_place(clinic: factories.Clinic, ref: str) -> None:
    course = booked.book(clinic)
    visit = booked.visit(course, ref)
    had = places(visit)
    units = list(course.gaps.order_by("closes_at").values_list("unit_key", "status"))
    booked.move(clinic, visit.pk, "confirm", now=NOW)
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    assert places(visit) == set()
    back = reinstate(clinic, visit)
    assert (back.status, back.ref, back.confirmed_at, back.cancelled_at) == ("booked", ref, None, None)
    assert (back.cancel_code, back.cancel_reason) == ("", "")
    assert places(visit) == had
    assert list(course.gaps.order_by("closes_at").values_list("unit_key", "status")) == units
    told = TrailEntry.objects.get(subject_id=visit.pk, verb="appointment.reinstate")
    assert (told.reason, told.data["before"]) == ("can come", "cancelled")


def test_its_reminders_are_armed_once(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    back = reinstate(clinic, visit)
    planned = Message.objects.filter(subject_id=visit.pk, state="planned", kind__startswith="reminder")
    assert sorted(planned.values_list("kind", "subject_version")) == [
        ("reminder_24h", back.version),
        ("reminder_72h", back.version),
    ]


def test_a_place_that_is_gone_is_told_with_the_nearest_one(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    people = tuple(visit.staffing.values_list("staff_id", flat=True))
    other: Patient = factories.patient(clinic.site)
    wanted = single.Visit(patient_id=other.pk, kind="therapy", start=visit.start, practitioner_ids=people)
    single.book(actor=clinic.admin, now=NOW, visit=wanted)
    with pytest.raises(SlotTaken) as refusal:
        reinstate(clinic, visit)
    assert refusal.value.clashes[0]["visit"] == "integration-2"
    assert refusal.value.alternative and "start" in refusal.value.alternative
    visit.refresh_from_db()
    assert visit.status == "cancelled"
    assert places(visit) == set()


def test_a_visit_whose_time_has_come_is_corrected_instead(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    with pytest.raises(Conflict):
        reinstate(clinic, visit, now=visit.start)
    assert reinstate(clinic, visit, now=visit.start - timedelta(seconds=1)).status == "booked"


def test_its_name_stays_with_the_visit_that_took_it_over(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    visit = booked.visit(course, "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    again = single.Visit(
        patient_id=clinic.patient.pk,
        kind="integration",
        start=visit.start + timedelta(hours=2),
        course_id=course.pk,
        follows_id=visit.follows_id,
    )
    new = single.book(actor=clinic.admin, now=NOW, visit=again)
    assert Appointment.objects.get(pk=new).ref == "integration-2"
    assert reinstate(clinic, visit).ref == "integration-7"


def test_nobody_on_shift_any_more_is_a_rule_for_those_who_may(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    away = visit.staffing.get().staff
    Absence.objects.create(staff=away, starts_at=visit.start, ends_at=visit.start + timedelta(hours=4))
    with pytest.raises(RuleViolation) as refusal:
        reinstate(clinic, visit)
    [broken] = refusal.value.violations
    assert (broken["rule_id"], broken["overridable"]) == ("shift", True)
    assert broken["may_override"] == ["clinical_lead", "practice_admin", "prescriber"]
    excuse = [{"rule_id": "shift", "reason": "she comes in for it"}]
    with pytest.raises(NotAllowed):
        reinstate(clinic, visit, actor=factories.actor(clinic.practice, "front_desk"), overrides=excuse)
    reinstate(clinic, visit, overrides=excuse)
    kept = RuleOverride.objects.get(appointment=visit)
    assert (kept.rule_id, kept.reason) == ("shift", "she comes in for it")


def test_somebody_who_left_the_practice_brings_nothing_back(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    who = visit.staffing.get().staff_id
    people.update_staff_member(actor=clinic.admin, staff_id=who, changes={"is_active": False}, now=NOW)
    with pytest.raises(RuleViolation) as refusal:
        reinstate(clinic, visit, overrides=[{"rule_id": "staff", "reason": "x"}])
    assert [(one["rule_id"], one["may_override"]) for one in refusal.value.violations] == [("staff", [])]


def test_a_dose_too_near_to_another_breaks_the_spacing(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-2")
    booked.move(clinic, dose.pk, "cancel", now=NOW, reason_code="patient_asked", follow_up="cancel")
    near = single.Visit(
        patient_id=clinic.patient.pk,
        kind="dosing",
        start=dose.start + timedelta(days=1),
        course_id=course.pk,
        overrides=[
            {"rule_id": rule, "reason": "x"} for rule in ("spacing_min", "spacing_max", "rolling_cap")
        ],
    )
    single.book(actor=clinic.admin, now=NOW, visit=near)
    with pytest.raises(RuleViolation) as refusal:
        reinstate(clinic, dose)
    assert "spacing_min" in {one["rule_id"] for one in refusal.value.violations}


def test_what_was_asked_about_it_is_settled(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-2")
    booked.move(clinic, dose.pk, "cancel", now=NOW, reason_code="patient_asked")
    assert WorkItem.objects.filter(kind="orphaned_follow_up", done_at=None).exists()
    reinstate(clinic, dose)
    assert not WorkItem.objects.filter(done_at=None).exists()
    assert booked.gap_of(course, "dose-2").status == "covered"


def test_a_stopped_course_takes_nothing_back(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    courses.cancel(actor=clinic.admin, course_id=course.pk, reason="moves away", now=NOW)
    with pytest.raises(Conflict):
        reinstate(clinic, booked.visit(course, "integration-2"))


def test_it_needs_a_reason_a_lost_visit_and_its_version(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    with pytest.raises(InvalidTransition):
        reinstate(clinic, visit)
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    with pytest.raises(Invalid):
        reinstate(clinic, visit, reason=" ")
    with pytest.raises(Stale):
        reinstate(clinic, visit, version=1)
    with pytest.raises(NotFound):
        reinstate(factories.small_clinic(), visit)
