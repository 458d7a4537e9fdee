"""The processes of `./dev bench gaps` and what becomes of them: writers and workers that are killed in the
middle of their work, and servers that are gone for a while.

Who runs the benchmark starts PostgreSQL and Redis again when they die.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections
from kombu.exceptions import OperationalError as BrokerError
from redis import Redis
from redis.exceptions import RedisError

from clinic.config.celery import app
from scheduling.models import FollowUpGap
from tests.bench._gap_sweeper import CLOCK

FORK = multiprocessing.get_context("fork")
PATIENCE_SECONDS = 300.0
# As beat does it, only that its minute is shorter.
TICK_SECONDS = 0.3
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Job:
    """What one writer does at once: the same whether it is done the first time or again after a kill."""

    name: str
    rows: Sequence[Any]
    now: datetime


@dataclass(frozen=True)
class Failed:
    """What no clinic may see: neither done nor refused."""

    trace: str


def patient_with_servers(call: Callable[[], Answer]) -> Answer:
    """Try again while the database is away, as a person at the desk would."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@dataclass(eq=False)
class _Writer:
    process: Any
    pipe: Connection
    job: Job | None = None


def _serve(pipe: Connection, perform: Callable[[Job], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    os.environ["PGAPPNAME"] = f"writer-{os.getpid()}"
    while os.getppid() == parent:
        if pipe.poll(1):
            job = pipe.recv()
            try:
                answer = patient_with_servers(partial(perform, job))
            except Exception:
                answer = Failed(traceback.format_exc(limit=-6))
            pipe.send(answer)


class Sweepers:
    """Two real workers, and a beat. One that dies is started again."""

    def __init__(self) -> None:
        self._clock = Path(tempfile.mkstemp(prefix="bench-clock-")[1])
        self._workers: list[subprocess.Popen[bytes]] = []
        self._ticked = 0.0

    def set_clock(self, now: datetime) -> None:
        partial = self._clock.with_suffix(".new")
        partial.write_text(now.isoformat())
        partial.replace(self._clock)

    def keep_running(self) -> None:
        for place in range(2):
            if place == len(self._workers):
                self._workers.append(self._start(place))
            elif self._workers[place].poll() is not None:
                _kill_group(self._workers[place].pid)
                self._workers[place] = self._start(place)

    def _start(self, place: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.bench._gap_sweeper", f"sweeper-{place}"],
            env={**os.environ, CLOCK: str(self._clock), "PGAPPNAME": "sweeper"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def tick(self, task: str = "scheduling.sweep_gaps") -> None:
        """As beat: ask for the task, for each worker once, unless enough are waiting; a broker that is away
        hears nothing.
        """
        if time.monotonic() - self._ticked < TICK_SECONDS:
            return
        self._ticked = time.monotonic()
        self.keep_running()
        with suppress(RedisError, BrokerError, OSError):
            if _redis().llen("default") < 2:
                with app.connection_for_write() as wire:
                    for _ in range(2):
                        app.send_task(task, connection=wire, retry=False, expires=60)

    def finish(self, now: datetime) -> None:
        """Until nothing is due any more and no worker is at it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        quiet = 0
        while quiet < 4:
            assert time.monotonic() < deadline, "the sweep never came to its end"
            if patient_with_servers(lambda: _due(now)):
                quiet = 0
                self.tick()
            else:
                quiet = 0 if patient_with_servers(_sweeping) else quiet + 1
            time.sleep(0.05)

    def kill(self, chance: random.Random) -> str:
        """A worker's child, or the worker with its child: in the middle of a sweep, if one comes soon."""
        deadline = time.monotonic() + 2
        while not (busy := _sweeping()) and time.monotonic() < deadline:
            self.tick()
        while not self._struck(chance):
            self.keep_running()
        return "killed: worker during a sweep" if busy else "killed: worker, idle"

    def _struck(self, chance: random.Random) -> bool:
        """No, if it had ended by itself, as one does whose broker went away."""
        worker = chance.choice(self._workers)
        with suppress(FileNotFoundError, ProcessLookupError):
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            if children and chance.random() < 0.7:
                os.kill(int(children[0]), signal.SIGKILL)
            else:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
            return True
        return False

    def close(self) -> None:
        for worker in self._workers:
            _kill_group(worker.pid)
            worker.wait()
        self._clock.unlink(missing_ok=True)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _due(now: datetime) -> int:
    return FollowUpGap.objects.filter(next_change_at__lte=now).count()


def _awake() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _sweeping() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sweeper' AND state <> 'idle'"
        )
        return bool(cursor.fetchone()[0])


def _redis() -> "Redis[Any]":
    return Redis.from_url(settings.REDIS_URL, socket_timeout=2)


@dataclass
class Crew:
    """Writers, two at a time, the sweepers beside them, and the faults that strike them."""

    perform: Callable[[Job], Any]
    chance: random.Random
    sweepers: Sweepers
    faults: Counter[str] = field(default_factory=Counter)
    _writers: list[_Writer] = field(default_factory=list)

    def work(
        self, jobs: Sequence[Job], *, strikes: Sequence[str] = (), sweeping: bool = False
    ) -> list[tuple[Job, Any]]:
        """Do all jobs, whatever strikes on the way; each with its answer."""
        waiting, answers = deque(jobs), list[tuple[Job, Any]]()
        # Each strike waits for so many jobs to be done, then for a moment in the middle of the next.
        plan = deque(sorted((self.chance.randrange(len(jobs) or 1), name) for name in strikes))
        strike_at: float | None = None
        while waiting or plan or any(one.job for one in self._writers):
            self._give(waiting)
            for writer in self._heard():
                answers.append((writer.job or waiting[0], writer.pipe.recv()))
                writer.job = None
            if strike_at is None and plan and plan[0][0] <= len(answers):
                strike_at = time.monotonic() + self.chance.uniform(0, 0.15)
            if strike_at is not None and time.monotonic() >= strike_at:
                self._strike(plan.popleft()[1], waiting)
                strike_at = None
            if sweeping:
                self.sweepers.tick()
        for job, answer in answers:
            assert not isinstance(answer, Failed), f"{job.name}: {answer.trace}"
        return answers

    def _give(self, waiting: deque[Job]) -> None:
        while len(self._writers) < (os.cpu_count() or 1):
            self._hire()
        for writer in self._writers:
            if writer.job is None and waiting:
                writer.job = waiting.popleft()
                writer.pipe.send(writer.job)

    def _hire(self) -> None:
        # A fork must not share its parent's connections.
        connections.close_all()
        here, there = FORK.Pipe()
        process = FORK.Process(target=_serve, args=(there, self.perform), daemon=True)
        process.start()
        there.close()
        self._writers.append(_Writer(process, here))

    def _heard(self) -> list[_Writer]:
        heard = wait([one.pipe for one in self._writers if one.job], timeout=0.02)
        return [one for one in self._writers if one.pipe in heard]

    def _strike(self, name: str, waiting: deque[Job]) -> None:
        # A server that the last fault took down comes back first.
        patient_with_servers(_awake)
        self.faults[name] += 1
        match name:
            case "writer killed":
                self._kill_writer(waiting)
            case "worker killed":
                self.faults[self.sweepers.kill(self.chance)] += 1
            case "connections cut":
                _cut_connections()
            case "database killed":
                _kill_database()
            case _:
                _harm_redis(kill=name == "Redis killed")

    def _kill_writer(self, waiting: deque[Job]) -> None:
        busy = [one for one in self._writers if one.job] or self._writers
        writer = self.chance.choice(busy)
        # It stands still while it is looked at, so that what is counted is what was hit.
        os.kill(writer.process.pid, signal.SIGSTOP)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(xact_start) FROM pg_stat_activity WHERE application_name = %s",
                [f"writer-{writer.process.pid}"],
            )
            self.faults["killed: writer in a transaction"] += cursor.fetchone()[0]
        os.kill(writer.process.pid, signal.SIGKILL)
        writer.process.join()
        self._writers.remove(writer)
        writer.pipe.close()
        if writer.job:
            waiting.appendleft(writer.job)

    def close(self) -> None:
        for writer in self._writers:
            writer.process.kill()
            writer.process.join()
        self.sweepers.close()


def _cut_connections() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connections.close_all()


def _kill_database() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        found = raw.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    assert found is not None
    os.kill(int(found[0].split()[0]), signal.SIGKILL)
    connections.close_all()


def _harm_redis(*, kill: bool) -> None:
    """Everything that it held is lost either way; killed, it is away for a while too."""
    with suppress(RedisError, OSError):
        if kill:
            os.kill(int(_redis().info()["process_id"]), signal.SIGKILL)
        else:
            _redis().flushall()
