"""A course that rests and goes on: paused and resumed, reopened after its end, or declared complete.

While a course is paused its visits to come are given up, so that others can have the places; the follow-ups
of doses that were given stay, because they are owed. What was given up is remembered as such (`to_replan`)
and comes back whole or not at all; what does not fit any more needs a new plan.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from clinic.practice import idempotency, permissions, trail, work
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid
from clinic.practice.trail import Step
from scheduling import reasons, states
from scheduling.booking.guard import access, locks
from scheduling.booking.reading import progress
from scheduling.booking.reading.rows import last_of_each_name
from scheduling.booking.visit import reinstating
from scheduling.booking.writing import releasing, reminders
from scheduling.followups import gaps
from scheduling.models import Appointment, AppointmentPractitioner, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED, Status

# A pause without an end is asked about after four weeks: S-20, the longest lapse that was studied.
LONGEST_UNASKED = timedelta(days=28)
LONGEST_PAUSE = timedelta(days=366)
Key = idempotency.Key | None


def pause(
    *,
    actor: Actor,
    course_id: UUID,
    reason: str,
    now: datetime,
    until: datetime | None = None,
    version: int | None = None,
    key: Key = None,
) -> None:
    """Give up what is to come of a course for a time, except the follow-ups of doses that were given.

    `until` is when somebody is asked whether it goes on; nothing resumes by itself. Raises InvalidTransition,
    Invalid, Stale, NotFound.
    """
    _need_reason(reason)
    if until is not None and not now < until <= now + LONGEST_PAUSE:
        raise Invalid({"until": ["A time within the next year."]})
    with locks.unit_of_work():
        course = _locked(actor, course_id, "courses.book", version, key, now)
        if course is None:
            return
        status = states.move(machine=states.COURSE, state=course.status, verb="pause")
        freed, _ = releasing.waiting(course=course, now=now)
        data = {"until": until.isoformat()} if until else {}
        steps = [Step("course.paused", "course", course.pk, course.pk, course.patient_id, reason, data)]
        steps += releasing.release(
            actor=actor, visits=freed, code=reasons.COURSE_PAUSED, reason=reason[:200], now=now
        )
        progress.write(course=course, status=status)
        trail.record(actor=actor, at=now, steps=steps)
        gaps.refresh(course_ids=[course.pk], now=now, actor=actor)
        reminders.on_course_cancelled(course=course, now=now)
        progress.settle(actor=actor, course=course, now=now)
        _ask(
            course,
            kind="course_paused",
            role="prescriber",
            reason="The course is paused: resume it, with a new plan if its places are gone, or stop it.",
            due_at=until or now + LONGEST_UNASKED,
        )


def resume(
    *,
    actor: Actor,
    course_id: UUID,
    now: datetime,
    reason: str = "",
    version: int | None = None,
    key: Key = None,
) -> None:
    """Let a paused course go on. The visits that it gave up and whose time has not come are brought back to
    their places, all or none; what is not back is asked to be planned anew."""
    _go_on(actor, course_id, "courses.book", "resume", reason, reasons.COURSE_PAUSED, now, version, key)


def reopen(
    *,
    actor: Actor,
    course_id: UUID,
    reason: str,
    now: datetime,
    version: int | None = None,
    key: Key = None,
) -> None:
    """Let a course that was completed or stopped go on, with its history: after a relapse, or a mistake."""
    _need_reason(reason)
    _go_on(actor, course_id, "courses.book", "reopen", reason, reasons.COURSE_STOPPED, now, version, key)


def complete(
    *,
    actor: Actor,
    course_id: UUID,
    now: datetime,
    reason: str = "",
    version: int | None = None,
    key: Key = None,
) -> None:
    """Say that a course has reached its end, where it does not follow by itself: an open-ended phase.

    Raises Conflict while a visit is still to come.
    """
    with locks.unit_of_work():
        course = _locked(actor, course_id, "courses.review", version, key, now)
        if course is not None:
            finish(actor=actor, course=course, reason=reason, now=now)


def finish(*, actor: Actor, course: TreatmentCourse, reason: str, now: datetime) -> None:
    """Complete a locked course, in the caller's transaction: also what a review decides."""
    status = states.move(machine=states.COURSE, state=course.status, verb="complete")
    doses = Appointment.objects.filter(course=course, kind__in=states.DOSES, status__in=states.LIVE)
    if coming := list(doses.order_by("start").values_list("ref", flat=True)):
        raise Conflict("Doses of this course are still to come.", visits=coming)
    progress.write(course=course, status=status)
    step = Step("course.completed", "course", course.pk, course.pk, course.patient_id, reason)
    trail.record(actor=actor, at=now, steps=[step])
    progress.settle(actor=actor, course=course, now=now)


