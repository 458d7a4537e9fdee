"""`./dev bench machine`: the state machine of tests/machine, for as many and as long examples as one likes.

Prints how many steps of each kind were taken, and how many examples ended in a false state: 0 is the only
right figure.
"""

import argparse
import multiprocessing
import os
import platform
import time
import traceback
from collections import Counter

import django

django.setup()

from django.db import connections, transaction  # noqa: E402  after django.setup

from tests.machine.runs import run  # noqa: E402
from tests.machine.world import World  # noqa: E402

FORK = multiprocessing.get_context("fork")
# Examples that share one world; it is undone after each of them.
SHARE = 50


def share(job: tuple[int, int, int]) -> tuple[Counter[str], Counter[str], str]:
    """So many examples on a world of their own: acts done, acts refused, and what went wrong."""
    examples, steps, seed = job
    connections.close_all()
    outer = transaction.atomic()
    outer._from_testcase = True  # type: ignore[attr-defined]
    wrong = ""
    with outer:
        world = World()
        try:
            run(world, examples=examples, steps=steps, seed=seed)
        except Exception:
            wrong = traceback.format_exc(limit=-3)
        transaction.set_rollback(True)
    return world.done, world.refused, wrong


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    jobs = [
        (min(SHARE, options.examples - begun), options.steps, options.seed * 1_000_000 + begun)
        for begun in range(0, options.examples, SHARE)
    ]
    began = time.monotonic()
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    false = 0
    connections.close_all()
    with FORK.Pool(os.cpu_count()) as pool:
        for number, (acts, refusals, wrong) in enumerate(pool.imap_unordered(share, jobs), start=1):
            done, refused, false = done + acts, refused + refusals, false + bool(wrong)
            if wrong:
                print(wrong, flush=True)
            if number % 10 == 0:
                print(f"{number * SHARE} examples, {time.monotonic() - began:.0f} s", flush=True)
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    print(f"{options.examples} examples of {options.steps} steps in {time.monotonic() - began:.0f} s")
    print(f"acts done: {dict(done.most_common())}")
    print(f"acts refused: {dict(refused.most_common())}")
    print(f"shares that ended in a false state: {false} (goal = 0)")
    assert not false


if __name__ == "__main__":
    main()
