"""Reading the message ledger. Every function sees one practice only: the actor's."""

from uuid import UUID

from django.db.models import QuerySet

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from notifications.models import Message


def messages(*, actor: Actor) -> QuerySet[Message]:
    """The practice's messages, each with its patient."""
    permissions.check(actor=actor, capability="messages.read")
    return Message.objects.filter(practice_id=actor.practice_id).select_related("patient")


def message(*, actor: Actor, message_id: UUID) -> Message:
    """One message; raises NotFound, also for a message of another practice."""
    found = messages(actor=actor).filter(pk=message_id).first()
    if found is None:
        raise NotFound()
    return found
