"""`./dev bench [name]`: each benchmark of tests/bench/ on a migrated PostgreSQL and a Redis of its own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psycopg

from clinic.local import migrated, testing
from clinic.local.errors import LocalError
from clinic.local.home import ROOT, Home
from clinic.local.postgres import DATABASE, Postgres
from clinic.local.redis import RedisServer
from clinic.local.supervisor import Kept

FOLDER = ROOT / "tests/bench"


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def run(module: str, arguments: list[str]) -> int:
    """One program on services of its own and a migrated database; returns its exit status."""
    with Home() as home:
        # Durable, unlike in the tests: a database that does not wait for its disk measures nothing.
        log = home.path / "postgres.log"
        postgres = Postgres(home=home, data=home.path / "data", log=log, throwaway=False)
        postgres.start()
        redis = RedisServer(home=home, data=None, log=home.path / "redis.log")
        redis.start()
        environment = {
            **os.environ,
            **testing.ENVIRONMENT,
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url(),
            "PYTHONUNBUFFERED": "1",
        }
        os.environ.update(environment)
        template = migrated.ensure(server_url=postgres.url)
        with psycopg.connect(postgres.url_of(database="postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {DATABASE}")
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {template}")
        command = [sys.executable, "-m", module, *arguments]
        servers = [Kept(one.name, one.launch, one.child) for one in (postgres, redis)]
        return _finish(command, environment, servers)


def _finish(command: list[str], environment: dict[str, str], servers: list[Kept]) -> int:
    """The benchmark to its end; a server that it kills is started again, after a while."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            while process.poll() is None:
                for server in servers:
                    server.check(now=time.monotonic(), say=_say)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
        except BaseException:
            process.kill()
            raise
    return process.returncode


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


def main() -> int:
    known = names()
    wanted, arguments = sys.argv[1:2] or known, sys.argv[2:]
    if not set(wanted) <= set(known):
        print(f"bench: there is no {wanted[0]}; there are: {', '.join(known) or 'none'}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    try:
        return max([run(f"tests.bench.{name}", arguments) for name in wanted], default=0)
    except LocalError as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
