"""Many at once, each with a connection of its own, all let go by one barrier; and what the database says
afterwards."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, connections

from clinic.practice.errors import Busy
from scheduling.errors import SlotTaken


@dataclass
class Outcome:
    """How every runner ended: what it returned, or what it raised."""

    results: list[Any] = field(default_factory=list)

    @property
    def won(self) -> list[Any]:
        return [one for one in self.results if not isinstance(one, BaseException)]

    @property
    def counts(self) -> Counter[str]:
        return Counter(
            type(one).__name__ if isinstance(one, BaseException) else "won" for one in self.results
        )

    @property
    def broken(self) -> list[BaseException]:
        """Everything that a client would have seen as our fault: neither a booking nor a plain refusal."""
        return [
            one
            for one in self.results
            if isinstance(one, BaseException) and not isinstance(one, SlotTaken | Busy)
        ]


def run(jobs: Sequence[Callable[[], Any]]) -> Outcome:
    """Run all jobs at once. Each opens its connection before the barrier, so that the race is about booking
    alone."""
    barrier = threading.Barrier(len(jobs))
    outcome = Outcome()

    def runner(job: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(60)
            outcome.results.append(job())
        except BaseException as error:
            outcome.results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=runner, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(outcome.results) == len(jobs), "somebody never came back"
    return outcome


def in_turn(first: Callable[[], Any], second: Callable[[], Any], *, at: tuple[Any, str]) -> Outcome:
    """Two acts, each with a connection of its own. The first comes to the end of the function `at` (module,
    name) and stays there, in its transaction; the second begins, and waits for a lock or is through; then the
    first goes on.
    """
    there, may_go = threading.Event(), threading.Event()
    (module, name), outcome = at, Outcome()
    real = getattr(module, name)

    def slow(*given: Any, **named: Any) -> Any:
        found = real(*given, **named)
        if threading.current_thread() is one and not there.is_set():
            there.set()
            assert may_go.wait(60)
        return found

    def runner(job: Callable[[], Any]) -> None:
        try:
            outcome.results.append(job())
        except BaseException as error:
            outcome.results.append(error)
        finally:
            connections.close_all()

    one, other = (threading.Thread(target=runner, args=(job,)) for job in (first, second))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, slow)
        one.start()
        assert there.wait(60)
        other.start()
        deadline = time.monotonic() + 60
        while other.is_alive() and not _waits_for_a_lock():
            assert time.monotonic() < deadline
        may_go.set()
        one.join(60)
        other.join(60)
    assert len(outcome.results) == 2, "somebody never came back"
    return outcome


def _waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def overlaps() -> int:
    """Pairs of rows that put one resource's seat in two places: an independent self-join, no constraint
    asked."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM scheduling_occupancy a JOIN scheduling_occupancy b
                ON a.resource_id = b.resource_id AND a.id < b.id
            WHERE lower(a.during) < upper(b.during) AND lower(b.during) < upper(a.during)
              AND lower(a.seats) < upper(b.seats) AND lower(b.seats) < upper(a.seats)
            """
        )
        return int(cursor.fetchone()[0])


def half_booked() -> int:
    """Live visits without the patient's place: a booking that was written in part."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM scheduling_appointment visit JOIN patients_patient patient ON patient.id =
            visit.patient_id WHERE visit.status = 'booked' AND NOT EXISTS (
                SELECT 1 FROM scheduling_occupancy taken
                WHERE taken.appointment_id = visit.id AND taken.resource_id = patient.resource_id)
            """
        )
        return int(cursor.fetchone()[0])


def deadlocks() -> int:
    """Deadlocks that PostgreSQL has counted in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
