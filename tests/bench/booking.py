"""`./dev bench booking`: whole courses and single visits over HTTP, against the same rows written by bare
SQL.

The baseline writes the rows of the very courses that were booked (visits, people, places, follow-up records,
messages, trail, keys), into the same tables with the same triggers and constraints, one transaction a course,
one statement a table, 8 connections. Both run one after the other on one machine; the figure is their ratio.
"""

import argparse
import itertools
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import django

django.setup()

import psycopg  # noqa: E402  after django.setup, like everything that touches models
from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from clinic.practice.models import IntegrationClient, Site  # noqa: E402
from patients.models import Patient  # noqa: E402
from scheduling.booking.course import courses  # noqa: E402
from scheduling.models import Occupancy, ProtocolVersion  # noqa: E402
from tests import factories  # noqa: E402
from tests.bench import _server  # noqa: E402

CLIENTS = 8
SECRET = "a-secret-for-one-benchmark-only"
# In the order of their foreign keys; the column that ties a row to its course or visit.
COURSE_TABLES = {
    "scheduling_treatmentcourse": "id = ANY(%(courses)s)",
    "scheduling_coursephase": "course_id = ANY(%(courses)s)",
    "scheduling_appointment": "course_id = ANY(%(courses)s) OR id = ANY(%(visits)s)",
    "scheduling_appointmentpractitioner": "appointment_id = ANY(%(visits)s)",
    "scheduling_occupancy": "appointment_id = ANY(%(visits)s)",
    "scheduling_followupgap": "course_id = ANY(%(courses)s)",
    "scheduling_gapdose": "appointment_id = ANY(%(visits)s)",
    "scheduling_gapvisit": "appointment_id = ANY(%(visits)s)",
    "notifications_message": "course_id = ANY(%(courses)s) OR subject_id = ANY(%(visits)s)",
    "practice_trailentry": "course_id = ANY(%(courses)s) OR subject_id = ANY(%(visits)s)",
    "practice_idempotencykey": "object_id = ANY(%(courses)s) OR object_id = ANY(%(visits)s)",
}
NEVER_DELETED = {"practice_trailentry"}


def sites(count: int) -> tuple[IntegrationClient, ProtocolVersion, list[tuple[Site, Patient]]]:
    """One practice with many small sites, so that no two courses want the same place."""
    ours = factories.practice("Benchmark")
    version = factories.protocol(ours)
    made = []
    for _ in range(count):
        here = factories.site(ours)
        for role in ("prescriber", "monitor", "therapist", "therapist"):
            factories.worker(here, role)
        for kind in ("infusion_chair", "infusion_chair", "therapy_room", "therapy_room"):
            factories.room(here, kind)
        made.append((here, factories.patient(here)))
    return factories.client(ours, secret=SECRET), version, made


def race(jobs: Sequence[Callable[[int], None]]) -> float:
    """Run the jobs by 8 threads, each taking the next; returns the seconds from the first to the last."""
    numbers = itertools.count()
    barrier = threading.Barrier(CLIENTS + 1)
    failures: list[BaseException] = []

    def worker(slot: int) -> None:
        try:
            barrier.wait()
            while (number := next(numbers)) < len(jobs):
                jobs[number](slot)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=worker, args=(slot,)) for slot in range(CLIENTS)]
    for thread in threads:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - began


class Rows:
    """The rows of booked courses, read back, deleted, and written again by bare SQL."""

    def __init__(self, course_ids: list[Any], visit_ids: list[Any]) -> None:
        self.keys = {"courses": course_ids, "visits": visit_ids}
        self.statements: list[tuple[str, str]] = []
        with connection.cursor() as cursor:
            for table, where in COURSE_TABLES.items():
                cursor.execute(
                    f"SELECT count(*), json_agg(t)::text FROM (SELECT * FROM {table} WHERE {where}) t",
                    self.keys,
                )
                count, rows = cursor.fetchone()
                if count:
                    self.statements.append((self._insert(cursor, table), rows))

    def _insert(self, cursor: Any, table: str) -> str:
        cursor.execute(
            """
            SELECT attname FROM pg_attribute
            WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND (attidentity = '' OR NOT %s)
            """,
            [table, table in NEVER_DELETED],
        )
        columns = ", ".join(f'"{name}"' for (name,) in cursor.fetchall())
        source = f"json_populate_recordset(NULL::{table}, %s::json)"
        return f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {source}"

    def delete(self) -> None:
        with connection.cursor() as cursor:
            for table, where in reversed(COURSE_TABLES.items()):
                if table not in NEVER_DELETED:
                    cursor.execute(f"DELETE FROM {table} WHERE {where}", self.keys)

    def write(self, raw: psycopg.Connection[Any]) -> None:
        with raw.transaction(), raw.cursor() as cursor:
            for statement, rows in self.statements:
                cursor.execute(statement, [rows])


