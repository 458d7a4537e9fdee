"""Making the record true: a wrong no-show, a wrong time, a wrong step, and what should not have been written.

A correction is no step of the day. It says what really happened, with a reason, and everything that followed
from the wrong record is judged again in the same transaction: places, follow-up units, messages, questions,
and the course. What was recorded before stays in the row history, who changed it and why in the trail.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.guard import access, locks
from scheduling.booking.reading import progress
from scheduling.booking.visit import consequences, readiness, reinstating
from scheduling.booking.writing import releasing, reminders, seats
from scheduling.errors import InTheFuture, SlotTaken
from scheduling.followups import gaps
from scheduling.models import Appointment
from scheduling.models.appointment import ENDED_UNATTENDED, FACTS, Status

CAPABILITY = "appointments.correct"
_BEGUN = (Status.ARRIVED, Status.IN_PROGRESS, Status.MONITORING, Status.FULFILLED)
# What a state records that nobody needs to give the time of: it is written down now.
_NOW = ("confirmed", "no_show")
Key = idempotency.Key | None
Truth = dict[str, datetime | None]


def correct(
    *,
    actor: Actor,
    appointment_id: UUID,
    reason: str,
    now: datetime,
    status: str | None = None,
    facts: Mapping[str, datetime | None] | None = None,
    overrides: Sequence[dict[str, Any]] = (),
    version: int | None = None,
    key: Key = None,
) -> Appointment:
    """Say what state a visit really is in, and when things really happened.

    `facts` gives the times that were wrong or missing, by name (`arrived`, `discharged` ...); what is not
    given stays, and what cannot stand beside the state is taken back. A dose that was started without papers
    or ended before its observation asks for `overrides`, as the step itself would. A visit that turns out to
    have taken place is kept even where its place was given away.

    Raises InvalidTransition, Invalid for times out of order, InTheFuture, RuleViolation, Stale.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    _need_reason(reason)
    with locks.unit_of_work():
        visit, replayed = _locked(actor, appointment_id, version, key, now)
        if replayed:
            return visit
        target = status or visit.status
        states.check_correction(status=visit.status, to=target, kind=visit.kind)
        truth = _truth(visit, target, facts or {}, now)
        changed = _changed(visit, target, truth)
        _check(actor, visit, truth, changed, overrides, now)
        before = visit.status
        _store(actor, visit, target, truth, changed, now)
        _tell(actor, visit, before, changed, reason, now)
        reminders.on_corrected(appointment=visit, before=before, now=now)
        if visit.course_id:
            gaps.refresh(course_ids=[visit.course_id], now=now, actor=actor)
        _follow(actor, visit, before, now)
        return visit


def enter_in_error(
    *,
    actor: Actor,
    appointment_id: UUID,
    reason: str,
    now: datetime,
    version: int | None = None,
    key: Key = None,
) -> Appointment:
    """Say that a visit should never have been written: it counts for nothing any more and nobody is told of
    it. Nothing leads back."""
    permissions.check(actor=actor, capability=CAPABILITY)
    _need_reason(reason)
    with locks.unit_of_work():
        visit, replayed = _locked(actor, appointment_id, version, key, now)
        if replayed:
            return visit
        verb = "enter_in_error"
        move = states.find(machine=states.APPOINTMENT, state=visit.status, verb=verb, kind=visit.kind)
        before = visit.status
        reinstating.write(visit=visit, values={"status": move.target, "hold_expires_at": None})
        _tell(actor, visit, before, {}, reason, now, verb=verb)
        reminders.on_entered_in_error(subject_ids=[visit.pk], now=now)
        if visit.course_id:
            gaps.refresh(course_ids=[visit.course_id], now=now, actor=actor)
        consequences.after_error(actor=actor, appointment=visit, now=now)
        return visit


def enter_course_in_error(
    *,
    actor: Actor,
    course_id: UUID,
    reason: str,
    now: datetime,
    version: int | None = None,
    key: Key = None,
) -> None:
    """Say that a whole course should never have been written, its visits with it.

    Raises Conflict while something of it has happened: that is corrected first, visit by visit, because a
    dose that was given was given to somebody.
    """
    permissions.check(actor=actor, capability="courses.book")
    _need_reason(reason)
    with locks.unit_of_work():
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="course", object_id=course_id):
            return
        course = access.course_for_update(actor=actor, course_id=course_id, capability="courses.book")
        access.check_version(found=course.version, expected=version)
        status = states.move(machine=states.COURSE, state=course.status, verb="enter_in_error")
        visits = Appointment.objects.filter(course=course)
        if begun := list(visits.filter(status__in=_BEGUN).order_by("start").values_list("ref", flat=True)):
            raise Conflict("Something of this course has happened: correct those visits first.", visits=begun)
        # Those too that were cancelled or missed: nobody missed what should never have been written.
        stood = list(visits.exclude(status=Status.ENTERED_IN_ERROR).values_list("pk", flat=True))
        visits.filter(pk__in=stood).update(
            status=Status.ENTERED_IN_ERROR, hold_expires_at=None, **access.touched()
        )
        seats.release(appointment_ids=stood)
        releasing.settle(actor=actor, visits=visits.only("pk"), now=now)
        progress.write(course=course, status=status)
        verb = "enter_in_error"
        steps = [Step(f"course.{verb}", "course", course.pk, course.pk, course.patient_id, reason)]
        steps += [
            Step(f"appointment.{verb}", "appointment", one, course.pk, course.patient_id, reason)
            for one in stood
        ]
        trail.record(actor=actor, at=now, steps=steps)
        gaps.refresh(course_ids=[course.pk], now=now, actor=actor)
        reminders.on_entered_in_error(subject_ids=[course.pk, *stood], now=now)
        progress.settle(actor=actor, course=course, now=now)


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid({"reason": ["Say what was wrong."]})


