"""A change of the key ends no webhook: what the former key sealed is sealed anew at night."""

from typing import Any

import pytest
from django.utils import timezone

from clinic.practice import sealing
from notifications import tasks
from notifications.models import WebhookSubscription
from notifications.webhooks import events, secrets, subscriptions
from tests import factories

pytestmark = pytest.mark.django_db
NEW_KEY = "another-key-of-tests-0123456789-abcdefghijklmnopqrstuvwxyz"


def test_secrets_outlive_the_key_that_sealed_them(settings: Any) -> None:
    clinic = factories.small_clinic()
    told = {"url": "https://hooks.example.org/x", "event_types": events.TYPES, "now": timezone.now()}
    webhook = subscriptions.create(actor=clinic.admin, **told)
    first = subscriptions.secret_of(webhook=webhook)
    webhook = subscriptions.renew_secret(actor=clinic.admin, webhook_id=webhook.pk, now=timezone.now())
    second = subscriptions.secret_of(webhook=webhook)
    lost = subscriptions.create(actor=clinic.admin, **told)
    WebhookSubscription.objects.filter(pk=lost.pk).update(secret=b"sealed by nobody knows which key")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = NEW_KEY
    assert subscriptions.reseal() == 1
    tasks.reseal_webhooks()
    settings.SECRET_KEY_FALLBACKS = []
    webhook.refresh_from_db()
    assert subscriptions.secret_of(webhook=webhook) == second != first
    assert webhook.old_secret is not None
    assert secrets.shown(secrets.unseal(sealed=bytes(webhook.old_secret), owner=webhook.pk)) == first
    lost.refresh_from_db()
    with pytest.raises(sealing.Unreadable):
        subscriptions.secret_of(webhook=lost)
