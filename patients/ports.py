"""What a room above wants to know of patients; the composition root says who."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

# Called with what the function below that calls it is given, inside the transaction that made the change.
Listener = Callable[..., None]

_listeners: list[Listener] = []


def wire(*, on_texts: Listener) -> None:
    """Say who is told that a patient has agreed to texts, or gave another number for them. Called once."""
    _listeners[:] = [on_texts]


def texts_agreed(*, patient_id: UUID, now: datetime) -> None:
    """A person agreed to texts, or gave another number for them: themselves, or to staff. What comes from a
    file or from a program was agreed elsewhere and before.
    """
    for listener in _listeners:
        listener(patient_id=patient_id, now=now)
