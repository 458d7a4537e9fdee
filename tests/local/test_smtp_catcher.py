"""The local SMTP server, seen through the standard library's client and Django's."""

import email
import smtplib
from email.message import EmailMessage
from email.policy import default

import pytest
from django.core.mail import EmailMultiAlternatives

from clinic.local.home import Home
from clinic.local.providers import SmtpCatcher

CALENDAR = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"


def letter(*, to: str = "a@example.org") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "visits@example.org", to, "Your visit – tomorrow"
    made.set_content("Tomorrow at 9.\n")
    return made


def send(catcher: SmtpCatcher, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as client:
        client.send_message(message)


def test_a_letter_is_kept_for_each_recipient(smtp_catcher: SmtpCatcher) -> None:
    send(smtp_catcher, letter(to="a@example.org, b@example.org"))
    found = smtp_catcher.inbox()
    assert [entry["to"] for entry in found] == ["a@example.org", "b@example.org"]
    assert {entry["subject"] for entry in found} == {"Your visit – tomorrow"}
    assert found[0]["from"] == "visits@example.org"
    assert found[0]["body"].strip() == "Tomorrow at 9."
    assert smtp_catcher.inbox(to="b@example.org") == found[1:]
    raw = email.message_from_bytes(smtp_catcher.raw(found[0]), policy=default)
    assert raw["Subject"] == "Your visit – tomorrow"


def test_django_sends_here_with_a_calendar_part(smtp_catcher: SmtpCatcher) -> None:
    message = EmailMultiAlternatives("Subject", "Text", "visits@example.org", ["a@example.org"])
    message.attach("visit.ics", CALENDAR, "text/calendar; method=REQUEST")
    assert message.send() == 1
    (found,) = smtp_catcher.inbox()
    assert found["body"].strip() == "Text"
    assert [part.split() for part in found["calendar"]] == [CALENDAR.split()]


@pytest.mark.parametrize("reply", ["550 5.1.1 no such mailbox", "451 4.3.0 try again later"])
def test_a_recipient_can_be_refused(smtp_catcher: SmtpCatcher, reply: str) -> None:
    smtp_catcher.fault(stage="rcpt", reply=reply, to="a@example.org")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        send(smtp_catcher, letter())
    assert caught.value.recipients["a@example.org"][0] == int(reply[:3])
    assert smtp_catcher.inbox() == []
    send(smtp_catcher, letter())
    assert len(smtp_catcher.inbox()) == 1


def test_the_text_can_be_refused(smtp_catcher: SmtpCatcher) -> None:
    smtp_catcher.fault(stage="data", reply="552 5.3.4 too large")
    with pytest.raises(smtplib.SMTPDataError):
        send(smtp_catcher, letter())
    assert smtp_catcher.inbox() == []


@pytest.mark.parametrize("accepted", [True, False])
def test_a_lost_answer_leaves_the_outcome_open(smtp_catcher: SmtpCatcher, accepted: bool) -> None:
    smtp_catcher.fault(stage="data", drop=True, accept=accepted)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        send(smtp_catcher, letter())
    assert len(smtp_catcher.inbox()) == int(accepted)


def test_letters_survive_a_kill(smtp_catcher: SmtpCatcher) -> None:
    with Home() as home:
        mine = SmtpCatcher(home=home, folder=home.path / "smtp", log=home.path / "log", env=smtp_catcher.env)
        mine.start()
        send(mine, letter())
        assert mine.child is not None
        mine.child.process.kill()
        mine.child.process.wait()
        mine.start()
        send(mine, letter(to="b@example.org"))
        assert [entry["to"] for entry in mine.inbox()] == ["a@example.org", "b@example.org"]
