"""What people decide about a message: whether one in doubt was sent, and that a planned one is not to go.

A person is evidence as a provider is: nothing else takes a message out of doubt (R4).
"""

from datetime import datetime
from uuid import UUID

from clinic.practice import idempotency, permissions, trail, work, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound, Stale
from notifications.channels.base import Outcome
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.planning import doorbell, ledger
from notifications.sending import aftermath

CAPABILITY = "messages.work"
LONGEST = 300
# What is kept as the reason of the row; why in words is in the trail.
WITHDRAWN, NOT_SENT = "withdrawn", "said_not_sent"


def resolve(
    *,
    actor: Actor,
    message_id: UUID,
    attempt_id: UUID,
    sent: bool,
    reason: str,
    now: datetime,
    key: idempotency.Key | None = None,
) -> None:
    """Say whether a message in doubt was sent. One that was not goes again, if it is still of use.

    `attempt_id` is the hand-over that was looked into. Raises NotFound, NotAllowed, Invalid without a reason,
    Stale when another hand-over is in doubt by now, InvalidMove when none is.
    """
    _check(actor, reason)
    verb = "resolve_sent" if sent else "resolve_not_sent"
    with writing.transaction():
        if _claimed(key, now, message_id):
            return
        message = _locked(actor, message_id)
        target = ledger.move(state=message.state, verb=verb)
        if message.current_attempt != attempt_id:
            raise Stale()
        Attempt.objects.filter(pk=attempt_id).update(
            finished_at=now,
            outcome=Outcome.ACCEPTED if sent else Outcome.TRANSIENT,
            sealed_text=None,
        )
        _set(message, target, "" if sent else NOT_SENT, now)
        if not sent:
            # At once: it was due before. What is of no use any more is found silent by the last look.
            Message.objects.filter(pk=message.pk).update(due_at=min(now, message.useful_until))
        _settle(message, actor, now)
        _tell(message, actor, f"message.{verb}", reason, now)
    if sent:
        # Each row by itself, after the commit, as when a provider takes a message.
        aftermath.merge(attempt_id=attempt_id, now=now)
    else:
        doorbell.ring()


def withdraw(
    *, actor: Actor, message_id: UUID, reason: str, now: datetime, key: idempotency.Key | None = None
) -> None:
    """Keep a planned message from going. Raises NotFound, NotAllowed, Invalid without a reason, InvalidMove
    once its hand-over has begun."""
    _check(actor, reason)
    with writing.transaction():
        if _claimed(key, now, message_id):
            return
        message = _locked(actor, message_id)
        _set(message, ledger.move(state=message.state, verb="cancel"), WITHDRAWN, now)
        _tell(message, actor, "message.withdraw", reason, now)


def _check(actor: Actor, reason: str) -> None:
    permissions.check(actor=actor, capability=CAPABILITY)
    if not reason.strip():
        raise Invalid({"reason": ["Say in words why."]})
    if len(reason) > LONGEST:
        raise Invalid({"reason": [f"At most {LONGEST} characters."]})


def _claimed(key: idempotency.Key | None, now: datetime, message_id: UUID) -> bool:
    found = idempotency.claim(key=key, now=now, status_code=200, object_kind="message", object_id=message_id)
    return found is not None


def _locked(actor: Actor, message_id: UUID) -> Message:
    found = (
        Message.objects.select_for_update(of=("self",))
        .filter(practice_id=actor.practice_id, pk=message_id)
        .first()
    )
    if found is None:
        raise NotFound()
    return found


def _set(message: Message, state: str, reason: str, now: datetime) -> None:
    message.state = State(state)
    Message.objects.filter(pk=message.pk).update(
        state=state, state_reason=reason, lease_until=None, updated_at=now
    )


def _settle(message: Message, actor: Actor, now: datetime) -> None:
    work.settle(
        practice_id=message.practice_id,
        subject_ids=[message.pk],
        kinds=["message_in_doubt"],
        by=actor.ref,
        now=now,
    )


def _tell(message: Message, actor: Actor, verb: str, reason: str, now: datetime) -> None:
    step = trail.Step(
        verb=verb,
        subject_kind="message",
        subject_id=message.pk,
        course_id=message.course_id,
        patient_id=message.patient_id,
        reason=reason.strip(),
        data={"kind": message.kind, "channel": message.channel},
    )
    trail.record(actor=actor, at=now, steps=[step])
