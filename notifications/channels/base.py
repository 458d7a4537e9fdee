"""What every channel takes and gives back. One file a provider, the same three functions inside each:

`configured()`, `send(outgoing=...)` and `look_up(sent=...)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import requests
import urllib3

from clinic.practice import crashpoints

# The code of a doubt in which the provider did answer, with an error of its own: followed by its status.
ANSWERED = "http_"


class Outcome(StrEnum):
    """What is known after a hand-over. In doubt: the provider may or may not have taken it."""

    ACCEPTED = "accepted"
    PERMANENT = "permanent"
    TRANSIENT = "transient"
    IN_DOUBT = "in_doubt"


class TooLate(Exception):
    """The process was held up for so long that it must not begin the call any more; it has not."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One rendered message on its way. `attempt_id` names this hand-over towards the provider.

    `in_time()` is asked when everything stands ready, just before the first byte of the message is written.
    """

    attempt_id: UUID
    to: str
    sender_name: str
    subject: str
    text: str
    html: str = ""
    calendar: bytes = b""
    calendar_method: str = ""
    in_time: Callable[[], bool] = _always

    def begin(self) -> None:
        """The last thing before the first byte. Raises TooLate."""
        crashpoints.reach("before-first-byte")
        if not self.in_time():
            raise TooLate


@dataclass(frozen=True, slots=True)
class Sent:
    """What was handed over and is in doubt: enough to ask the provider whether it has it.

    `answered_no`: it had answered with an error, long enough ago that it would list what it took.
    """

    to: str
    text: str
    begun_at: datetime
    known_ids: frozenset[str]
    answered_no: bool = False


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
    """The same in each provider's file."""

    # Whether it can be asked afterwards what it took.
    CAN_BE_ASKED: bool
    # Whether a hand-over may be made again under its key: the provider makes the two one.
    REPLAYS: bool

    def configured(self) -> bool: ...

    def send(self, *, outgoing: Outgoing) -> Result: ...

    def look_up(self, *, sent: Sent) -> Result | None: ...


def never_connected(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection stood, so that nothing can have been handed over."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
