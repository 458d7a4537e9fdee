"""What the provider reports after it took a message: signed, doubled, shuffled, early, and for whom."""

import itertools
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from clinic.local.providers import SmsProvider
from clinic.local.sms_callbacks import signature
from clinic.practice.ids import new_id
from clinic.practice.models import WorkItem
from notifications.models import Attempt, Message, Suppression
from notifications.sending import delivery, recovery
from tests.notifications import making
from tests.notifications.making import Clock, state

pytestmark = pytest.mark.django_db(transaction=True)


def report(client: Client, attempt_id: UUID, *, told: str = "", signed: bool = True, **fields: str) -> int:
    """The answer to one report; `told` stands in the place of its signature."""
    path = f"/hooks/twilio/reports/{attempt_id}/"
    form = {"MessageSid": "SM1", "AccountSid": "AC1", **fields}
    key = django_settings.TWILIO_AUTH_TOKEN
    sign = told or signature(token=key, url=django_settings.PUBLIC_URL + path, fields=form)
    headers = {"X-Twilio-Signature": sign} if signed else {}
    sent = client.post(
        path, urlencode(form), content_type="application/x-www-form-urlencoded", headers=headers
    )
    return sent.status_code


@pytest.fixture
def sent(sms_provider: SmsProvider) -> Message:
    """A reminder that the provider took."""
    row = making.reminder_now(timezone.now())
    making.deliver(Clock(timezone.now()))
    row.refresh_from_db()
    assert row.state == "accepted"
    return row


def attempt_of(row: Message) -> UUID:
    found: UUID = Attempt.objects.get(message=row).pk
    return found


def test_the_provider_is_given_an_address_for_this_hand_over_and_reports_there(
    sms_provider: SmsProvider, live_server: LiveServer, settings: Settings
) -> None:
    """Through the real signature, over HTTP, also when a report comes before the answer."""
    settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
    sms_provider.fault(times=1, to=None, seconds=1, accept=True, statuses=["sent", "delivered"], times_told=2)
    row = making.reminder_now(timezone.now())
    making.deliver(Clock(timezone.now()))
    making.wait_until(lambda: state(row)[0] == "delivered")
    row.refresh_from_db()
    assert row.provider_id == sms_provider.inbox()[0]["sid"]
    assert Attempt.objects.get(message=row).outcome == "accepted"


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["queued", "sent", "undelivered", "delivered"]))
)
def test_any_order_of_the_reports_ends_the_same(
    client: Client, sent: Message, order: tuple[str, ...]
) -> None:
    for status in (*order, *order):
        assert report(client, attempt_of(sent), MessageStatus=status) == 204
    assert state(sent) == ("delivered", "")
    assert not WorkItem.objects.filter(done_at=None).exists()
    # What was reported is kept as it came, each status once.
    assert [one["status"] for one in Attempt.objects.get(message=sent).reports] == [*order]


@pytest.mark.parametrize("told", ["wrong", "aGVsbG8=", "\x00"])
def test_who_is_not_twilio_changes_nothing(client: Client, sent: Message, told: str) -> None:
    assert report(client, attempt_of(sent), told=told, MessageStatus="delivered") == 403
    assert report(client, attempt_of(sent), signed=False, MessageStatus="delivered") == 403
    assert state(sent)[0] == "accepted"


def test_a_parameter_added_on_the_way_breaks_the_signature(client: Client, sent: Message) -> None:
    path = f"/hooks/twilio/reports/{attempt_of(sent)}/"
    url, key = django_settings.PUBLIC_URL + path, django_settings.TWILIO_AUTH_TOKEN
    sign = signature(token=key, url=url, fields={"MessageStatus": "sent"})
    headers = {"X-Twilio-Signature": sign}
    form = urlencode({"MessageStatus": "sent", "ErrorCode": "21610"})
    assert (
        client.post(path, form, content_type="application/x-www-form-urlencoded", headers=headers).status_code
        == 403
    )
    assert not Suppression.objects.exists()


