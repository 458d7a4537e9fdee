"""`./dev bench reminders`: messages claimed and finished per second, the provider's time taken out.

Against the least that could do it: a bare psycopg loop over rows of three columns that claims one with FOR
UPDATE SKIP LOCKED, commits, marks it sent, and commits. Ours commits three times: the lease (which need not
wait for the disk), the hand-over before the provider is called (what makes a crash visible), and the result.
In between it asks whether the message is still true, wanted and fit to be seen, and writes its text, its
attempt and its line of the trail. Both loops take turns, in one process each, on the same server, and so do
two databases: one of ten thousand messages, and the same with `--rows` (five million) of years gone by. Each
time also as a worker does it: so many children at once, as many as `docker-compose.yml` has by default.
"""

import argparse
import copy
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import django

django.setup()

import psycopg  # noqa: E402  after django.setup, like everything that touches models
from django.conf import settings  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from clinic.practice import garbage  # noqa: E402
from notifications import channels  # noqa: E402
from notifications.channels.base import Channel, Outcome, Outgoing, Result, Sent  # noqa: E402
from notifications.models import Message  # noqa: E402
from notifications.sending import delivery  # noqa: E402
from tests.bench import _server, _sizes  # noqa: E402
from tests.faults.due import Reminders  # noqa: E402

GOAL, FLAT = 0.3, 1.2
CHILDREN = 2


class Instant:
    """A provider that takes no time: what is measured is ours."""

    CAN_BE_ASKED, REPLAYS = True, False

    def configured(self) -> bool:
        return True

    def send(self, *, outgoing: Outgoing) -> Result:
        outgoing.begin()
        return Result(Outcome.ACCEPTED, provider_id=str(outgoing.attempt_id))

    def look_up(self, *, sent: Sent) -> Result | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=300, help="in each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5_000_000, help="0: do not try what a large table costs")
    options = parser.parse_args()
    channels.PROVIDERS["sms"][settings.SMS_PROVIDER] = cast("Channel", Instant())
    settings.MESSAGE_PAUSE_SECONDS = 0
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; nothing left to chance")
    # In each turn once alone and once together.
    waiting = Reminders(options.messages * options.turns * 2)
    fill(10_000 - Message.objects.count())
    sizes = [Size(_sizes.copied() if options.rows else _sizes.current(), "ten thousand rows", waiting)]
    if options.rows:
        sizes.append(Size(_sizes.current(), f"{options.rows:,} rows", copy.copy(waiting)))
        began = time.monotonic()
        fill(options.rows - Message.objects.count())
        print(f"{options.rows:,} rows built in {time.monotonic() - began:.0f} s", flush=True)
        with connection.cursor() as cursor:
            # What the filling has not written yet it would write while others are measured.
            cursor.execute("CHECKPOINT")
    # As a worker's child begins.
    garbage.settle()
    for turn in range(options.turns):
        # Who goes first changes: the disk's own housekeeping has its rhythm.
        for size in sizes[:: 1 if turn % 2 else -1]:
            size.turn(options.messages)
    for size in sizes:
        size.tell()
    if options.rows:
        flat = statistics.median(
            large / small for small, large in zip(sizes[0].ours, sizes[1].ours, strict=True)
        )
        print(f"flat: {flat:.2f} of the time a message, turn by turn (goal <= {FLAT})")
    connections.close_all()


@dataclass
class Size:
    """One of the databases: seconds a message, of each turn."""

    name: str
    rows: str
    waiting: Reminders
    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)

    def turn(self, messages: int) -> None:
        _sizes.use(self.name)
        self.ours.append(ours_once(self.waiting, messages))
        self.bare.append(bare_once(messages))
        self.together.append(together_once(self.waiting, messages))

    def tell(self) -> None:
        ratio = statistics.median(bare / mine for mine, bare in zip(self.ours, self.bare, strict=True))
        mine, bare, children = (1 / statistics.median(one) for one in (self.ours, self.bare, self.together))
        print(f"at {self.rows}: {mine:.0f} messages a second, bare {bare:.0f}", end="")
        print(f": ratio {ratio:.2f}, the median of the turns (goal >= {GOAL})")
        print(f"    {CHILDREN} children at once: {children:.0f} a second", flush=True)


