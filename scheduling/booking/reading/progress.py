"""Where a course stands by what has been given and decided: whether a review is due, whether it is complete.

Nobody sets these by hand while the facts say otherwise: `judge` is called by every write that can change the
answer, in its transaction, with the course locked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from clinic.practice import trail, work
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict
from clinic.practice.trail import Step
from scheduling import reasons, states
from scheduling.booking.guard import access
from scheduling.models import Appointment, CoursePhase, CourseReview, FollowUpGap, TreatmentCourse
from scheduling.models.followup import GapStatus
from scheduling.planning import windows

# Judgement: how soon a review that is due should be held.
REVIEW_WITHIN = timedelta(days=7)
# S-18: every three months unless somebody says otherwise.
REVIEW_EVERY = timedelta(weeks=12)
SETTLED = (GapStatus.CLOSED, GapStatus.WAIVED, GapStatus.VOID)
# Tasks about a course that have no purpose once it goes on or is over.
ABOUT_A_COURSE = ("course_review", "course_paused", "course_to_replan")


def check_takes(*, course: TreatmentCourse, kind: str) -> None:
    """Raise Conflict where a visit of this kind can no longer be put into the course, new or from elsewhere.

    A course that is paused or over takes no dose; the talks that follow the doses given are still owed.
    """
    if course.status == "entered_in_error":
        raise Conflict("The course was entered in error.", state=course.status)
    if kind in states.DOSES and course.status in ("paused", "completed", "stopped"):
        raise Conflict(f"The course is {course.status}: it takes no dose.", state=course.status)


def judge(*, actor: Actor, course: TreatmentCourse, now: datetime) -> str:
    """Make the course's state follow from its doses, units and reviews; returns the state.

    S-17: a phase that asks for a review ends in one (label: evaluate benefit at the end of induction). S-18:
    an open-ended phase is looked at again on its review date. A course is complete by itself when every dose
    of every phase has been given, nothing is to come, and no follow-up is owed any more.
    """
    _date_open_ended(course)
    due = unreviewed(course=course, now=now)
    if course.status == "active" and due:
        _change(actor, course, "ask_review", now, {"phase": due[0].name})
        _ask_for_review(course, due[0], now)
    elif course.status == "review_due" and not due:
        _change(actor, course, "withdraw_review", now, {})
        settle(actor=actor, course=course, now=now)
    elif course.status == "active" and _is_complete(course):
        _change(actor, course, "complete", now, {"by_itself": True})
        settle(actor=actor, course=course, now=now)
    elif course.status == "completed" and _live(course).filter(kind__in=states.DOSES).exists():
        _change(actor, course, "reopen", now, {"by_itself": True})
    return course.status


def unreviewed(*, course: TreatmentCourse, now: datetime) -> list[CoursePhase]:
    """The phases whose review is due and was not held, in their order."""
    phases = list(course.phases.order_by("position"))
    reviewed = {
        review.phase_id
        for review in CourseReview.objects.filter(course=course)
        # Going on with the same phase asks for another review at its end.
        if review.next_phase_id != review.phase_id
    }
    today = windows.local_day(zone=course.site.time_zone, instant=now)
    found = []
    for phase in phases:
        dated = phase.review_on is not None and phase.review_on <= today
        unheard = phase.exit_review_required and phase.pk not in reviewed
        ended = unheard and _is_over(phase) and not _is_passed(phase)
        if dated or ended:
            found.append(phase)
    return found


def _date_open_ended(course: TreatmentCourse) -> None:
    """S-18: an open-ended phase is looked at again twelve weeks after its first dose, unless told."""
    undated = CoursePhase.objects.filter(course=course, planned_sessions=None, review_on=None, reviews=None)
    for phase in undated:
        given = phase.appointments.filter(kind__in=states.DOSES, status__in=states.ATTENDED)
        first = given.order_by("start").values_list("local_date", flat=True).first()
        if first is not None:
            CoursePhase.objects.filter(pk=phase.pk).update(review_on=first + REVIEW_EVERY)


def _is_over(phase: CoursePhase) -> bool:
    """All of it was given, or some and nothing of it is to come: neither booked, nor given up by a pause and
    waiting for a new time."""
    doses = list(phase.appointments.filter(kind__in=states.DOSES))
    given = [dose for dose in doses if dose.status in states.ATTENDED]
    live = [dose for dose in doses if dose.status in states.LIVE]
    there = {dose.ref for dose in (*given, *live)}
    waiting = [dose for dose in doses if dose.cancel_code in reasons.OF_THE_COURSE and dose.ref not in there]
    if not given or live:
        return False
    return not waiting or len(given) >= (phase.planned_sessions or 0)


def _is_passed(phase: CoursePhase) -> bool:
    """Treatment has gone on with a later phase: before the course was taken over, or by an override."""
    later = Appointment.objects.filter(course=phase.course_id, phase__position__gt=phase.position)
    return later.filter(kind__in=states.DOSES, status__in=states.ATTENDED).exists()


def _live(course: TreatmentCourse) -> QuerySet[Appointment]:
    return Appointment.objects.filter(course=course, status__in=states.LIVE)


def _is_to_come(course: TreatmentCourse) -> bool:
    return (
        _live(course).exists()
        or FollowUpGap.objects.filter(course=course).exclude(status__in=SETTLED).exists()
    )


def _is_complete(course: TreatmentCourse) -> bool:
    phases = list(course.phases.all())
    if not phases or any(phase.planned_sessions is None for phase in phases) or _is_to_come(course):
        return False
    given = Appointment.objects.filter(course=course, kind__in=states.DOSES, status__in=states.ATTENDED)
    counted = list(given.values_list("phase_id", flat=True))
    return all(counted.count(phase.pk) >= (phase.planned_sessions or 0) for phase in phases)


def _change(actor: Actor, course: TreatmentCourse, verb: str, now: datetime, data: dict[str, object]) -> None:
    status = states.move(machine=states.COURSE, state=course.status, verb=verb)
    write(course=course, status=status)
    told = {"ask_review": "course.review_due", "complete": "course.completed", "reopen": "course.reopened"}
    step = Step(
        told.get(verb, f"course.{verb}"), "course", course.pk, course.pk, course.patient_id, data=data
    )
    trail.record(actor=actor, at=now, steps=[step])


def write(*, course: TreatmentCourse, status: str, **values: object) -> None:
    """Store a course's new state, and what changes with it."""
    TreatmentCourse.objects.filter(pk=course.pk).update(status=status, **values, **access.touched())
    for name, value in {"status": status, **values}.items():
        setattr(course, name, value)
    course.version += 1


