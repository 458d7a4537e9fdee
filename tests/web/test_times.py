"""Instants in words."""

from datetime import UTC, datetime, timedelta

import pytest

from clinic.practice.web import times

AT = datetime(2026, 5, 4, 12, 5, tzinfo=UTC)


def test_a_moment_is_the_places_own_time() -> None:
    found = times.moment(AT, "America/New_York")
    assert str(found) == "Mon 4 May, 08:05"
    assert found.iso == "2026-05-04T08:05-04:00"
    assert str(times.moment(AT, "Asia/Tokyo")) == "Mon 4 May, 21:05"


def test_a_span_names_the_second_day_only_when_there_is_one() -> None:
    assert times.span(AT, AT + timedelta(hours=2), "UTC") == "Mon 4 May, 12:05 to 14:05"
    assert times.span(AT, AT + timedelta(hours=20), "UTC") == "Mon 4 May, 12:05 to Tue 5 May, 08:05"


def test_the_zone_is_told_by_its_place_and_its_present_name() -> None:
    assert times.zone_words(AT, "America/New_York") == "New York time (EDT)"
    assert times.zone_words(datetime(2026, 1, 4, tzinfo=UTC), "America/New_York") == "New York time (EST)"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-5, "0 min"),
        (0, "0 min"),
        (25, "25 min"),
        (60, "1 h"),
        (310, "5 h 10 min"),
        (1870, "31 h"),
        (2880, "2 days"),
    ],
)
def test_a_length_reads_well(minutes: int, words: str) -> None:
    assert times.length(timedelta(minutes=minutes)) == words


def test_the_domains_instants_are_told_in_the_places_time() -> None:
    told = times.localized("It runs until 2026-05-04T12:05:00+00:00.", "America/New_York")
    assert told == "It runs until Mon 4 May, 08:05."
