"""What this room must be told by rooms above it, which it may not import: is the message still true, and what
does it say?

`clinic.config` wires a source for each kind of message when the process starts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from notifications.models import Message


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit as a message may tell it: when and where, never what for (R-02).

    `uid` stays for the visit's life and `sequence` only grows: a calendar takes a later message as the same
    entry. `cancelled`: it does not take place, and the entry goes.
    """

    uid: UUID
    sequence: int
    start: datetime
    end: datetime
    zone: str
    place: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the text needs, true at the moment it was asked.

    `visits` in order of start; `covers` are other planned messages of the same recipient that this one says
    as well; `count` is a number of open items for staff, and `matters` says which; `link` opens the
    first visit, and is not kept; `text` is what a person wrote; `until` is how long what is offered is kept.
    """

    visits: tuple[Visit, ...] = ()
    phone: str = ""
    covers: tuple[UUID, ...] = ()
    count: int = 0
    link: str = ""
    text: str = ""
    matters: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """The message became untrue or unwanted: it is not sent, and `reason` is kept."""

    reason: str


# (message, other planned messages that could be merged into it, now)
Source = Callable[[Message, Sequence[Message], datetime], Facts | Silence]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a reply about a visit: `outcome` is `confirmed`, `not_ready`, `link` or `nothing`.

    `visit_id` is the visit that it was about, or whose link went out. `ask`: a person must look at it too.
    """

    outcome: str
    visit_id: UUID | None = None
    ask: bool = False


class Visits(Protocol):
    """What a reply does to the visits that a message asked about. Both may be asked twice for one reply; both
    raise Busy when it must be tried again.
    """

    def confirm(self, *, asked: Message, now: datetime) -> Done:
        """Confirm the one visit that was told, if it still is so; else send the link to what is."""
        ...

    def send_link(self, *, practice_id: UUID, patient_id: UUID, asked: Message | None, now: datetime) -> Done:
        """Send the link of the visit that was told, or of the next one."""
        ...


_sources: dict[str, Source] = {}
_visits: list[Visits] = []


class NotWired(LookupError):
    """No room has said that it knows this kind of message."""


def wire(sources: Mapping[str, Source]) -> None:
    """Say who knows each kind. Called once, by the composition root."""
    _sources.update(sources)


def wire_visits(visits: Visits) -> None:
    """Say who acts on visits. Called once, by the composition root."""
    _visits[:] = [visits]


def visits() -> Visits:
    """Who acts on visits. Raises NotWired."""
    if not _visits:
        raise NotWired("visits")
    return _visits[0]


def facts(*, message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """Ask the room above. Raises NotWired for a kind that nobody knows."""
    source = _sources.get(message.kind)
    if source is None:
        raise NotWired(message.kind)
    return source(message, also, now)
