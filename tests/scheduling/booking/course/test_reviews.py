"""What a clinician decides at the end of a phase, and what follows from it."""

from datetime import timedelta
from typing import Any

import pytest

from clinic.practice.errors import Conflict, Invalid, NotAllowed
from clinic.practice.models import WorkItem
from scheduling.booking.course import reviews
from scheduling.booking.moving import replans
from scheduling.booking.moving.moves import Ways
from scheduling.booking.reading import queries
from scheduling.errors import RuleViolation
from scheduling.models import Appointment, CoursePhase, TreatmentCourse
from scheduling.states import InvalidTransition
from tests import factories
from tests.scheduling.booking import booked, rows

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def review(clinic: factories.Clinic, course: TreatmentCourse, decision: str, **extra: Any) -> None:
    given: dict[str, Any] = {"actor": clinic.admin, "reason": "doing well", "now": NOW}
    reviews.review(course_id=course.pk, decision=decision, **{**given, **extra})
    course.refresh_from_db()


def at_the_end(clinic: factories.Clinic) -> tuple[TreatmentCourse, Appointment]:
    course = booked.book(clinic)
    for number in range(1, 7):
        booked.give(clinic, booked.visit(course, f"dose-{number}"))
    course.refresh_from_db()
    return course, booked.visit(course, "dose-6")


def test_the_end_of_a_phase_asks_the_prescriber(clinic: factories.Clinic) -> None:
    """S-17."""
    course, last = at_the_end(clinic)
    assert course.status == "review_due"
    asked = WorkItem.objects.get(kind="course_review")
    assert (asked.role, asked.due_at) == ("prescriber", last.end + timedelta(days=7))
    review(clinic, course, "continue", now=last.end)
    asked.refresh_from_db()
    assert asked.done_at == last.end


def test_the_next_phase_is_planned_and_looked_at_again(clinic: factories.Clinic) -> None:
    """S-18: an open-ended phase has a review date."""
    course, last = at_the_end(clinic)
    review(clinic, course, "continue", now=last.end)
    assert (course.status, course.through_phase) == ("active", "maintenance")
    phase = CoursePhase.objects.get(course=course, name="maintenance")
    assert phase.review_on == last.local_date + timedelta(weeks=12)
    [told] = queries.course(actor=clinic.admin, course_id=course.pk).reviews
    assert (told.phase, told.decision, told.next_phase) == ("acute_series", "continue", "maintenance")
    assert (told.reason, told.decided_by) == ("doing well", clinic.admin.ref)
    assert WorkItem.objects.get(done_at=None).kind == "course_to_replan"
    due = last.end + timedelta(weeks=12, days=1)
    assert reviews.fall_due(actor=factories.system(clinic.practice), course_id=course.pk, now=due) == (
        "review_due"
    )
    course.refresh_from_db()
    review(clinic, course, "continue", now=due, review_on=due.date() + timedelta(weeks=4))
    phase.refresh_from_db()
    assert phase.review_on == due.date() + timedelta(weeks=4)


def test_planning_it_answers_what_was_asked_about_it(clinic: factories.Clinic) -> None:
    course, last = at_the_end(clinic)
    review(clinic, course, "continue", now=last.end)
    task = WorkItem.objects.get(kind="course_to_replan")
    replans.preview(actor=clinic.admin, course_id=course.pk, ways=Ways(), now=last.end)
    task.refresh_from_db()
    assert task.done_at is None, "nobody has planned anything yet"
    replans.apply(actor=clinic.admin, course_id=course.pk, now=last.end)
    task.refresh_from_db()
    assert (task.done_at, task.done_by) == (last.end, clinic.admin.ref)


def test_a_dose_of_the_next_phase_waits_for_the_review(clinic: factories.Clinic) -> None:
    """S-17: overridden by a prescriber alone."""
    course, last = at_the_end(clinic)
    dose = rows.bare_visit(
        clinic.patient,
        start=last.start + timedelta(days=14),
        end=last.end + timedelta(days=14),
        kind="dosing",
        course=course,
        phase=CoursePhase.objects.get(course=course, name="maintenance"),
        ref="dose-7",
    )
    with pytest.raises(RuleViolation) as refusal:
        booked.move(clinic, dose.pk, "check_in", now=dose.start)
    [broken] = refusal.value.violations
    assert (broken["rule_id"], broken["may_override"]) == ("S-17", ["clinical_lead", "prescriber"])
    review(clinic, course, "continue", now=last.end)
    assert booked.move(clinic, dose.pk, "check_in", now=dose.start).status == "arrived"


def test_a_change_names_the_phase(clinic: factories.Clinic) -> None:
    course, last = at_the_end(clinic)
    with pytest.raises(Invalid):
        review(clinic, course, "change", now=last.end)
    with pytest.raises(Invalid):
        review(clinic, course, "change", phase="no such", now=last.end)
    review(clinic, course, "change", phase="acute_series", now=last.end)
    assert (course.status, course.through_phase) == ("active", "acute_series")


def test_a_review_stops_or_completes_the_course(clinic: factories.Clinic) -> None:
    course, last = at_the_end(clinic)
    review(clinic, course, "complete", now=last.end)
    assert course.status == "completed"
    assert booked.visit(course, "integration-6").status == "booked", "what is owed stays"
    other = factories.small_clinic()
    stopped = booked.book(other)
    review(other, stopped, "stop", reason="no benefit")
    assert stopped.status == "stopped"
    assert booked.visit(stopped, "dose-1").cancel_reason == "no benefit"


def test_a_course_with_doses_to_come_is_not_complete(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    with pytest.raises(Conflict):
        review(clinic, course, "complete")
    course.refresh_from_db()
    assert course.status == "active"
    assert queries.course(actor=clinic.admin, course_id=course.pk).reviews == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"decision": "continue", "reason": " "},
        {"decision": "perhaps"},
        {"decision": "continue", "phase": "acute_series"},
        {"decision": "stop", "phase": "maintenance"},
        {"decision": "continue", "review_on": NOW.date()},
        {"decision": "change", "phase": "acute_series", "review_on": NOW.date() + timedelta(days=9)},
    ],
)
def test_a_decision_says_what_it_means(clinic: factories.Clinic, wrong: dict[str, Any]) -> None:
    course = booked.book(clinic)
    with pytest.raises(Invalid):
        review(clinic, course, **wrong)


def test_only_clinicians_decide_and_only_while_treatment_goes_on(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    with pytest.raises(NotAllowed):
        review(clinic, course, "continue", actor=factories.actor(clinic.practice, "front_desk"))
    review(clinic, course, "stop")
    with pytest.raises(InvalidTransition):
        review(clinic, course, "continue")
