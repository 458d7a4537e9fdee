"""Where things stand in the day grid: rows by the clock, lanes side by side, what is left between shifts."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from scheduling.booking.reading.rows import Interval
from scheduling.web.day import grid

ZONE = "America/New_York"
DAY = date(2026, 5, 11)
MIDNIGHT = datetime(2026, 5, 11, 4, tzinfo=UTC)


@dataclass
class Visit:
    start: datetime
    end: datetime
    id: UUID


def at(hour: float, minutes: float = 60) -> Visit:
    start = MIDNIGHT + timedelta(hours=hour)
    return Visit(start, start + timedelta(minutes=minutes), uuid4())


def span(first: float, last: float) -> Interval:
    return Interval(MIDNIGHT + timedelta(hours=first), MIDNIGHT + timedelta(hours=last))


def places(*visits: Visit) -> list[str]:
    return [one.place for one in grid.lanes(cast(Any, visits))]


def test_the_hours_shown_hold_everything_and_at_least_the_day() -> None:
    assert grid.scale(zone=ZONE, spans=[]).hours[0].label == "08:00"
    early = grid.scale(zone=ZONE, spans=[span(6.5, 9), span(17, 19.25)])
    assert (early.first, early.last) == (6, 20)
    assert grid.scale(zone=ZONE, spans=[span(22, 25)]).last == 24


def test_a_place_is_cut_to_what_is_shown() -> None:
    scale = grid.Scale(ZONE, 8, 18)
    assert scale.place(DAY, at(9, 50).start, at(9, 50).end) == "r-13 s-10"
    assert scale.place(DAY, at(7, 90).start, at(7, 90).end) == "r-1 s-6"
    assert scale.place(DAY, at(17.5, 90).start, at(17.5, 90).end) == "r-115 s-6"
    assert scale.place(DAY, at(5).start, at(5).end) == ""
    assert scale.place(DAY, at(18).start, at(18).end) == ""


def test_a_visit_off_the_grid_covers_every_row_that_it_touches() -> None:
    assert grid.Scale(ZONE, 8, 18).place(DAY, at(8, 7).start, at(8, 7).end) == "r-1 s-2"


def test_a_day_whose_clocks_change_begins_at_its_own_hour() -> None:
    changed = date(2026, 3, 8)
    assert grid.Scale(ZONE, 2, 18).begins(changed) == datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert grid.Scale(ZONE, 8, 18).begins(changed) == datetime(2026, 3, 8, 12, tzinfo=UTC)


def test_visits_at_once_share_the_width_and_others_have_it_all() -> None:
    assert places(at(9), at(10), at(11)) == ["", "", ""]
    assert places(at(9), at(9.5), at(10), at(13)) == ["l-2-1", "l-2-2", "l-2-1", ""]
    assert places(*(at(9) for _ in range(5))) == [f"l-6-{lane}" for lane in range(1, 6)]
    assert places(*(at(9) for _ in range(14)))[-1] == "l-12-12"


def test_what_is_outside_of_shifts_is_what_is_left() -> None:
    whole = span(8, 18)
    assert grid.outside(within=whole, of=[]) == [whole]
    assert grid.outside(within=whole, of=[span(8, 18)]) == []
    assert grid.outside(within=whole, of=[span(13, 20), span(7, 12)]) == [span(12, 13)]
    assert grid.outside(within=whole, of=[span(5, 6)]) == [whole]
