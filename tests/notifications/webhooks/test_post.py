"""One call is bounded in time and size and follows nobody, whatever the receiver does."""

import socket
import time

import pytest

from notifications.webhooks import post
from tests.notifications.webhooks import receiver as receivers


def send(url: str) -> post.Answer:
    return post.send(url=url, body=b'{"a":1}', headers={"webhook-id": "evt_1"}, inner=True)


def test_the_body_and_the_headers_arrive() -> None:
    with receivers.receiver() as receiver:
        assert send(receiver.url).accepted
    [call] = receiver.calls
    assert (call.method, call.path, call.body) == ("POST", "/hooks", b'{"a":1}')
    assert call.headers["webhook-id"] == "evt_1"
    assert call.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receivers.receiver() as inner, receivers.receiver() as receiver:
        receiver.statuses, receiver.headers = [status], {"Location": inner.url}
        answer = send(receiver.url)
    assert (answer.status, answer.accepted) == (status, False)
    assert inner.calls == []


def test_nobody_there_and_no_answer_are_told_apart() -> None:
    with receivers.receiver() as receiver:
        receiver.statuses = [None]
        assert send(receiver.url).error == "RemoteDisconnected"
    assert send(receiver.url).error == "ConnectionRefusedError"


def test_a_receiver_may_say_when() -> None:
    with receivers.receiver() as receiver:
        receiver.statuses, receiver.headers = [429], {"Retry-After": "120"}
        assert send(receiver.url).retry_after == 120
        receiver.statuses, receiver.headers = [429], {"Retry-After": "-1 or ½"}
        assert send(receiver.url).retry_after is None


def test_an_answer_without_end_is_not_read() -> None:
    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with receivers.rude(flood) as port:
        assert send(f"http://127.0.0.1:{port}/").accepted


def test_headers_without_end_are_refused() -> None:
    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"x-more: " + b"x" * 1000 + b"\r\n")

    with receivers.rude(flood) as port:
        assert not send(f"http://127.0.0.1:{port}/").accepted


@pytest.mark.parametrize("silent", [True, False])
def test_a_slow_receiver_is_left(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing, and one that says a byte at a time, which no time-out of a read ends."""
    monkeypatch.setattr(post, "WHOLE_SECONDS", 1.0)

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.settimeout(0.05)
        while True:
            if not silent:
                connection.sendall(b"H")
            try:
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue

    with receivers.rude(drip) as port:
        began = time.monotonic()
        answer = send(f"http://127.0.0.1:{port}/")
    assert answer.error == "timeout"
    # Far below the ten seconds that a read may take.
    assert time.monotonic() - began < 8