def _locked(
    actor: Actor, appointment_id: UUID, version: int | None, key: Key, now: datetime
) -> tuple[Appointment, bool]:
    replay = idempotency.claim(
        key=key, now=now, status_code=200, object_kind="appointment", object_id=appointment_id
    )
    visit = access.appointment_for_update(
        actor=actor,
        appointment_id=appointment_id,
        capability=CAPABILITY,
        version=None if replay else version,
    )
    return visit, replay is not None


def _truth(visit: Appointment, target: str, given: Mapping[str, datetime | None], now: datetime) -> Truth:
    """Every fact after the correction: possible beside the state, complete, in order, in the past."""
    possible = states.possible_facts(status=target, kind=visit.kind)
    needed = states.needed_facts(status=target, kind=visit.kind)
    truth: Truth = {}
    for name in FACTS:
        stored = getattr(visit, f"{name}_at")
        value = given.get(name, stored if name in possible else None)
        if value is not None and name not in possible:
            raise Invalid({f"facts.{name}": [f"A visit that is {target} has no such time."]})
        if value is None and name in needed:
            if name not in _NOW:
                raise Invalid({f"facts.{name}": [f"A visit that is {target} needs this time."]})
            value = now
        if value is not None and value > now:
            raise InTheFuture(at=value.isoformat())
        truth[name] = value
    if unknown := set(given) - set(FACTS):
        raise Invalid({f"facts.{sorted(unknown)[0]}": ["There is no fact of this name."]})
    _check_order(visit, truth)
    return truth


def _check_order(visit: Appointment, truth: Truth) -> None:
    known = [(name, truth[name]) for name in states.DAY]
    last: tuple[str, datetime] | None = None
    for name, at in known:
        if at is None:
            continue
        if last is not None and at < last[1]:
            before = last[0].replace("_", " ")
            raise Invalid({f"facts.{name}": [f"It cannot be before {before} ({last[1].isoformat()})."]})
        last = (name, at)
    missed = truth["no_show"]
    if missed is not None and missed < visit.start:
        raise Invalid({"facts.no_show": ["The visit had not begun: nobody can have missed it."]})


def _changed(visit: Appointment, target: str, truth: Truth) -> Truth:
    changed = {name: at for name, at in truth.items() if at != getattr(visit, f"{name}_at")}
    if not changed and target == visit.status:
        raise Invalid({"facts": ["Nothing would change."]})
    return changed


def _check(
    actor: Actor,
    visit: Appointment,
    truth: Truth,
    changed: Truth,
    asked: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """What the steps themselves would have asked for: who may discharge, papers (S-01, S-02), observation
    (S-09)."""
    if "discharged" in changed:
        permissions.check(actor=actor, capability="appointments.discharge")
    if visit.started_at is None and truth["started"] is not None:
        readiness.check(
            actor=actor, appointment=visit, verb="start", at=truth["started"], asked=list(asked), now=now
        )
    discharged = truth["discharged"]
    if discharged is not None and {"started", "discharged"} & set(changed):
        visit.started_at = truth["started"]
        readiness.check(
            actor=actor, appointment=visit, verb="discharge", at=discharged, asked=list(asked), now=now
        )


def _store(
    actor: Actor, visit: Appointment, target: str, truth: Truth, changed: Truth, now: datetime
) -> None:
    values: dict[str, Any] = {"status": target}
    for name, at in changed.items():
        values |= {f"{name}_at": at, f"{name}_by": actor.ref if at else None}
    if target != "cancelled":
        values |= {"cancel_code": "", "cancel_reason": ""}
    if visit.status in ENDED_UNATTENDED and target not in ENDED_UNATTENDED:
        values["ref"] = reinstating.free_ref(visit=visit)
        _take_if_free(actor, visit, now)
    reinstating.write(visit=visit, values=values)


def _take_if_free(actor: Actor, visit: Appointment, now: datetime) -> None:
    """Its places while it lasts, if nobody else has them: what happens is recorded whoever was planned."""
    if visit.end <= now:
        return
    try:
        with locks.savepoint():
            reinstating.retake(actor=actor, lost=[visit], now=now)
    except (SlotTaken, Invalid):
        return


def _tell(
    actor: Actor,
    visit: Appointment,
    before: str,
    changed: Truth,
    reason: str,
    now: datetime,
    *,
    verb: str = "correct",
) -> None:
    step = Step(
        f"appointment.{verb}",
        "appointment",
        visit.pk,
        visit.course_id,
        visit.patient_id,
        reason,
        {
            "ref": visit.ref,
            "before": before,
            "after": visit.status,
            "facts": {name: at.isoformat() if at else None for name, at in changed.items()},
        },
    )
    trail.record(actor=actor, at=now, steps=[step])


def _follow(actor: Actor, visit: Appointment, before: str, now: datetime) -> None:
    """Judge again what followed from the wrong record."""
    if before in ENDED_UNATTENDED and visit.status not in ENDED_UNATTENDED:
        consequences.after_return(actor=actor, appointment=visit, now=now)
    if visit.status == Status.NO_SHOW and before != Status.NO_SHOW:
        consequences.follow(verb="no_show", actor=actor, appointment=visit, now=now)
    if visit.status == Status.FULFILLED:
        consequences.after_attendance(actor=actor, appointment=visit, now=now)
    elif visit.course is not None:
        progress.judge(actor=actor, course=visit.course, now=now)
