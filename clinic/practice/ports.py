"""What a room above wants to know of the practice; the composition root says who."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinic.practice.actor import Actor

# Called with what the function below that calls it is given, inside the transaction that made the change.
Listener = Callable[..., None]

_terms_listeners: list[Listener] = []
_closure_listeners: list[Listener] = []
_message_listeners: list[Listener] = []


@dataclass(frozen=True, slots=True)
class Shut:
    """A site, or one room of it, in a span."""

    site_id: UUID
    room_id: UUID | None
    starts_at: datetime
    ends_at: datetime


def wire(*, on_terms: Listener, on_closure: Listener, on_messages: Listener) -> None:
    """Say who is told when the terms by which courses are judged change, when something is shut or opened
    again, and when a practice wants its messages otherwise. Called once."""
    _message_listeners[:] = [on_messages]
    _terms_listeners[:] = [on_terms]
    _closure_listeners[:] = [on_closure]


def terms_changed(*, practice_id: UUID, now: datetime) -> None:
    """The practice judges its courses otherwise from now on: by other hours, or by another clock."""
    for listener in _terms_listeners:
        listener(practice_id=practice_id, now=now)


def messages_changed(*, practice_id: UUID, now: datetime) -> None:
    """The practice wants its messages at other hours, by other channels or otherwise counted."""
    for listener in _message_listeners:
        listener(practice_id=practice_id, now=now)


def closure_changed(*, actor: Actor, before: Shut | None, after: Shut | None, now: datetime) -> None:
    """What was shut as in `before` is shut as in `after` from now on; None is open."""
    for listener in _closure_listeners:
        listener(actor=actor, before=before, after=after, now=now)
