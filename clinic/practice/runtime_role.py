"""The database role of web and workers: rows, and no tables. What is append-only it can add to and read.

The triggers refuse a slip; a role that owns its tables could switch them off or TRUNCATE. This one cannot.
"""

from django.apps import apps
from django.db import connection
from psycopg import sql

APPEND_ONLY = "append_only"
# Written by `migrate` alone.
READ_ONLY = ("django_migrations", "django_content_type")


def append_only_tables() -> list[str]:
    """The tables whose rows are never changed: those with the trigger that refuses it."""
    return sorted(
        model._meta.db_table
        for model in apps.get_models()
        if any(trigger.name == APPEND_ONLY for trigger in getattr(model._meta, "triggers", ()))
    )


def grant(*, role: str) -> list[str]:
    """Give the role its privileges anew, inside the caller's transaction; returns the append-only tables."""
    who = sql.Identifier(role)
    kept = append_only_tables()
    statements = [
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {who}",
        "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {who}",
        "REVOKE CREATE ON SCHEMA public FROM {who}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {who}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {who}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {who}",
    ]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(who=who))
        for table in kept:
            _revoke(cursor, "UPDATE, DELETE", table, who)
        for table in READ_ONLY:
            _revoke(cursor, "INSERT, UPDATE, DELETE", table, who)
    return kept


def _revoke(cursor: object, what: str, table: str, who: sql.Identifier) -> None:
    statement = sql.SQL("REVOKE " + what + " ON {table} FROM {who}")
    cursor.execute(statement.format(table=sql.Identifier(table), who=who))  # type: ignore[attr-defined]
