"""Law that begins on a day."""

from datetime import UTC, date, datetime, timedelta

from pytest_django import Settings

from notifications.planning import law

# Midnight in Washington.
JANUARY = datetime(2027, 1, 31, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_r_09_one_opt_out_is_all_of_them_from_31_january_2027(settings: Settings) -> None:
    assert not law.revokes_all(now=JANUARY - MINUTE)
    assert law.revokes_all(now=JANUARY)
    settings.LAW_REVOKE_ALL_FROM = date(2028, 1, 31)
    assert not law.revokes_all(now=JANUARY)
