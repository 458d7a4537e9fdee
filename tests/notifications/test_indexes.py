"""The tables that every message writes carry no index that another one makes needless."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db
WRITTEN = ("notifications_message", "notifications_attempt", "practice_trailentry")
# Plain ones, each with its columns in their order; not what holds a constraint, and none of a part.
PLAIN = """
SELECT one.indexrelid::regclass::text, one.indkey::text, one.indisunique
FROM pg_index one WHERE one.indrelid = %s::regclass AND one.indpred IS NULL
"""


@pytest.mark.parametrize("table", WRITTEN)
def test_no_index_is_the_beginning_of_another(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(PLAIN, [table])
        found = [(name, columns.split(), unique) for name, columns, unique in cursor.fetchall()]
    needless = [
        name
        for name, columns, unique in found
        for other, longer, _ in found
        if name != other and not unique and longer[: len(columns)] == columns
    ]
    assert found
    assert needless == []
