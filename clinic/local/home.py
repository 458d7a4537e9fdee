"""A private temporary folder and the processes that live in it; both are gone when the owner is."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from clinic.local import janitor
from clinic.local.errors import LocalError, from_os_error

ROOT = Path(__file__).resolve().parents[2]
LOG_LIMIT_BYTES = 10_000_000
# A Unix socket's path has 107 bytes; the folder must leave room for `/postgres/.s.PGSQL.5432.lock`.
LONGEST_FOLDER = 60


class Home:
    """The temporary folder, its children, and the janitor that outlives a killed owner."""

    def __init__(self) -> None:
        self.path = _private_folder()
        self.children: list[Child] = []
        self._sockets: list[socket.socket] = []
        read, write = os.pipe()
        self._janitor = subprocess.Popen(
            [sys.executable, "-IS", str(Path(janitor.__file__)), str(self.path)],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # The janitor must survive a Ctrl-C or a kill of the owner's whole group.
            start_new_session=True,
            cwd="/",
        )
        os.close(read)
        self._wire = write

    def __enter__(self) -> "Home":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def start(
        self,
        *,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        pass_fds: Sequence[int] = (),
        cwd: Path = ROOT,
    ) -> "Child":
        """Start a child that the janitor knows, its output appended to `log`."""
        _keep_small(log)
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(os.environ if env is None else env),
                # A Ctrl-C at the terminal reaches the owner only, which then stops its children in order.
                start_new_session=True,
                pass_fds=pass_fds,
                cwd=cwd,
            )
        child = Child(name=name, process=process, log=log, stop_signal=stop_signal)
        self.children.append(child)
        line = f"{process.pid} {janitor.start_ticks(pid=process.pid) or 0} {int(stop_signal)}\n"
        with suppress(BrokenPipeError):
            os.write(self._wire, line.encode())
        return child

    def bind(self, *, port: int = 0) -> socket.socket:
        """A loopback socket for a child to listen on: its port is known now and stays after a restart."""
        made = socket.socket()
        self._sockets.append(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        return made

    def close(self) -> None:
        """Stop every child, the last started first, and remove the folder."""
        for child in reversed(self.children):
            child.stop()
        for bound in self._sockets:
            bound.close()
        shutil.rmtree(self.path, ignore_errors=True)
        if self._wire >= 0:
            os.close(self._wire)
            self._wire = -1
            self._janitor.wait(timeout=30)


class Child:
    """One process that was started here."""

    def __init__(
        self, *, name: str, process: "subprocess.Popen[bytes]", log: Path, stop_signal: signal.Signals
    ) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.stop_signal = stop_signal
        self._log_from = log.stat().st_size

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        """What it has written since it started, at most the last 4,000 characters."""
        with suppress(OSError), self.log.open("rb") as handle:
            handle.seek(min(self._log_from, self.log.stat().st_size))
            return handle.read().decode(errors="replace")[-4000:]
        return ""

    def stop(self, *, patience: float = janitor.PATIENCE_SECONDS) -> None:
        """Ask, wait, then kill it and whatever is left of its process group."""
        if self.alive:
            self.process.send_signal(self.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=patience)
        with suppress(ProcessLookupError, PermissionError):
            # Its own session, so the group holds only its descendants (gunicorn's and celery's workers).
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def wait_until(*, ready: Callable[[], bool], child: Child, seconds: float) -> bool:
    """Poll until the service answers; False when the child dies or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        if not child.alive:
            return False
        time.sleep(0.02)
    return False


def _keep_small(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.unlink()


def _private_folder() -> Path:
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    last: OSError | None = None
    for place in places:
        if len(str(place)) > LONGEST_FOLDER - len("/clinic-xxxxxxxx"):
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="clinic-", dir=place))
        except OSError as error:
            last = error
    if last is not None:
        raise from_os_error(error=last, doing="making a private temporary folder")
    raise LocalError("no temporary folder with a short path: set TMPDIR=/tmp")
