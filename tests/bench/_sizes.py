"""Two sizes of one database that are measured by turns: the database grows, and a copy of it stays small.

What is measured a quarter of an hour apart says as much about the machine as about rows.
"""

import psycopg
from django.db import connection, connections

from tests.bench import _server


def copied() -> str:
    """The name of a copy of the database as it is now."""
    now = current()
    connections.close_all()
    with psycopg.connect(_server.database_url(), dbname="postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{now}_small" TEMPLATE "{now}"')
    return f"{now}_small"


def current() -> str:
    """The name of the database that is asked now."""
    return str(connection.settings_dict["NAME"])


def use(name: str) -> None:
    """Ask this one from now on."""
    if name != current():
        connections.close_all()
        connection.settings_dict["NAME"] = name