def raw_rate(written: Sequence[Rows]) -> float:
    """The same rows a second by bare SQL, 8 connections."""
    for rows in written:
        rows.delete()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    raw = [psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) for _ in range(CLIENTS)]
    seconds = race([lambda slot, rows=rows: rows.write(raw[slot]) for rows in written])
    for one in raw:
        one.close()
    return len(written) / seconds


class Load:
    """8 clients, each with a connection of its own, against the product's web process."""

    def __init__(self, port: int, bearer: str) -> None:
        self.clients = [_server.Client(port, bearer) for _ in range(CLIENTS)]
        self.answers: list[Any] = []
        for number, client in enumerate(self.clients):
            # Each worker's first request loads what later ones find loaded.
            client.post("/api/v1/courses/", {"proposal": "warm"}, key=f"warm-{number}")

    def rate(self, path: str, bodies: Sequence[dict[str, Any]]) -> float:
        """Created objects a second; every answer must be a 201."""
        self.answers = []
        told: list[bytes] = []

        def create(slot: int, number: int, body: dict[str, Any]) -> None:
            status, answer = self.clients[slot].post_raw(path, body, key=f"{path}{number}")
            assert status == 201, answer
            told.append(answer)

        jobs = [lambda slot, n=n, body=body: create(slot, n, body) for n, body in enumerate(bodies)]
        seconds = race(jobs)
        # What a client makes of the answers is not the product's time.
        self.answers = [json.loads(answer) for answer in told]
        return len(bodies) / seconds


def proposals(client: IntegrationClient, version: ProtocolVersion, patients: Sequence[Patient]) -> list[str]:
    now = timezone.now()
    actor = factories.admin(client.practice)
    return [
        courses.propose(
            actor=actor,
            patient_id=patient.pk,
            protocol_id=version.template_id,
            start_on_or_after=now.date() + timedelta(days=7),
            alternatives=1,
            now=now,
        )[0].token
        for patient in patients
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--courses", type=int, default=120)
    parser.add_argument("--visits", type=int, default=600)
    options = parser.parse_args()
    client, version, made = sites(options.courses)
    tokens = proposals(client, version, [patient for _, patient in made])
    with _server.web() as port:
        load = Load(port, _server.token(port, client.client_id, SECRET))
        course_rate = load.rate("/api/v1/courses/", [{"proposal": token} for token in tokens])
        whole = [Rows([one["id"]], [visit["id"] for visit in one["visits"]]) for one in load.answers]
        visits = len(load.answers[0]["visits"])
        visit_rate = load.rate("/api/v1/appointments/", single_visits(made, options.visits))
        alone = [Rows([], [one["id"]]) for one in load.answers]
    places = Occupancy.objects.count()
    raw_visits, raw_courses = raw_rate(alone), raw_rate(whole)
    assert Occupancy.objects.count() == places, "the baseline wrote other rows"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0]
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {postgres}")
    print(f"web: gunicorn, 2 workers of 4 threads; {CLIENTS} clients")
    print(f"courses of {visits} visits: {course_rate:.1f}/s over HTTP, {raw_courses:.1f}/s by bare SQL")
    print(f"single visits: {visit_rate:.1f}/s over HTTP, {raw_visits:.1f}/s by bare SQL")
    print(f"ratio: {course_rate / raw_courses:.3f} courses (goal >= 0.20)")
    print(f"ratio: {visit_rate / raw_visits:.3f} single visits (goal >= 0.10)")
    connections.close_all()


def single_visits(made: Sequence[tuple[Site, Patient]], count: int) -> list[dict[str, Any]]:
    """Therapy by video on distinct days, far from the courses: as many as asked for, none in another's
    way."""
    start = (timezone.now() + timedelta(days=240)).replace(hour=16, minute=0, second=0, microsecond=0)
    weekdays = (day for day in range(400) if (start + timedelta(days=day)).isoweekday() < 6)
    pairs = ((day, patient) for day in weekdays for _, patient in made)
    return [
        {
            "patient": str(patient.pk),
            "kind": "therapy",
            "start": (start + timedelta(days=day)).isoformat(),
            "mode": "video",
        }
        for day, patient in itertools.islice(pairs, count)
    ]


if __name__ == "__main__":
    main()
