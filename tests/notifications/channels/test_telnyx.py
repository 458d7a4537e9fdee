"""A second provider, one that makes two hand-overs under one key one: doubt can be settled to nothing."""

import json
import time
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from telnyx import APIStatusError, Telnyx

from clinic.local.providers import TelnyxProvider
from clinic.local.telnyx_provider import signed
from clinic.practice.models import WorkItem
from notifications.channels import telnyx
from notifications.channels.base import Outcome, Outgoing
from notifications.models import Attempt, Message, Suppression
from notifications.sending import recovery, replays
from scheduling.models import Appointment
from tests.notifications import making
from tests.notifications.making import Clock, state

NUMBER = "+13035550123"


def outgoing(to: str = NUMBER) -> Outgoing:
    return Outgoing(attempt_id=uuid4(), to=to, sender_name="Harbor", subject="", text="Harbor: see you.")


class TestTheProviderItself:
    """By Telnyx's own client: the stand-in speaks the real protocol."""

    @pytest.fixture
    def client(self, telnyx_provider: TelnyxProvider) -> Telnyx:
        return Telnyx(api_key=django_settings.TELNYX_API_KEY, base_url=f"{telnyx_provider.url}/v2")

    def test_a_message_is_taken_once_under_one_key(
        self, client: Telnyx, telnyx_provider: TelnyxProvider
    ) -> None:
        key = str(uuid4())
        sent = [
            client.messages.send(to=NUMBER, from_="+13035550000", text="Hello", idempotency_key=key)
            for _ in range(3)
        ]
        assert len({one.data.id for one in sent if one.data}) == len(telnyx_provider.inbox()) == 1
        with pytest.raises(APIStatusError, match="422"):
            client.messages.send(to=NUMBER, from_="+13035550000", text="Else", idempotency_key=key)

    def test_a_wrong_key_and_a_wrong_number_are_refused(self, client: Telnyx) -> None:
        with pytest.raises(APIStatusError, match="401"):
            client.with_options(api_key="wrong").messages.send(to=NUMBER, from_="+13035550000", text="Hello")
        with pytest.raises(APIStatusError, match="10002"):
            client.messages.send(to="nobody", from_="+13035550000", text="Hello")

    def test_its_own_client_reads_a_report(self, client: Telnyx) -> None:
        body = json.dumps({"data": {"event_type": "message.finalized", "payload": {"id": "1"}}})
        headers = signed(django_settings.TELNYX_API_KEY, body.encode(), int(time.time()))
        client.webhooks.unwrap(body, headers=headers, key=django_settings.TELNYX_PUBLIC_KEY)
        with pytest.raises(ValueError, match="verification failed"):
            client.webhooks.unwrap(body + " ", headers=headers, key=django_settings.TELNYX_PUBLIC_KEY)


@pytest.mark.django_db
class TestHandingOver:
    def test_it_is_taken(self, telnyx_provider: TelnyxProvider) -> None:
        result = telnyx.send(outgoing=outgoing())
        [sms] = telnyx_provider.inbox()
        assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, sms["sid"])
        assert (sms["to"], sms["body"]) == (NUMBER, "Harbor: see you.")

    @pytest.mark.parametrize(
        ("number", "code", "why"),
        [("+15005550004", "40300", "opted_out"), ("+15005550001", "40310", "no_such_address")],
    )
    def test_a_refusal_is_permanent(
        self, telnyx_provider: TelnyxProvider, number: str, code: str, why: str
    ) -> None:
        result = telnyx.send(outgoing=outgoing(number))
        assert (result.outcome, result.code, result.suppress) == (Outcome.PERMANENT, code, why)

    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [
            ({"status": 429, "code": "10011"}, Outcome.TRANSIENT),
            ({"status": 503}, Outcome.TRANSIENT),
            ({"status": 500, "accept": True}, Outcome.IN_DOUBT),
            ({"drop": True, "accept": True}, Outcome.IN_DOUBT),
            ({"drop": True, "accept": False}, Outcome.IN_DOUBT),
            ({"seconds": 3, "accept": True}, Outcome.IN_DOUBT),
        ],
    )
    def test_what_is_known_after_a_fault(
        self,
        telnyx_provider: TelnyxProvider,
        settings: Settings,
        fault: dict[str, object],
        outcome: Outcome,
    ) -> None:
        settings.PROVIDER_READ_SECONDS = 0.3
        telnyx_provider.fault(times=1, to=None, **fault)
        assert telnyx.send(outgoing=outgoing()).outcome is outcome

    def test_our_own_wrong_key_is_nobody_elses_fault(
        self, telnyx_provider: TelnyxProvider, settings: Settings
    ) -> None:
        settings.TELNYX_API_KEY = "wrong"
        assert telnyx.send(outgoing=outgoing()).outcome is Outcome.TRANSIENT

    def test_a_provider_that_is_down_has_taken_nothing(self, settings: Settings) -> None:
        settings.TELNYX_API_BASE = "http://127.0.0.1:1"
        assert telnyx.send(outgoing=outgoing()).outcome is Outcome.TRANSIENT


