"""E-mail over SMTP: text and HTML, and a calendar part where there is something to put into a calendar."""

import re
import smtplib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import formataddr, parseaddr
from uuid import UUID

from django.conf import settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from clinic.practice import sealed_ids
from notifications.channels import base
from notifications.channels.base import Fault, Outcome, Outgoing, Result, Sent

CAN_BE_ASKED, REPLAYS = False, False
# RFC 3463 and its registry: of an answer, and of a bounce. Anything else that is permanent is a policy, a
# size or a text that was refused: another message to the same address may well arrive.
FAULTS: Mapping[str, Fault] = {
    "5.1.1": Fault.GONE,  # no such mailbox
    "5.1.2": Fault.GONE,  # no such domain
    "5.1.3": Fault.GONE,  # not an address
    "5.1.6": Fault.GONE,  # moved, nobody says where to
    "5.1.10": Fault.GONE,  # the domain takes no mail at all (RFC 7505)
    "5.2.1": Fault.GONE,  # disabled
    "5.2.2": Fault.AGAIN,  # full: people empty it
}
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
# RFC 5321: out of storage, for a server that has no enhanced codes.
_FULL = 552
# 42 letters: the part before the @ may have 64 (RFC 5321), which leaves 21 for the address's own.
_BOUNCE, _SEAL = b"clinic.bounce", 10


def configured() -> bool:
    return bool(settings.EMAIL_HOST)


def is_near() -> bool:
    """Whether the mail server is on this machine: the practice's own, and nobody else's."""
    return settings.EMAIL_HOST in base.LOOPBACK


def send(*, outgoing: Outgoing) -> Result:
    """Hand one message to the mail server.

    5xx is permanent and 4xx transient (RFC 5321), but for `FAULTS`. Before the connection stands nothing has
    been handed over, so any failure there is transient; a connection that breaks later leaves the message in
    doubt. Raises TooLate.
    """
    message = _message(outgoing)
    connection = mail.get_connection()
    try:
        connection.open()
    except smtplib.SMTPResponseException as error:
        return Result(Outcome.TRANSIENT, code=f"smtp_{error.smtp_code}")
    except OSError as error:
        return Result(Outcome.TRANSIENT, code=type(error).__name__[:40])
    try:
        outgoing.begin()
        with _bounded(connection):
            connection.send_messages([message])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return _refused(code, text)
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except ValueError as error:
        # A header or an address that cannot be written: refused before anything is sent.
        return Result(Outcome.PERMANENT, code=type(error).__name__[:40])
    except (smtplib.SMTPException, OSError) as error:
        return Result(Outcome.IN_DOUBT, code=type(error).__name__[:40])
    finally:
        # The answer to DATA has been had: a failing QUIT changes nothing.
        with suppress(smtplib.SMTPException, OSError):
            connection.close()
    return Result(Outcome.ACCEPTED, provider_id=message_id(outgoing)[:80])


@contextmanager
def _bounded(connection: BaseEmailBackend) -> Iterator[None]:
    """Each of the five steps of a hand-over has a time-out of its own; a server that is slow in each could
    outlast the lease. After MESSAGE_CALL_SECONDS the connection breaks, wherever it stands.
    """
    held = getattr(getattr(connection, "connection", None), "sock", None)
    if held is None:
        yield
        return
    # Of the socket below the encryption: the step under way ends as if the other side had closed.
    end = threading.Timer(settings.MESSAGE_CALL_SECONDS, _shut, [held])
    end.daemon = True
    end.start()
    try:
        yield
    finally:
        end.cancel()


def _shut(held: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(held, socket.SHUT_RDWR)


def look_up(*, sent: Sent) -> Result | None:
    """SMTP cannot be asked afterwards."""
    return None


def suppresses(code: str) -> str:
    """Why nothing must go to this address any more, by the enhanced status of a bounce; blank when it may."""
    return base.suppression(faults=FAULTS, code=code)


def message_id(outgoing: Outgoing) -> str:
    """Derived from the attempt: a bounce or a complaint names the hand-over it is about."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{outgoing.attempt_id}@{domain}>"


def return_path(attempt_id: UUID) -> str:
    """Where a bounce of this hand-over goes: an address of its own, which nobody can guess; blank where
    bounces are not read.
    """
    local, at, domain = settings.BOUNCE_ADDRESS.rpartition("@")
    token = sealed_ids.make(named=attempt_id, purpose=_BOUNCE, seal=_SEAL)
    return f"{local}+{token}{at}{domain}" if at else ""


def attempt_at(address: str) -> UUID | None:
    """The hand-over that an address of ours names; None for any other. Servers may change its case."""
    local, _, domain = address.strip().casefold().rpartition("@")
    own, _, own_domain = settings.BOUNCE_ADDRESS.casefold().rpartition("@")
    token = local.removeprefix(f"{own}+")
    if not own or domain != own_domain or token == local:
        return None
    return sealed_ids.read(token=token, purpose=_BOUNCE, seal=_SEAL)


def _message(outgoing: Outgoing) -> mail.EmailMultiAlternatives:
    sender = formataddr((outgoing.sender_name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
    message = mail.EmailMultiAlternatives(
        subject=outgoing.subject,
        body=outgoing.text,
        # The envelope's sender; who reads it sees the header's.
        from_email=return_path(outgoing.attempt_id) or sender,
        to=[outgoing.to],
        headers={
            "From": sender,
            "Message-ID": message_id(outgoing),
            "Auto-Submitted": "auto-generated",
            **_to_stop(outgoing.unsubscribe),
        },
    )
    if outgoing.html:
        message.attach_alternative(outgoing.html, "text/html")
    if outgoing.calendar:
        kind = f'text/calendar; method={outgoing.calendar_method}; charset="utf-8"'
        message.attach_alternative(outgoing.calendar.decode(), kind)
    return message


def _to_stop(address: str) -> dict[str, str]:
    """R-17: RFC 2369 and RFC 8058, for the button that mail programs show. They believe it only where the
    relay's DKIM signature covers both headers.
    """
    if not address:
        return {}
    return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _refused(code: int, text: bytes | str) -> Result:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    enhanced = _ENHANCED.match(words)
    told = enhanced[1] if enhanced else f"smtp_{code}"
    if 400 <= code < 500 or (code == _FULL and enhanced is None):
        return base.refusal(fault=Fault.AGAIN, code=told)
    return base.refusal(fault=FAULTS.get(told, Fault.NEVER), code=told)
