"""Many HTTP clients let go at once against the product's own web process, and what they were answered."""

import json
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.db import connection

from clinic.practice.models import IntegrationClient, Practice
from tests import factories
from tests.races import race

SECRET = "a-secret-for-races-only"
# Whoever is not answered in so many seconds never is.
LATEST = 180


def program(practice: Practice) -> str:
    """A program's client_id, its secret stored as the web process knows it: not by the tests' own quick
    hasher.
    """
    made = factories.client(practice, secret=SECRET)
    stored = make_password(SECRET, hasher=PBKDF2PasswordHasher())
    IntegrationClient.objects.filter(pk=made.pk).update(client_secret=stored)
    return str(made.client_id)


@dataclass(frozen=True)
class Want:
    """So many seats of a resource, from start to end: what a request needs of somebody or something."""

    resource_id: int
    seats: int
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Ask:
    """One request. `wants` is what must be free for it, beside its own patient; empty: it wants no place."""

    path: str
    body: Any
    wants: tuple[Want, ...] = ()


@dataclass(frozen=True)
class Answer:
    ask: Ask
    status: int
    body: Any
    seconds: float

    @property
    def code(self) -> str:
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""


@dataclass
class Report:
    """What one round of a mix came to. `faults` are broken promises, in words."""

    answers: list[Answer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def won(self) -> list[Answer]:
        return [one for one in self.answers if one.status in (200, 201)]

    @property
    def lost(self) -> list[Answer]:
        return [one for one in self.answers if one.status == 409]

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.faults.append(otherwise)


@dataclass(frozen=True)
class Door:
    """The web process as a program sees it."""

    port: int
    bearer: str

    def request(self, ask: Ask) -> bytes:
        """The whole request, with a key of its own, as it goes over the wire."""
        body = json.dumps(ask.body).encode()
        head = [
            f"POST {ask.path} HTTP/1.1",
            f"Host: {settings.ALLOWED_HOSTS[0]}",
            f"Authorization: Bearer {self.bearer}",
            f"Idempotency-Key: {uuid4().hex}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def fire(door: Door, asks: Sequence[Ask]) -> list[Answer]:
    """Send all asks at once, each over a connection of its own; seconds count from the moment that all are
    let go.

    One thread sends and listens for everybody: what the clients compute is taken from the server's share of
    the machine, and threads of Python would let go of each other one by one.
    """
    requests = [door.request(ask) for ask in asks]
    answers: dict[int, Answer] = {}
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for number, request in enumerate(requests):
            connection = socket.create_connection(("127.0.0.1", door.port), LATEST)
            connection.sendall(request)
            selector.register(connection, selectors.EVENT_READ, (number, bytearray()))
        while len(answers) < len(asks) and time.perf_counter() < began + LATEST:
            for key, _ in selector.select(1):
                number, received = key.data
                chunk = _received(key.fileobj)
                received += chunk
                if not chunk:
                    seconds = time.perf_counter() - began
                    answers[number] = Answer(asks[number], *_read(bytes(received)), seconds)
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
        for key in list(selector.get_map().values()):
            key.fileobj.close()
    nothing = 599, {"code": "no answer"}
    return [answers.get(number) or Answer(ask, *nothing, LATEST) for number, ask in enumerate(asks)]


def _received(connection: Any) -> bytes:
    """What has come by now; nothing when the other side is done, or gone."""
    try:
        return bytes(connection.recv(1 << 16))
    except OSError:
        return b""


def _read(answer: bytes) -> tuple[int, Any]:
    """The status and the body of an answer that ends with its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        return int(head.split(maxsplit=2)[1]), json.loads(body or b"null")
    except (ValueError, IndexError):
        return 599, {"code": "a broken answer"}


def judge(report: Report, answers: Sequence[Answer], *, maximal: bool = True) -> None:
    """What must hold in every mix. `maximal`: nobody was refused who could still have their places at the
    end.
    """
    report.answers += answers
    for one in answers:
        if one.status not in (200, 201, 409):
            report.faults.append(f"{one.status} for {one.ask.path[-6:]}: {one.body}")
    for one in answers:
        if one.code == "slot_taken" and not one.body.get("alternative"):
            report.faults.append("a loser without an alternative")
        if maximal and one.status == 409 and one.ask.wants and all(map(is_free, one.ask.wants)):
            report.faults.append(f"refused ({one.code}), although its places are free")
    overlaps = race.overlaps()
    report.expect(overlaps == 0, f"{overlaps} overlaps")
    report.expect(race.half_booked() == 0, "a visit without its place")


def is_free(want: Want) -> bool:
    """Whether the seats fit at the end: counted here, not asked of the product."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT lower(during), upper(during), upper(seats) - lower(seats) FROM scheduling_occupancy
            WHERE resource_id = %s AND lower(during) < %s AND %s < upper(during)
            """,
            [want.resource_id, want.end, want.start],
        )
        rows = cursor.fetchall()
    moments = [want.start, *(start for start, _, _ in rows if start > want.start)]
    load = max(sum(seats for start, end, seats in rows if start <= at < end) for at in moments)
    return bool(load + want.seats <= 12)


def clear() -> None:
    """The calendar is empty again: every round begins in the same world."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scheduling_occupancy")
        cursor.execute(
            """
            UPDATE scheduling_appointment SET status = 'cancelled', hold_expires_at = NULL,
                cancelled_at = now(), cancelled_by = 'race'
            WHERE status IN ('held', 'booked')
            """
        )
        cursor.execute("DELETE FROM scheduling_groupsession_staff")
