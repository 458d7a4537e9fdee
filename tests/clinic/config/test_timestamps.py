"""Instants come from the database as they went in, and what is none is an error, never another instant."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import DataError, connection

pytestmark = pytest.mark.django_db

AT = datetime(2026, 12, 1, 9, 30, 15, tzinfo=UTC)


def asked(text: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        found: datetime = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize(
    "instant",
    [
        AT,
        AT.replace(microsecond=1),
        AT.replace(microsecond=500_000),
        AT.replace(microsecond=999_999),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        AT.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_an_instant_comes_back_in_utc(instant: datetime) -> None:
    found = asked(instant.isoformat())
    assert found == instant
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "10000-01-01 00:00:00+00"]
)
def test_what_python_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        asked(text)


def test_a_session_of_another_zone_still_gives_the_instant() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'America/New_York'")
    assert asked(AT.isoformat()) == AT


def test_a_session_of_another_style_is_refused_not_misread() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL DateStyle = 'German'")
    with pytest.raises(NotImplementedError):
        asked(AT.isoformat())
