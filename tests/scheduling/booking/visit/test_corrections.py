"""The record made true: wrong no-shows, wrong times, wrong steps, and what should never have been written."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic.practice.errors import Conflict, Invalid, NotAllowed, Stale
from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from patients.models import TreatmentConsent
from scheduling import states
from scheduling.booking.course import courses
from scheduling.booking.visit import corrections
from scheduling.errors import InTheFuture, RuleViolation
from scheduling.followups import reconcile
from scheduling.models import Appointment, Occupancy, TreatmentCourse
from scheduling.states import InvalidTransition
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
HOUR = timedelta(hours=1)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def correct(clinic: factories.Clinic, visit: Appointment, now: datetime, **extra: Any) -> Appointment:
    given_: dict[str, Any] = {"actor": clinic.admin, "appointment_id": visit.pk, "reason": "mistaken"}
    return corrections.correct(**{**given_, "now": now, **extra})


def day_of(dose: Appointment) -> dict[str, datetime]:
    minutes = {"arrived": 0, "started": 20, "administration_ended": 60}
    times = {name: dose.start + timedelta(minutes=count) for name, count in minutes.items()}
    return times | {"discharged": dose.end}


def test_a_patient_who_did_come_was_no_no_show(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-2")
    booked.move(clinic, dose.pk, "no_show", now=dose.end)
    assert booked.gap_of(course, "dose-2").status == "void"
    later = dose.end + HOUR
    visit = correct(clinic, dose, later, status="fulfilled", facts=day_of(dose))
    assert (visit.status, visit.no_show_at, visit.discharged_at) == ("fulfilled", None, dose.end)
    assert visit.discharged_by == clinic.admin.ref
    assert booked.gap_of(course, "dose-2").status == "covered"
    assert not WorkItem.objects.filter(done_at=None, kind__in=["missed_dose", "orphaned_follow_up"]).exists()
    assert not Message.objects.filter(subject_id=dose.pk, kind="no_show", state="planned").exists()
    assert Message.objects.filter(subject_id=dose.pk, kind="follow_up_missing", state="planned").exists()
    told = TrailEntry.objects.get(subject_id=dose.pk, verb="appointment.correct")
    assert (told.reason, told.data["before"], told.data["after"]) == ("mistaken", "no_show", "fulfilled")
    assert told.data["facts"]["no_show"] is None


def test_a_patient_who_came_late_after_a_no_show_has_the_place_again(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    soon = visit.start + timedelta(minutes=10)
    booked.move(clinic, visit.pk, "no_show", now=soon)
    assert not Occupancy.objects.filter(appointment=visit).exists()
    come = soon + timedelta(minutes=5)
    assert correct(clinic, visit, come, status="arrived", facts={"arrived": come}).status == "arrived"
    assert Occupancy.objects.filter(appointment=visit).exists()


def test_who_is_expected_after_all_is_reminded_again(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-6")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason="moved away")
    planned = Message.objects.filter(subject_id=visit.pk, kind__startswith="reminder", state="planned")
    assert not planned.exists()
    correct(clinic, visit, NOW, status="arrived", facts={"arrived": NOW})
    assert not planned.exists()
    correct(clinic, visit, NOW, status="booked")
    assert sorted(visit.start - one.due_at for one in planned) == [24 * HOUR, 72 * HOUR]


def test_what_happened_is_kept_where_its_place_was_given_away(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "integration-2")
    soon = visit.start + timedelta(minutes=1)
    booked.move(clinic, visit.pk, "no_show", now=soon)
    other = factories.patient(clinic.site)
    for therapist in clinic.therapists:
        Occupancy.objects.create(
            practice=clinic.practice,
            resource_id=therapist.resource_id,
            seats=(0, 12),
            during=(soon, visit.end),
            appointment=booked.visit(visit.course, "dose-6"),
        )
    come = soon + timedelta(minutes=5)
    assert correct(clinic, visit, come, status="arrived", facts={"arrived": come}).status == "arrived"
    assert not Occupancy.objects.filter(appointment=visit).exists()
    assert other.pk


def test_a_later_discharge_moves_the_window_and_asks_for_a_look(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-6")
    booked.give(clinic, dose)
    gap = booked.gap_of(course, "dose-6")
    later = dose.end + timedelta(hours=6)
    correct(clinic, dose, later, facts={"discharged": later})
    after = booked.gap_of(course, "dose-6")
    assert after.closes_at is not None and gap.closes_at is not None
    assert after.closes_at - gap.closes_at == timedelta(hours=6)
    assert after.status == "covered", "accepted in its window, it keeps counting"
    word = Message.objects.filter(subject_id=dose.pk, kind="follow_up_missing")
    assert [
        (one.state, one.due_at >= later + timedelta(hours=20)) for one in word.order_by("created_at")
    ] == [
        ("cancelled", False),
        ("planned", True),
    ]


def test_a_word_that_has_gone_out_is_not_said_again(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    dose = booked.visit(course, "dose-1")
    booked.give(clinic, dose)
    Message.objects.filter(subject_id=dose.pk, kind="follow_up_missing").update(state="accepted")
    later = dose.end + HOUR
    correct(clinic, dose, later, facts={"discharged": later})
    assert Message.objects.filter(subject_id=dose.pk, kind="follow_up_missing").count() == 1


def test_a_shorter_observation_asks_for_an_override(clinic: factories.Clinic) -> None:
    """S-09."""
    dose = booked.visit(booked.book(clinic), "dose-1")
    booked.give(clinic, dose)
    started = Appointment.objects.get(pk=dose.pk).started_at
    assert started is not None
    early = {"discharged": started + timedelta(minutes=50), "administration_ended": started}
    with pytest.raises(RuleViolation) as refusal:
        correct(clinic, dose, dose.end, facts=early)
    [broken] = refusal.value.violations
    assert (broken["rule_id"], broken["may_override"]) == ("S-09", ["clinical_lead", "prescriber"])
    excuse = [{"rule_id": "S-09", "reason": "left against advice"}]
    assert correct(clinic, dose, dose.end, facts=early, overrides=excuse).discharged_at == early["discharged"]


def test_a_dose_is_not_made_given_without_its_papers(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    booked.move(clinic, dose.pk, "no_show", now=dose.end)
    TreatmentConsent.objects.all().delete()
    with pytest.raises(RuleViolation) as refusal:
        correct(clinic, dose, dose.end, status="fulfilled", facts=day_of(dose))
    assert [one["rule_id"] for one in refusal.value.violations] == ["S-02"]


def test_only_who_may_discharge_corrects_a_discharge(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    booked.give(clinic, dose)
    later, desk = dose.end + HOUR, factories.actor(clinic.practice, "front_desk")
    with pytest.raises(NotAllowed):
        correct(clinic, dose, later, actor=desk, facts={"discharged": later})
    arrived = dose.start + timedelta(minutes=5)
    assert correct(clinic, dose, later, actor=desk, facts={"arrived": arrived}).arrived_at == arrived
    with pytest.raises(NotAllowed):
        correct(clinic, dose, later, actor=factories.actor(clinic.practice, "operator"), status="booked")


def test_a_wrong_step_is_taken_back_with_its_facts(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    booked.move(clinic, dose.pk, "confirm", now=NOW)
    booked.move(clinic, dose.pk, "check_in", now=dose.start)
    visit = correct(clinic, dose, dose.start + HOUR, status="confirmed")
    assert (visit.status, visit.arrived_at, visit.confirmed_at) == ("confirmed", None, NOW)
    visit = correct(clinic, dose, dose.start + HOUR, status="booked")
    assert (visit.confirmed_at, visit.confirmed_by) == (None, None)
    assert Occupancy.objects.filter(appointment=dose).exists()


def test_a_dose_that_was_not_given_owes_nothing_and_is_missed(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    booked.give(clinic, dose)
    correct(clinic, dose, dose.end + HOUR, status="no_show", facts={"no_show": dose.end})
    assert booked.gap_of(course, "dose-1").status == "void"
    assert set(WorkItem.objects.filter(done_at=None).values_list("kind", flat=True)) == {
        "missed_dose",
        "orphaned_follow_up",
    }
    assert not Message.objects.filter(subject_id=dose.pk, kind="follow_up_missing", state="planned").exists()


def test_a_review_that_fell_due_by_mistake_is_not_due(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    doses = [booked.visit(course, f"dose-{number}") for number in range(1, 7)]
    for dose in doses:
        booked.give(clinic, dose)
    course.refresh_from_db()
    assert course.status == "review_due"
    correct(clinic, doses[-1], doses[-1].end + HOUR, status="monitoring")
    course.refresh_from_db()
    assert course.status == "active"
    assert not WorkItem.objects.filter(kind="course_review", done_at=None).exists()


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"arrived": timedelta(hours=3)}, "facts.started"),
        ({"discharged": None}, "facts.discharged"),
        ({"completed": timedelta(0)}, "facts.completed"),
        ({"lunch": timedelta(0)}, "facts.lunch"),
        ({}, "facts"),
    ],
)
def test_what_cannot_be_true_is_refused(
    clinic: factories.Clinic, facts: dict[str, timedelta | None], field: str
) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    booked.give(clinic, dose)
    times = {name: None if at is None else dose.start + at for name, at in facts.items()}
    with pytest.raises(Invalid) as refusal:
        correct(clinic, dose, dose.end + 5 * HOUR, facts=times)
    assert list(refusal.value.fields) == [field]


def test_nothing_is_corrected_to_the_future(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    booked.give(clinic, dose)
    with pytest.raises(InTheFuture):
        correct(clinic, dose, dose.end, facts={"discharged": dose.end + timedelta(seconds=1)})


def test_a_correction_needs_a_reason_a_record_and_its_version(clinic: factories.Clinic) -> None:
    dose = booked.visit(booked.book(clinic), "dose-1")
    with pytest.raises(InvalidTransition):
        correct(clinic, dose, dose.end, status="fulfilled", facts=day_of(dose))
    booked.move(clinic, dose.pk, "confirm", now=NOW)
    with pytest.raises(Invalid):
        correct(clinic, dose, NOW, status="booked", reason=" ")
    with pytest.raises(Stale):
        correct(clinic, dose, NOW, status="booked", version=1)


def test_a_visit_entered_in_error_counts_for_nothing(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-2")
    corrections.enter_in_error(actor=clinic.admin, appointment_id=dose.pk, reason="twin", now=NOW)
    dose.refresh_from_db()
    assert dose.status == "entered_in_error"
    assert not Occupancy.objects.filter(appointment=dose).exists()
    assert not Message.objects.filter(subject_id=dose.pk, state="planned").exists()
    assert booked.gap_of(course, "dose-2").status == "void"
    assert WorkItem.objects.get().kind == "orphaned_follow_up"
    with pytest.raises(InvalidTransition):
        corrections.enter_in_error(actor=clinic.admin, appointment_id=dose.pk, reason="twin", now=NOW)


def test_a_course_entered_in_error_leaves_nothing_behind(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    corrections.enter_course_in_error(actor=clinic.admin, course_id=course.pk, reason="twin", now=NOW)
    course.refresh_from_db()
    assert course.status == "entered_in_error"
    assert set(course.appointments.values_list("status", flat=True)) == {"entered_in_error"}
    assert set(course.gaps.values_list("status", flat=True)) == {"void"}
    assert not Occupancy.objects.filter(appointment__course=course).exists()
    assert not Message.objects.filter(course_id=course.pk, state="planned").exists()


def test_nobody_is_asked_about_a_course_that_was_an_error(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    booked.move(clinic, dose.pk, "no_show", now=dose.end)
    asked = WorkItem.objects.filter(done_at=None, kind__in=["missed_dose", "orphaned_follow_up"])
    assert asked.count() == 2
    cancelled = booked.visit(course, "dose-2")
    booked.move(clinic, cancelled.pk, "cancel", now=dose.end, reason_code="patient_unwell")
    corrections.enter_course_in_error(actor=clinic.admin, course_id=course.pk, reason="twin", now=dose.end)
    assert not asked.exists()
    # Nor told that they missed it, now or by a later correction.
    assert not Message.objects.filter(course_id=course.pk, state="planned").exists()
    assert set(course.appointments.values_list("status", flat=True)) == {"entered_in_error"}
    with pytest.raises(InvalidTransition):
        corrections.correct(
            actor=clinic.admin, appointment_id=cancelled.pk, status="no_show", reason="x", now=dose.end
        )


def test_a_course_of_which_something_happened_was_no_error(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    booked.move(clinic, dose.pk, "check_in", now=dose.start)
    with pytest.raises(Conflict) as refusal:
        corrections.enter_course_in_error(
            actor=clinic.admin, course_id=course.pk, reason="twin", now=dose.start
        )
    assert refusal.value.data["visits"] == ["dose-1"]
    assert TreatmentCourse.objects.get(pk=course.pk).status == "active"
    courses.cancel(actor=clinic.admin, course_id=course.pk, reason_code="improved", now=dose.start)


STEPS = st.lists(
    st.tuples(st.sampled_from(["dose-1", "dose-2", "integration-1", "integration-2"]), st.integers(0, 9)),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_is_recorded_and_corrected_the_units_stay_true(
    steps: list[tuple[str, int]],
) -> None:
    """After any steps and corrections every stored unit is what its facts say, and what is live has its facts
    in order."""
    clinic = factories.small_clinic()
    course = booked.book(clinic)
    now = booked.visit(course, "integration-2").end + HOUR
    for ref, pick in steps:
        visit = course.appointments.get(ref=ref) if course.appointments.filter(ref=ref).count() == 1 else None
        if visit is None:
            continue
        targets = states.CORRECTIONS.get(visit.status, ())
        verbs = states.allowed(machine=states.APPOINTMENT, state=visit.status, kind=visit.kind)
        try:
            if targets and pick % 2:
                wanted = targets[pick % len(targets)]
                known = {**day_of(visit), "completed": visit.end, "no_show": visit.end}
                needed = states.needed_facts(status=wanted, kind=visit.kind)
                facts = {name: known[name] for name in needed if name in known}
                correct(clinic, visit, now, status=wanted, facts=facts)
            elif verbs:
                verb = verbs[pick % len(verbs)]
                at = visit.end if verb in ("discharge", "complete", "no_show") else visit.start
                booked.move(clinic, visit.pk, verb, now=now, at=at, reason="x")
        except (InvalidTransition, Invalid, RuleViolation, KeyError):
            pass
        assert list(reconcile.differences(now=now)) == []
    for visit in course.appointments.all():
        facts_there = [getattr(visit, f"{name}_at") for name in states.DAY]
        times = [at for at in facts_there if at is not None]
        assert times == sorted(times)
        for name in states.needed_facts(status=visit.status, kind=visit.kind):
            assert getattr(visit, f"{name}_at") is not None
