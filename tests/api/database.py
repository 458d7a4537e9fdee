"""What is in the database, whole: to see that nothing was written, or that something is nowhere."""

from collections.abc import Iterator

from django.db import connection

# Rows that come and go beside the request itself.
BESIDE = {"django_session", "django_migrations"}


def tables() -> list[str]:
    return sorted(name for name in connection.introspection.table_names() if name not in BESIDE)


def counts() -> dict[str, int]:
    """How many rows each table has."""
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in tables()))
        return dict(cursor.fetchall())


def texts() -> Iterator[tuple[str, str]]:
    """Every row of every table as PostgreSQL writes it, with its table's name."""
    with connection.cursor() as cursor:
        for name in tables():
            cursor.execute(f'SELECT t::text FROM "{name}" t')
            for (row,) in cursor.fetchall():
                yield name, row
