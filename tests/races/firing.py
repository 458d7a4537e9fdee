"""Many HTTP clients let go at once against the product's own web process, and what they were answered."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.db import connection

from clinic.practice.models import IntegrationClient, Practice
from tests import factories
from tests.bench import _server
from tests.races import race

SECRET = "a-secret-for-races-only"


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


def fire(clients: Sequence[_server.Client], asks: Sequence[Ask]) -> list[Answer]:
    """Send all asks at once, each by its own client; seconds count from the moment that all are let go."""
    barrier = threading.Barrier(len(asks))
    answers: list[Answer] = []

    def send(client: _server.Client, ask: Ask) -> None:
        barrier.wait(60)
        began = time.perf_counter()
        try:
            status, body = client.post(ask.path, ask.body, key=uuid4().hex)
        except OSError as error:
            status, body = 599, {"code": type(error).__name__}
        answers.append(Answer(ask, status, body, time.perf_counter() - began))

    threads = [threading.Thread(target=send, args=pair) for pair in zip(clients, asks, strict=False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    return answers


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
