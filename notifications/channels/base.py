"""What every channel takes and gives back. One file a provider, the same things inside each, in the order of
`Channel`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import requests
import urllib3

from clinic.practice import crashpoints

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# The code of a doubt in which the provider did answer, with an error of its own: followed by its status.
ANSWERED = "http_"


class Outcome(StrEnum):
    """What is known after a hand-over. In doubt: the provider may or may not have taken it."""

    ACCEPTED = "accepted"
    PERMANENT = "permanent"
    TRANSIENT = "transient"
    IN_DOUBT = "in_doubt"


class Fault(StrEnum):
    """What a provider's error code says of the message, and of its address."""

    AGAIN = "again"  # it passes: ours to repair, too much at once, a telephone that is switched off
    NEVER = "never"  # this message will not arrive; the address may be good
    GONE = "gone"  # nobody can be reached there
    OPTED_OUT = "opted_out"  # whoever is there wants no more


# Why nothing must go to an address any more, as `Suppression.reason` keeps it.
_SUPPRESSES = {Fault.GONE: "no_such_address", Fault.OPTED_OUT: "opted_out"}


class TooLate(Exception):
    """The process was held up for so long that it must not begin the call any more; it has not."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One rendered message on its way. `attempt_id` names this hand-over towards the provider.

    `unsubscribe` is the address by which a mail program makes such messages stop (R-17), or blank.
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
    unsubscribe: str = ""
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
    """The same in each provider's file, in this order; a test compares them."""

    # Whether it can be asked afterwards what it took.
    CAN_BE_ASKED: bool
    # Whether a hand-over may be made again under its key: the provider makes the two one.
    REPLAYS: bool
    # What the provider's error codes mean, those of an answer and those of a report alike.
    FAULTS: Mapping[str, Fault]

    def configured(self) -> bool: ...

    def is_near(self) -> bool: ...

    def send(self, *, outgoing: Outgoing) -> Result: ...

    def look_up(self, *, sent: Sent) -> Result | None: ...

    def suppresses(self, code: str) -> str: ...


def on_this_machine(address: str) -> bool:
    """Whether an http address is of this machine: a stand-in for tests and development."""
    return urlsplit(address).hostname in LOOPBACK


def refusal(*, fault: Fault, code: str) -> Result:
    """The result of an answer that says `fault`: nothing was taken."""
    outcome = Outcome.TRANSIENT if fault is Fault.AGAIN else Outcome.PERMANENT
    return Result(outcome, code=code, suppress=_SUPPRESSES.get(fault, ""))


def suppression(*, faults: Mapping[str, Fault], code: str) -> str:
    """Why nothing must go to this address any more, by the provider's error code; blank when it may."""
    fault = faults.get(code)
    return _SUPPRESSES.get(fault, "") if fault else ""


def never_connected(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection stood, so that nothing can have been handed over."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
