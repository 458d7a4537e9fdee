"""One click in a mail program, and no more e-mails of that sort."""

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from clinic.local.providers import SmtpCatcher
from clinic.practice.models import TrailEntry
from notifications.models import Message
from patients.models import MessagingConsent
from tests.notifications import making
from tests.notifications.making import Clock, state

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(smtp_catcher: SmtpCatcher) -> Message:
    """A reminder by e-mail that has gone out, and another one that is planned."""
    row = making.reminder_now(timezone.now())
    Message.objects.filter(pk=row.pk).update(channel="email")
    making.deliver(Clock(timezone.now()))
    row.refresh_from_db()
    assert row.state == "accepted"
    return row


@pytest.fixture
def mail(sent: Message, smtp_catcher: SmtpCatcher) -> EmailMessage:
    found = email.message_from_bytes(smtp_catcher.raw(smtp_catcher.inbox()[0]), policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.fixture
def path(mail: EmailMessage) -> str:
    address = str(mail["List-Unsubscribe"]).strip()
    assert address.startswith(f"<{django_settings.PUBLIC_URL}/u/") and address.endswith(">")
    return address.strip("<>").removeprefix(django_settings.PUBLIC_URL)


def planned(about: Message, channel: str = "email", category: str = "reminders") -> Message:
    visit = making.visit(about.patient, timezone.now() + timedelta(days=9))
    return making.reminder(visit, channel=channel, category=category, due_at=timezone.now())


def decision(row: Message) -> tuple[str, str, str]:
    last = MessagingConsent.objects.filter(patient=row.patient, channel="email").latest("decided_at")
    return last.decision, last.category, last.source


def test_r_17_the_mail_offers_one_click_and_tells_nothing_of_anybody(mail: EmailMessage, path: str) -> None:
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    token = path.removeprefix("/u/")
    assert len(token) == 52
    assert token.isalnum()


def test_r_17_a_mail_programs_post_stops_them_at_once_without_signing_in(sent: Message, path: str) -> None:
    """As Gmail does it: no cookie, no page before, the body that RFC 8058 asks for; again is harmless."""
    other, text, form = planned(sent), planned(sent, "sms"), planned(sent, category="forms")
    mailer = Client(enforce_csrf_checks=True)
    for _ in range(2):
        answer = mailer.post(path, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
    assert decision(sent) == ("revoked", "reminders", "the link in an e-mail")
    assert MessagingConsent.objects.filter(patient=sent.patient, decision="revoked").count() == 1
    assert (
        TrailEntry.objects.filter(subject_kind="messaging_consent", actor_ref__startswith="patient:").count()
        == 1
    )
    assert state(other) == ("cancelled", "consent_revoked")
    assert state(text)[0] == state(form)[0] == "planned"


def test_r_17_looking_at_it_changes_nothing(sent: Message, path: str) -> None:
    """Scanners open every link of a mail."""
    other = planned(sent)
    for method in ("get", "head"):
        assert getattr(Client(), method)(path).status_code == 200
    assert decision(sent)[0] == "granted"
    assert state(other)[0] == "planned"
    page = Client().get(path).content.decode()
    assert page.count('<form method="post"') == 2
    assert str(sent.patient) not in page


def test_a_token_that_was_changed_or_made_for_something_else_does_nothing(
    sent: Message, path: str, client: Client
) -> None:
    token = path.removeprefix("/u/")
    changed = token[:-1] + ("a" if token[-1] != "a" else "b")
    for bad in (changed, token[:-1], token * 2, "x", "%00", str(sent.current_attempt)):
        assert client.post(f"/u/{bad}").status_code == 404
    assert decision(sent)[0] == "granted"
