"""What processes that died have left behind: leases that ran out, hand-overs nobody finished, doubts a
provider can settle.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from clinic.practice import crashpoints
from notifications import channels
from notifications.channels.base import ANSWERED, Sent
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.planning import ledger, policy
from notifications.sending import aftermath, delivery, replays, spans

BATCH = 200


def recover(*, now: datetime) -> int:
    """Move every row whose lease has run out to the state that is known to be true; returns how many."""
    found = 0
    while (moved := _batch(now)) == BATCH:
        found += moved
    return found + moved


def _batch(now: datetime) -> int:
    with transaction.atomic(durable=True):
        rows = list(
            Message.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("practice", "patient")
            .filter(state__in=(State.LEASED, State.HANDING_OVER), lease_until__lte=now)
            .order_by("lease_until")[:BATCH]
        )
        for message in rows:
            if message.state == State.HANDING_OVER:
                _mark_attempt_lost(message)
                aftermath.in_doubt(message=message, code="lease_expired", now=now)
            elif message.attempts >= policy.MAX_ATTEMPTS:
                aftermath.failed(message=message, reason="too_many_attempts:worker_lost", now=now)
            else:
                Message.objects.filter(pk=message.pk).update(
                    state=ledger.move(state=message.state, verb="give_back"), lease_until=None, updated_at=now
                )
        if rows:
            crashpoints.reach("before-recovery-commit")
    if rows:
        crashpoints.reach("after-recovery-commit")
    return len(rows)


def _mark_attempt_lost(message: Message) -> None:
    message.attempt_rows.filter(finished_at=None).update(outcome="in_doubt", error_code="lease_expired")


def settle(*, clock: Callable[[], datetime], until: datetime | None = None, limit: int = 20) -> int:
    """Ask the providers about recent doubts, those first that were asked about longest ago; returns how many
    were settled. After `until` nobody is asked any more: the rest comes first the next time.

    That a provider does not list a message is no proof that it will not send it.
    """
    since = clock() - spans.doubt_asked()
    replays.forget(before=since)
    doubtful = (
        Attempt.objects.select_related("message__practice", "message__patient", "message__staff")
        .filter(
            message__state=State.IN_DOUBT,
            message__current_attempt=F("pk"),
            message__channel__in=[name for name in channels.NAMES if _can_tell(name)],
            begun_at__gte=since,
        )
        .order_by(F("asked_at").asc(nulls_first=True), "begun_at")[:limit]
    )
    in_time = (attempt for attempt in doubtful if until is None or clock() <= until)
    return sum(_settle(attempt, clock()) for attempt in in_time)


def _can_tell(channel: str) -> bool:
    provider = channels.of(channel)
    return provider is not None and (provider.CAN_BE_ASKED or provider.REPLAYS) and provider.configured()


def _settle(attempt: Attempt, now: datetime) -> bool:
    message, channel = attempt.message, channels.of(attempt.message.channel)
    Attempt.objects.filter(pk=attempt.pk).update(asked_at=now)
    if channel is None:
        return False
    if channel.REPLAYS:
        result = replays.replay(attempt=attempt, channel=channel, now=now)
    else:
        result = channel.look_up(sent=_sent(attempt, now))
    crashpoints.reach("after-look-up")
    if result is None:
        return False
    return delivery.record(message_id=message.pk, attempt_id=attempt.pk, result=result, now=now)


def _sent(attempt: Attempt, now: datetime) -> Sent:
    message = attempt.message
    known = Message.objects.filter(
        practice_id=message.practice_id, due_at__gte=now - timedelta(days=7), sent_to=message.sent_to
    )
    return Sent(
        to=message.sent_to,
        text=message.sent_body,
        begun_at=attempt.begun_at,
        known_ids=frozenset(known.exclude(provider_id="").values_list("provider_id", flat=True)),
        answered_no=attempt.error_code.startswith(ANSWERED) and now - attempt.begun_at >= spans.lease(),
    )
