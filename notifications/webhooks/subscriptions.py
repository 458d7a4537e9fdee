"""Who is told: making, changing, ending a subscription, its secret, and asking for a telling again.

Each function is one transaction with its trail row. All raise NotAllowed, NotFound, Invalid and Stale.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from clinic.practice import changes as trail_changes
from clinic.practice import fields, idempotency, permissions, sealing, work, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, NotFound
from clinic.practice.models import TrailEntry
from notifications.models import WebhookDelivery, WebhookSubscription
from notifications.models.webhook import DeliveryState
from notifications.webhooks import addresses, events, secrets
from notifications.webhooks.addresses import Refused

MOST = 20
# For this long after a change of secrets the one before signs too.
BOTH_SECRETS = timedelta(hours=24)
REPLAY_MOST = 10_000
FIELDS = ("url", "description", "event_types", "is_active")


class TooMany(Conflict):
    """There are more of these than are allowed; ask for fewer."""

    code = "too_many"


def subscriptions(*, actor: Actor) -> QuerySet[WebhookSubscription]:
    """The practice's subscriptions."""
    permissions.check(actor=actor, capability="webhooks.read")
    return _of(actor)


def subscription(
    *, actor: Actor, webhook_id: UUID, capability: str = "webhooks.read", lock: bool = False
) -> WebhookSubscription:
    """One subscription; raises NotFound, also for one of another practice."""
    permissions.check(actor=actor, capability=capability)
    rows = _of(actor).filter(pk=webhook_id)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound()
    return found


def deliveries(*, actor: Actor, webhook_id: UUID) -> QuerySet[WebhookDelivery]:
    """What one subscription was told, or is to be told."""
    found = subscription(actor=actor, webhook_id=webhook_id)
    return WebhookDelivery.objects.filter(subscription=found).select_related("entry")


def delivery(*, actor: Actor, webhook_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """One of them; raises NotFound."""
    found = deliveries(actor=actor, webhook_id=webhook_id).filter(pk=delivery_id).first()
    if found is None:
        raise NotFound()
    return found


def create(
    *,
    actor: Actor,
    url: str,
    event_types: Sequence[str],
    now: datetime,
    description: str = "",
    is_active: bool = True,
    key: writing.Key = None,
) -> WebhookSubscription:
    """Tell this address of these types of events from now on. `secret_of` gives its secret, this once."""
    given = {"url": url, "event_types": event_types, "description": description, "is_active": is_active}

    def make(webhook_id: UUID) -> WebhookSubscription:
        if _of(actor).count() >= MOST:
            raise TooMany()
        return WebhookSubscription.objects.create(
            id=webhook_id,
            practice_id=actor.practice_id,
            secret=secrets.seal(secret=secrets.new(), owner=webhook_id),
            # What is being written just now is told too, should it end after this.
            read_at=trail_changes.horizon(),
            created_at=now,
            created_by=actor.ref,
            **_values(given),
        )

    return writing.create(
        actor=actor,
        capability="webhooks.write",
        key=key,
        now=now,
        kind="webhook",
        make=make,
        load=lambda webhook_id: subscription(actor=actor, webhook_id=webhook_id, capability="webhooks.write"),
    )


def _of(actor: Actor) -> QuerySet[WebhookSubscription]:
    return WebhookSubscription.objects.filter(practice_id=actor.practice_id)


def secret_of(*, webhook: WebhookSubscription) -> str:
    """The secret of a subscription that the caller has just made or renewed."""
    return secrets.shown(secrets.unseal(sealed=bytes(webhook.secret), owner=webhook.pk))


def update(
    *, actor: Actor, webhook_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None = None
) -> WebhookSubscription:
    """Change where to, what of, or whether. One that is switched on again goes on where it stopped."""
    fields.only(changes=changes, allowed=FIELDS)
    with transaction.atomic(durable=True):
        webhook = subscription(actor=actor, webhook_id=webhook_id, capability="webhooks.write", lock=True)
        writing.fresh(held=webhook.version, read=version)
        values = _values(changes)
        if values.get("is_active") and not webhook.is_active:
            values |= {"failing_since": None, "disabled_reason": ""}
            work.finish(
                practice_id=actor.practice_id, dedupe_key=f"webhook:{webhook.pk}", by=actor.ref, now=now
            )
        writing.save(row=webhook, values=values)
        writing.tell(
            actor=actor, now=now, verb="update", kind="webhook", row_id=webhook.pk, fields=list(changes)
        )
    return webhook


def delete(*, actor: Actor, webhook_id: UUID, now: datetime, version: int | None = None) -> None:
    """Tell this address nothing more, and forget what it was told."""
    with transaction.atomic(durable=True):
        webhook = subscription(actor=actor, webhook_id=webhook_id, capability="webhooks.write", lock=True)
        writing.fresh(held=webhook.version, read=version)
        writing.tell(actor=actor, now=now, verb="delete", kind="webhook", row_id=webhook.pk)
        webhook.delete()


def renew_secret(
    *, actor: Actor, webhook_id: UUID, now: datetime, key: writing.Key = None
) -> WebhookSubscription:
    """A new secret. For a day the one before signs too, so that the receiver can change over."""
    with transaction.atomic(durable=True):
        webhook = subscription(actor=actor, webhook_id=webhook_id, capability="webhooks.write", lock=True)
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="webhook", object_id=webhook_id):
            return webhook
        values = {
            "secret": secrets.seal(secret=secrets.new(), owner=webhook.pk),
            "old_secret": bytes(webhook.secret),
            "old_secret_until": now + BOTH_SECRETS,
        }
        writing.save(row=webhook, values=values)
        writing.tell(actor=actor, now=now, verb="renew_secret", kind="webhook", row_id=webhook.pk)
    return webhook


