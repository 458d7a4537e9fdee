"""What a clinician decides about a course: at a phase's end (S-17), on its review date (S-18), or earlier.

The decision stays as a row of its own. It says with which phase treatment goes on; planning reaches as far as
that phase and no further, until the next decision.
"""

from datetime import date, datetime, timedelta
from uuid import UUID

from clinic.practice import actor as actors
from clinic.practice import idempotency, permissions, trail, work
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.ids import new_id
from clinic.practice.trail import Step
from scheduling import reasons, states
from scheduling.booking.course import courses, pauses
from scheduling.booking.guard import access, locks
from scheduling.booking.reading import progress
from scheduling.models import Appointment, CoursePhase, CourseReview, TreatmentCourse
from scheduling.models.review import Decision
from scheduling.planning import windows

CAPABILITY = "courses.review"
LONGEST = timedelta(weeks=52)


def review(
    *,
    actor: Actor,
    course_id: UUID,
    decision: str,
    reason: str,
    now: datetime,
    phase: str | None = None,
    review_on: date | None = None,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Decide how a course goes on, and why.

    `continue`: with the phase that follows, or on with an open-ended one. `change`: with the phase named
    (a taper, or an earlier one again). `complete` and `stop`: not at all; stopping frees what is to come as
    a cancelled course does. `review_on` is when an open-ended phase is looked at again, in twelve weeks
    unless told.

    Raises InvalidTransition, Invalid for a phase that does not follow, Conflict, Stale.
    """
    if not reason.strip():
        raise Invalid({"reason": ["Say why."]})
    if decision not in Decision.values:
        raise Invalid({"decision": [f"One of {', '.join(Decision.values)}."]})
    permissions.check(actor=actor, capability=CAPABILITY)
    with locks.unit_of_work():
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="course", object_id=course_id):
            return
        course = access.course_for_update(actor=actor, course_id=course_id, capability=CAPABILITY)
        access.check_version(found=course.version, expected=version)
        status = states.move(machine=states.COURSE, state=course.status, verb="review")
        phases = list(course.phases.order_by("position"))
        reviewed = _reviewed(course, phases, now)
        following = _following(decision, reviewed, phases, phase)
        today = windows.local_day(zone=course.site.time_zone, instant=now)
        _record(actor, course, decision, reason, reviewed, following, now)
        _set_dates(reviewed, following, review_on, today)
        if decision == Decision.STOP:
            courses.stop(actor=actor, course=course, reason=reason, code=reasons.OTHER, now=now)
        elif decision == Decision.COMPLETE:
            pauses.finish(actor=actor, course=course, reason=reason, now=now)
        else:
            progress.write(course=course, status=status, through_phase=following.name if following else "")
            progress.settle(actor=actor, course=course, now=now)
            _ask_for_plan(course, following, now)


def sweep(*, now: datetime) -> int:
    """What only time does: review dates that have come (S-18). Returns how many courses were looked at; any
    number of sweeps may run at once."""
    found = progress.due_reviews(now=now)
    for course in found:
        fall_due(actor=actors.system(practice_id=course.practice_id), course_id=course.pk, now=now)
    return len(found)


def fall_due(*, actor: Actor, course_id: UUID, now: datetime) -> str:
    """Judge one course again; returns its state."""
    with locks.unit_of_work():
        course = access.course_for_update(actor=actor, course_id=course_id, capability=CAPABILITY)
        return progress.judge(actor=actor, course=course, now=now)


def _reviewed(course: TreatmentCourse, phases: list[CoursePhase], now: datetime) -> CoursePhase:
    """The phase whose review is due, else the one that treatment has reached."""
    if due := progress.unreviewed(course=course, now=now):
        return due[0]
    given = Appointment.objects.filter(
        course=course, kind__in=states.DOSES, status__in=states.ATTENDED, phase__isnull=False
    )
    reached = given.order_by("-start").values_list("phase_id", flat=True).first()
    return next((phase for phase in phases if phase.pk == reached), phases[0])


def _following(
    decision: str, reviewed: CoursePhase, phases: list[CoursePhase], named: str | None
) -> CoursePhase | None:
    if decision in (Decision.STOP, Decision.COMPLETE):
        if named:
            raise Invalid({"phase": ["Treatment does not go on: no phase follows."]})
        return None
    chosen = next((phase for phase in phases if phase.name == named), None)
    if named and chosen is None:
        raise Invalid({"phase": ["The course has no phase of this name."]})
    if decision == Decision.CHANGE:
        if chosen is None:
            raise Invalid({"phase": ["Name the phase that treatment goes on with."]})
        return chosen
    own = reviewed if reviewed.planned_sessions is None else None
    following = own or next((phase for phase in phases if phase.position > reviewed.position), None)
    if following is None:
        raise Invalid(
            {"decision": ["No phase follows this one: complete the course, change it, or stop it."]}
        )
    if chosen is not None and chosen != following:
        raise Invalid({"phase": [f"The phase that follows is {following.name}; another one is a change."]})
    return following


def _record(
    actor: Actor,
    course: TreatmentCourse,
    decision: str,
    reason: str,
    reviewed: CoursePhase,
    following: CoursePhase | None,
    now: datetime,
) -> None:
    CourseReview.objects.create(
        id=new_id(),
        course=course,
        phase=reviewed,
        decision=decision,
        next_phase=following,
        reason=reason,
        decided_at=now,
        decided_by=actor.ref,
    )
    data = {"decision": decision, "phase": reviewed.name, "next": following.name if following else None}
    step = Step("course.reviewed", "course", course.pk, course.pk, course.patient_id, reason, data)
    trail.record(actor=actor, at=now, steps=[step])


def _set_dates(
    reviewed: CoursePhase, following: CoursePhase | None, review_on: date | None, today: date
) -> None:
    """The reviewed phase has been looked at; an open-ended one that follows is looked at again."""
    if review_on is not None and not today < review_on <= today + LONGEST:
        raise Invalid({"review_on": ["A day within the next year."]})
    open_ended = following is not None and following.planned_sessions is None
    if review_on is not None and not open_ended:
        raise Invalid({"review_on": ["Only an open-ended phase has a review date."]})
    if reviewed.review_on is not None:
        CoursePhase.objects.filter(pk=reviewed.pk).update(review_on=None)
    if following is not None and open_ended:
        CoursePhase.objects.filter(pk=following.pk).update(
            review_on=review_on or today + progress.REVIEW_EVERY
        )


def _ask_for_plan(course: TreatmentCourse, following: CoursePhase | None, now: datetime) -> None:
    """What was decided has to be booked, unless it is already."""
    if following is None:
        return
    booked = Appointment.objects.filter(
        course=course, phase=following, kind__in=states.DOSES, status__in=states.LIVE
    )
    if booked.exists():
        return
    work.raise_item(
        practice_id=course.practice_id,
        kind="course_to_replan",
        dedupe_key=f"course_to_replan:{course.pk}:{course.version}",
        subject_kind="course",
        subject_id=course.pk,
        patient_id=course.patient_id,
        role="front_desk",
        reason=f"The course goes on with {following.name}: plan its visits."[:200],
        due_at=now + timedelta(days=1),
    )