def to_replan(*, course: TreatmentCourse) -> list[Appointment]:
    """The visits that the course gave up when it paused or stopped and that are not back, nor replaced."""
    lost = (
        Appointment.objects.filter(
            course=course, status=Status.CANCELLED, cancel_code__in=reasons.OF_THE_COURSE
        )
        .select_related("site__practice", "practice", "patient", "course", "phase", "room", "follows")
        .prefetch_related(Prefetch("staffing", AppointmentPractitioner.objects.select_related("staff")))
        .order_by("start", "id")
    )
    live = Appointment.objects.filter(course=course).exclude(status__in=ENDED_UNATTENDED)
    taken = set(live.values_list("ref", flat=True))
    found = [visit for visit in lost if visit.ref not in taken]
    last = last_of_each_name((one.ref, one.cancelled_at or one.start, one.pk) for one in found)
    return [visit for visit in found if visit.pk in last]


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid({"reason": ["Say why."]})


def _locked(
    actor: Actor, course_id: UUID, capability: str, version: int | None, key: Key, now: datetime
) -> TreatmentCourse | None:
    """The course, locked; None for a repeated key."""
    permissions.check(actor=actor, capability=capability)
    if idempotency.claim(key=key, now=now, status_code=200, object_kind="course", object_id=course_id):
        return None
    course = access.course_for_update(actor=actor, course_id=course_id, capability=capability)
    access.check_version(found=course.version, expected=version)
    return course


def _go_on(
    actor: Actor,
    course_id: UUID,
    capability: str,
    verb: str,
    reason: str,
    code: str,
    now: datetime,
    version: int | None,
    key: Key,
) -> None:
    with locks.unit_of_work():
        course = _locked(actor, course_id, capability, version, key, now)
        if course is None:
            return
        status = states.move(machine=states.COURSE, state=course.status, verb=verb)
        progress.write(course=course, status=status)
        progress.settle(actor=actor, course=course, now=now)
        waiting = [visit for visit in to_replan(course=course) if visit.cancel_code == code]
        back = _can_come_back(waiting, now)
        told = reason or "The course goes on."
        in_the_way = reinstating.bring_back(actor=actor, visits=back, reason=told, now=now)
        _tell(actor, course, verb, reason, back, in_the_way, now)
        gaps.refresh(course_ids=[course.pk], now=now, actor=actor)
        if verb == "resume":
            progress.judge(actor=actor, course=course, now=now)
        if in_the_way or len(back) < len(waiting):
            _ask(
                course,
                kind="course_to_replan",
                role="front_desk",
                reason="Not all visits of the course could come back: make a new plan for them.",
                due_at=now,
            )


def _can_come_back(waiting: Sequence[Appointment], now: datetime) -> list[Appointment]:
    """Those whose time has not come. A follow-up comes back with its dose alone."""
    coming = [visit for visit in waiting if visit.start > now]
    ids = {visit.pk for visit in coming}
    return [
        visit
        for visit in coming
        if visit.follows is None or visit.follows_id in ids or visit.follows.status not in ENDED_UNATTENDED
    ]


def _tell(
    actor: Actor,
    course: TreatmentCourse,
    verb: str,
    reason: str,
    back: Sequence[Appointment],
    in_the_way: list[dict[str, Any]],
    now: datetime,
) -> None:
    # Once a visit and rule, also where its room and its person are both taken.
    met = dict.fromkeys((one["visit"], one["rule_id"]) for one in in_the_way)
    data = {
        "back": 0 if in_the_way else len(back),
        "in_the_way": [{"visit": visit, "rule_id": rule} for visit, rule in met],
    }
    name = {"resume": "course.resumed", "reopen": "course.reopened"}[verb]
    step = Step(name, "course", course.pk, course.pk, course.patient_id, reason, data)
    trail.record(actor=actor, at=now, steps=[step])


def _ask(course: TreatmentCourse, *, kind: str, role: str, reason: str, due_at: datetime) -> None:
    work.raise_item(
        practice_id=course.practice_id,
        kind=kind,
        dedupe_key=f"{kind}:{course.pk}:{course.version}",
        subject_kind="course",
        subject_id=course.pk,
        patient_id=course.patient_id,
        role=role,
        assignee_id=course.responsible_clinician_id if role == "prescriber" else None,
        reason=reason,
        due_at=due_at,
    )
