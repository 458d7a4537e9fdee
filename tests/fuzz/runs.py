"""Schemathesis over the product's own web process, and what it found, counted."""

import functools
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

PHASES = ("examples", "coverage", "fuzzing", "stateful")
HOOKS = Path(__file__).with_name("hooks.py")
# What is possible depends on the state of things: a valid body may well be refused.
LEFT_OUT = "positive_data_acceptance"


# What schemathesis calls a failure -> the promise that it breaks.
PROMISES = {
    "answered by a 5xx": ("ST101", "ST102"),
    "answered as the document does not tell": tuple(f"ST{number}" for number in range(103, 112)),
    "taken although it is invalid": ("ST201", "ST203", "ST204"),
    "anything else that it checks": ("ST202", "ST301", "ST302", "ST401", "ST402", "ST901"),
}

# (phase, call, positive or negative, status) -> how many cases.
Told = Counter[tuple[str, str, str, int]]


@dataclass
class Found:
    """What one run came to."""

    report: Any
    told: Told
    said: str

    @property
    def failures(self) -> list[str]:
        """Each kind of broken promise, with the calls that broke it."""
        found = [f"{one['title']}: {', '.join(one['operations'])}" for one in self.report["failures"]]
        return found + [f"error: {one['title']} ({one['count']})" for one in self.report["errors"]]

    @property
    def promises(self) -> Counter[str]:
        """How often each promise was broken."""
        found = Counter({"the run itself": sum(one["count"] for one in self.report["errors"])})
        for one in self.report["failures"]:
            promise = next(
                (name for name, codes in PROMISES.items() if one["code"] in codes), "the run itself"
            )
            found[promise] += one["count"]
        return +found

    @property
    def cases(self) -> int:
        return self.told.total()


def by(told: Told, part: int) -> dict[Any, int]:
    """How many cases by phase (0), call (1), positive or negative (2), or status (3)."""
    found: Counter[Any] = Counter()
    for key, count in told.items():
        found[key[part]] += count
    return dict(sorted(found.items()))


@functools.cache
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


def calls(tags: Sequence[str] | None = None) -> dict[str, str]:
    """Every call, `POST /api/v1/courses/`, with its tag; or those with these tags."""
    found = {
        f"{method.upper()} {path}": operation["tags"][0]
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }
    return {call: tag for call, tag in found.items() if not tags or tag in tags}


def done(told: Told) -> set[str]:
    """Calls that did what they are for at least once."""
    return {call for _, call, _, status in told if 200 <= status < 300}


def run(
    *,
    port: int,
    token: str,
    world: dict[str, Any],
    folder: Path,
    reads: int,
    writes: int,
    seed: int,
    tags: Sequence[str] = (),
    phases: Sequence[str] = PHASES,
) -> Found:
    """So many examples of each reading and each writing call with these tags; without tags, of all."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "api.json").write_text(json.dumps(document()))
    (folder / "world.json").write_text(json.dumps(world, default=str))
    (folder / "schemathesis.toml").write_text(
        f'hooks = "{HOOKS}"\nchecks.missing_required_header.expected-statuses = ["4xx"]\n'
        # A stale version is refused before its body is read, and so is a body that is too large.
        'checks.negative_data_rejection.expected-statuses = ["4xx"]\n'
        f"[generation]\nmax-examples = {writes}\n"
        f'[[operations]]\ninclude-method = "GET"\ngeneration.max-examples = {reads}\n'
        # A calendar's address that was ended is kept, and shown with when and by whom.
        '[[operations]]\ninclude-tag = "calendar"\nchecks.use_after_free.enabled = false\n'
    )
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")]
    command += ["run", str(folder / "api.json"), "--url", f"http://127.0.0.1:{port}", "--no-color"]
    command += ["-H", f"Authorization: Bearer {token}", "-H", f"Host: {settings.ALLOWED_HOSTS[0]}"]
    command += ["--phases", ",".join(phases), "--seed", str(seed), "--continue-on-failure"]
    command += ["--exclude-checks", LEFT_OUT, "--suppress-health-check", "all", "--warnings", "off"]
    command += ["--report", "json", "--report-json-path", str(folder / "report.json"), "--no-shrink"]
    # Which examples there are follows from the seed alone; tables of characters are made once.
    command += ["--generation-database", "none"]
    for tag in tags:
        command += ["--include-tag", tag]
    files = {"FUZZ_WORLD": str(folder / "world.json"), "FUZZ_TOLD": str(folder / "told.json")}
    files["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder.parent / "hypothesis")
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **files}, capture_output=True, text=True, check=False
    )
    (folder / "said.txt").write_text(ended.stdout + ended.stderr)
    assert ended.returncode in (0, 1) and (folder / "told.json").exists(), ended.stdout + ended.stderr
    counted = {(a, b, c, d): count for a, b, c, d, count in json.loads((folder / "told.json").read_text())}
    return Found(json.loads((folder / "report.json").read_text()), Counter(counted), ended.stdout)
