"""The same requests sent again and again while the processes that answer them are killed: what each key did.

Every key has a request of its own: a visit, which its place alone would keep from being there twice, or a new
patient, whom nothing but the key keeps single. Its senders all send at once; whoever loses the connection or
is told to wait sends again, until each has an answer.
"""

import http.client
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from patients.models import Patient
from tests.bench import _server

# Answers after which a client is asked to send again.
LATER = {408, 409, 425, 429, 500, 502, 503, 504}
TRIES = 200


@dataclass
class Told:
    """What the senders of all keys were told."""

    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    statuses: Counter[int] = field(default_factory=Counter)
    lost_connections: int = 0
    kills: int = 0
    gave_up: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """One request that is to have one effect."""

    address: str
    body: dict[str, Any]


def asked(patient: Patient, start: datetime, count: int) -> list[Asked]:
    """Visits of one patient by phone, none in another's way, and as many new patients in turn."""
    starts = _starts(start, count)
    found = []
    for number in range(count):
        if number % 2:
            body = {"given_name": "New", "family_name": f"Patient{number}", "birth_date": "1990-01-01"}
            found.append(Asked("/api/v1/patients/", {**body, "site": str(patient.site_id)}))
        else:
            body = {"patient": str(patient.pk), "kind": "therapy", "mode": "phone"}
            found.append(Asked("/api/v1/appointments/", {**body, "start": starts[number].isoformat()}))
    return found


@dataclass
class Senders:
    """All senders of all requests; each request is begun by all of them at once."""

    port: int
    bearer: str
    requests: Sequence[Asked]
    count: int
    seed: int
    keyed: bool
    told: Told = field(default_factory=Told)
    done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.answered = 0
        self.barriers = [threading.Barrier(self.count) for _ in self.requests]

    def send(self) -> None:
        client = _server.Client(self.port, self.bearer)
        for number, one in enumerate(self.requests):
            self.barriers[number].wait(120)
            client = self._insist(client, number, one)
            self.answered += 1
        client.connection.close()

    def _insist(self, client: _server.Client, number: int, one: Asked) -> _server.Client:
        """Send until there is an answer; returns the client to go on with."""
        key = f"key-{number}"
        for attempt in range(TRIES):
            try:
                status, answer = client.post(one.address, one.body, key=key if self.keyed else "")
            except (OSError, http.client.HTTPException, ValueError):
                client.connection.close()
                client = _server.Client(self.port, self.bearer)
                with self.lock:
                    self.told.lost_connections += 1
                continue
            with self.lock:
                self.told.statuses[status] += 1
                if status == 201:
                    self.told.ids[key].add(answer["id"])
            if status == 201:
                return client
            assert status in LATER, (status, answer)
            # The senders of one key must not stay in step.
            time.sleep(random.Random(f"{self.seed}-{number}-{attempt}").uniform(0.01, 0.1))
        with self.lock:
            self.told.gave_up.append(key)
        return client

    def kill(self, kills: int) -> None:
        """Kill a worker each time that so many answers have come."""
        chance = random.Random(self.seed)
        total = len(self.requests) * self.count
        for mark in sorted(chance.uniform(0.05, 0.95) * total for _ in range(kills)):
            while not self.done.is_set() and self.answered < mark:
                self.done.wait(0.005)
            workers = _server.workers(self.port)
            if workers and not self.done.is_set():
                os.kill(chance.choice(workers), signal.SIGKILL)
                self.told.kills += 1


def send_all(
    *,
    port: int,
    bearer: str,
    requests: Sequence[Asked],
    senders: int,
    kills: int,
    seed: int,
    keyed: bool = True,
) -> Told:
    """Send each request `senders` times under one key, with so many workers killed on the way."""
    all_of_them = Senders(port, bearer, requests, senders, seed, keyed)
    threads = [threading.Thread(target=all_of_them.send) for _ in range(senders)]
    hunter = threading.Thread(target=all_of_them.kill, args=(kills,))
    for thread in (*threads, hunter):
        thread.start()
    for thread in threads:
        thread.join()
    all_of_them.done.set()
    hunter.join()
    return all_of_them.told


def _starts(first: datetime, count: int) -> list[datetime]:
    """One hour of each workday, from 09:00 at the site."""
    found: list[datetime] = []
    day = first
    while len(found) < count:
        if day.isoweekday() < 6:
            found += [day.replace(hour=9) + timedelta(hours=hour) for hour in range(8)]
        day += timedelta(days=1)
    return found[:count]


def effects() -> dict[str, int]:
    """What stands in the database, counted without asking the product."""
    questions = {
        "visits": "SELECT count(*) FROM scheduling_appointment",
        "new patients": "SELECT count(*) FROM patients_patient WHERE given_name = 'New'",
        "keys": "SELECT count(*) FROM practice_idempotencykey",
        "keys without an effect": """
            SELECT count(*) FROM practice_idempotencykey key
            WHERE NOT EXISTS (SELECT 1 FROM scheduling_appointment visit WHERE visit.id = key.object_id)
              AND NOT EXISTS (SELECT 1 FROM patients_patient someone WHERE someone.id = key.object_id)
        """,
    }
    found = {}
    with connection.cursor() as cursor:
        for name, question in questions.items():
            cursor.execute(question)
            found[name] = int(cursor.fetchone()[0])
    return found
