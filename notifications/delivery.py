"""How a message leaves: claim, look again, hand over, record. Any number of these loops may run at once.

The states are written so that a process may die at any instruction:
- `leased` is committed, and the attempt counted, before anything is computed: what kills the worker gives up
  after five times and stops nobody else;
- `handing_over` with a fresh attempt id is committed before the provider is called, one message at a time:
  what dies in between is in doubt, and a person is told; it is never sent a second time by itself;
- the result is fenced by the attempt id: a worker that was late overwrites nothing.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F

from clinic.practice import crashpoints
from clinic.practice.ids import new_id
from notifications import aftermath, channels, decision, ledger, neutral, policy, replays, spans
from notifications.channels.base import Outcome, Outgoing, Result, TooLate
from notifications.decision import Blocked, Later, Send
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.ports import Silence

log = structlog.get_logger("notifications.delivery")

# One message at a time to one patient: the next looks again after the first has gone, and may find itself
# said.
TURN = timedelta(seconds=5)
_PATIENT_TURN = 0x6D657373


@dataclass(frozen=True, slots=True)
class Begun:
    """A hand-over that has been committed and not yet made."""

    message_id: UUID
    channel: str
    attempt_id: UUID
    lease_until: datetime
    send: Send


def run(*, clock: Callable[[], datetime], worker: str, seconds: float = 45.0, limit: int = 1000) -> int:
    """Handle what is due, one by one, until nothing is or the time is up; returns how many were handled."""
    until = clock() + timedelta(seconds=seconds)
    for handled in range(limit):
        now = clock()
        message_id = claim(worker=worker, now=now) if now < until else None
        if message_id is None:
            return handled
        handle(message_id=message_id, worker=worker, clock=clock)
    return limit


def claim(*, worker: str, now: datetime) -> UUID | None:
    """Lease the message that is due longest and that nobody else is claiming; committed when this returns."""
    crashpoints.reach("before-lease")
    with transaction.atomic(durable=True):
        row = (
            Message.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=State.PLANNED, due_at__lte=now)
            .order_by("due_at", "id")
            .first()
        )
        if row is None:
            return None
        Message.objects.filter(pk=row.pk).update(
            state=ledger.move(state=row.state, verb="lease"),
            lease_until=now + spans.lease(),
            leased_by=worker,
            attempts=F("attempts") + 1,
            updated_at=now,
        )
        return row.pk


def handle(*, message_id: UUID, worker: str, clock: Callable[[], datetime]) -> None:
    """Take one leased message to its next state. Whatever goes wrong with it stays with it."""
    crashpoints.reach("after-lease")
    try:
        begun = begin(message_id=message_id, worker=worker, now=clock())
    except Exception as error:
        log.warning("message_failed", error_class=type(error).__name__)
        _not_begun(message_id=message_id, worker=worker, reason=type(error).__name__, now=clock())
        return
    if begun is None:
        return
    crashpoints.reach("after-hand-over-commit")
    result = _call(begun, clock)
    crashpoints.reach("after-call")
    record(message_id=message_id, attempt_id=begun.attempt_id, result=result, now=clock())
    crashpoints.reach("after-result-commit")


def begin(*, message_id: UUID, worker: str, now: datetime) -> Begun | None:
    """Look again and commit either the hand-over or why there is none. None: there is nothing to call."""
    with transaction.atomic(durable=True):
        message = _leased(message_id, worker, now)
        if message is None:
            return None
        turn = now + TURN
        if turn <= message.useful_until and _busy(message):
            _give_back(message, turn, now)
            return None
        verdict = decision.decide(message=message, now=now)
        if isinstance(verdict, Send):
            return _hand_over(message, verdict, now)
        if isinstance(verdict, Later):
            _give_back(message, verdict.at, now)
        elif isinstance(verdict, Silence):
            aftermath.suppressed(message=message, reason=verdict.reason, now=now)
        else:
            _block(message, verdict, now)
        return None


def record(*, message_id: UUID, attempt_id: UUID, result: Result, now: datetime) -> bool:
    """Write what is known after a hand-over; False when the message has moved on from this attempt meanwhile.

    A late answer is evidence about its own attempt, so it also resolves a doubt about that attempt.
    """
    if result.outcome is Outcome.ACCEPTED:
        # Before the result is written: until then no other message to this patient can begin.
        aftermath.merge(attempt_id=attempt_id, now=now)
    with transaction.atomic(durable=True):
        message = (
            Message.objects.select_for_update(of=("self",))
            .select_related("practice", "patient")
            .filter(pk=message_id, current_attempt=attempt_id, state__in=(State.HANDING_OVER, State.IN_DOUBT))
            .first()
        )
        if message is None:
            return False
        Attempt.objects.filter(pk=attempt_id).update(
            finished_at=now,
            outcome=result.outcome,
            error_code=result.code[:40],
            provider_id=result.provider_id,
            **({} if result.outcome is Outcome.IN_DOUBT else {"sealed_text": None}),
        )
        if result.outcome is Outcome.ACCEPTED:
            aftermath.accepted(message=message, provider_id=result.provider_id, now=now)
        elif result.outcome is Outcome.IN_DOUBT:
            aftermath.in_doubt(message=message, code=result.code, now=now)
        else:
            _refused(message, result, now)
        crashpoints.reach("before-result-commit")
        return True


def _leased(message_id: UUID, worker: str, now: datetime) -> Message | None:
    return (
        Message.objects.select_for_update(of=("self",))
        .select_related("practice", "patient", "staff")
        .filter(pk=message_id, state=State.LEASED, leased_by=worker, lease_until__gt=now)
        .first()
    )


def _busy(message: Message) -> bool:
    """Whether another message to this patient is being handed over just now.

    Two loops that begin at the same moment for the same patient take turns by an advisory lock; it ends with
    the transaction, when the first one's `handing_over` can be seen.
    """
    if message.patient_id is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_PATIENT_TURN, str(message.patient_id)]
        )
    return Message.objects.filter(patient_id=message.patient_id, state=State.HANDING_OVER).exists()


def _hand_over(message: Message, send: Send, now: datetime) -> Begun:
    attempt = Attempt(
        id=new_id(), message=message, number=message.attempts, begun_at=now, covers=list(send.covers)
    )
    replays.keep(attempt=attempt, channel=message.channel, text=send.rendered.text)
    attempt.save(force_insert=True)
    lease_until = now + spans.lease()
    Message.objects.filter(pk=message.pk).update(
        state=ledger.move(state=message.state, verb="begin"),
        current_attempt=attempt.pk,
        lease_until=lease_until,
        sent_to=send.to,
        sent_subject=send.rendered.subject,
        sent_body=neutral.kept(send.rendered.text),
        updated_at=now,
    )
    if send.instead_of is not None:
        aftermath.wording_refused(message=message, wording_id=send.instead_of, now=now)
    crashpoints.reach("before-hand-over-commit")
    return Begun(message.pk, message.channel, attempt.pk, lease_until, send)


def _call(begun: Begun, clock: Callable[[], datetime]) -> Result:
    """The provider's answer. Outside every transaction; an error that no channel foresaw leaves a doubt."""
    channel = channels.of(begun.channel)
    if channel is None:
        return Result(Outcome.TRANSIENT, code="not_called")
    send, last = begun.send, begun.lease_until - spans.call()
    outgoing = Outgoing(
        attempt_id=begun.attempt_id,
        to=send.to,
        sender_name=send.sender_name,
        subject=send.rendered.subject,
        text=send.rendered.text,
        html=send.rendered.html,
        calendar=send.calendar,
        calendar_method=send.calendar_method,
        in_time=lambda: clock() <= last,
    )
    try:
        return channel.send(outgoing=outgoing)
    except TooLate:
        return Result(Outcome.TRANSIENT, code="not_called")
    except Exception as error:
        log.warning("channel_failed", error_class=type(error).__name__)
        return Result(Outcome.IN_DOUBT, code=type(error).__name__)


