"""The drawing of a course: arithmetic on what is planned, what happened and what is missing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduling.booking.reading import queries, rows
from scheduling.web.course import timeline
from tests.web.conftest import World


@pytest.fixture
def whole(world: World) -> rows.WholeCourse:
    return queries.course(actor=world.clinic.admin, course_id=world.course.pk)


def drawn(whole: rows.WholeCourse, world: World, after: timedelta = timedelta()) -> timeline.Drawing:
    zone = whole.course.time_zone
    found = timeline.draw(zone=zone, visits=whole.visits, gaps=whole.gaps, now=world.now + after)
    assert found is not None
    return found


def test_everything_lies_inside_the_drawing(whole: rows.WholeCourse, world: World) -> None:
    drawing = drawn(whole, world)
    for mark in drawing.marks:
        assert timeline.MARK / 2 <= mark.x <= drawing.width - timeline.MARK / 2
        assert mark.top >= 0
        assert mark.y + timeline.MARK / 2 <= drawing.bottom
    for band in drawing.bands:
        assert band.x >= 0
        assert band.end + band.grace <= drawing.width
        assert band.y + band.height <= drawing.bottom


def test_marks_stand_in_the_order_of_time(whole: rows.WholeCourse, world: World) -> None:
    doses = [mark for mark in drawn(whole, world).marks if mark.shape == "square"]
    assert [mark.label for mark in doses] == ["1", "2", "3", "4", "5", "6"]
    assert [mark.x for mark in doses] == sorted(mark.x for mark in doses)
    assert all(later.x - sooner.x > timeline.MARK for sooner, later in zip(doses, doses[1:], strict=False))


def test_bands_of_one_row_do_not_touch(whole: rows.WholeCourse, world: World) -> None:
    bands = drawn(whole, world, timedelta(days=200)).bands
    for one in bands:
        for other in bands:
            if one is not other and one.y == other.y:
                assert one.end + one.grace <= other.x or other.end + other.grace <= one.x


def test_a_follow_up_stands_in_its_window(whole: rows.WholeCourse, world: World) -> None:
    drawing = drawn(whole, world)
    circles = [mark for mark in drawing.marks if mark.shape == "circle"]
    assert len(circles) == 5
    for mark in circles:
        assert any(
            band.x <= mark.x <= band.end + timeline.MARK and band.y <= mark.y <= band.y + band.height
            for band in drawing.bands
        )


def test_now_is_drawn_only_within_the_course(whole: rows.WholeCourse, world: World) -> None:
    assert drawn(whole, world).now is not None
    assert drawn(whole, world, timedelta(days=400)).now is None
    assert drawn(whole, world, timedelta(days=-400)).now is None


def test_a_course_without_anything_has_no_drawing(whole: rows.WholeCourse, world: World) -> None:
    assert timeline.draw(zone=whole.course.time_zone, visits=(), gaps=(), now=world.now) is None


def test_a_course_without_follow_ups_has_no_lane_for_them(whole: rows.WholeCourse, world: World) -> None:
    doses = tuple(visit for visit in whole.visits if visit.kind == "dosing")
    lanes = [lane.label for lane in drawn(replace(whole, visits=doses, gaps=()), world).lanes]
    assert lanes == ["Doses"]


def test_cancelled_visits_are_not_drawn_and_missed_ones_are(whole: rows.WholeCourse, world: World) -> None:
    first, *rest = whole.visits
    missed = drawn(replace(whole, visits=(replace(first, status="no_show"), *rest)), world)
    cancelled = drawn(replace(whole, visits=(replace(first, status="cancelled"), *rest)), world)
    assert len(missed.marks) == len(whole.visits)
    assert len(cancelled.marks) == len(whole.visits) - 1
    assert "×" in [mark.label for mark in missed.marks]


def test_a_long_course_fits_by_narrowing_its_empty_days(whole: rows.WholeCourse, world: World) -> None:
    assert whole.visits[-1].start - whole.visits[0].start > timedelta(weeks=15)
    drawing = drawn(whole, world)
    assert drawing.compressed
    assert not drawing.wide
    marks = [mark for mark in drawing.marks if mark.shape == "square"]
    assert all(later.x - sooner.x > timeline.MARK for sooner, later in zip(marks, marks[1:], strict=False))
    named = [week.x for week in drawing.weeks if week.label]
    assert all(later - sooner >= timeline.NAME for sooner, later in zip(named, named[1:], strict=False))


def test_a_short_course_is_drawn_to_scale(whole: rows.WholeCourse, world: World) -> None:
    drawing = drawn(replace(whole, visits=whole.visits[:5], gaps=()), world)
    assert not drawing.compressed
    widths = {round(later - sooner) for sooner, later in zip(drawing.days, drawing.days[1:], strict=False)}
    assert len(widths) == 1
