"""How a telling leaves: lease a subscription, read the trail for it, call, record. Any number of these loops
may run at once.

One worker serves one subscription at a time, so events go in order and a slow receiver keeps one place. A
worker that dies leaves its lease to run out; what it had called and not recorded is called again: at least
once, with the same id.
"""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from clinic.practice import changes, sealing, work
from notifications.models import WebhookDelivery, WebhookSubscription
from notifications.models.webhook import DeliveryState
from notifications.webhooks import events, post, schedule, secrets, subscriptions
from notifications.webhooks.events import Line
from notifications.webhooks.post import Answer

log = structlog.get_logger("notifications.webhooks")
LEASE = timedelta(seconds=60)
# One turn of one subscription: then the next one has its own.
TURN = timedelta(seconds=15)
READ_AT_ONCE = 500


def run(*, clock: Callable[[], datetime], worker: str, seconds: float = 40.0) -> int:
    """Serve every subscription once, the one that waits longest first; returns how many calls were made."""
    began = clock()
    calls = 0
    while clock() < began + timedelta(seconds=seconds):
        webhook_id = lease(worker=worker, now=clock(), before=began)
        if webhook_id is None:
            break
        try:
            calls += serve(webhook_id=webhook_id, worker=worker, clock=clock)
        except Exception as error:
            # Whatever is wrong with one stays with it.
            log.warning("webhook_failed", error_class=type(error).__name__)
        release(webhook_id=webhook_id, worker=worker)
    return calls


def lease(*, worker: str, now: datetime, before: datetime) -> UUID | None:
    """Take the subscription that was served longest ago, and not since `before`; committed when this
    returns.
    """
    with transaction.atomic(durable=True):
        row = (
            WebhookSubscription.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(Q(lease_until=None) | Q(lease_until__lte=now), is_active=True)
            .filter(Q(served_at=None) | Q(served_at__lt=before))
            .order_by(F("served_at").asc(nulls_first=True))
            .first()
        )
        if row is None:
            return None
        WebhookSubscription.objects.filter(pk=row.pk).update(
            lease_until=now + LEASE, leased_by=worker, served_at=now
        )
        return row.pk


def release(*, webhook_id: UUID, worker: str) -> None:
    """Let others have it."""
    WebhookSubscription.objects.filter(pk=webhook_id, leased_by=worker).update(lease_until=None, leased_by="")


def serve(*, webhook_id: UUID, worker: str, clock: Callable[[], datetime]) -> int:
    """Read the trail for one subscription and send what is due, oldest event first; returns how many calls
    were made.
    """
    while read(webhook_id=webhook_id, now=clock()) == READ_AT_ONCE:
        pass
    until = clock() + TURN
    calls = 0
    while clock() < until and (delivery := _due(webhook_id, worker, clock())) is not None:
        answer = _call(delivery, clock())
        calls += 1
        record(delivery_id=delivery.pk, answer=answer, now=clock())
        if not answer.accepted and answer.error:
            # Nobody answers: the rest would only wait for the same silence.
            break
    return calls


def read(*, webhook_id: UUID, now: datetime) -> int:
    """Queue the events that were written since it was last read, up to the horizon; returns how many lines
    were looked at.
    """
    with transaction.atomic(durable=True):
        webhook = WebhookSubscription.objects.select_for_update(no_key=True).get(pk=webhook_id)
        horizon = changes.horizon()
        after = Q(recorded_at__gt=webhook.read_at) | Q(recorded_at=webhook.read_at, id__gt=webhook.read_id)
        lines = list(
            subscriptions.lines(webhook=webhook).filter(
                after, recorded_at__gte=webhook.read_at, recorded_at__lt=horizon
            )[:READ_AT_ONCE]
        )
        wanted = subscriptions.wanted(webhook=webhook, found=lines)
        subscriptions.queue(webhook=webhook, found=wanted, now=now)
        # What is before the horizon has all been seen, unless there was more than one read takes.
        full = len(lines) == READ_AT_ONCE
        read_at, read_id = (lines[-1].recorded_at, lines[-1].pk) if full else (horizon, 0)
        if (read_at, read_id) > (webhook.read_at, webhook.read_id):
            WebhookSubscription.objects.filter(pk=webhook_id).update(read_at=read_at, read_id=read_id)
        return len(lines)


