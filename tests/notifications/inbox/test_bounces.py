"""Bounces as mail servers write them, of messages that a real server took."""

import io
import sys
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from clinic.local.providers import SmtpCatcher
from notifications.channels import email as channel
from notifications.inbox import bounces
from notifications.models import Message, Suppression
from tests.notifications import making
from tests.notifications.making import Clock, state

ADDRESS = "bounces@mail.example.org"
TOKEN = "a token of the mail server's own"


@pytest.fixture(autouse=True)
def mailbox(settings: Settings) -> None:
    settings.BOUNCE_ADDRESS = ADDRESS
    settings.BOUNCE_TOKEN = TOKEN


def dsn(to: str, *, action: str = "failed", status: str = "5.1.1", report: str = "delivery-status") -> bytes:
    """What Postfix sends (RFC 3464), shortened."""
    return f"""\
Return-Path: <>
Date: Sun, 22 Nov 2026 10:00:00 -0500 (EST)
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type={report}; boundary="AA.1/mx.example.net"
Message-Id: <20261122150000.AA@mx.example.net>

--AA.1/mx.example.net
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.net. I'm sorry.

--AA.1/mx.example.net
Content-Description: Delivery report
Content-Type: message/{report}

Reporting-MTA: dns; mx.example.net
X-Postfix-Queue-ID: AA
Arrival-Date: Sun, 22 Nov 2026 09:59:58 -0500 (EST)

Final-Recipient: rfc822; p@example.com
Original-Recipient: rfc822;p@example.com
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 {status} <p@example.com>: Recipient address rejected

--AA.1/mx.example.net
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Subject: Your upcoming visit

--AA.1/mx.example.net--
""".replace("\n", "\r\n").encode()


@pytest.mark.django_db(transaction=True)
class TestAMessageThatCameBack:
    @pytest.fixture
    def sent(self, smtp_catcher: SmtpCatcher) -> Message:
        """A reminder by e-mail that the relay took."""
        row = making.reminder_now(timezone.now())
        Message.objects.filter(pk=row.pk).update(channel="email")
        making.deliver(Clock(timezone.now()))
        row.refresh_from_db()
        assert row.state == "accepted"
        return row

    @pytest.fixture
    def path(self, sent: Message, smtp_catcher: SmtpCatcher) -> str:
        """The envelope's sender, as the relay saw it."""
        [entry] = smtp_catcher.inbox()
        return str(entry["from"])

    @staticmethod
    def post(client: Client, raw: bytes, *, token: str = TOKEN, to: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"} | ({"X-Envelope-To": to} if to else {})
        return client.post("/hooks/bounces/", raw, content_type="message/rfc822", headers=headers).status_code

    def test_no_such_mailbox_ends_the_address_and_the_next_channel_takes_over(
        self, client: Client, sent: Message, path: str
    ) -> None:
        assert path.startswith("bounces+")
        assert len(path.partition("@")[0]) <= 64
        for _ in range(2):
            assert self.post(client, dsn(path)) == 204
        assert state(sent) == ("undelivered", "undelivered:5.1.1")
        assert Suppression.objects.get().reason == "no_such_address"
        assert Suppression.objects.get().value == sent.sent_to
        [onward] = Message.objects.exclude(pk=sent.pk)
        assert (onward.channel, onward.state) == ("sms", "planned")

    def test_who_reads_the_message_sees_the_practice_as_before(
        self, sent: Message, smtp_catcher: SmtpCatcher
    ) -> None:
        raw = smtp_catcher.raw(smtp_catcher.inbox()[0])
        assert b"bounces+" not in raw
        assert b"\r\nFrom: " in raw or raw.startswith(b"From: ")

    @pytest.mark.parametrize(
        ("action", "status", "ends"),
        [
            ("failed", "5.2.2", "undelivered"),
            ("failed", "5.7.1", "undelivered"),
            ("failed", "4.4.7", "undelivered"),
            ("delayed", "4.4.1", "accepted"),
            ("delivered", "2.1.5", "accepted"),
            ("relayed", "2.1.5", "accepted"),
        ],
    )
    def test_only_a_failure_is_one_and_only_a_missing_mailbox_is_given_up(
        self, client: Client, sent: Message, path: str, action: str, status: str, ends: str
    ) -> None:
        assert self.post(client, dsn(path, action=action, status=status)) == 204
        assert state(sent)[0] == ends
        assert not Suppression.objects.exists()

    def test_a_server_that_says_to_whom_and_changes_its_case(
        self, client: Client, sent: Message, path: str
    ) -> None:
        assert self.post(client, dsn("undisclosed-recipients:;"), to=path.upper()) == 204
        assert state(sent)[0] == "undelivered"

    def test_what_is_forged_unknown_or_no_bounce_changes_nothing(
        self, client: Client, sent: Message, path: str
    ) -> None:
        other = "b" if path[-17] != "b" else "c"
        token = path.partition("+")[2].partition("@")[0]
        forged = [
            dsn(path.replace(token, token[:-1] + ("a" if token[-1] != "a" else "b"))),
            dsn(path.replace(token, other * len(token))),
            dsn(f"bounces+{sent.current_attempt}@mail.example.org"),
            dsn(path.replace("mail.example.org", "example.com")),
            dsn(channel.return_path(uuid4())),
            dsn("bounces@mail.example.org"),
            dsn(path, report="feedback-report"),
            f"To: {path}\r\nSubject: Out of office\r\n\r\n5.1.1 failed\r\n".encode(),
            b"",
            b"\xff\x00" * 1000,
        ]
        for raw in forged:
            assert self.post(client, raw) == 204
        assert self.post(client, dsn(path), token="another") == 403
        assert state(sent)[0] == "accepted"
        assert not Suppression.objects.exists()

    def test_nobody_posts_bounces_where_no_token_is_set(
        self, client: Client, sent: Message, path: str, settings: Settings
    ) -> None:
        settings.BOUNCE_TOKEN = ""
        assert self.post(client, dsn(path), token="") == 403
        assert state(sent)[0] == "accepted"

    def test_the_log_says_that_one_came_and_nothing_of_whom(
        self, client: Client, sent: Message, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.post(client, dsn(path))
        assert "p@example.com" not in caplog.text
        assert sent.sent_to not in caplog.text

    def test_a_mail_server_pipes_it_into_the_command(
        self, sent: Message, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(dsn("someone@example.org"))))
        call_command("read_bounce", to=path)
        assert state(sent)[0] == "undelivered"


def test_a_key_that_was_replaced_still_proves_its_return_paths(settings: Settings) -> None:
    attempt_id = uuid4()
    path = channel.return_path(attempt_id)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    assert channel.attempt_at(path) == attempt_id
    settings.SECRET_KEY_FALLBACKS = []
    assert channel.attempt_at(path) is None


def test_without_an_address_for_bounces_there_is_none(settings: Settings) -> None:
    settings.BOUNCE_ADDRESS = ""
    assert channel.return_path(uuid4()) == ""
    assert channel.attempt_at("+@") is None
    assert bounces.read(raw=dsn("bounces@mail.example.org")) is None


def test_the_name_of_a_path_is_its_attempt() -> None:
    attempt_id = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert channel.attempt_at(channel.return_path(attempt_id)) == attempt_id