@pytest.mark.django_db(transaction=True)
class TestDoubt:
    def doubtful(self, provider: TelnyxProvider, *, taken: bool) -> tuple[Message, Clock]:
        clock = Clock(timezone.now())
        row = making.reminder_now(clock())
        provider.fault(times=1, to=None, drop=True, accept=taken)
        making.deliver(clock)
        assert state(row)[0] == "in_doubt"
        return row, clock

    @pytest.mark.parametrize("taken", [True, False])
    def test_made_again_under_its_key_it_has_gone_once(
        self, telnyx_provider: TelnyxProvider, taken: bool
    ) -> None:
        row, clock = self.doubtful(telnyx_provider, taken=taken)
        assert recovery.settle(clock=clock) == 1
        assert state(row)[0] in ("accepted", "delivered")
        assert len(telnyx_provider.inbox()) == 1
        assert not WorkItem.objects.filter(done_at=None).exists()
        assert Attempt.objects.get().sealed_text is None

    def test_while_the_provider_is_away_the_doubt_stays(
        self, telnyx_provider: TelnyxProvider, settings: Settings
    ) -> None:
        row, clock = self.doubtful(telnyx_provider, taken=False)
        there, settings.TELNYX_API_BASE = settings.TELNYX_API_BASE, "http://127.0.0.1:1"
        assert recovery.settle(clock=clock) == 0
        settings.TELNYX_API_BASE = there
        assert recovery.settle(clock=clock) == 1
        assert len(telnyx_provider.inbox()) == 1

    def test_what_has_become_untrue_is_not_said_again(self, telnyx_provider: TelnyxProvider) -> None:
        """If it never went it must not go now; whether it went stays a person's question."""
        row, clock = self.doubtful(telnyx_provider, taken=False)
        Appointment.objects.filter(pk=row.subject_id).update(status="cancelled")
        assert recovery.settle(clock=clock) == 0
        assert state(row)[0] == "in_doubt"
        assert telnyx_provider.inbox() == []

    def test_a_refusal_at_the_second_time_tells_that_the_first_was_none(
        self, telnyx_provider: TelnyxProvider
    ) -> None:
        row, clock = self.doubtful(telnyx_provider, taken=False)
        telnyx_provider.fault(times=1, to=None, status=400, code="40300")
        assert recovery.settle(clock=clock) == 1
        assert state(row)[0] == "failed_final"
        assert Suppression.objects.get().reason == "opted_out"

    def test_the_text_is_kept_sealed_and_not_for_long(self, telnyx_provider: TelnyxProvider) -> None:
        row, clock = self.doubtful(telnyx_provider, taken=False)
        kept = bytes(Attempt.objects.get().sealed_text or b"")
        assert kept
        assert b"see you" not in kept
        clock.forward(hours=1, seconds=1)
        assert recovery.settle(clock=clock) == 0
        assert Attempt.objects.get().sealed_text is None
        assert replays.forget(before=clock()) == 0
        assert WorkItem.objects.get(done_at=None).kind == "message_in_doubt"


@pytest.mark.django_db(transaction=True)
class TestReports:
    def attempt(self, provider: TelnyxProvider) -> tuple[Message, UUID]:
        clock = Clock(timezone.now())
        row = making.reminder_now(clock())
        making.deliver(clock)
        return row, Attempt.objects.get(message=row).pk

    def told(
        self, client: Client, attempt_id: UUID, *, at: float = 0, spoilt: bytes = b"", **payload: object
    ) -> int:
        body = json.dumps({"data": {"payload": {"id": "1", **payload}}}).encode()
        headers = signed(django_settings.TELNYX_API_KEY, body, int(time.time() + at))
        path = f"/hooks/telnyx/reports/{attempt_id}/"
        sent = client.post(path, body + spoilt, content_type="application/json", headers=headers)
        return sent.status_code

    def test_it_reports_where_it_was_told_to(
        self, telnyx_provider: TelnyxProvider, live_server: LiveServer, settings: Settings
    ) -> None:
        settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
        row, _ = self.attempt(telnyx_provider)
        making.wait_until(lambda: state(row)[0] == "delivered")

    @pytest.mark.parametrize(
        ("status", "code", "becomes", "why"),
        [
            ("delivery_failed", "40001", "undelivered", "no_such_address"),
            ("sending_failed", "40300", "undelivered", "opted_out"),
            ("delivery_unconfirmed", "", "accepted", ""),
            ("brand_new", "", "accepted", ""),
        ],
    )
    def test_each_status(
        self, client: Client, telnyx_provider: TelnyxProvider, status: str, code: str, becomes: str, why: str
    ) -> None:
        row, attempt_id = self.attempt(telnyx_provider)
        errors = [{"code": code}] if code else []
        assert self.told(client, attempt_id, to=[{"status": status}], errors=errors) == 204
        assert state(row)[0] == becomes
        assert [one.reason for one in Suppression.objects.all()] == ([why] if why else [])

    @pytest.mark.parametrize(("at", "spoilt"), [(-301, b""), (330, b""), (0, b" ")])
    def test_an_old_a_future_and_a_changed_report_are_refused(
        self, client: Client, telnyx_provider: TelnyxProvider, at: float, spoilt: bytes
    ) -> None:
        row, attempt_id = self.attempt(telnyx_provider)
        assert self.told(client, attempt_id, at=at, spoilt=spoilt, to=[{"status": "delivered"}]) == 403
        assert state(row)[0] == "accepted"

    @pytest.mark.parametrize("to", [None, [], "x", [1], [{"status": ["delivered"]}]])
    def test_a_signed_report_of_a_strange_shape_changes_nothing(
        self, client: Client, telnyx_provider: TelnyxProvider, to: object
    ) -> None:
        row, attempt_id = self.attempt(telnyx_provider)
        assert self.told(client, attempt_id, to=to) == 204
        assert state(row)[0] == "accepted"

    def test_nobody_is_believed_without_a_key(
        self, client: Client, telnyx_provider: TelnyxProvider, settings: Settings
    ) -> None:
        row, attempt_id = self.attempt(telnyx_provider)
        settings.TELNYX_PUBLIC_KEY = ""
        assert self.told(client, attempt_id, to=[{"status": "delivered"}]) == 403