def reseal() -> int:
    """Seal under today's key what a former one sealed; returns how many subscriptions changed. What no key
    opens stays.
    """
    changed = 0
    for webhook_id in WebhookSubscription.objects.values_list("pk", flat=True):
        with writing.transaction():
            webhook = WebhookSubscription.objects.select_for_update(no_key=True).filter(pk=webhook_id).first()
            values = _resealed(webhook) if webhook else {}
            if values:
                changed += WebhookSubscription.objects.filter(pk=webhook_id).update(**values)
    return changed


def _resealed(webhook: WebhookSubscription) -> dict[str, bytes]:
    values = {}
    for name in ("secret", "old_secret"):
        sealed = getattr(webhook, name)
        with suppress(sealing.Unreadable):
            anew = sealed and secrets.renewed(sealed=bytes(sealed), owner=webhook.pk)
            if anew:
                values[name] = anew
    return values


def replay(
    *, actor: Actor, webhook_id: UUID, delivery_id: UUID, now: datetime, key: writing.Key = None
) -> WebhookDelivery:
    """Send one again, with the id that it had. Also what was delivered."""
    with transaction.atomic(durable=True):
        webhook = subscription(actor=actor, webhook_id=webhook_id, capability="webhooks.write", lock=True)
        replayed = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="webhook_delivery", object_id=delivery_id
        )
        rows = WebhookDelivery.objects.filter(subscription=webhook, pk=delivery_id)
        if replayed is None:
            rows.update(state=DeliveryState.PENDING, attempts=0, next_attempt_at=now)
        found = rows.select_related("entry").first()
        if found is None:
            raise NotFound()
        if replayed is None:
            writing.tell(actor=actor, now=now, verb="replay", kind="webhook", row_id=webhook.pk)
    return found


def replay_span(
    *,
    actor: Actor,
    webhook_id: UUID,
    since: datetime,
    until: datetime,
    now: datetime,
    key: writing.Key = None,
) -> int:
    """Send again every event of the subscribed types that was written in [since, until); returns how many.

    Also of a time before the subscription was there. Raises TooMany for more than `REPLAY_MOST`.
    """
    problems = fields.Problems()
    if since >= until:
        problems.add("until", "Must be later than since.")
    problems.raise_if_any()
    with transaction.atomic(durable=True):
        webhook = subscription(actor=actor, webhook_id=webhook_id, capability="webhooks.write", lock=True)
        replayed = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="webhook", object_id=webhook_id
        )
        span = lines(webhook=webhook).filter(recorded_at__gte=since, recorded_at__lt=until)
        found = wanted(webhook=webhook, found=span[: REPLAY_MOST + 1])
        if len(found) > REPLAY_MOST:
            raise TooMany()
        if replayed is None:
            queue(webhook=webhook, found=found, now=now, again=True)
            writing.tell(actor=actor, now=now, verb="replay", kind="webhook", row_id=webhook.pk)
    return len(found)


def wanted(*, webhook: WebhookSubscription, found: Iterable[TrailEntry]) -> list[TrailEntry]:
    """Those of these lines that are events of the subscribed types."""
    kept = set(webhook.event_types)
    return [line for line in found if events.type_of(verb=line.verb, subject_kind=line.subject_kind) in kept]


def lines(*, webhook: WebhookSubscription) -> QuerySet[TrailEntry]:
    """The lines of the trail that may be events for this subscription, in the order of writing."""
    verbs = events.verbs_of(types=webhook.event_types)
    rows = TrailEntry.objects.filter(practice_id=webhook.practice_id, verb__in=verbs)
    return rows.order_by("recorded_at", "id")


def queue(
    *, webhook: WebhookSubscription, found: Sequence[TrailEntry], now: datetime, again: bool = False
) -> None:
    """Deliveries of these events; one that is there already stays, or is sent again."""
    rows = [
        WebhookDelivery(
            subscription=webhook,
            entry=line,
            event_type=events.type_of(verb=line.verb, subject_kind=line.subject_kind) or "",
            next_attempt_at=now,
            created_at=now,
        )
        for line in found
    ]
    if again:
        WebhookDelivery.objects.filter(subscription=webhook, entry__in=found).update(
            state=DeliveryState.PENDING, attempts=0, next_attempt_at=now
        )
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = fields.Problems()
    values: dict[str, Any] = {}
    if "url" in given:
        values["url"] = str(given["url"])
        try:
            addresses.parse(url=values["url"], inner=settings.WEBHOOKS_TO_INNER_ADDRESSES)
        except Refused as refused:
            problems.add("url", refused.message)
    if "description" in given:
        values["description"] = fields.text(
            problems, "description", given["description"], longest=200, blank=True
        )
    if "event_types" in given:
        values["event_types"] = sorted(set(given["event_types"]))
        unknown = set(values["event_types"]) - set(events.TYPES)
        if unknown or not values["event_types"]:
            problems.add("event_types", "Must be one or more of the types of events.")
    if "is_active" in given:
        values["is_active"] = fields.flag(problems, "is_active", given["is_active"])
    problems.raise_if_any()
    return values
