"""Every table empty again between two tests that commit: by deleting the little that is there.

Django truncates each table of the product and makes its content types and permissions anew, which takes a
hundred times as long, mostly to make and unlink files.
"""

from django.db import connection
from django.test.testcases import TransactionTestCase

# What `migrate` wrote, and no test changes.
KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission"})
# Deleted rows stay in the files until they are cleaned up: a table with more is truncated.
MANY = 2000


def _teardown(self: TransactionTestCase) -> None:
    empty()


def install() -> None:
    """For every test of this process that commits."""
    TransactionTestCase._fixture_teardown = _teardown  # type: ignore[attr-defined]


def empty() -> None:
    """Delete every row that a test may have written, whatever refers to it and whoever forbids it."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = sorted({*names} - KEPT)
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{name}', (SELECT count(*) FROM \"{name}\")" for name in tables)
        )
        filled = {name: count for name, count in cursor.fetchall() if count}
        if not filled:
            return
        few = [name for name, count in filled.items() if count <= MANY]
        # Without foreign keys and the triggers that keep the trail, in a transaction of its own.
        deletes = [f'DELETE FROM "{name}"' for name in few]
        cursor.execute(
            "; ".join(["BEGIN", "SET LOCAL session_replication_role = replica", *deletes, "COMMIT"])
        )
        if len(few) < len(filled):
            # Everything at once: what refers to a table is emptied with it.
            listed = ", ".join(f'"{name}"' for name in tables)
            cursor.execute(f"TRUNCATE {listed}")
