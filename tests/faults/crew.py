"""The product's processes on the test's own database: web, workers with children, beat; and blows to them."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clinic.local.home import Child, Home
from tests.bench import _server

# A lease of two seconds, and everything else in proportion.
SHORT = {
    "MESSAGE_LEASE_SECONDS": "2",
    "MESSAGE_CALL_SECONDS": "1.5",
    "PROVIDER_CONNECT_SECONDS": "0.4",
    "PROVIDER_READ_SECONDS": "1",
    "MESSAGE_TICK_SECONDS": "0.5",
    "RECOVERY_TICK_SECONDS": "0.5",
    "REPLY_RETRY_SECONDS": "2",
    "MESSAGE_GRACE_SECONDS": "0",
    "LOG_LEVEL": "ERROR",
}
LEASE_SECONDS = float(SHORT["MESSAGE_LEASE_SECONDS"])
CELERY = (sys.executable, "-m", "celery", "--app", "clinic.config.celery:app", "--quiet")
QUIET = ("--loglevel=CRITICAL", "--without-gossip", "--without-mingle", "--without-heartbeat")
# Longer than a task may take: a worker that was asked to end waits for the tasks of its children.
PATIENCE_SECONDS = 150.0


class Crew:
    """Keeps its processes: one that died is started again by `keep`, as a supervisor would."""

    def __init__(self, home: Home, *, hands: int = 2, **environment: str) -> None:
        """`hands`: how many tasks a worker does at once, each in a child of its own."""
        self.home = home
        self.hands = hands
        self.points = home.path / "points"
        self.points.mkdir()
        self.web_socket = home.bind()
        self.port = int(self.web_socket.getsockname()[1])
        self.environment = {
            **os.environ,
            "DATABASE_URL": _server.database_url(),
            **SHORT,
            "CRASH_POINTS": str(self.points),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            **environment,
        }
        self.starts: dict[str, Callable[[], Child]] = {}
        self.children: dict[str, Child] = {}

    def start(self, *, workers: int = 2, web: bool = True, beats: int = 1) -> None:
        """Start them; they answer a little later."""
        if web:
            self._keep("web", self._web)
        for number in range(workers):
            self._keep(f"worker{number}", lambda number=number: self._worker(number))  # type: ignore[misc]
        for number in range(beats):
            self._keep(f"beat{number}", lambda number=number: self._beat(number))  # type: ignore[misc]

    def keep(self) -> None:
        """Start again what has died. What it left behind lives on, as it would."""
        for name, child in self.children.items():
            if not child.alive:
                self.children[name] = self.starts[name]()

    def wait(
        self, true: Callable[[], object], what: str | Callable[[], str], seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Until it is true, keeping the processes alive meanwhile; `what` says what did not come."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                missing = what() if callable(what) else what
                raise AssertionError(f"not in {seconds:.0f} s: {missing}\n{self.last_words()}")
            self.keep()
            time.sleep(0.02)

    def last_words(self) -> str:
        return "\n".join(f"{name}: {child.last_words()[-500:]}" for name, child in self.children.items())

    def arm(self, point: str) -> None:
        (self.points / f"{point}.armed").touch()

    def standing(self, point: str) -> "Standing | None":
        """Who stands there."""
        path = self.points / f"{point}.reached"
        if not path.exists():
            return None
        own, parent = path.read_text().split()
        return Standing(point, int(own), int(parent))

    def let_go(self, point: str) -> None:
        (self.points / f"{point}.go").touch()

    def clear(self, point: str) -> None:
        """Forget the point, once whoever stood there has gone on or is dead."""
        for suffix in ("armed", "reached", "go"):
            (self.points / f"{point}.{suffix}").unlink(missing_ok=True)

    def _keep(self, name: str, start: Callable[[], Child]) -> None:
        self.starts[name] = start
        self.children[name] = start()

    def _start(self, name: str, *command: str, fds: tuple[int, ...] = ()) -> Child:
        return self.home.start(
            name=name, command=command, log=self._log(name), env=self.environment, pass_fds=fds
        )

    def _log(self, name: str) -> Path:
        return self.home.path / f"{name}.log"

    def _web(self) -> Child:
        command = (sys.executable, "-m", "gunicorn", "clinic.config.wsgi:application", "--workers", "1")
        threads = ("--worker-class", "gthread", "--threads", "8", "--graceful-timeout", "5")
        bound = ("--bind", f"fd://{self.web_socket.fileno()}", "--log-level", "error")
        return self._start("web", *command, *threads, *bound, fds=(self.web_socket.fileno(),))

    def _worker(self, number: int) -> Child:
        name = f"--hostname=w{number}-{time.monotonic_ns()}@faults"
        return self._start(f"worker{number}", *CELERY, "worker", f"--concurrency={self.hands}", name, *QUIET)

    def _beat(self, number: int) -> Child:
        schedule = f"--schedule={self.home.path / f'beat{number}'}"
        return self._start(f"beat{number}", *CELERY, "beat", schedule, "--loglevel=CRITICAL", "--pidfile=")


@dataclass(frozen=True)
class Standing:
    """A process that stands at a point, and its parent."""

    point: str
    own: int
    parent: int


def kill_child(crew: Crew, standing: Sequence[Standing]) -> None:
    """What happens to it comes without a warning: out of memory, a machine that dies."""
    for one in standing:
        _send(one.own, signal.SIGKILL)


def kill_parent(crew: Crew, standing: Sequence[Standing]) -> None:
    """The parent dies; its child, which nobody waits for any more, goes on with what it was about."""
    for one in standing:
        _send(one.parent, signal.SIGKILL)
    _let_go(crew, standing)


def terminate(crew: Crew, standing: Sequence[Standing]) -> None:
    """A restart: it is asked to end, and may finish what it began."""
    for parent in {one.parent for one in standing}:
        _send(parent, signal.SIGTERM)
    _let_go(crew, standing)


def stop_past_the_lease(crew: Crew, standing: Sequence[Standing]) -> None:
    """It stands still until everybody else has given it up, and then goes on as if nothing had been."""
    for one in standing:
        _send(one.own, signal.SIGSTOP)
    until = time.monotonic() + LEASE_SECONDS + 1
    crew.wait(lambda: time.monotonic() > until, "the lease passes")
    _let_go(crew, standing)
    for one in standing:
        _send(one.own, signal.SIGCONT)


Blow = Callable[[Crew, Sequence[Standing]], None]
BLOWS: tuple[Blow, ...] = (kill_child, kill_parent, terminate, stop_past_the_lease)


def _let_go(crew: Crew, standing: Sequence[Standing]) -> None:
    for one in standing:
        crew.let_go(one.point)


def _send(process: int, number: signal.Signals) -> None:
    # Several stand in one process or have one parent, and whoever waits for a provider may be done waiting.
    with suppress(ProcessLookupError):
        os.kill(process, number)
