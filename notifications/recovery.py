"""What processes that died have left behind: leases that ran out, hand-overs nobody finished, doubts a
provider can settle.
"""

from datetime import datetime, timedelta

from django.db import transaction

from notifications import aftermath, channels, delivery, ledger, policy
from notifications.channels.base import Sent
from notifications.models import Message
from notifications.models.message import State

# A provider lists a message soon after it took it; after this nobody asks any more, and the doubt is a
# person's.
LOOK_UP_FOR = timedelta(hours=1)
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
        return len(rows)


def _mark_attempt_lost(message: Message) -> None:
    message.attempt_rows.filter(finished_at=None).update(outcome="in_doubt", error_code="lease_expired")


def settle(*, now: datetime, limit: int = 20) -> int:
    """Ask the providers about recent doubts; returns how many were settled.

    Only a positive answer settles one: that a provider does not list a message is no proof that it will not
    send it.
    """
    doubtful = Message.objects.filter(state=State.IN_DOUBT, updated_at__gte=now - LOOK_UP_FOR).order_by(
        "updated_at"
    )[:limit]
    settled = 0
    for message in doubtful:
        attempt = message.attempt_rows.order_by("-number").first()
        channel = channels.of(message.channel)
        if attempt is None or channel is None or not channel.configured():
            continue
        known = Message.objects.filter(
            practice_id=message.practice_id, due_at__gte=now - timedelta(days=7), sent_to=message.sent_to
        )
        sent = Sent(
            to=message.sent_to,
            text=message.sent_body,
            begun_at=attempt.begun_at,
            known_ids=frozenset(known.exclude(provider_id="").values_list("provider_id", flat=True)),
        )
        result = channel.look_up(sent=sent)
        if result is not None:
            settled += delivery.record(message_id=message.pk, attempt_id=attempt.pk, result=result, now=now)
    return settled
