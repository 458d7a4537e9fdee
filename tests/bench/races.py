"""`./dev bench races`: 200 programs want twenty places at once, in seven mixes, 25 rounds each.

Every round begins in an empty calendar, is let go at once against the product's web process (as the image
starts it: 2 workers of 8 threads), and is checked: exactly the possible winners, nobody in two places (an
independent self-join), nobody refused whose place is free at the end, no course in part, no answer that is
our fault, no deadlock. One round before the first is not counted: in it the workers make their connections.
Then the controls: without lock and constraint the same race must go wrong, without the lock alone it must
not.
"""

import argparse
import os
import platform
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import django

django.setup()

from django.db import connection, connections  # noqa: E402  after django.setup, like all that touches models
from django.utils import timezone  # noqa: E402

from scheduling.booking.guard import locks  # noqa: E402
from scheduling.booking.visit import single  # noqa: E402
from scheduling.errors import SlotTaken  # noqa: E402
from tests.bench import _processor, _server  # noqa: E402
from tests.bench._processor import Spent  # noqa: E402
from tests.races import firing, mixes, race  # noqa: E402
from tests.races.firing import Answer, Ask, Report  # noqa: E402
from tests.races.mixes import Stage  # noqa: E402

CONTROL_CLIENTS = 60
NOBODY = firing.Door(0, "")
CONSTRAINT = "occupancy_no_overlap"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--courses", type=int, default=0, help="clients of the mix of courses; 0: all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", default="", help="one mix, by its name")
    asked = parser.parse_args()
    # Everybody is one program here: its limit is another test's.
    os.environ["LIMIT_PROGRAM"] = "1000000/60"
    world = mixes.build(asked.clients)
    client_id = firing.program(world.practice)
    print(
        f"machine: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.machine()}, "
        f"Python {platform.python_version()}"
    )
    print(
        f"{asked.clients} clients, {asked.rounds} rounds a mix, seed {asked.seed}; "
        f"gunicorn: {asked.workers} workers of {asked.threads} threads\n"
    )
    print(f"{'':28s} {'':48s} {'seconds':>17s}   processor ms an answer")
    print(
        "mix                          asked    won  taken   busy     5xx  faults"
        "      p50      p99      web  database  clients"
    )
    faults: list[str] = []
    before = race.deadlocks()
    with _server.web(workers=asked.workers, threads=asked.threads) as port:
        door = firing.Door(port, _server.token(port, client_id, firing.SECRET))

        def play(name: str, number: int) -> tuple[Report, Spent]:
            rng = random.Random(f"{asked.seed} {name} {number}")
            stage = Metered(world, door, rng, courses=asked.courses or asked.clients)
            return mixes.run(name, stage), stage.spent

        play("same slots", -1)
        for name in [asked.only] if asked.only else mixes.MIXES:
            faults += tell(name, [play(name, number) for number in range(asked.rounds)])
    dead = race.deadlocks() - before
    print(f"\ndeadlocks in PostgreSQL: {dead}")
    faults += [f"{dead} deadlocks"] if dead else []
    faults += controls(world)
    for fault, count in Counter(faults).items():
        print(f"FAULT {count} x {fault}")
    connections.close_all()
    sys.exit(1 if faults else 0)


@dataclass
class Metered(Stage):
    """A stage that reads the meters while it fires: neither what comes before nor the checks count."""

    spent: Spent = _processor.NOTHING

    def fire(self, asks: Sequence[Ask]) -> list[Answer]:
        master = _server.master(self.door.port)
        before = _processor.spent(master=master)
        answers = super().fire(asks)
        self.spent += _processor.spent(master=master) - before
        return answers


def tell(name: str, rounds: list[tuple[Report, Spent]]) -> list[str]:
    """One line of the table; returns the mix's faults."""
    reports = [report for report, _ in rounds]
    spent = sum((one for _, one in rounds), _processor.NOTHING)
    answers = [one for report in reports for one in report.answers]
    codes = Counter(one.code for one in answers if one.status == 409)
    seconds = sorted(one.seconds for one in answers)
    faults = [f"{name}: {fault}" for report in reports for fault in report.faults]
    won = sum(len(report.won) for report in reports)
    ours = sum(one.status >= 500 for one in answers)
    busy = codes.pop("busy", 0)
    each = 1000 / len(answers)
    print(
        f"{name:28s} {len(answers):6d} {won:6d} {sum(codes.values()):6d} {busy:6d} {ours:7d} {len(faults):7d}"
        f" {seconds[len(seconds) // 2]:8.2f} {seconds[len(seconds) * 99 // 100]:8.2f}"
        f" {spent.web * each:8.1f} {spent.database * each:9.1f} {spent.clients * each:8.1f}",
        flush=True,
    )
    return faults


# --- the controls ---------------------------------------------------------------------------------------
def controls(world: mixes.World) -> list[str]:
    """The same race in this process with its protection taken away; returns what should have gone wrong and
    did not."""
    faults = []
    with unprotected(constraint=False):
        won, overlaps, _ = unlocked_race(world)
    print(f"control 1, no lock and no constraint: {won} won {mixes.PLACES} places, {overlaps} overlaps")
    if not overlaps:
        faults.append("control 1 found no overlap: the races prove nothing")
    with unprotected(constraint=True):
        won, overlaps, dead = unlocked_race(world)
    print(
        f"control 2, no lock but the constraint: {won} won {mixes.PLACES} places, {overlaps} overlaps, "
        f"{dead} deadlocks"
    )
    if overlaps:
        faults.append("control 2: the constraint alone did not hold")
    return faults


@contextmanager
def unprotected(*, constraint: bool) -> Iterator[None]:
    firing.clear()
    with connection.cursor() as cursor, mock.patch.object(locks, "lock_resources", lambda resource_ids: None):
        if not constraint:
            cursor.execute(f"ALTER TABLE scheduling_occupancy DROP CONSTRAINT {CONSTRAINT}")
        try:
            yield
        finally:
            firing.clear()
            if not constraint:
                cursor.execute(
                    f"ALTER TABLE scheduling_occupancy ADD CONSTRAINT {CONSTRAINT} "
                    "EXCLUDE USING gist (resource_id WITH =, seats WITH &&, during WITH &&)"
                )


def unlocked_race(world: mixes.World) -> tuple[int, int, int]:
    """Sixty threads, three for each of the twenty places; how many won, overlaps, deadlocks."""
    before = race.deadlocks()
    slots = Stage(world, NOBODY, random.Random(0), courses=0).slots()

    def job(number: int) -> Callable[[], object]:
        who, start = slots[number % len(slots)]
        patient = world.patients[number]
        visit = single.Visit(patient.pk, "therapy", start, practitioner_ids=(who.pk,), mode="video")
        return lambda: single.book(actor=world.admin, now=timezone.now(), visit=visit)

    count = min(CONTROL_CLIENTS, len(world.patients))
    outcome = race.run([job(number) for number in range(count)])
    strange = [one for one in outcome.broken if not isinstance(one, SlotTaken)]
    assert not strange, strange[:1]
    return len(outcome.won), race.overlaps(), race.deadlocks() - before


if __name__ == "__main__":
    began = time.perf_counter()
    try:
        main()
    finally:
        print(f"{time.perf_counter() - began:.0f} s, {threading.active_count()} threads left")
