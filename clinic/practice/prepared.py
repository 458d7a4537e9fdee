"""Statements that PostgreSQL reads and plans once a connection, for those that every message and every write
repeat thousands of times a minute.

Django puts the values into the text of a statement, so that each is planned anew: for a row by its key that
is most of its cost. Here they travel beside it. A plan may be made for any value: a condition that a partial
index needs stands in the text, not among the values. A connection forgets its plans when a transaction is
rolled back, so that one of a table which a migration has changed fails once at most.

Each is one statement, whose text is not built from values and shows their types (else: `%s::uuid[]`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Cursor

Params = Sequence[Any] | Mapping[str, Any]


def fetch(statement: str, params: Params) -> list[tuple[Any, ...]]:
    """The rows that the statement returns, in the caller's transaction."""
    database = connections[DEFAULT_DB_ALIAS]
    with database.wrap_database_errors, _cursor(database, statement) as cursor:
        cursor.execute(statement, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def execute(statement: str, params: Params) -> None:
    """A statement that returns nothing, in the caller's transaction."""
    database = connections[DEFAULT_DB_ALIAS]
    with database.wrap_database_errors, _cursor(database, statement) as cursor:
        cursor.execute(statement, params)


def _cursor(database: Any, statement: str) -> Any:
    added_to = database.execute_wrappers and not statement.lstrip().startswith("SELECT")
    if added_to or database.queries_logged:
        # Who is about to add to a statement (the row history says whose request it is that writes) or to
        # look at it must have all of its text.
        return database.cursor()
    database.validate_thread_sharing()
    database.validate_no_broken_transaction()
    database.close_if_health_check_failed()
    database.ensure_connection()
    return Cursor(database.connection)
