"""The local SMS provider, seen through the real provider's own client library."""

import json
import queue
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from clinic.local.home import Home
from clinic.local.providers import SmsProvider
from clinic.local.sms_store import segments

SENDER = "+15005550006"
PHONE = "+12025550143"


class ToLocal(TwilioHttpClient):
    """The real client with its base address replaced."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=3)
        self.base = base

    def request(self, method: str, url: str, *arguments: object, **named: object) -> Response:
        return super().request(method, url.replace("https://api.twilio.com", self.base), *arguments, **named)


@pytest.fixture
def client(sms_provider: SmsProvider) -> Client:
    return client_for(sms_provider)


def client_for(provider: SmsProvider, *, token: str | None = None) -> Client:
    http: HttpClient = ToLocal(provider.url)
    return Client(
        provider.env["TWILIO_ACCOUNT_SID"], token or provider.env["TWILIO_AUTH_TOKEN"], http_client=http
    )


@pytest.fixture
def callbacks() -> Iterator[tuple[str, "queue.Queue[tuple[str, str]]"]]:
    """An address, and what was posted there: (signature, body)."""
    got: queue.Queue[tuple[str, str]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.put((self.headers["X-Twilio-Signature"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?a=1", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_message_reaches_the_phone(client: Client, sms_provider: SmsProvider) -> None:
    sent = client.messages.create(to="+1 (202) 555-0143", from_=SENDER, body="Your visit is tomorrow at 9.")
    assert (sent.status, sent.direction, sent.to, sent.num_segments) == ("queued", "outbound-api", PHONE, "1")
    assert sent.error_code is None
    (received,) = sms_provider.inbox(to=PHONE)
    assert (received["from"], received["body"]) == (SENDER, "Your visit is tomorrow at 9.")


def test_a_message_can_be_looked_up_listed_and_deleted(client: Client) -> None:
    sids = [client.messages.create(to=PHONE, from_=SENDER, body=f"text {number}").sid for number in range(5)]
    other = client.messages.create(to="+12025550144", from_=SENDER, body="text").sid
    assert client.messages(sids[0]).fetch().body == "text 0"
    assert [message.sid for message in client.messages.list(to=PHONE, page_size=2)] == sids[::-1]
    recent = client.messages.list(date_sent_after=client.messages(other).fetch().date_created)
    assert other in [message.sid for message in recent]
    assert client.messages(other).delete() is True
    with pytest.raises(TwilioRestException) as caught:
        client.messages(other).fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "12"}, 21211),
        ({"to": "nobody"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"to": ""}, 21604),
        ({"from_": ""}, 21603),
        ({"from_": "+15005550007"}, 21606),
        ({"body": " "}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"status_callback": "not an address"}, 21609),
    ],
)
def test_a_bad_message_is_refused_with_the_real_code(
    client: Client, sms_provider: SmsProvider, fields: dict[str, str], code: int
) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(**{"to": PHONE, "from_": SENDER, "body": "text", **fields})
    assert (caught.value.status, caught.value.code) == (400, code)
    assert sms_provider.inbox() == []


def test_a_number_that_opted_out_is_refused(client: Client, sms_provider: SmsProvider) -> None:
    sms_provider.opt_out(number=PHONE)
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=PHONE, from_=SENDER, body="text")
    assert caught.value.code == 21610


def test_a_wrong_token_is_refused(sms_provider: SmsProvider) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client_for(sms_provider, token="wrong").messages.create(to=PHONE, from_=SENDER, body="text")
    assert (caught.value.status, caught.value.code) == (401, 20003)


def test_faults_come_as_often_as_asked_for(client: Client, sms_provider: SmsProvider) -> None:
    sms_provider.fault(status=429, times=1, retry_after=2)
    sms_provider.fault(status=500, times=1, to="+12025550199")
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=PHONE, from_=SENDER, body="text")
    assert (caught.value.status, caught.value.code) == (429, 20429)
    assert client.messages.create(to=PHONE, from_=SENDER, body="text").status == "queued"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_lost_answer_leaves_the_outcome_open(
    client: Client, sms_provider: SmsProvider, accepted: bool
) -> None:
    sms_provider.fault(drop=True, accept=accepted)
    with pytest.raises(requests.exceptions.ConnectionError):
        client.messages.create(to=PHONE, from_=SENDER, body="text")
    assert len(sms_provider.inbox()) == int(accepted)
    assert len(client.messages.list(to=PHONE)) == int(accepted)


def test_delivery_is_reported_signed_as_the_real_one_signs(
    client: Client, sms_provider: SmsProvider, callbacks: tuple[str, "queue.Queue[tuple[str, str]]"]
) -> None:
    url, got = callbacks
    sent = client.messages.create(to=PHONE, from_=SENDER, body="text", status_callback=url)
    validator = RequestValidator(sms_provider.env["TWILIO_AUTH_TOKEN"])
    for status in ("sent", "delivered"):
        signature, body = got.get(timeout=30)
        fields = dict(parse_qsl(body))
        assert (fields["MessageSid"], fields["MessageStatus"], fields["To"]) == (sent.sid, status, PHONE)
        assert validator.validate(url, fields, signature)
        assert not validator.validate(url + "&b=2", fields, signature)
    assert client.messages(sent.sid).fetch().status == "delivered"


def test_reports_can_come_failed_doubled_and_out_of_order(
    client: Client, sms_provider: SmsProvider, callbacks: tuple[str, "queue.Queue[tuple[str, str]]"]
) -> None:
    url, got = callbacks
    sms_provider.fault(statuses=["undelivered", "sent", "undelivered"], error_code=30003)
    sent = client.messages.create(to=PHONE, from_=SENDER, body="text", status_callback=url)
    reports = [dict(parse_qsl(got.get(timeout=30)[1])) for _ in range(3)]
    assert [report["MessageStatus"] for report in reports] == ["undelivered", "sent", "undelivered"]
    assert [report.get("ErrorCode") for report in reports] == ["30003", None, "30003"]
    found = client.messages(sent.sid).fetch()
    assert (found.status, int(found.error_code)) == ("undelivered", 30003)


def test_a_reply_is_posted_signed_and_stop_is_remembered(
    client: Client, sms_provider: SmsProvider, callbacks: tuple[str, "queue.Queue[tuple[str, str]]"]
) -> None:
    url, got = callbacks
    assert sms_provider.reply(sender=PHONE, to=SENDER, body=" Stop. ", url=url)["status"] == 204
    signature, body = got.get(timeout=30)
    fields = dict(parse_qsl(body))
    assert (fields["From"], fields["Body"]) == (PHONE, " Stop. ")
    assert RequestValidator(sms_provider.env["TWILIO_AUTH_TOKEN"]).validate(url, fields, signature)
    with pytest.raises(TwilioRestException):
        client.messages.create(to=PHONE, from_=SENDER, body="text")
    sms_provider.reply(sender=PHONE, to=SENDER, body="START", url=url)
    assert client.messages.create(to=PHONE, from_=SENDER, body="text").sid


def test_the_ledger_survives_a_kill(sms_provider: SmsProvider) -> None:
    with Home() as home:
        mine = SmsProvider(home=home, folder=home.path / "sms", log=home.path / "log", env=sms_provider.env)
        mine.start()
        sid = client_for(mine).messages.create(to=PHONE, from_=SENDER, body="text").sid
        assert mine.child is not None
        mine.child.process.kill()
        mine.child.process.wait()
        with (mine.folder / "ledger.jsonl").open("a") as ledger:
            ledger.write('{"event": "mess')
        mine.start()
        assert client_for(mine).messages(sid).fetch().body == "text"
        client_for(mine).messages.create(to=PHONE, from_=SENDER, body="after")
        mine.child.stop()
        mine.start()
        assert [entry["body"] for entry in mine.inbox()] == ["text", "after"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("😀" * 35, 1),
    ],
)
def test_segments_are_counted_as_phones_count(text: str, count: int) -> None:
    assert segments(text=text) == count


def test_garbage_on_the_wire_is_answered(sms_provider: SmsProvider) -> None:
    assert requests.get(f"{sms_provider.url}/nowhere", timeout=5).json()["code"] == 20003
    with socket.create_connection(("127.0.0.1", int(sms_provider.url.rpartition(":")[2])), timeout=5) as wire:
        wire.sendall(b"nonsense\r\n\r\n")
        assert b"400" in wire.recv(1000)
    assert json.loads(sms_provider.get("/inbox")) == []
