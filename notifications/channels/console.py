"""No provider: messages are written where the worker writes, for whoever develops."""

import sys

from django.conf import settings

from notifications.channels.base import Outcome, Outgoing, Result, Sent

CAN_BE_ASKED, REPLAYS = False, False


def configured() -> bool:
    """Only on this machine: a console is no place for what is told to patients."""
    return not settings.PUBLIC_URL.startswith("https://")


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
