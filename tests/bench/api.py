"""`./dev bench api`: schemathesis over every call of the API, all phases, on a clinic with something of
everything.

Prints how many cases there were by phase, and how many of them were answered by a 5xx, by something that the
document does not tell, or by taking an invalid body: 0 is the only right figure. A seed gives the same cases
again, as far as the state of things is the same.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections import Counter
from pathlib import Path

import django

django.setup()

from django.db import connections  # noqa: E402  after django.setup, like everything that touches models

from tests.bench import _server  # noqa: E402
from tests.fuzz import runs, world  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reads", type=int, default=20, help="examples of each reading call")
    parser.add_argument("--writes", type=int, default=100, help="examples of each writing call")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tags", nargs="*", help="only the calls with these tags")
    parser.add_argument("--keep", type=Path, help="a folder for what was found")
    options = parser.parse_args()
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    told: Counter[tuple[str, str, str, int]] = Counter()
    failures: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, _server.web() as port:
        for tag in sorted(set(runs.calls(options.tags).values())):
            token, there = world.build()
            found = runs.run(
                port=port,
                token=token,
                world=there,
                folder=(options.keep or Path(folder)) / tag,
                reads=options.reads,
                writes=options.writes,
                seed=options.seed,
                tags=[tag],
            )
            told += found.told
            failures += found.promises
            print(f"{tag}: {found.cases} cases", *found.failures, sep="\n  ", flush=True)
    known = runs.calls(options.tags)
    never = sorted(set(known) - runs.done(told))
    print(f"cases: {told.total()}; by phase: {json.dumps(runs.by(told, 0))}")
    print(f"by status: {json.dumps(runs.by(told, 3))}; of broken data: {runs.by(told, 2).get('negative', 0)}")
    print(f"calls: {len(known)}, never done as asked: {', '.join(never) or 'none'}")
    for promise in (*runs.PROMISES, "the run itself"):
        print(f"{promise}: {failures[promise]}")
    print(f"ratio: {failures.total()} broken promises in {told.total()} cases (goal = 0 in 20000)")
    connections.close_all()
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
