"""Processor time by who spent it: the web process, PostgreSQL, and the clients, who are this process."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time since each began."""

    web: float
    database: float
    clients: float

    def __sub__(self, before: "Spent") -> "Spent":
        return Spent(self.web - before.web, self.database - before.database, self.clients - before.clients)

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.web + other.web, self.database + other.database, self.clients + other.clients)


NOTHING = Spent(0, 0, 0)


def spent(*, master: int) -> Spent:
    """`master` is the web process that started the others."""
    return Spent(_of_all(master), _of_all(_postmaster()), time.process_time())


def _postmaster() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        folder = Path(cursor.fetchone()[0])
    return int((folder / "postmaster.pid").read_text().split()[0])


def _of_all(root: int) -> float:
    """Of a process, its children, and those that have ended. Nothing where there is no /proc."""
    return sum(_ticks(pid) for pid in _family(root)) / TICK


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    # utime, stime, and the same of children that were waited for.
    return sum(map(int, fields[11:15]))
