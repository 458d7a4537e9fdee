"""The demo, whole: it comes up, does what the tutorial says, is killed, comes up again on its data, leaves
nothing when stopped.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clinic.local.home import ROOT
from clinic.local.postgres import RUNTIME_USER
from clinic.local.workshop import MARK
from tests.docs import tutorial


@contextmanager
def demo(data: Path) -> Iterator["subprocess.Popen[str]"]:
    """A running demo without patients, on a free port, up when this is entered."""
    command = [sys.executable, "-m", "clinic.local.demo", "--empty"]
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), "PORT": "0"}
    environment["MESSAGE_GRACE_SECONDS"] = "5"
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready: "):
                    break
            assert said and said[-1].startswith("ready: "), "".join(said)
            yield process
        finally:
            process.kill()


def ready(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / "ready.json").read_text())
    return found


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def processes_of(data: Path) -> list[str]:
    """Whatever runs on the folder: its path is in the environment, the arguments or the working folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parts = [(process / name).read_bytes() for name in ("environ", "cmdline")]
            parts.append(str((process / "cwd").readlink()).encode())
        except OSError:
            continue
        if any(str(data).encode() in part for part in parts):
            found.append(parts[1].replace(b"\0", b" ").decode())
    return found


def databases_of(data: Path) -> dict[str, set[str]]:
    """Which DATABASE_URLs the demo's web, worker and beat processes were given."""
    found: dict[str, set[str]] = {"gunicorn": set(), "worker": set(), "beat": set()}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")
            given = (process / "environ").read_bytes().decode().split("\0")
        except OSError:
            continue
        environment = dict(one.split("=", 1) for one in given if "=" in one)
        if environment.get(MARK) == str(data) and ("gunicorn" in command or "celery" in command):
            for name in found.keys() & set(command):
                found[name].add(environment["DATABASE_URL"])
    return found


TAMPERING = [
    "TRUNCATE practice_trailentry",
    "DELETE FROM practice_trailentry",
    "UPDATE practice_trailentry SET reason = 'another'",
    "ALTER TABLE practice_trailentry DISABLE TRIGGER ALL",
    "DROP TABLE practice_trailentry",
    "TRUNCATE practice_patientread",
    "DELETE FROM scheduling_appointmentevent",
]


def assert_the_trail_is_safe_from(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM practice_trailentry").fetchone()
        assert row is not None and row[0] > 0
        for statement in TAMPERING:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        found = "SELECT usename FROM pg_stat_activity WHERE datname = 'clinic'"
        assert {name for (name,) in connection.execute(found)} == {RUNTIME_USER}


@pytest.mark.timeout(900)
def test_the_demo_comes_up_survives_a_kill_and_leaves_nothing(tmp_path: Path):
    data = tmp_path / "data"
    with demo(data) as first:
        told = ready(data)
        assert set(told) == {"url", "oauth", "staff", "inbox", "now"}
        assert {"token_url", "client_id", "client_secret"} <= set(told["oauth"])
        assert all({"role", "username", "password"} <= set(person) for person in told["staff"])
        assert b"ready" in get(f"{told['url']}/health/ready")
        given = databases_of(data)
        assert all(given.values()), given
        [url] = set.union(*given.values())
        assert_the_trail_is_safe_from(url)
        assert [json.loads(get(url)) for url in told["inbox"].values()] == [[], []]
        for name in ("ready.json", "services.json", "secrets.json", "credentials.json"):
            assert (data / name).stat().st_mode & 0o077 == 0
        tutorial.follow(data)
        first.send_signal(signal.SIGKILL)
        first.wait()
    with demo(data) as second:
        again = ready(data)
        assert again["oauth"]["client_id"] == told["oauth"]["client_id"]
        assert again["staff"] == told["staff"]
        home = Path((data / "home").read_text())
        assert home.exists()
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=120) == 0
    assert not home.exists()
    assert not (data / "ready.json").exists()
    assert processes_of(data) == []