def ours_once(waiting: Reminders, count: int) -> float:
    waiting.release(count)
    began = time.perf_counter()
    handled = delivery.run(clock=timezone.now, worker="bench", seconds=3600, limit=count + 1)
    seconds = time.perf_counter() - began
    assert handled == count, handled
    return seconds / count


def together_once(waiting: Reminders, count: int) -> float:
    """The same by the children of a worker, each with a connection that is open already."""
    waiting.release(count)
    connections.close_all()
    context = multiprocessing.get_context("fork")
    start, handled = context.Barrier(CHILDREN + 1), context.SimpleQueue()
    children = [context.Process(target=_child, args=(start, handled)) for _ in range(CHILDREN)]
    for child in children:
        child.start()
    start.wait()
    began = time.perf_counter()
    done = sum(handled.get() for _ in children)
    seconds = time.perf_counter() - began
    for child in children:
        child.join()
    assert done == count, done
    return seconds / count


def _child(start: Any, handled: Any) -> None:
    connection.ensure_connection()
    start.wait()
    handled.put(delivery.run(clock=timezone.now, worker=f"bench-{os.getpid()}", seconds=3600))


def bare_once(count: int) -> float:
    with psycopg.connect(_server.database_url()) as bare:
        bare.execute("DROP TABLE IF EXISTS bare_message")
        bare.execute("CREATE TABLE bare_message (id uuid PRIMARY KEY, due_at timestamptz, state text)")
        bare.execute("CREATE INDEX ON bare_message (due_at) WHERE state = 'planned'")
        bare.execute(
            "INSERT INTO bare_message SELECT gen_random_uuid(), now(), 'planned' FROM generate_series(1, %s)",
            [count],
        )
        bare.commit()
        began = time.perf_counter()
        done = 0
        while row := bare.execute(
            "SELECT id FROM bare_message WHERE state = 'planned' AND due_at <= now()"
            " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"
        ).fetchone():
            bare.execute("UPDATE bare_message SET state = 'leased' WHERE id = %s", row)
            bare.commit()
            bare.execute("UPDATE bare_message SET state = 'accepted' WHERE id = %s", row)
            bare.commit()
            done += 1
        assert done == count
        return (time.perf_counter() - began) / count


def fill(count: int) -> None:
    """Messages of years gone by, of the same practice and patients, as they are when they have gone."""
    if count <= 0:
        return
    model = Message.objects.order_by("id").first()
    assert model is not None
    names = [field.column for field in Message._meta.concrete_fields]
    changed = {
        "id": "gen_random_uuid()",
        "dedupe_key": "'old:' || gen_random_uuid()",
        "subject_id": "gen_random_uuid()",
        "patient_id": "people.ids[1 + number %% cardinality(people.ids)]",
        "state": "'accepted'",
        "provider_id": "'old' || number",
        "due_at": "now() - number * interval '30 seconds'",
        "useful_until": "now()",
        "updated_at": "now() - number * interval '30 seconds'",
        "changed_at": "now() - number * interval '30 seconds'",
        "current_attempt": "gen_random_uuid()",
    }
    first = Message.objects.count()
    with connection.cursor() as cursor, without_its_indexes(cursor):
        cursor.execute(
            f"""
            INSERT INTO notifications_message ({", ".join(f'"{name}"' for name in names)})
            SELECT {", ".join(changed.get(name, f'model."{name}"') for name in names)}
            FROM notifications_message model,
                 (SELECT array_agg(id) AS ids FROM patients_patient) people,
                 generate_series(%s, %s) number
            WHERE model.id = %s
            """,
            [first, first + count - 1, model.pk],
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE notifications_message")


@contextmanager
def without_its_indexes(cursor: Any) -> Iterator[None]:
    """Made once at the end, they cost a tenth of being kept row by row; nor is each row checked."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'notifications_message'"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    indexes = cursor.fetchall()
    cursor.execute("SET session_replication_role = replica")
    for name, _ in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _, definition in indexes:
        cursor.execute(definition)
    cursor.execute("SET session_replication_role = DEFAULT")


if __name__ == "__main__":
    main()
