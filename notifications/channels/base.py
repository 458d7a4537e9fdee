"""What every channel takes and gives back. One file a provider, the same three functions inside each:

`configured()`, `send(outgoing=...)` and `look_up(sent=...)`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Outcome(StrEnum):
    """What is known after a hand-over. In doubt: the provider may or may not have taken it."""

    ACCEPTED = "accepted"
    PERMANENT = "permanent"
    TRANSIENT = "transient"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One rendered message on its way. `attempt_id` names this hand-over towards the provider."""

    attempt_id: UUID
    to: str
    sender_name: str
    subject: str
    text: str
    html: str = ""
    calendar: bytes = b""
    calendar_method: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was handed over and is in doubt: enough to ask the provider whether it has it."""

    to: str
    text: str
    begun_at: datetime
    known_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Result:
    """How it went. `suppress` is why the address must not be used again, or blank; `retry_after` is in
    seconds.
    """

    outcome: Outcome
    provider_id: str = ""
    code: str = ""
    suppress: str = ""
    retry_after: float | None = None


class Channel(Protocol):
    """The same three functions in each provider's file."""

    def configured(self) -> bool: ...

    def send(self, *, outgoing: Outgoing) -> Result: ...

    def look_up(self, *, sent: Sent) -> Result | None: ...
