"""Recurring local times over changes of the clocks, midnight and week ends."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from clinic.practice.errors import Invalid
from scheduling.models import Shift
from scheduling.planning.values import Span
from scheduling.roster import recurrence
from tests import factories

pytestmark = pytest.mark.django_db

NEW_YORK, LORD_HOWE, SANTIAGO = "America/New_York", "Australia/Lord_Howe", "America/Santiago"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shift(zone: str, **fields) -> Shift:
    site = factories.site(factories.practice(), time_zone=zone)
    return factories.shift(factories.staff(site, "therapist"), site, **fields)


def worked(row: Shift, zone: str, first: str, last: str) -> list[Span]:
    return list(recurrence.working(shift=row, zone=zone, within=Span(at(first), at(last))))


def hours(found: list[Span]) -> list[float]:
    return [(one.end - one.start) / timedelta(hours=1) for one in found]


EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


def test_a_day_shift_keeps_its_wall_time_when_new_york_goes_to_summer_time():
    row = shift(NEW_YORK, weekdays=EVERY_DAY, starts=time(9), ends=time(17))
    found = worked(row, NEW_YORK, "2026-03-07T05:00", "2026-03-10T04:00")
    assert found == [
        Span(at("2026-03-07T14:00"), at("2026-03-07T22:00")),
        Span(at("2026-03-08T13:00"), at("2026-03-08T21:00")),
        Span(at("2026-03-09T13:00"), at("2026-03-09T21:00")),
    ]


def test_a_night_shift_is_an_hour_shorter_in_spring_and_longer_in_autumn():
    row = shift(NEW_YORK, weekdays=[6], starts=time(22), ends=time(6))
    assert hours(worked(row, NEW_YORK, "2026-03-07T05:00", "2026-03-09T04:00")) == [7]
    assert hours(worked(row, NEW_YORK, "2026-10-31T04:00", "2026-11-02T05:00")) == [9]
    assert hours(worked(row, NEW_YORK, "2026-06-06T04:00", "2026-06-08T04:00")) == [8]


def test_a_boundary_that_the_clocks_skip_moves_to_the_first_instant_after():
    row = shift(NEW_YORK, weekdays=[7], starts=time(2, 30), ends=time(10))
    found = worked(row, NEW_YORK, "2026-03-08T05:00", "2026-03-09T04:00")
    assert found == [Span(at("2026-03-08T07:00"), at("2026-03-08T14:00"))]


def test_a_shift_wholly_within_the_skipped_hour_does_not_happen():
    row = shift(NEW_YORK, weekdays=[7], starts=time(2, 15), ends=time(2, 45))
    assert worked(row, NEW_YORK, "2026-03-08T05:00", "2026-03-09T04:00") == []
    assert hours(worked(row, NEW_YORK, "2026-03-15T04:00", "2026-03-16T04:00")) == [0.5]


def test_a_boundary_shown_twice_is_the_first_for_a_start_and_the_second_for_an_end():
    row = shift(NEW_YORK, weekdays=[7], starts=time(1, 30), ends=time(5))
    assert worked(row, NEW_YORK, "2026-11-01T04:00", "2026-11-02T05:00")[0].start == at("2026-11-01T05:30")
    row = shift(NEW_YORK, weekdays=[6], starts=time(22), ends=time(1, 30))
    assert worked(row, NEW_YORK, "2026-10-31T04:00", "2026-11-02T05:00")[0].end == at("2026-11-01T06:30")


def test_lord_howe_moves_its_clocks_by_half_an_hour():
    row = shift(LORD_HOWE, weekdays=[6], starts=time(22), ends=time(6))
    assert hours(worked(row, LORD_HOWE, "2026-10-03T00:00", "2026-10-05T00:00")) == [7.5]
    assert hours(worked(row, LORD_HOWE, "2026-04-04T00:00", "2026-04-06T00:00")) == [8.5]
    row = shift(LORD_HOWE, weekdays=[7], starts=time(2, 15), ends=time(6))
    # 02:00 to 02:30 does not exist there on 4 October 2026; 02:30 summer time is 15:30 UTC the day before.
    assert worked(row, LORD_HOWE, "2026-10-03T00:00", "2026-10-05T00:00")[0].start == at("2026-10-03T15:30")


def test_santiago_has_days_without_a_midnight():
    row = shift(SANTIAGO, weekdays=[7], starts=time(0), ends=time(8))
    # 6 September 2026 begins at 01:00.
    assert worked(row, SANTIAGO, "2026-09-05T12:00", "2026-09-07T12:00") == [
        Span(at("2026-09-06T04:00"), at("2026-09-06T11:00"))
    ]
    row = shift(SANTIAGO, weekdays=[6], starts=time(16), ends=time(0))
    # 4 April 2026 shows 23:00 to 24:00 twice.
    assert hours(worked(row, SANTIAGO, "2026-04-04T12:00", "2026-04-06T12:00")) == [9]


def test_an_overnight_shift_reaches_into_a_day_that_is_asked_for_alone():
    row = shift(NEW_YORK, weekdays=[1], starts=time(20), ends=time(4))
    found = worked(row, NEW_YORK, "2026-05-05T04:00", "2026-05-06T04:00")
    assert found == [Span(at("2026-05-05T00:00"), at("2026-05-05T08:00"))]


def test_breaks_are_taken_out_also_after_midnight():
    row = shift(
        NEW_YORK,
        weekdays=[1],
        starts=time(20),
        ends=time(4),
        breaks=[(time(22), time(22, 30)), (time(1), time(2))],
    )
    assert hours(worked(row, NEW_YORK, "2026-05-04T04:00", "2026-05-06T04:00")) == [2, 2.5, 2]


def test_every_second_week_counts_from_the_week_of_the_first_day():
    row = shift(NEW_YORK, weekdays=[1, 5], every_weeks=2, valid_from=date(2026, 5, 7))
    found = worked(row, NEW_YORK, "2026-05-01T04:00", "2026-06-01T04:00")
    # It begins on a Thursday: that week's Monday is before it, its Friday counts.
    assert [one.start.date() for one in found] == [date(2026, 5, 8), date(2026, 5, 18), date(2026, 5, 22)]


def test_a_shift_ends_with_its_last_day():
    row = shift(NEW_YORK, valid_from=date(2026, 5, 4), valid_until=date(2026, 5, 5))
    assert len(worked(row, NEW_YORK, "2026-05-01T04:00", "2026-06-01T04:00")) == 2


def test_a_local_time_in_a_gap_is_refused_with_the_nearest_valid_one():
    with pytest.raises(Invalid) as refused:
        recurrence.local_instant(
            zone=NEW_YORK, wall=datetime.fromisoformat("2026-03-08T02:30"), field="starts_at"
        )
    assert "2026-03-08 03:00" in refused.value.fields["starts_at"][0]


def test_a_local_time_shown_twice_asks_which_one_is_meant():
    wall = datetime.fromisoformat("2026-11-01T01:30")
    with pytest.raises(Invalid) as refused:
        recurrence.local_instant(zone=NEW_YORK, wall=wall, field="starts_at")
    told = refused.value.fields["starts_at"][0]
    assert "2026-11-01T01:30-04:00" in told
    assert "2026-11-01T01:30-05:00" in told
    second = recurrence.local_instant(zone=NEW_YORK, wall=wall, field="starts_at", fold=1)
    assert second == at("2026-11-01T06:30")
