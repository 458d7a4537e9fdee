"""Who is told of events by webhook, and what became of each telling."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, TrailEntry
from clinic.practice.models.stamps import stamps


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookSubscription(models.Model):
    """An address that is sent the events of one practice. `secret` and `old_secret` are sealed: they can
    sign, and are never shown again.

    (`read_at`, `read_id`) is how far the trail has been read for it. `lease_until` and `leased_by` say which
    worker serves it: one at a time, so that a slow receiver keeps one place and events come in order.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    event_types = ArrayField(models.CharField(max_length=60))
    is_active = models.BooleanField(default=True)
    secret = models.BinaryField()
    old_secret = models.BinaryField(null=True)
    old_secret_until = models.DateTimeField(null=True)
    read_at = models.DateTimeField()
    read_id = models.BigIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=60, blank=True)
    lease_until = models.DateTimeField(null=True)
    leased_by = models.CharField(max_length=80, blank=True)
    served_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = stamps(but=["read_at", "read_id", "lease_until", "leased_by", "served_at"])
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(event_types__len__gte=1), name="webhook_has_event_types"),
            models.CheckConstraint(
                condition=Q(old_secret__isnull=True, old_secret_until__isnull=True)
                | Q(old_secret__isnull=False, old_secret_until__isnull=False),
                name="webhook_old_secret_ends",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["served_at"], condition=Q(is_active=True), name="webhook_to_serve"),
        ]

    def __str__(self) -> str:
        return f"webhook {self.pk}"


class WebhookDelivery(models.Model):
    """One event for one subscription; sent until the receiver has answered 2xx, or for some days.

    The event itself is the line of the trail: written in the transaction of what it tells.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription = models.ForeignKey(WebhookSubscription, on_delete=models.CASCADE, related_name="deliveries")
    entry = models.ForeignKey(TrailEntry, on_delete=models.PROTECT, related_name="+")
    event_type = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    last_attempt_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=40, blank=True)
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = stamps()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscription", "entry"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=Q(state="pending", next_attempt_at__isnull=False)
                | ~Q(state="pending") & Q(next_attempt_at__isnull=True),
                name="webhook_pending_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state="delivered", delivered_at__isnull=False) | ~Q(state="delivered"),
                name="webhook_delivered_when",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["subscription", "next_attempt_at"],
                condition=Q(state="pending"),
                name="webhook_delivery_due",
            ),
            models.Index(fields=["subscription", "updated_at", "id"], name="webhook_delivery_changed"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.state}"
