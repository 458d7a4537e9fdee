"""`./dev demo`: the whole product on this machine, in the foreground, until Ctrl-C or SIGTERM."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinic.local.errors import LocalError, from_log, from_os_error
from clinic.local.home import ROOT, Child, Home, wait_until
from clinic.local.postgres import RUNTIME_USER, Postgres
from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.local.supervisor import Kept
from clinic.local.workshop import Workshop, data_folder, write_private

WEB_SECONDS = 180.0
LOOK_SECONDS = 0.25
CELERY = (sys.executable, "-m", "celery", "--app", "clinic.config.celery:app", "--quiet")


class Stop(BaseException):
    """Ctrl-C or SIGTERM, wherever the demo is at that moment."""


class Demo:
    def __init__(self, *, workshop: Workshop, home: Home, empty: bool) -> None:
        self.workshop = workshop
        self.home = home
        self.empty = empty
        self.kept: list[Kept] = []
        self.web_socket = self._bind()
        self.url = f"http://127.0.0.1:{self.web_socket.getsockname()[1]}"
        self.environment: dict[str, str] = {}
        # What web, worker and beat are told otherwise: the role that owns no table. Not in a database that
        # was given, where the demo makes no roles.
        self.runtime: dict[str, str] = {}
        self.inbox: dict[str, str] = {}

    def start(self) -> None:
        """Everything, in the order in which each needs the one before."""
        say("starting the database and the queue")
        stores, servers = self.workshop.start_stores(home=self.home)
        self.environment = self.workshop.environment(home=self.home, public_url=self.url) | stores
        for server in servers:
            if isinstance(server, Postgres):
                self.runtime = {"DATABASE_URL": server.runtime_url}
            self.kept.append(Kept(name=server.name, start=server.launch, child=server.child))
        self._start_providers()
        say("preparing the data")
        self._prepare_data()
        say("starting the web process, a worker and a beat")
        web = self._keep(name="web", start=self._start_web)
        self._keep(name="worker", start=self._start_worker)
        self._keep(name="beat", start=self._start_beat)
        if not wait_until(ready=self._answers, child=web, seconds=WEB_SECONDS):
            raise from_log(service="the web process", log=web.last_words())

    def _prepare_data(self) -> None:
        self._manage("migrate", "--verbosity", "0")
        if self.runtime:
            self._manage("grant_runtime", RUNTIME_USER, "--create")
        credentials = ("--credentials-file", str(self.workshop.credentials_file))
        self._manage("load_demo", *credentials, *(["--empty"] if self.empty else []))

    def announce(self) -> None:
        """Write ready.json and print where the product is and who may sign in."""
        credentials: dict[str, Any] = json.loads(self.workshop.credentials_file.read_text())
        oauth = {"token_url": f"{self.url}/oauth/token/", **credentials.get("oauth", {})}
        if not oauth["token_url"].startswith("http"):
            oauth["token_url"] = self.url + oauth["token_url"]
        staff = credentials.get("staff", [])
        self.workshop.announce(self.environment)
        ready = {
            "url": self.url,
            "oauth": oauth,
            "staff": staff,
            "inbox": self.inbox,
            "now": datetime.now(UTC).isoformat(),
        }
        write_private(self.workshop.ready_file, ready)
        say(f"ready: {self.url}", bare=True)
        for person in staff:
            login = f"{person['username']:<22} {person['password']:<26}"
            say(f"  {person['role']:<16} {login} {person.get('practice', '')}", bare=True)
        for name, address in self.inbox.items():
            say(f"  {name.removesuffix('_url') + ' inbox':<16} {address}", bare=True)
        say(f"  for programs     {self.workshop.ready_file}", bare=True)

    def watch(self) -> None:
        """Start again what dies, for ever."""
        while True:
            for kept in self.kept:
                kept.check(now=time.monotonic(), say=say)
            time.sleep(LOOK_SECONDS)

    def _bind(self) -> socket.socket:
        port = os.environ.get("PORT") or "8000"
        if not (port.isascii() and port.isdigit()) or int(port) > 65_535:
            raise LocalError(f"PORT must be a number up to 65535, not {port!r}")
        try:
            return self.home.bind(port=int(port))
        except PermissionError as error:
            raise LocalError(f"port {port} may be used by root only: choose one above 1023") from error
        except OSError as error:
            raise LocalError(
                f"port {port} is busy: stop what uses it, or run PORT={int(port) + 1} ./dev demo"
            ) from error

    def _start_providers(self) -> None:
        data, logs = self.workshop.data, self.workshop.logs
        if not os.environ.get("TWILIO_API_BASE"):
            folder, log = data / "sms", logs / "sms.log"
            sms = SmsProvider(home=self.home, folder=folder, log=log, env=self.environment)
            sms.start()
            self.kept.append(Kept(name="SMS provider", start=sms.start, child=sms.child))
            self.environment["TWILIO_API_BASE"] = sms.url
            self.inbox["sms_url"] = sms.inbox_url
        if not os.environ.get("SMTP_URL"):
            folder, log = data / "smtp", logs / "smtp.log"
            smtp = SmtpCatcher(home=self.home, folder=folder, log=log, env=self.environment)
            smtp.start()
            self.kept.append(Kept(name="SMTP catcher", start=smtp.start, child=smtp.child))
            self.environment["SMTP_URL"] = smtp.smtp_url
            self.inbox["email_url"] = smtp.inbox_url

    def _manage(self, *arguments: str) -> None:
        log = self.workshop.logs / "prepare.log"
        child = self.home.start(
            name=arguments[0],
            command=[sys.executable, str(ROOT / "manage.py"), *arguments],
            log=log,
            env=self.environment,
        )
        with suppress(subprocess.SubprocessError):
            child.process.wait()
        if child.process.returncode != 0:
            raise from_log(service=f"manage.py {arguments[0]}", log=child.last_words())

    def _keep(self, *, name: str, start: Callable[[], Child]) -> Child:
        child = start()
        self.kept.append(Kept(name=name, start=start, child=child))
        return child

    def _start_web(self) -> Child:
        command = [
            *(sys.executable, "-m", "gunicorn", "clinic.config.wsgi:application"),
            *("--bind", f"fd://{self.web_socket.fileno()}", "--worker-class", "gthread"),
            # As the image: a worker takes in no more than it can soon answer, the rest goes to the other.
            *("--workers", "2", "--threads", "8", "--worker-connections", "16"),
            *("--worker-tmp-dir", str(self.home.path)),
            # No access log of its own: it would tell whole addresses, where the product tells the route.
            *("--graceful-timeout", "5", "--no-control-socket"),
        ]
        return self._start("web", command, pass_fds=[self.web_socket.fileno()])

    def _start_worker(self) -> Child:
        options = ("--concurrency", "2", "--loglevel", "INFO", "--without-gossip", "--without-mingle")
        return self._start("worker", [*CELERY, "worker", *options])

    def _start_beat(self) -> Child:
        schedule = str(self.home.path / "beat-schedule")
        return self._start(
            "beat", [*CELERY, "beat", "--loglevel", "INFO", "--schedule", schedule, "--pidfile="]
        )

    def _start(self, name: str, command: list[str], pass_fds: list[int] | None = None) -> Child:
        log: Path = self.workshop.logs / f"{name}.log"
        environment = self.environment | self.runtime
        return self.home.start(name=name, command=command, log=log, env=environment, pass_fds=pass_fds or [])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def run(*, empty: bool) -> None:
    """Start, announce, keep running; returns after a stop. Raises LocalError with one line."""
    workshop = Workshop(data_folder())
    with workshop.held(), workshop.home() as home:
        try:
            demo = Demo(workshop=workshop, home=home, empty=empty)
            demo.start()
            demo.announce()
            demo.watch()
        except Stop:
            say("stopping")
        except OSError as error:
            raise from_os_error(error=error, doing="running the demo") from error
        finally:
            workshop.forget()


def say(text: str, *, bare: bool = False) -> None:
    with suppress(BrokenPipeError):
        print(text if bare else f"demo: {text}", flush=True)


def _stop(number: int, frame: object) -> None:
    # Once is enough: a second Ctrl-C must not interrupt the stopping.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Stop


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument(
        "--empty", action="store_true", help="one practice with its rooms and staff, no patients"
    )
    options = parser.parse_args()
    # What is written holds secrets and messages: for its owner only.
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        run(empty=options.empty)
    except Stop:
        return 0
    except LocalError as why:
        print(f"demo: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
