"""Follow-up windows in elapsed hours, and local times where the clocks change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo

import pytest

from scheduling.planning import protocol, windows
from scheduling.planning.protocol import Coverage, FollowUpRule
from tests.scheduling.planning.clinic import ZONE, at, document


def _rule(**changes: object) -> FollowUpRule:
    rule = protocol.parse(document()).follow_up
    assert rule is not None
    return replace(rule, **changes)  # type: ignore[arg-type]


MONDAY = date(2026, 6, 1)
START, END = at(MONDAY, 9), at(MONDAY, 11, 10)


def test_the_window_runs_in_hours_from_the_end_of_the_dose() -> None:
    found = windows.dose_window(
        rule=_rule(not_same_day=False), zone=ZONE, anchor_start=START, anchor_end=END, next_dose_start=None
    )
    gaps = [
        edge - END
        for edge in (
            found.opens_at,
            found.ideal_from,
            found.ideal_to,
            found.closes_at,
            found.grace_until,
        )
    ]
    assert gaps == [timedelta(hours=count) for count in (12, 24, 48, 72, 168)]


def test_the_window_waits_for_the_next_local_day() -> None:
    late_end = at(MONDAY, 10)
    found = windows.dose_window(
        rule=_rule(min_hours=0), zone=ZONE, anchor_start=START, anchor_end=late_end, next_dose_start=None
    )
    assert found.opens_at == at(MONDAY + timedelta(days=1), 0)


def test_the_next_dose_closes_the_window_only_if_the_rule_says_so() -> None:
    following = END + timedelta(hours=50)
    strict, loose = (
        windows.dose_window(
            rule=_rule(before_next_dosing=before),
            zone=ZONE,
            anchor_start=START,
            anchor_end=END,
            next_dose_start=following,
        )
        for before in (True, False)
    )
    assert strict.closes_at == following
    assert loose.closes_at == END + timedelta(hours=72)
    assert strict.grace_until == END + timedelta(hours=168)


@pytest.mark.parametrize("told_in", [UTC, windows.load_zone(ZONE)])
@pytest.mark.parametrize("sunday", [date(2026, 3, 8), date(2026, 11, 1)])
def test_a_window_over_a_change_of_the_clocks_keeps_its_length(sunday: date, told_in: tzinfo) -> None:
    end = at(sunday - timedelta(days=1), 12).astimezone(told_in)
    found = windows.dose_window(
        rule=_rule(), zone=ZONE, anchor_start=end - timedelta(hours=2), anchor_end=end, next_dose_start=None
    )
    end = end.astimezone(UTC)
    assert found.closes_at - end == timedelta(hours=72)
    assert found.ideal_from - end == timedelta(hours=24)
    # The wall clock shows another hour than on the day before, because a day in between is not 24 hours long.
    assert found.ideal_from.astimezone(windows.load_zone(ZONE)).hour != 12


def test_a_window_before_the_dose_is_anchored_on_its_start() -> None:
    rule = _rule(min_hours=-48, ideal_from=-24, ideal_to=-12, max_hours=-2, grace_hours=0, not_same_day=False)
    found = windows.dose_window(
        rule=rule, zone=ZONE, anchor_start=START, anchor_end=END, next_dose_start=END + timedelta(days=1)
    )
    assert (START - found.opens_at, START - found.closes_at) == (timedelta(hours=48), timedelta(hours=2))


def test_a_window_before_the_dose_can_leave_out_its_day() -> None:
    rule = _rule(min_hours=-48, ideal_from=-24, ideal_to=-12, max_hours=-2, grace_hours=0, not_same_day=True)
    found = windows.dose_window(
        rule=rule, zone=ZONE, anchor_start=START, anchor_end=END, next_dose_start=None
    )
    assert found.closes_at < at(MONDAY, 0)
    assert at(MONDAY, 0) - found.closes_at < timedelta(seconds=1)


def test_a_week_opens_from_its_first_dose_and_closes_from_its_last() -> None:
    later = (START + timedelta(days=3), END + timedelta(days=3))
    found = windows.unit_window(
        rule=_rule(coverage=Coverage.WEEKLY), zone=ZONE, doses=((START, END), later), next_dose_start=None
    )
    assert found.opens_at == at(MONDAY + timedelta(days=1), 0)
    assert found.ideal_from == END + timedelta(hours=24)
    assert found.closes_at == later[1] + timedelta(hours=72)


def test_several_doses_of_another_unit_count_from_the_last() -> None:
    later = (START + timedelta(days=3), END + timedelta(days=3))
    found = windows.unit_window(
        rule=_rule(coverage=Coverage.EACH_N, n=2),
        zone=ZONE,
        doses=((START, END), later),
        next_dose_start=None,
    )
    assert found.ideal_from == later[1] + timedelta(hours=24)


def test_a_skipped_local_time_is_refused_with_the_nearest_valid_one() -> None:
    with pytest.raises(windows.LocalGap) as refused:
        windows.resolve_local(zone=ZONE, wall=datetime(2026, 3, 8, 2, 30))  # noqa: DTZ001
    assert refused.value.nearest == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)


def test_a_repeated_local_time_asks_which_is_meant() -> None:
    wall = datetime(2026, 11, 1, 1, 30)  # noqa: DTZ001
    with pytest.raises(windows.LocalOverlap) as asked:
        windows.resolve_local(zone=ZONE, wall=wall)
    assert asked.value.second - asked.value.first == timedelta(hours=1)
    assert windows.resolve_local(zone=ZONE, wall=wall, fold=0) == asked.value.first
    assert windows.resolve_local(zone=ZONE, wall=wall, fold=1) == asked.value.second


@pytest.mark.parametrize(
    ("day", "length"), [(date(2026, 3, 8), 23), (date(2026, 6, 1), 24), (date(2026, 11, 1), 25)]
)
def test_a_local_day_is_as_long_as_the_clocks_make_it(day: date, length: int) -> None:
    span = windows.day_bounds(zone=ZONE, day=day)
    assert span.end - span.start == timedelta(hours=length)
    assert windows.local_day(zone=ZONE, instant=span.end - timedelta(minutes=1)) == day
    assert windows.local_day(zone=ZONE, instant=span.end) == day + timedelta(days=1)


def test_a_day_that_begins_in_a_skip_begins_after_it() -> None:
    # In Beirut the clocks go forward at midnight: the day begins at one o'clock.
    begins = windows.day_start(zone="Asia/Beirut", day=date(2026, 3, 29))
    assert begins.astimezone(windows.load_zone("Asia/Beirut")).hour == 1


def test_an_unknown_zone_is_refused() -> None:
    for name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(windows.UnknownZone):
            windows.local_day(zone=name, instant=START)
