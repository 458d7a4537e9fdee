"""What this room must be told by rooms above it, which it may not import: is the message still true, and what
does it say?

`clinic.config` wires a source for each kind of message when the process starts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from notifications.models import Message


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit as a message may tell it: when and where, never what for (R-02).

    `uid` stays for the visit's life and `sequence` only grows: a calendar takes a later message as the same
    entry.
    """

    uid: UUID
    sequence: int
    start: datetime
    end: datetime
    zone: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the text needs, true at the moment it was asked.

    `visits` in order of start; `covers` are other planned messages of the same recipient that this one says
    as well; `count` is a number of open items for a digest; `link` opens the first visit, and is
    not kept.
    """

    visits: tuple[Visit, ...] = ()
    phone: str = ""
    covers: tuple[UUID, ...] = ()
    count: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """The message became untrue or unwanted: it is not sent, and `reason` is kept."""

    reason: str


# (message, other planned messages that could be merged into it, now)
Source = Callable[[Message, Sequence[Message], datetime], Facts | Silence]

_sources: dict[str, Source] = {}


class NotWired(LookupError):
    """No room has said that it knows this kind of message."""


def wire(sources: Mapping[str, Source]) -> None:
    """Say who knows each kind. Called once, by the composition root."""
    _sources.update(sources)


def facts(*, message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """Ask the room above. Raises NotWired for a kind that nobody knows."""
    source = _sources.get(message.kind)
    if source is None:
        raise NotWired(message.kind)
    return source(message, also, now)
