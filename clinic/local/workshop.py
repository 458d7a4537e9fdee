"""The demo's data folder: who uses it now, its secrets, and the services that run on it."""

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clinic.local import janitor
from clinic.local.errors import LocalError, from_os_error
from clinic.local.home import ROOT, Home
from clinic.local.postgres import Postgres
from clinic.local.redis import RedisServer

NEEDED_MEGABYTES = 300
# In the environment of every process that the demo starts, so that what a kill left behind can be found.
MARK = "CLINIC_DEMO_OF"


class Workshop:
    """One data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.ready_file = data / "ready.json"
        self.services_file = data / "services.json"
        self.credentials_file = data / "credentials.json"
        self.home_file = data / "home"
        self.logs = data / "logs"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else may use the folder meanwhile. Raises LocalError when somebody does."""
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            handle = (self.data / "lock").open("a")
        except OSError as error:
            raise from_os_error(error=error, doing=f"preparing {self.data}") from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LocalError(
                    f"{self.data} is in use by another ./dev: stop it, or set DATA_DIR"
                ) from error
            self._require_space()
            self._stop_leftovers()
            self.forget()
            yield

    def home(self) -> Home:
        """A temporary folder that the next start on this data will remove if this one is killed."""
        os.environ[MARK] = str(self.data)
        made = Home()
        self.home_file.write_text(str(made.path))
        return made

    def forget(self) -> None:
        """Take back what says that a demo runs here."""
        self.ready_file.unlink(missing_ok=True)
        self.services_file.unlink(missing_ok=True)

    def secrets(self) -> dict[str, str]:
        """Made once, readable by their owner only."""
        path = self.data / "secrets.json"
        if not path.exists():
            made = {
                "SECRET_KEY": secrets.token_urlsafe(64),
                "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
                "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
                # The provider's own test number, which belongs to nobody.
                "TWILIO_FROM": "+15005550006",
            }
            write_private(path, made)
        found: dict[str, str] = json.loads(path.read_text())
        return found

    def running(self) -> dict[str, str] | None:
        """The environment of the demo that runs on this folder; None when none does."""
        with suppress(OSError, ValueError, KeyError):
            found = json.loads(self.services_file.read_text())
            if janitor.start_ticks(pid=found["pid"]) == found["started"]:
                environment: dict[str, str] = found["environment"]
                return environment
        return None

    def announce(self, environment: dict[str, str]) -> None:
        """Tell `./dev manage` which services run here."""
        pid = os.getpid()
        found = {"pid": pid, "started": janitor.start_ticks(pid=pid), "environment": environment}
        write_private(self.services_file, found)

    def start_stores(self, *, home: Home) -> tuple[dict[str, str], list[Postgres | RedisServer]]:
        """PostgreSQL and Redis, each unless the environment names another: addresses and servers."""
        given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
        started: list[Postgres | RedisServer] = []
        if "DATABASE_URL" not in given:
            log = self.logs / "postgres.log"
            postgres = Postgres(home=home, data=self.data / "postgres", log=log, throwaway=False)
            postgres.start()
            started.append(postgres)
            given["DATABASE_URL"] = postgres.url
        if "REDIS_URL" not in given:
            redis = RedisServer(home=home, data=self.data / "redis", log=self.logs / "redis.log")
            redis.start()
            started.append(redis)
            given["REDIS_URL"] = redis.url()
        return given, started

    def environment(self, *, home: Home, public_url: str) -> dict[str, str]:
        """What every process of the demo is told, beside its services; what is given wins."""
        metrics, static = home.path / "metrics", home.path / "static"
        metrics.mkdir(exist_ok=True)
        static.mkdir(exist_ok=True)
        made = {
            "PUBLIC_URL": public_url,
            "DJANGO_SETTINGS_MODULE": "clinic.config.settings",
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "STATIC_MANIFEST": "false",
            "STATIC_ROOT": str(static),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "PYTHONUNBUFFERED": "1",
            **self.secrets(),
        }
        kept = {name: os.environ[name] for name in made if os.environ.get(name)}
        return {**os.environ, **made, **kept, MARK: str(self.data)}

    def _require_space(self) -> None:
        free = shutil.disk_usage(self.data).free // 1_000_000
        if free < NEEDED_MEGABYTES:
            raise LocalError(
                f"the disk is full: {free} MB are free in {self.data}, the demo needs {NEEDED_MEGABYTES} MB"
            )

    def _stop_leftovers(self) -> None:
        """Stop what a killed demo left behind, by the mark in its environment; remove its folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            pid = int(process.name)
            with suppress(OSError):
                if pid != os.getpid() and self._left_behind(process):
                    found.append((pid, janitor.start_ticks(pid=pid), int(signal.SIGTERM)))
        janitor.stop_all(children=found)
        with suppress(FileNotFoundError):
            left = Path(self.home_file.read_text())
            if re.fullmatch(r"clinic-\w+", left.name) and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            self.home_file.unlink()

    def _left_behind(self, process: Path) -> bool:
        if f"{MARK}={self.data}".encode() in (process / "environ").read_bytes().split(b"\0"):
            return True
        # Redis writes its title over its environment; it works in its data folder.
        name = (process / "comm").read_text().strip()
        return name == "redis-server" and (process / "cwd").readlink() == self.data / "redis"


def write_private(path: Path, value: dict[str, Any]) -> None:
    """Write JSON that only its owner may read, whole or not at all."""
    partial = path.with_suffix(".partial")
    with suppress(FileNotFoundError):
        partial.unlink()
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(value, handle, indent=1)
        handle.write("\n")
    partial.replace(path)


def data_folder() -> Path:
    return Path(os.environ.get("DATA_DIR") or ROOT / ".data").absolute()
