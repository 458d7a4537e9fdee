"""The message ledger: rows and constraints."""

from notifications.models.message import Attempt, Message, Suppression
from notifications.models.webhook import WebhookDelivery, WebhookSubscription

__all__ = ["Attempt", "Message", "Suppression", "WebhookDelivery", "WebhookSubscription"]
