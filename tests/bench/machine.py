"""`./dev bench machine`: the state machine of tests/machine, for as many and as long examples as one likes.

Prints how often each act was done and refused, which acts were never done, and how many shares ended in a
false state: 0 is the only right figure. `--shrink` looks for the shortest way to one. The whole run takes
hours: `--first` goes on where one that was ended by `--minutes` stopped, so that parts make a whole.
"""

import argparse
import multiprocessing
import os
import platform
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue

import django

django.setup()

from django.db import connection, connections, transaction  # noqa: E402  after django.setup

from tests.machine.runs import run  # noqa: E402
from tests.machine.world import World  # noqa: E402

FORK = multiprocessing.get_context("fork")
# Examples that share one world; it is undone after each of them.
SHARE = 10
# What a long run must have done: an act that is always refused proves nothing.
ACTS = {
    *("book", "hold", "book hold", "release", "adopt", "adopt and plan", "book visit"),
    *("move", "swap", "replan: something changed", "reassign: reassigned", "reassign: moved"),
    *("confirm", "check_in", "start", "end_administration", "no_show", "cancel", "cancel course"),
    *("discharge early", "discharge as planned", "discharge late", "complete early", "complete as planned"),
    *("reinstate cancelled", "correct to fulfilled", "correct to no_show", "correct to booked"),
    *("correct dosing time", "correct integration time", "enter in error", "enter course in error"),
    *("pause", "resume", "reopen", "complete course", "waive", "unwaive", "attest"),
    *("review: continue", "review: change", "review: complete", "review: stop"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """So many examples on a world of their own, not begun after `until`."""

    examples: int
    steps: int
    seed: int
    shrink: bool
    until: float


@dataclass(frozen=True, slots=True)
class Share:
    """What became of a job: how often each act was done and refused, and what went wrong."""

    examples: int
    done: Counter[str]
    refused: Counter[str]
    wrong: str


def databases(count: int) -> "SimpleQueue[str]":
    """So many copies of the database: worlds in one would wait for each other's names."""
    name = connection.settings_dict["NAME"]
    names = FORK.SimpleQueue()
    connections.close_all()
    with connection._nodb_cursor() as cursor:
        for number in range(count):
            cursor.execute(f'CREATE DATABASE "{name}_{number}" TEMPLATE "{name}"')
            names.put(f"{name}_{number}")
    return names


def choose(names: "SimpleQueue[str]") -> None:
    """This process works in a database of its own."""
    connection.close()
    connection.settings_dict["NAME"] = names.get()


def share(job: Job) -> Share:
    """Do the job and undo it."""
    if time.monotonic() > job.until:
        return Share(0, Counter(), Counter(), "")
    outer = transaction.atomic()
    outer._from_testcase = True  # type: ignore[attr-defined]
    wrong = ""
    with outer:
        world = World()
        try:
            run(world, examples=job.examples, steps=job.steps, seed=job.seed, shrink=job.shrink)
        except Exception:
            wrong = f"seed {job.seed}: {traceback.format_exc(limit=-3)}"
        transaction.set_rollback(True)
    return Share(job.examples, world.done, world.refused, wrong)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0, help=f"begin there, a multiple of {SHARE}")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=24 * 60, help="begin no share after so many minutes")
    parser.add_argument("--shrink", action="store_true", help="look for the shortest way to a false state")
    options = parser.parse_args()
    began = time.monotonic()
    jobs = [
        Job(
            examples=min(SHARE, options.examples - begun),
            steps=options.steps,
            seed=options.seed * 1_000_000 + begun,
            shrink=options.shrink,
            until=began + options.minutes * 60,
        )
        for begun in range(options.first, options.examples, SHARE)
    ]
    shares: list[Share] = []
    cores = os.cpu_count() or 1
    with FORK.Pool(cores, choose, [databases(cores)]) as pool:
        for one in pool.imap_unordered(share, jobs):
            shares.append(one)
            if one.wrong:
                print(one.wrong, flush=True)
            if one.examples:
                run_so_far = sum(each.examples for each in shares)
                print(f"{run_so_far} examples, {time.monotonic() - began:.0f} s", flush=True)
    tell(options, shares, time.monotonic() - began)


def tell(options: argparse.Namespace, shares: list[Share], seconds: float) -> None:
    done = sum((one.done for one in shares), Counter[str]())
    refused = sum((one.refused for one in shares), Counter[str]())
    examples, false = sum(one.examples for one in shares), sum(bool(one.wrong) for one in shares)
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    whole = f"from example {options.first} on, of {options.examples}"
    print(f"{examples} examples of {options.steps} steps, {whole}, in {seconds:.0f} s")
    print(f"acts done: {dict(done.most_common())}")
    print(f"acts refused: {dict(refused.most_common())}")
    print(f"acts never done: {sorted(ACTS - done.keys())} (goal = none)")
    print(f"shares that ended in a false state: {false} (goal = 0)")
    assert not false


if __name__ == "__main__":
    main()
