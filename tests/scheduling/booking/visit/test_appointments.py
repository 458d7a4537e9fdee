"""A visit through its day: what each move records, refuses and sets off."""

from datetime import timedelta

import pytest

from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from patients.models import EligibilityDecision, TreatmentConsent
from scheduling.errors import InTheFuture, RuleViolation
from scheduling.models import Appointment, Occupancy, RuleOverride
from scheduling.states import InvalidTransition
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def test_a_dose_goes_through_its_day(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    booked.move(clinic, dose.pk, "confirm", now=NOW)
    booked.give(clinic, dose)
    dose.refresh_from_db()
    assert dose.status == "fulfilled"
    assert dose.confirmed_at == NOW
    assert (dose.arrived_at, dose.discharged_at) == (dose.start, dose.end)
    assert dose.discharged_by == clinic.admin.ref
    told = TrailEntry.objects.filter(subject_id=dose.pk).order_by("id").values_list("verb", flat=True)
    assert list(told) == [
        "appointment.booked",
        "appointment.confirm",
        "appointment.check_in",
        "appointment.start",
        "appointment.end_administration",
        "appointment.discharge",
    ]


@pytest.mark.parametrize("verb", ["start", "end_administration", "discharge", "complete"])
def test_steps_cannot_be_skipped(clinic: factories.Clinic, verb: str) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    with pytest.raises(InvalidTransition) as refusal:
        booked.move(clinic, dose.pk, verb, now=dose.start)
    assert "check_in" in refusal.value.allowed


def test_a_talk_is_completed_and_not_discharged(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-1")
    booked.move(clinic, visit.pk, "check_in", now=visit.start)
    with pytest.raises(InvalidTransition):
        booked.move(clinic, visit.pk, "discharge", now=visit.end)
    assert booked.move(clinic, visit.pk, "complete", now=visit.end).status == "fulfilled"


def test_nothing_is_recorded_before_it_happens(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    with pytest.raises(InTheFuture):
        booked.move(clinic, dose.pk, "check_in", now=NOW, at=NOW + timedelta(seconds=1))


def test_nobody_leaves_before_they_came(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    booked.move(clinic, dose.pk, "check_in", now=dose.start)
    with pytest.raises(Invalid, match="cannot be accepted"):
        booked.move(clinic, dose.pk, "start", now=dose.end, at=dose.start - timedelta(minutes=1))


def test_a_dose_waits_for_eligibility_and_consent(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    EligibilityDecision.objects.all().delete()
    TreatmentConsent.objects.all().delete()
    for verb in ("confirm", "check_in"):
        with pytest.raises(RuleViolation) as refusal:
            booked.move(clinic, dose.pk, verb, now=dose.start)
        assert [one["rule_id"] for one in refusal.value.violations] == ["S-01", "S-02"]
    excuse = [{"rule_id": "S-01", "reason": "on paper"}, {"rule_id": "S-02", "reason": "on paper"}]
    with pytest.raises(NotAllowed):
        booked.appointments.transition(
            actor=factories.actor(clinic.practice, "front_desk"),
            appointment_id=dose.pk,
            verb="check_in",
            now=dose.start,
            overrides=excuse,
        )
    assert booked.move(clinic, dose.pk, "check_in", now=dose.start, overrides=excuse).status == "arrived"
    kept = RuleOverride.objects.filter(course=course, appointment=dose).order_by("rule_id")
    assert [(one.rule_id, one.reason, one.author) for one in kept] == [
        ("S-01", "on paper", clinic.admin.ref),
        ("S-02", "on paper", clinic.admin.ref),
    ]


def test_an_integration_visit_needs_no_eligibility(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-1")
    EligibilityDecision.objects.all().delete()
    booked.move(clinic, visit.pk, "check_in", now=visit.start)


def test_nobody_is_discharged_before_the_observation_has_run(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    started = dose.start + timedelta(minutes=20)
    booked.move(clinic, dose.pk, "check_in", now=dose.start)
    booked.move(clinic, dose.pk, "start", now=started)
    booked.move(clinic, dose.pk, "end_administration", now=started + timedelta(minutes=40))
    early = started + timedelta(minutes=59)
    with pytest.raises(RuleViolation) as refusal:
        booked.move(clinic, dose.pk, "discharge", now=early)
    assert refusal.value.violations[0]["rule_id"] == "S-09"
    booked.move(clinic, dose.pk, "discharge", now=started + timedelta(minutes=60))


def test_cancelling_frees_the_places_and_reopens_the_gap(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    visit = booked.visit(course, "integration-2")
    with pytest.raises(Invalid):
        booked.move(clinic, visit.pk, "cancel", now=NOW)
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason="cannot come")
    assert not Occupancy.objects.filter(appointment=visit).exists()
    assert booked.gap_of(course, "dose-2").status == "prospective"
    assert not Message.objects.filter(subject_id=visit.pk, state="planned").exists()


def test_a_missed_dose_asks_the_prescriber_and_about_its_follow_up(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-2")
    booked.move(clinic, dose.pk, "no_show", now=dose.end)
    assert booked.gap_of(course, "dose-2").status == "void"
    assert set(WorkItem.objects.values_list("kind", "role")) == {
        ("missed_dose", "prescriber"),
        ("orphaned_follow_up", "front_desk"),
    }
    assert booked.visit(course, "integration-2").status == "booked"
    assert Message.objects.filter(kind="no_show", subject_id=dose.pk).exists()


def test_the_last_dose_of_a_phase_makes_the_review_due(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    for number in range(1, 7):
        booked.give(clinic, booked.visit(course, f"dose-{number}"))
        course.refresh_from_db()
        assert course.status == ("review_due" if number == 6 else "active")


def test_a_stale_version_changes_nothing(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    booked.move(clinic, dose.pk, "confirm", now=NOW, version=1)
    with pytest.raises(Stale):
        booked.move(clinic, dose.pk, "check_in", now=dose.start, version=1)
    assert Appointment.objects.get(pk=dose.pk).status == "confirmed"


def test_another_practice_finds_nothing(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    other = factories.small_clinic()
    with pytest.raises(NotFound):
        booked.move(other, dose.pk, "confirm", now=NOW)


def test_nobody_misses_a_visit_that_has_not_begun(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-1")
    with pytest.raises(Invalid) as refusal:
        booked.move(clinic, visit.pk, "no_show", now=visit.start - timedelta(minutes=1))
    assert list(refusal.value.fields) == ["at"]
    assert booked.move(clinic, visit.pk, "no_show", now=visit.start).status == "no_show"
