"""Statements that are planned once a connection give the same as any other, and hide nothing."""

import pytest
from django.db import connection, transaction
from django.db.utils import DataError
from django.test.utils import CaptureQueriesContext

from clinic.practice import prepared

ASKED = "SELECT %s::int + 1"


def _planned() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.django_db
def test_what_is_asked_again_has_been_planned() -> None:
    assert [prepared.fetch(ASKED, [number]) for number in range(3)] == [[(1,)], [(2,)], [(3,)]]
    assert "SELECT $1::int + 1" in _planned()


@pytest.mark.django_db
def test_who_looks_at_statements_sees_their_values() -> None:
    with CaptureQueriesContext(connection) as seen:
        prepared.fetch(ASKED, [41])
    assert [one["sql"] for one in seen.captured_queries] == ["SELECT 41::int + 1"]


@pytest.mark.django_db
def test_an_error_is_one_of_djangos() -> None:
    for _ in range(3):
        with pytest.raises(DataError), transaction.atomic():
            prepared.fetch("SELECT 1 / %s::int", [0])
