"""E-mail over SMTP: text and HTML, and a calendar part where there is something to put into a calendar."""

import smtplib
from contextlib import suppress
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.core import mail

from notifications.channels.base import Outcome, Outgoing, Result, Sent

CAN_BE_ASKED, REPLAYS = False, False
# RFC 3463: the destination mailbox does not exist, or is disabled for good.
_NO_SUCH_MAILBOX = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.2.1")


def configured() -> bool:
    return bool(settings.EMAIL_HOST)


def send(*, outgoing: Outgoing) -> Result:
    """Hand one message to the mail server.

    5xx is permanent and 4xx transient (RFC 5321). Before the connection stands nothing has been handed over,
    so any failure there is transient; a connection that breaks later leaves the message in doubt. Raises
    TooLate.
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


def look_up(*, sent: Sent) -> Result | None:
    """SMTP cannot be asked afterwards."""
    return None


def message_id(outgoing: Outgoing) -> str:
    """Derived from the attempt: a bounce or a complaint names the hand-over it is about."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{outgoing.attempt_id}@{domain}>"


def _message(outgoing: Outgoing) -> mail.EmailMultiAlternatives:
    sender = formataddr((outgoing.sender_name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))
    message = mail.EmailMultiAlternatives(
        subject=outgoing.subject,
        body=outgoing.text,
        from_email=sender,
        to=[outgoing.to],
        headers={"Message-ID": message_id(outgoing), "Auto-Submitted": "auto-generated"},
    )
    if outgoing.html:
        message.attach_alternative(outgoing.html, "text/html")
    if outgoing.calendar:
        kind = f'text/calendar; method={outgoing.calendar_method}; charset="utf-8"'
        message.attach_alternative(outgoing.calendar.decode(), kind)
    return message


def _refused(code: int, text: bytes | str) -> Result:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    if 400 <= code < 500:
        return Result(Outcome.TRANSIENT, code=f"smtp_{code}")
    gone = code in (550, 551, 553) and words.startswith(_NO_SUCH_MAILBOX)
    return Result(Outcome.PERMANENT, code=f"smtp_{code}", suppress="no_such_address" if gone else "")
