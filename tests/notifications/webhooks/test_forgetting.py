"""What was told long ago is forgotten; what is still to be told is not, and every event can be told again."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.utils import timezone

from clinic.practice import writing
from clinic.practice.models import TrailEntry
from notifications import tasks
from notifications.models import WebhookDelivery, WebhookSubscription
from notifications.webhooks import events, forgetting, subscriptions
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
TELLING: dict[str, dict[str, Any]] = {
    "delivered": {"delivered_at": timezone.now()},
    "failed": {},
    "pending": {"next_attempt_at": timezone.now()},
}


@pytest.fixture
def clinic() -> factories.Clinic:
    """Where some events were written."""
    made = factories.small_clinic()
    for _ in range(6):
        writing.tell(actor=made.admin, now=timezone.now(), verb="create", kind="patient", row_id=uuid4())
    return made


def subscribe(clinic: factories.Clinic) -> WebhookSubscription:
    address = "https://hooks.example.org/clinic"
    return subscriptions.create(actor=clinic.admin, url=address, event_types=events.TYPES, now=timezone.now())


def tell(webhook: WebhookSubscription, state: str, count: int = 1) -> list[UUID]:
    """So many deliveries in this state, stamped with the present by the database."""
    told = WebhookDelivery.objects.filter(subscription=webhook).count()
    lines = TrailEntry.objects.filter(practice_id=webhook.practice_id).order_by("pk")[told : told + count]
    assert len(lines) == count
    rows = [
        WebhookDelivery(
            subscription=webhook,
            entry=line,
            event_type=events.TYPES[0],
            state=state,
            created_at=timezone.now(),
            **TELLING[state],
        )
        for line in lines
    ]
    return [one.pk for one in WebhookDelivery.objects.bulk_create(rows)]


def left() -> set[UUID]:
    return set(WebhookDelivery.objects.values_list("pk", flat=True))


def test_what_was_settled_is_kept_for_its_days_and_then_goes(clinic: factories.Clinic, settings: Any) -> None:
    webhook = subscribe(clinic)
    tell(webhook, "delivered")
    tell(webhook, "failed")
    waiting = tell(webhook, "pending")
    everything = left()
    now = timezone.now()
    forgetting.forget(now=now + 90 * DAY - timedelta(minutes=1))
    assert left() == everything
    with time_machine.travel(now + 90 * DAY + timedelta(minutes=1), tick=False):
        tasks.forget_deliveries()
        tasks.forget_deliveries()
    assert left() == set(waiting)
    settings.WEBHOOK_DELIVERIES_KEPT_DAYS = 1
    settled = tell(webhook, "delivered")
    forgetting.forget(now=timezone.now() + 2 * DAY)
    assert left() == set(waiting) and settled


def test_it_goes_some_at_a_time_and_every_subscription_has_its_turn(clinic: factories.Clinic) -> None:
    first, second = subscribe(clinic), subscribe(clinic)
    tell(first, "delivered", 5)
    tell(second, "delivered", 3)
    late = timezone.now() + 91 * DAY
    assert forgetting.forget(now=late, batch=2, most_batches=1) == 4
    assert forgetting.forget(now=late, batch=2, most_batches=9) == 4
    assert left() == set()


def test_what_was_forgotten_can_be_told_again(clinic: factories.Clinic) -> None:
    webhook = subscribe(clinic)
    tell(webhook, "delivered")
    forgetting.forget(now=timezone.now() + 91 * DAY)
    now = timezone.now()
    subscriptions.replay_span(
        actor=clinic.admin, webhook_id=webhook.pk, since=now - DAY, until=now + DAY, now=now
    )
    assert left()
