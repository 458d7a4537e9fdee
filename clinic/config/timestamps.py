"""Instants as PostgreSQL sends them, read by the standard library: a day's roster has a hundred of them, and
Django's way takes at least eight times as long for each.
"""

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.backends.postgresql.psycopg_any import BaseTzLoader, get_adapters_template


class InstantLoader(BaseTzLoader):  # type: ignore[misc]  # Django has no types here
    """A `timestamptz`, in UTC. Whatever is no instant of ours (infinity, before the year 1) is refused as
    Django refuses it.
    """

    timezone = UTC

    def load(self, data: Any) -> datetime:
        try:
            return datetime.fromisoformat(str(data, "ascii")).astimezone(UTC)
        except ValueError:
            return super().load(data)  # type: ignore[no-any-return]


def install() -> None:
    """For every connection that this process will open."""
    assert connection.timezone is UTC
    get_adapters_template(True, UTC).register_loader("timestamptz", InstantLoader)
