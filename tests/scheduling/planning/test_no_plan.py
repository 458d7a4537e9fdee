"""No plan, and why: the visit that breaks, and relaxations that work when they are applied."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from scheduling.planning import course, patches
from scheduling.planning.values import Availability, Busy, HardLimits, NoPlan, PlanRequest, Span
from tests.scheduling.planning.clinic import MONDAY, at, clinic, document, request, short


def _why(asked: PlanRequest, place: Availability) -> NoPlan:
    answer = course.plan_course(request=asked, availability=place)
    assert isinstance(answer, NoPlan)
    return answer


def _away(place: Availability, role: str, first: date, days: int) -> Availability:
    span = Busy(Span(at(first, 0), at(first + timedelta(days=days), 0)))
    people = tuple(
        replace(person, busy=(span,)) if role in person.roles else person for person in place.practitioners
    )
    return replace(place, practitioners=people)


def _until(place: Availability, last: date) -> Availability:
    """The same clinic, closed after a day."""
    end = at(last, 23)
    people = tuple(
        replace(person, on_shift=tuple(span for span in person.on_shift if span.end <= end))
        for person in place.practitioners
    )
    return replace(place, practitioners=people)


def _no_monitor() -> tuple[PlanRequest, Availability]:
    place = clinic()
    people = tuple(person for person in place.practitioners if person.id != "m1")
    return request(short(2)), replace(place, practitioners=people)


def _no_follow_up() -> tuple[PlanRequest, Availability]:
    # No therapist for two weeks after a first dose that must be in the first week.
    place = _until(_away(clinic(), "therapist", MONDAY, 5), MONDAY + timedelta(days=12))
    limits = HardLimits(weekdays_never=(2, 3, 4, 5))
    source = short(1)
    return request(source, hard_limits=limits, start_on_or_after=MONDAY), _only_first_monday(place)


def _only_first_monday(place: Availability) -> Availability:
    chairs = tuple(
        replace(room, open=tuple(span for span in room.open if span.start == at(MONDAY, 8)))
        if room.kind == "infusion_chair"
        else room
        for room in place.rooms
    )
    return replace(place, rooms=chairs)


def _limits() -> tuple[PlanRequest, Availability]:
    return request(short(2), hard_limits=HardLimits(not_before=time(16))), clinic()


def _spacing() -> tuple[PlanRequest, Availability]:
    # The chair is there on Mondays only, and no spacing of at most 5 days joins two Mondays.
    place = clinic()
    chairs = tuple(
        replace(room, open=tuple(span for span in room.open if span.start.weekday() == 0))
        if room.kind == "infusion_chair"
        else room
        for room in place.rooms
    )
    return request(short(2)), replace(place, rooms=chairs)


CASES = [
    (_no_monitor, "start_day", "dose-1"),
    (_no_follow_up, "follow_up_window", "integration-1"),
    (_limits, "start_day", "dose-1"),
    (_spacing, "dose_start", "dose-2"),
]


@pytest.mark.parametrize(("case", "rule", "visit"), CASES)
def test_the_rule_and_the_visit_that_break_are_named(
    case: Callable[[], tuple[PlanRequest, Availability]], rule: str, visit: str
) -> None:
    first = _why(*case()).rules[0]
    assert (first.rule, first.visit) == (rule, visit)
    assert first.message


@pytest.mark.parametrize(("case", "rule", "visit"), CASES)
def test_every_relaxation_gives_a_plan_when_it_is_applied(
    case: Callable[[], tuple[PlanRequest, Availability]], rule: str, visit: str
) -> None:
    asked, place = case()
    offered = [change for unmet in _why(asked, place).rules for change in unmet.relaxations]
    assert offered
    for change in offered:
        wider, richer = patches.apply_patch(request=asked, availability=place, patch=change.patch)
        answer = course.plan_course(request=wider, availability=richer)
        assert not isinstance(answer, NoPlan), change


def test_a_missing_role_is_said_in_words() -> None:
    asked, place = _no_monitor()
    assert "no monitor is ever there that long" in _why(asked, place).rules[0].message
    people = _no_monitor()[1].practitioners
    assert all("monitor" not in person.roles for person in people)


def test_limits_of_the_patient_are_offered_to_be_dropped() -> None:
    asked, place = _limits()
    offered = {unmet.rule: unmet.relaxations for unmet in _why(asked, place).rules}
    assert offered["patient_limits"][0].change == "let the patient come earlier in the day"


def test_a_wider_spacing_is_offered() -> None:
    asked, place = _spacing()
    offered = {unmet.rule: unmet.relaxations for unmet in _why(asked, place).rules}
    assert offered["spacing_max"][0].change == "let dose 2 follow up to 7 days after the dose before"


def test_one_more_person_on_a_day_is_offered() -> None:
    place = _away(clinic(), "monitor", MONDAY + timedelta(days=1), 180)
    offered = {unmet.rule: unmet.relaxations for unmet in _why(request(short(2)), place).rules}
    assert any(change.change.startswith("add a monitor on") for change in offered["staff"])


def test_a_later_start_is_offered() -> None:
    # In the first week a chair is there for a first dose, but not for the one that must follow it.
    place = clinic()
    second = MONDAY + timedelta(days=40)
    chairs = tuple(
        replace(
            room,
            open=tuple(
                span for span in room.open if span.start == at(MONDAY, 8) or span.start > at(second, 0)
            ),
        )
        if room.kind == "infusion_chair"
        else room
        for room in place.rooms
    )
    asked = request(short(2))
    wide = replace(place, rooms=chairs)
    offered = {unmet.rule: unmet.relaxations for unmet in _why(asked, wide).rules}
    assert offered["start_day"][0].change.startswith("start on ")


def test_a_review_by_time_without_a_prescriber_is_named() -> None:
    asked = request(document("esketamine_spravato_trd"), through_phase="maintenance")
    place = clinic()
    monday = MONDAY + timedelta(days=70)
    dosing_only = tuple(
        replace(person, busy=(Busy(Span(at(monday, 0), at(monday + timedelta(days=40), 0)), 12),))
        if person.id == "p1"
        else person
        for person in place.practitioners
    )
    answer = _why(asked, replace(place, practitioners=dosing_only))
    assert answer.rules[0].rule == "medication_review_due"