def record(*, delivery_id: UUID, answer: Answer, now: datetime) -> None:
    """Write what came of a call, and what it means for the subscription."""
    with transaction.atomic(durable=True):
        delivery = WebhookDelivery.objects.select_related("subscription").get(pk=delivery_id)
        # The same order as everywhere: the subscription, then its deliveries.
        webhook = WebhookSubscription.objects.select_for_update(no_key=True).get(pk=delivery.subscription_id)
        values = {
            "attempts": F("attempts") + 1,
            "last_attempt_at": now,
            "last_status": answer.status,
            "last_error": answer.error,
        }
        if answer.accepted:
            values |= {"state": DeliveryState.DELIVERED, "delivered_at": now, "next_attempt_at": None}
            if webhook.failing_since is not None:
                WebhookSubscription.objects.filter(pk=webhook.pk).update(failing_since=None)
        else:
            again = schedule.next_try(
                attempts=delivery.attempts + 1,
                now=now,
                chance=random.random(),
                retry_after=answer.retry_after,
            )
            values["next_attempt_at"] = again
            values["state"] = DeliveryState.PENDING if again else DeliveryState.FAILED
            _failing(webhook, answer, now)
        WebhookDelivery.objects.filter(pk=delivery_id, state=DeliveryState.PENDING).update(**values)


def _failing(webhook: WebhookSubscription, answer: Answer, now: datetime) -> None:
    since = webhook.failing_since or now
    reason = ""
    if answer.status == schedule.GONE:
        reason = "gone"
    elif schedule.given_up(failing_since=since, now=now):
        reason = "failing"
    values: dict[str, object] = {"failing_since": since}
    if reason and webhook.is_active:
        values |= {"is_active": False, "disabled_reason": reason, "version": F("version") + 1}
        work.raise_item(
            practice_id=webhook.practice_id,
            kind="webhook_disabled",
            dedupe_key=f"webhook:{webhook.pk}",
            subject_kind="webhook",
            subject_id=webhook.pk,
            role="practice_admin",
            due_at=now,
            reason=reason,
        )
    WebhookSubscription.objects.filter(pk=webhook.pk).update(**values)


def _due(webhook_id: UUID, worker: str, now: datetime) -> WebhookDelivery | None:
    """The next to send, while this worker still has the lease and the subscription is still wanted."""
    held = WebhookSubscription.objects.filter(pk=webhook_id, leased_by=worker, is_active=True)
    if not held.update(lease_until=now + LEASE):
        return None
    due = WebhookDelivery.objects.filter(
        subscription_id=webhook_id, state=DeliveryState.PENDING, next_attempt_at__lte=now
    )
    return due.select_related("subscription", "entry").order_by("next_attempt_at", "entry_id").first()


def _call(delivery: WebhookDelivery, now: datetime) -> Answer:
    """The receiver's answer. Outside every transaction."""
    webhook, entry = delivery.subscription, delivery.entry
    line = Line(
        entry.pk,
        entry.recorded_at,
        entry.verb,
        entry.subject_kind,
        entry.subject_id,
        entry.course_id,
        entry.patient_id,
    )
    body = json.dumps(events.payload(line=line), separators=(",", ":")).encode()
    sealed = [webhook.secret]
    if webhook.old_secret is not None and webhook.old_secret_until and webhook.old_secret_until > now:
        sealed.append(webhook.old_secret)
    try:
        keys = [secrets.unseal(sealed=bytes(one), owner=webhook.pk) for one in sealed]
    except sealing.Unreadable:
        return Answer(error="secret_unreadable")
    headers = secrets.headers(event_id=events.event_id(line_id=entry.pk), at=now, body=body, keys=keys)
    return post.send(url=webhook.url, body=body, headers=headers, inner=settings.WEBHOOKS_TO_INNER_ADDRESSES)