def _ask_for_review(course: TreatmentCourse, phase: CoursePhase, now: datetime) -> None:
    work.raise_item(
        practice_id=course.practice_id,
        kind="course_review",
        dedupe_key=f"course_review:{course.pk}:{course.version}",
        subject_kind="course",
        subject_id=course.pk,
        patient_id=course.patient_id,
        role="prescriber",
        assignee_id=course.responsible_clinician_id,
        reason=f"Review the phase {phase.name}: go on, change, or stop."[:200],
        due_at=now + REVIEW_WITHIN,
    )


def settle(
    *,
    actor: Actor,
    course: TreatmentCourse,
    now: datetime,
    kinds: Sequence[str] = ABOUT_A_COURSE,
) -> None:
    """Nobody needs to look any more at what was asked about the course."""
    work.settle(practice_id=course.practice_id, subject_ids=[course.pk], kinds=kinds, by=actor.ref, now=now)


def due_reviews(*, now: datetime, limit: int = 200) -> list[TreatmentCourse]:
    """Active courses in which the review date of a phase may have come, by index; the day is the site's, so
    `judge` decides."""
    dated = Q(phases__review_on__lte=(now + timedelta(hours=14)).date())
    found = TreatmentCourse.objects.filter(dated, status="active").distinct().order_by("id")
    return list(found[:limit])
