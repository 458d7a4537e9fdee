"""No provider: messages are written where the worker writes, for whoever develops."""

import sys
from collections.abc import Mapping

from django.conf import settings

from notifications.channels.base import Fault, Outcome, Outgoing, Result, Sent

CAN_BE_ASKED, REPLAYS = False, False
FAULTS: Mapping[str, Fault] = {}


def configured() -> bool:
    """Only on this machine: a console is no place for what is told to patients."""
    return not settings.PUBLIC_URL.startswith("https://")


def is_near() -> bool:
    return True


def send(*, outgoing: Outgoing) -> Result:
    """Write one message. Raises TooLate."""
    outgoing.begin()
    lines = [f"--- to {outgoing.to}", outgoing.subject, outgoing.text.rstrip()]
    sys.stderr.write("\n".join(line for line in lines if line) + "\n")
    sys.stderr.flush()
    return Result(Outcome.ACCEPTED, provider_id=str(outgoing.attempt_id))


def look_up(*, sent: Sent) -> Result | None:
    """It is read, not asked."""
    return None


def suppresses(code: str) -> str:
    """It refuses nothing."""
    return ""
