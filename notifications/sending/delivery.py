"""How a message leaves: claim, look again, hand over, record. Any number of these loops may run at once.

The states are written so that a process may die at any instruction:
- `leased` is committed, and the attempt counted, before anything is computed: what kills the worker gives up
  after five times and stops nobody else;
- `handing_over` with a fresh attempt id is committed before the provider is called, one message at a time:
  what dies in between is in doubt, and a person is told; it is never sent a second time by itself;
- the result is fenced by the attempt id: a worker that was late overwrites nothing.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from clinic.practice import crashpoints
from clinic.practice.ids import new_id
from notifications import channels, neutral
from notifications.channels.base import Outcome, Outgoing, Result, TooLate
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.planning import ledger, policy
from notifications.planning.ports import Silence
from notifications.sending import aftermath, decision, replays, rows, spans, stopping
from notifications.sending.decision import Blocked, Later, Send

log = structlog.get_logger("notifications.sending.delivery")

# One message at a time to one patient: the next looks again after the first has gone, and may find itself
# said.
TURN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Begun:
    """A hand-over that has been committed and not yet made."""

    message_id: UUID
    channel: str
    attempt_id: UUID
    lease_until: datetime
    send: Send
    # to a patient, who may want no more of it.
    stoppable: bool = False


def run(
    *,
    clock: Callable[[], datetime],
    worker: str,
    seconds: float = 45.0,
    limit: int = 1000,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Handle what is due, one by one, until nothing is or the time is up; returns how many were handled.

    After an outage much is due at once: the next hand-over begins MESSAGE_PAUSE_SECONDS after the last one,
    so that no provider is stormed.
    """
    until = clock() + timedelta(seconds=seconds)
    for handled in range(limit):
        now = clock()
        message_id = claim(worker=worker, now=now) if now < until else None
        if message_id is None:
            return handled
        handed_over = handle(message_id=message_id, worker=worker, clock=clock)
        if handed_over and (left := (now + spans.pause() - clock()).total_seconds()) > 0:
            pause(left)
    return limit


def claim(*, worker: str, now: datetime) -> UUID | None:
    """Lease the message that is due longest and that nobody else is claiming; committed when this returns."""
    crashpoints.reach("before-lease")
    return rows.claim(worker=worker, now=now, lease=spans.lease())


def handle(*, message_id: UUID, worker: str, clock: Callable[[], datetime]) -> bool:
    """Take one leased message to its next state. Whatever goes wrong with it stays with it. Returns whether
    it came to a hand-over.
    """
    crashpoints.reach("after-lease")
    try:
        begun = begin(message_id=message_id, worker=worker, now=clock())
    except Exception as error:
        log.warning("message_failed", error_class=type(error).__name__)
        _not_begun(message_id=message_id, worker=worker, reason=type(error).__name__, now=clock())
        return False
    if begun is None:
        return False
    crashpoints.reach("after-hand-over-commit")
    result = _call(begun, clock)
    crashpoints.reach("after-call")
    record(
        message_id=message_id,
        attempt_id=begun.attempt_id,
        result=result,
        now=clock(),
        alone=not begun.send.covers,
    )
    crashpoints.reach("after-result-commit")
    return True


def begin(*, message_id: UUID, worker: str, now: datetime) -> Begun | None:
    """Look again and commit either the hand-over or why there is none. None: there is nothing to call."""
    with transaction.atomic(durable=True):
        rows.take_turn(message_id=message_id)
        leased = rows.leased(message_id=message_id, worker=worker, now=now)
        if leased is None:
            return None
        message, turn = leased.message, now + TURN
        if leased.busy and turn <= message.useful_until:
            _give_back(message, turn, now)
            return None
        verdict = decision.decide(message=message, now=now, beside=leased.beside, worded=leased.worded)
        if isinstance(verdict, Send):
            return _hand_over(message, verdict, now)
        if isinstance(verdict, Later):
            _give_back(message, verdict.at, now)
        elif isinstance(verdict, Silence):
            aftermath.suppressed(message=message, reason=verdict.reason, now=now)
        else:
            _block(message, verdict, now)
        return None


def record(*, message_id: UUID, attempt_id: UUID, result: Result, now: datetime, alone: bool = False) -> bool:
    """Write what is known after a hand-over; False when the message has moved on from this attempt meanwhile.

    A late answer is evidence about its own attempt, so it also resolves a doubt about that attempt. `alone`:
    the caller knows that it said nothing for other messages.
    """
    taken, provider_id = result.outcome is Outcome.ACCEPTED, result.provider_id
    if taken and not alone:
        # Before the result is written: until then no other message to this patient can begin.
        aftermath.merge(attempt_id=attempt_id, now=now)
    crashpoints.reach("before-result-commit")
    if taken and rows.accept(message_id=message_id, attempt_id=attempt_id, provider_id=provider_id, now=now):
        return True
    with transaction.atomic(durable=True):
        message = rows.handed_over(message_id=message_id, attempt_id=attempt_id)
        if message is not None:
            _write(message, attempt_id, result, now)
        return message is not None


def _write(message: Message, attempt_id: UUID, result: Result, now: datetime) -> None:
    rows.finish(
        attempt_id=attempt_id,
        outcome=str(result.outcome),
        code=result.code,
        provider_id=result.provider_id,
        now=now,
    )
    if result.outcome is Outcome.ACCEPTED:
        aftermath.accepted(message=message, provider_id=result.provider_id, now=now)
    elif result.outcome is Outcome.IN_DOUBT:
        aftermath.in_doubt(message=message, code=result.code, now=now)
    else:
        _refused(message, result, now)


def _hand_over(message: Message, send: Send, now: datetime) -> Begun:
    attempt = Attempt(
        id=new_id(),
        message=message,
        number=message.attempts,
        begun_at=now,
        covers=list(send.covers),
        segments=neutral.segments(send.rendered.text) if message.channel == "sms" else None,
    )
    replays.keep(attempt=attempt, channel=message.channel, text=send.rendered.text)
    lease_until = now + spans.lease()
    rows.begin(
        attempt=attempt,
        lease_until=lease_until,
        to=send.to,
        subject=send.rendered.subject,
        body=neutral.kept(send.rendered.text),
    )
    if send.instead_of is not None:
        aftermath.wording_refused(message=message, wording_id=send.instead_of, now=now)
    crashpoints.reach("before-hand-over-commit")
    stoppable = message.patient_id is not None and message.channel == "email"
    return Begun(message.pk, message.channel, attempt.pk, lease_until, send, stoppable)


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
        unsubscribe=stopping.address(attempt_id=begun.attempt_id) if begun.stoppable else "",
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
        leased = rows.leased(message_id=message_id, worker=worker, now=now - spans.lease())
        if leased is None:
            return
        _again_or_never(leased.message, Result(Outcome.TRANSIENT, code=reason), now, verb="give_back")


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
