"""The embedded services: they leave nothing, survive kills, and run for root in a folder closed to others."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from clinic.local import errors, identity, janitor, migrated
from clinic.local.home import ROOT, Home
from clinic.local.postgres import Postgres
from clinic.local.redis import RedisServer
from clinic.local.supervisor import Kept

# An owner that starts one child, says where and who, and waits to be killed.
OWNER = """
import sys, time
from clinic.local.home import Home
home = Home()
child = home.start(name="child", command=["sleep", "600"], log=home.path / "log")
print(home.path, child.process.pid, flush=True)
time.sleep(600)
"""


def until(*, gone: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while gone.exists():
        assert time.monotonic() < deadline, f"{gone} is still there"
        time.sleep(0.02)


def test_a_killed_owner_leaves_no_process_and_no_folder():
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        folder, pid = owner.stdout.readline().split()
        started = janitor.start_ticks(pid=int(pid))
        assert started
        owner.kill()
    until(gone=Path(folder))
    assert janitor.start_ticks(pid=int(pid)) != started


def test_a_process_id_that_went_to_another_is_left_alone():
    with subprocess.Popen(["sleep", "600"]) as other:
        janitor.stop_all(children=[(other.pid, "1", signal.SIGKILL)], patience=0.1)
        assert other.poll() is None
        other.kill()


def test_postgresql_recovers_from_a_kill_and_keeps_its_rows(tmp_path: Path):
    with Home() as home:
        first = Postgres(home=home, data=tmp_path / "data", log=tmp_path / "log", throwaway=False)
        first.start()
        with psycopg.connect(first.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS x")
        assert first.child is not None
        first.child.process.kill()
        first.child.process.wait()
    # Its process id is now one of a living process that is no server of this data.
    lock = tmp_path / "data/postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with Home() as home:
        second = Postgres(home=home, data=tmp_path / "data", log=tmp_path / "log", throwaway=False)
        second.start()
        with psycopg.connect(second.url) as connection:
            assert connection.execute("SELECT x FROM kept").fetchone() == (1,)


def test_a_half_made_data_folder_is_made_again(tmp_path: Path):
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new/rubbish").touch()
    with Home() as home:
        server = Postgres(home=home, data=tmp_path / "data", log=tmp_path / "log", throwaway=True)
        server.start()
        assert not (tmp_path / "data.new").exists()


def test_data_of_another_version_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PG_VERSION").write_text("9\n")
    with Home() as home:
        server = Postgres(home=home, data=tmp_path / "data", log=tmp_path / "log", throwaway=True)
        with pytest.raises(errors.LocalError, match="was made by PostgreSQL 9"):
            server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("how", [identity.How.NAMESPACE, identity.How.NOBODY])
def test_root_runs_it_in_a_closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: identity.How):
    if how is identity.How.NAMESPACE and identity.choose() is not how:
        pytest.skip("this machine refuses user namespaces")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(identity, "choose", lambda: how)
    for _ in range(2):
        with Home() as home:
            server = Postgres(home=home, data=closed / "data", log=tmp_path / "log", throwaway=False)
            server.start()
            with psycopg.connect(server.url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)


def test_redis_keeps_what_it_was_told_through_a_stop(tmp_path: Path):
    with Home() as home:
        server = RedisServer(home=home, data=tmp_path / "redis", log=tmp_path / "log")
        server.start()
        with Redis.from_url(server.url()) as client:
            client.set("kept", "1")
        assert server.child is not None
        server.child.stop()
        server.launch()
        with Redis.from_url(server.url()) as client:
            assert client.get("kept") == b"1"
            assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_redis_wants_its_password():
    with Home() as home:
        server = RedisServer(home=home, data=None, log=home.path / "log")
        server.start()
        with Redis(port=server.port) as client, pytest.raises(RedisError, match="authent"):
            client.ping()


def test_what_dies_is_started_again_less_and_less_eagerly(tmp_path: Path):
    said: list[str] = []
    with Home() as home:

        def start():
            return home.start(name="false", command=["false"], log=tmp_path / "log")

        kept = Kept(name="false", start=start, child=start())
        pauses = []
        for _ in range(3):
            assert kept.child is not None
            kept.child.process.wait()
            kept.check(now=0.0, say=said.append)
            assert kept.again_at is not None
            pauses.append(kept.again_at)
            before = kept.child
            kept.check(now=kept.again_at, say=said.append)
            assert kept.child is not before
            kept.started_at = 0.0
    assert pauses == [1.0, 2.0, 4.0]
    assert len(said) == 3


def test_a_full_disk_is_one_line():
    log = 'LOG: x\nFATAL:  could not write lock file "postmaster.pid": No space left on device\n'
    assert str(errors.from_log(service="PostgreSQL", log=log)).startswith("the disk is full (PostgreSQL")
    error = OSError(28, "No space left on device", "/data")
    assert (
        str(errors.from_os_error(error=error, doing="x"))
        == "the disk is full (/data): free some space and run again"
    )


def test_the_migrated_database_is_made_anew_when_a_migration_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    before = migrated.fingerprint()
    for name in ("clinic/config", "patients/migrations"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "clinic/config/settings.py").touch()
    (tmp_path / "requirements-dev.txt").touch()
    monkeypatch.setattr(migrated, "ROOT", tmp_path)
    without = migrated.fingerprint()
    (tmp_path / "patients/migrations/0001_initial.py").write_text("x")
    assert len({before, without, migrated.fingerprint()}) == 3
