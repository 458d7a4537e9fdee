"""What a room above wants to know of the practice; the composition root says who."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

# Called with `practice_id` and `now`, inside the transaction that made the change.
Listener = Callable[..., None]

_terms_listeners: list[Listener] = []


def wire(*, on_terms: Listener) -> None:
    """Say who is told when the terms by which courses are judged change. Called once."""
    _terms_listeners[:] = [on_terms]


def terms_changed(*, practice_id: UUID, now: datetime) -> None:
    """The practice judges its courses otherwise from now on: by other hours, or by another clock."""
    for listener in _terms_listeners:
        listener(practice_id=practice_id, now=now)
