"""One visit, moved through its states as the day goes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.trail import Step
from scheduling import reasons, states
from scheduling.booking.guard import access, locks
from scheduling.booking.visit import consequences, readiness
from scheduling.booking.writing import releasing
from scheduling.errors import InTheFuture
from scheduling.followups import gaps
from scheduling.models import Appointment
from scheduling.states import Move

CAPABILITY = {
    "confirm": "appointments.confirm",
    "check_in": "appointments.attend",
    "start": "appointments.attend",
    "end_administration": "appointments.attend",
    "discharge": "appointments.discharge",
    "complete": "appointments.attend",
    "cancel": "appointments.cancel",
    "no_show": "appointments.attend",
}
# What a caller may say at once about the visits that follow a cancelled dose.
FOLLOW_UPS = ("keep", "cancel")
# Facts follow one another: nobody leaves before they came.
IN_ORDER = {
    "arrived_at": "the arrival",
    "started_at": "the start",
    "administration_ended_at": "the end of the administration",
}


def transition(
    *,
    actor: Actor,
    appointment_id: UUID,
    verb: str,
    now: datetime,
    at: datetime | None = None,
    reason: str = "",
    reason_code: str = "",
    follow_up: str = "",
    overrides: Sequence[dict[str, Any]] = (),
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> Appointment:
    """Move a visit along its states, and do all that follows from it in the same transaction.

    `at` is when it really happened (a late entry); never in the future and never before what it follows.
    `overrides` are `{"rule_id", "reason"}`, for a patient who is not ready or leaves early. A cancellation
    takes a `reason_code` (`scheduling.reasons`), a reason in words or both, and for a dose `follow_up`:
    `keep` or `cancel` what was booked to follow it; unsaid, people are asked. A repeated `key` gives the
    visit as it is.

    Raises InvalidTransition, RuleViolation when the patient is not ready or may not leave yet, InTheFuture,
    Stale.
    """
    moment = at or now
    if moment > now:
        raise InTheFuture(at=moment.isoformat())
    permissions.check(actor=actor, capability=CAPABILITY[verb])
    with locks.unit_of_work():
        replay = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="appointment", object_id=appointment_id
        )
        appointment = access.appointment_for_update(
            actor=actor,
            appointment_id=appointment_id,
            capability=CAPABILITY[verb],
            version=None if replay else version,
        )
        if replay:
            return appointment
        move = states.find(
            machine=states.APPOINTMENT, state=appointment.status, verb=verb, kind=appointment.kind
        )
        _check_facts(actor=actor, appointment=appointment, verb=verb, moment=moment, now=now)
        _check_follow_up(appointment=appointment, verb=verb, follow_up=follow_up)
        code, reason = reasons.read(code=reason_code, note=reason) if verb == "cancel" else ("", reason)
        readiness.check(
            actor=actor, appointment=appointment, verb=verb, at=moment, asked=list(overrides), now=now
        )
        _store(actor=actor, appointment=appointment, move=move, moment=moment, code=code, reason=reason)
        record(
            actor=actor, appointment=appointment, verb=verb, now=now, moment=moment, reason=reason, code=code
        )
        if follow_up == "cancel":
            releasing.cancel_followers(actor=actor, dose=appointment, reason=reason, now=now)
        if appointment.course_id:
            gaps.refresh(course_ids=[appointment.course_id], now=now, actor=actor)
        consequences.follow(verb=verb, actor=actor, appointment=appointment, now=now, ask=not follow_up)
        return appointment


def _check_facts(
    *, actor: Actor, appointment: Appointment, verb: str, moment: datetime, now: datetime
) -> None:
    """What is recorded must be possible: in order, by somebody who may, and with the reason it needs."""
    if moment < now:
        permissions.check(actor=actor, capability="appointments.record_past")
    for name, words in IN_ORDER.items():
        earlier = getattr(appointment, name)
        if earlier is not None and moment < earlier:
            raise Invalid({"at": [f"It cannot be before {words} ({earlier.isoformat()})."]})
    if verb == "no_show" and moment < appointment.start:
        raise Invalid({"at": ["The visit has not begun: nobody can have missed it. It can be cancelled."]})


def _check_follow_up(*, appointment: Appointment, verb: str, follow_up: str) -> None:
    if not follow_up:
        return
    if follow_up not in FOLLOW_UPS:
        raise Invalid({"follow_up": [f"One of {', '.join(FOLLOW_UPS)}."]})
    if verb != "cancel" or appointment.kind not in states.DOSES:
        raise Invalid({"follow_up": ["Only a dose that is cancelled has a follow-up to decide on."]})


def _store(
    *, actor: Actor, appointment: Appointment, move: Move, moment: datetime, code: str, reason: str
) -> None:
    values: dict[str, Any] = {"status": move.target}
    for fact in move.clears:
        values |= {f"{fact}_at": None, f"{fact}_by": None}
    if move.fact:
        values |= {f"{move.fact}_at": moment, f"{move.fact}_by": actor.ref}
    if move.verb == "cancel":
        values |= {"cancel_code": code, "cancel_reason": reason}
    Appointment.objects.filter(id=appointment.id).update(**values, **access.touched())
    for name, value in values.items():
        setattr(appointment, name, value)
    appointment.version += 1


def record(
    *,
    actor: Actor,
    appointment: Appointment,
    verb: str,
    now: datetime,
    moment: datetime,
    reason: str,
    code: str = "",
) -> None:
    """The visit's line in the trail."""
    data = {"at": moment.isoformat(), "ref": appointment.ref} | ({"code": code} if code else {})
    step = Step(
        verb=f"appointment.{verb}",
        subject_kind="appointment",
        subject_id=appointment.id,
        course_id=appointment.course_id,
        patient_id=appointment.patient_id,
        reason=reasons.in_words(code=code, note=reason),
        data=data,
    )
    trail.record(actor=actor, at=now, steps=[step])
