"""What was told long ago is forgotten. The event itself stays in the trail, and can be sent again."""

from datetime import datetime, timedelta

from django.conf import settings

from clinic.practice import writing
from notifications.models import WebhookDelivery, WebhookSubscription
from notifications.models.webhook import DeliveryState

BATCH = 1_000
# What one night may remove of one subscription.
MOST_BATCHES = 500


def forget(*, now: datetime, batch: int = BATCH, most_batches: int = MOST_BATCHES) -> int:
    """Delete deliveries that were settled longer ago than they are kept, some at a time; returns how many.

    One that is still to be told stays, however old.
    """
    before = now - timedelta(days=settings.WEBHOOK_DELIVERIES_KEPT_DAYS)
    removed = 0
    for subscription_id in WebhookSubscription.objects.order_by("pk").values_list("pk", flat=True):
        # By the index of what changed in one subscription, the oldest first.
        old = WebhookDelivery.objects.filter(subscription_id=subscription_id, updated_at__lt=before)
        some = old.exclude(state=DeliveryState.PENDING).order_by("updated_at", "id").values("pk")[:batch]
        for _ in range(most_batches):
            with writing.transaction():
                # The same order as everywhere: the subscription, then its deliveries.
                WebhookSubscription.objects.select_for_update(no_key=True).filter(pk=subscription_id).first()
                gone, _by_model = WebhookDelivery.objects.filter(pk__in=some).delete()
            removed += gone
            if gone < batch:
                break
    return removed