def test_a_report_on_nothing_of_ours_is_not_found(client: Client, sent: Message) -> None:
    assert report(client, new_id(), MessageStatus="delivered") == 404


def test_an_unknown_status_is_kept_out(client: Client, sent: Message) -> None:
    assert report(client, attempt_of(sent), MessageStatus="brand_new") == 204
    assert state(sent)[0] == "accepted"


def test_a_report_resolves_a_doubt_and_the_task_with_it(client: Client, sms_provider: SmsProvider) -> None:
    sms_provider.fault(times=1, to=None, drop=True, accept=True)
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    making.deliver()
    assert state(row)[0] == "in_doubt"
    assert report(client, attempt_of(row), MessageStatus="sent") == 204
    assert state(row)[0] == "accepted"
    assert not WorkItem.objects.filter(done_at=None).exists()


def test_a_report_that_comes_before_the_answer_makes_a_crash_no_doubt(
    client: Client, sms_provider: SmsProvider
) -> None:
    clock = Clock()
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    delivery.claim(worker="killed", now=clock())
    begun = delivery.begin(message_id=row.pk, worker="killed", now=clock())
    assert begun is not None
    assert report(client, begun.attempt_id, MessageStatus="queued") == 204
    assert recovery.recover(now=clock() + timedelta(minutes=5)) == 0
    assert state(row)[0] == "accepted"
    assert not WorkItem.objects.exists()


def test_what_did_not_arrive_goes_by_e_mail(client: Client, sent: Message) -> None:
    assert report(client, attempt_of(sent), MessageStatus="undelivered", ErrorCode="30003") == 204
    assert state(sent) == ("undelivered", "undelivered:30003")
    assert Message.objects.get(channel="email").subject_id == sent.subject_id
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(("code", "why"), [("30005", "no_such_address"), ("21610", "opted_out")])
def test_a_number_that_is_none_is_not_written_to_again(
    client: Client, sent: Message, code: str, why: str
) -> None:
    assert report(client, attempt_of(sent), MessageStatus="failed", ErrorCode=code) == 204
    assert Suppression.objects.get().reason == why


def test_who_has_no_other_channel_is_called_until_it_arrives_after_all(client: Client, sent: Message) -> None:
    assert sent.patient is not None
    sent.patient.contact_points.filter(channel="email").delete()
    report(client, attempt_of(sent), MessageStatus="undelivered", ErrorCode="30003")
    making.deliver(Clock(timezone.now()))
    assert WorkItem.objects.get(done_at=None).kind == "patient_unreachable"
    report(client, attempt_of(sent), MessageStatus="delivered")
    assert not WorkItem.objects.filter(done_at=None).exists()


def test_a_report_on_an_earlier_try_does_not_move_the_later_one(
    client: Client, sms_provider: SmsProvider
) -> None:
    clock = Clock()
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    sms_provider.fault(times=1, to=None, status=503)
    making.deliver(clock)
    first = attempt_of(row)
    clock.forward(minutes=2)
    making.deliver(clock)
    assert report(client, first, MessageStatus="failed", ErrorCode="30008") == 204
    assert state(row)[0] == "accepted"


@pytest.mark.parametrize(
    ("told", "end"), [("sent", "accepted"), ("delivered", "delivered"), ("failed", "planned")]
)
@pytest.mark.parametrize("leased", [False, True])
def test_what_a_report_proves_taken_does_not_go_again(
    client: Client, sms_provider: SmsProvider, told: str, end: str, leased: bool
) -> None:
    """Thought not to have been taken, and planned again; then its provider tells of it after all."""
    clock = Clock()
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    sms_provider.fault(times=1, to=None, status=503)
    making.deliver(clock)
    assert state(row)[0] == "planned"
    clock.forward(minutes=2)
    if leased:
        assert delivery.claim(worker="slow", now=clock()) == row.pk
    assert report(client, attempt_of(row), MessageStatus=told) == 204
    assert state(row)[0] == ("leased" if leased and end == "planned" else end)
    if leased:
        assert (delivery.begin(message_id=row.pk, worker="slow", now=clock()) is None) == (end != "planned")
