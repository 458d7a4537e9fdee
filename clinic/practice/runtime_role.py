"""The database role of web and workers: rows, and no tables. What is append-only it can add to and read.

The triggers refuse a slip; a role that owns its tables could switch them off or TRUNCATE. This one cannot.
"""

from django.apps import apps
from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from clinic.practice.errors import Invalid

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


def create(*, role: str, password: str = "") -> None:
    """Make the role unless it is there, inside the caller's transaction; a password given replaces its own.

    The server sees a hash: a statement could be logged.
    """
    who = sql.Identifier(role)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE ROLE {who} LOGIN").format(who=who))
        if password:
            wire = cursor.connection.pgconn
            hashed = wire.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            statement = "ALTER ROLE {who} PASSWORD {hashed}"
            cursor.execute(sql.SQL(statement).format(who=who, hashed=sql.Literal(hashed)))


def grant(*, role: str) -> list[str]:
    """Give the role its privileges anew, inside the caller's transaction; returns the append-only tables.

    Raises Invalid for a role that privileges do not bind: one that is not there, a superuser, an owner.
    """
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
        _refuse_unbound(cursor, role)
        for statement in statements:
            cursor.execute(sql.SQL(statement).format(who=who))
        for table in kept:
            _revoke(cursor, "UPDATE, DELETE", table, who)
        for table in READ_ONLY:
            _revoke(cursor, "INSERT, UPDATE, DELETE", table, who)
    return kept


def _refuse_unbound(cursor: CursorWrapper, role: str) -> None:
    cursor.execute(
        """
        SELECT rolsuper OR EXISTS (
            SELECT 1 FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(r.oid, tableowner, 'MEMBER'))
        FROM pg_roles r WHERE rolname = %s
        """,
        [role],
    )
    found = cursor.fetchone()
    if found is None:
        raise Invalid({"role": ["there is no such role"]})
    if found[0]:
        raise Invalid({"role": ["a superuser, or an owner of tables: privileges do not bind it"]})


def _revoke(cursor: CursorWrapper, what: str, table: str, who: sql.Identifier) -> None:
    statement = sql.SQL("REVOKE " + what + " ON {table} FROM {who}")
    cursor.execute(statement.format(table=sql.Identifier(table), who=who))
