"""Bounces: what mail servers report after they took a message (RFC 3464), brought here as mail.

Which hand-over it is about is said by the address that it came back to and by nothing else: whoever does not
know that address has not got our message, and can stop nobody's mail.
"""

import email
import email.policy
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import getaddresses
from uuid import UUID

import structlog

from notifications.channels import email as channel
from notifications.sending import reports

log = structlog.get_logger("notifications.bounces")
# Where servers write whom they delivered a mail to; of a bounce that is its own recipient.
_TO = ("delivered-to", "x-original-to", "envelope-to", "to")
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message that will not arrive, and why by its enhanced status (RFC 3463)."""

    attempt_id: UUID
    status: str


def take(*, raw: bytes, to: str = "", now: datetime) -> bool:
    """Take one mail of the bounce mailbox; False where it changes nothing: no bounce, of nothing of ours, or
    only of a delay. `to` is whom it was delivered to, where the mail server says so.

    What did not arrive goes by another way, as after a text message that was not delivered; an address that
    does not exist is not written to again.
    """
    bounce = read(raw=raw, to=to)
    known = bounce is not None and reports.take(
        attempt_id=bounce.attempt_id,
        provider_id="",
        status="undelivered",
        error_code=bounce.status,
        suppress=channel.suppresses(bounce.status),
        now=now,
    )
    log.info("bounce", known=known, status=bounce.status if bounce else "")
    return known


def read(*, raw: bytes, to: str = "") -> Bounce | None:
    """The failure that a mail reports of one of our hand-overs, or None."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    attempt_id, status = _attempt(message, to), _failure(message)
    return Bounce(attempt_id, status) if attempt_id and status else None


def _attempt(message: EmailMessage, to: str) -> UUID | None:
    told = [to, *(str(value) for name in _TO for value in message.get_all(name, ()))]
    found = (channel.attempt_at(address) for _, address in getaddresses(told))
    return next((one for one in found if one is not None), None)


def _failure(message: EmailMessage) -> str:
    """The status of the first recipient that a delivery report says it failed for; blank for none."""
    if message.get_content_type() != "multipart/report":
        return ""
    for part in message.walk():
        blocks = part.get_payload() if part.get_content_type() == "message/delivery-status" else []
        for fields in blocks if isinstance(blocks, list) else []:
            if not isinstance(fields, EmailMessage):
                continue
            found = _STATUS.match(str(fields["Status"]))
            if found and str(fields["Action"]).strip().casefold() == "failed":
                return found[1]
    return ""