def _give_back(message: Message, at: datetime, now: datetime) -> None:
    """Put it off. Waiting is no attempt."""
    Message.objects.filter(pk=message.pk).update(
        state=ledger.move(state=message.state, verb="give_back"),
        due_at=min(at, message.useful_until),
        attempts=message.attempts - 1,
        lease_until=None,
        updated_at=now,
    )


def _block(message: Message, verdict: Blocked, now: datetime) -> None:
    reason = "not_neutral:" + ",".join(verdict.codes)
    aftermath.failed(message=message, reason=reason, now=now, fall_back=False)


def _not_begun(*, message_id: UUID, worker: str, reason: str, now: datetime) -> None:
    """The message could not even be made: try again later, or give up on it alone."""
    with transaction.atomic(durable=True):
        message = _leased(message_id, worker, now - spans.lease())
        if message is None:
            return
        _again_or_never(message, Result(Outcome.TRANSIENT, code=reason), now, verb="give_back")


def _refused(message: Message, result: Result, now: datetime) -> None:
    if result.suppress:
        aftermath.suppress_address(message=message, reason=result.suppress, now=now)
    if message.state == State.IN_DOUBT:
        # The provider's own late answer: it was not taken.
        message.state = ledger.move(state=message.state, verb="resolve_not_sent")
        aftermath.doubt_resolved(message=message, now=now)
    _again_or_never(message, result, now, verb="retry")


def _again_or_never(message: Message, result: Result, now: datetime, *, verb: str) -> None:
    retry = policy.after_failure(
        attempt=message.attempts,
        outcome=result.outcome,
        now=now,
        useful_until=message.useful_until,
        retry_after=result.retry_after,
        spread=random.random(),
    )
    if retry.next_attempt_at is None:
        aftermath.failed(message=message, reason=f"{retry.reason}:{result.code}", now=now)
        return
    target = message.state if message.state == State.PLANNED else ledger.move(state=message.state, verb=verb)
    Message.objects.filter(pk=message.pk).update(
        state=target,
        state_reason=f"{retry.reason}:{result.code}"[:60],
        due_at=retry.next_attempt_at,
        lease_until=None,
        updated_at=now,
    )
