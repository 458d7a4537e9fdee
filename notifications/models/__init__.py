"""The message ledger: rows and constraints."""

from notifications.models.alert import StaffAlert
from notifications.models.inbound import Inbound, StaffReply, Thread
from notifications.models.message import Attempt, Message, Suppression
from notifications.models.pulse import Pulse
from notifications.models.term import KindTerm, Replan
from notifications.models.webhook import WebhookDelivery, WebhookSubscription
from notifications.models.wording import Trial, Wording

__all__ = [
    "Attempt",
    "Inbound",
    "KindTerm",
    "Message",
    "Pulse",
    "StaffAlert",
    "Replan",
    "StaffReply",
    "Suppression",
    "Thread",
    "Trial",
    "WebhookDelivery",
    "WebhookSubscription",
    "Wording",
]
