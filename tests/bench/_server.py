"""The product's own web process for a benchmark, and a client that keeps its connection."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).parent.parent.parent
# The process that started the workers, by its port.
_masters: dict[int, int] = {}


@contextmanager
def web(
    *, workers: int = 2, threads: int = 4, application: str = "clinic.config.wsgi:application"
) -> Iterator[int]:
    """gunicorn as in production, on a free port and on this process's own database; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        application,
        "--worker-class",
        "gthread",
    ]
    command += [
        "--keep-alive",
        "75",
        "--workers",
        str(workers),
        "--threads",
        str(threads),
        "--worker-connections",
        str(2 * threads),
        "--bind",
        f"127.0.0.1:{port}",
    ]
    # One program is the whole load here.
    environment = {**os.environ, "DATABASE_URL": database_url(), "LIMIT_PROGRAM": "off"}
    process = subprocess.Popen(
        [*command, "--log-level", "error"], cwd=ROOT, stderr=subprocess.DEVNULL, env=environment
    )
    _masters[port] = process.pid
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, "the web process did not start"
        yield port
    finally:
        process.terminate()
        process.wait(30)


def master(port: int) -> int:
    """The process that started those that answer at this port."""
    return _masters[port]


def workers(port: int) -> list[int]:
    """The processes that answer at this port now; a killed one is replaced by its parent."""
    master = _masters[port]
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [int(child) for child in children]


def database_url() -> str:
    """The database that Django is connected to: in a test, the test's own."""
    found = connection.settings_dict
    login = ":".join(quote(str(part), safe="") for part in (found["USER"], found["PASSWORD"]) if part)
    query = urlencode({name: found[key] for name, key in (("host", "HOST"), ("port", "PORT")) if found[key]})
    return f"postgresql://{login}@/{quote(str(found['NAME']))}?{query}"


class Client:
    """One keep-alive connection with a bearer token."""

    def __init__(self, port: int, token: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self.headers = {"Content-Type": "application/json", "Host": settings.ALLOWED_HOSTS[0]}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: Any, *, key: str = "") -> tuple[int, Any]:
        status, answer = self.post_raw(path, body, key=key)
        return status, json.loads(answer or b"null")

    def post_raw(self, path: str, body: Any, *, key: str = "") -> tuple[int, bytes]:
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def clients(port: int, bearer: str, count: int) -> Iterator[list[Client]]:
    """So many clients, each with a connection of its own, closed at the end."""
    made = [Client(port, bearer) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.connection.close()


def token(port: int, client_id: str, secret: str) -> str:
    """An access token by client credentials."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    form = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Host": settings.ALLOWED_HOSTS[0]}
    with closing(connection):
        connection.request("POST", "/oauth/token/", form, headers)
        return str(json.loads(connection.getresponse().read())["access_token"])
