"""The message ledger: rows and constraints."""

from notifications.models.message import Attempt, Message, Suppression

__all__ = ["Attempt", "Message", "Suppression"]
