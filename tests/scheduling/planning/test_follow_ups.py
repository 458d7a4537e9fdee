"""Follow-up visits of every coverage, and their windows."""

from dataclasses import replace
from datetime import timedelta

from scheduling.planning import course, windows
from scheduling.planning.values import Busy, NoPlan, Span
from tests.scheduling.planning.clinic import (
    MONDAY,
    ZONE,
    at,
    best_of,
    clinic,
    document,
    doses,
    of_kind,
    request,
    short,
)


def test_each_dose_has_a_follow_up_before_the_next() -> None:
    best = best_of(request(short(4)))
    for number, dose in enumerate(doses(best)):
        visit = of_kind(best, "integration")[number]
        assert visit.follows == dose.ref
        assert dose.end < visit.start
        if number + 1 < 4:
            assert visit.end <= doses(best)[number + 1].start


def test_each_n_has_a_follow_up_after_every_n_doses_and_the_rest() -> None:
    best = best_of(request(short(5, coverage="each_n", n=2)))
    assert [visit.follows for visit in of_kind(best, "integration")] == ["dose-2", "dose-4", "dose-5"]


def test_weekly_has_one_follow_up_for_the_doses_of_a_week() -> None:
    best = best_of(request(short(4, coverage="weekly")))
    weeks = [dose.start.isocalendar().week for dose in doses(best)]
    assert len(of_kind(best, "integration")) == len(set(weeks)) == 2


def test_weekly_can_be_met_between_the_doses_of_the_week() -> None:
    # Nobody can hold a follow-up after the second dose of the week, so it stands between the two.
    place = clinic()
    away = Busy(Span(at(MONDAY + timedelta(days=3), 8), at(MONDAY + timedelta(days=11), 18)))
    people = tuple(
        replace(person, busy=(away,)) if "therapist" in person.roles else person
        for person in place.practitioners
    )
    best = best_of(request(short(2, coverage="weekly")), replace(place, practitioners=people))
    visit = of_kind(best, "integration")[0]
    assert doses(best)[0].end < visit.start < doses(best)[1].start
    assert visit.follows == "dose-2"


def test_two_visits_a_unit_are_on_different_days() -> None:
    best = best_of(request(short(3, visits_per_unit=2)))
    visits = of_kind(best, "integration")
    assert len(visits) == 6
    days = [windows.local_day(zone=ZONE, instant=visit.start) for visit in visits]
    assert len(set(days)) == 6


def test_without_the_rule_a_follow_up_may_come_after_the_next_dose() -> None:
    place = clinic()
    away = Busy(Span(at(MONDAY + timedelta(days=1), 8), at(MONDAY + timedelta(days=3), 18)))
    people = tuple(
        replace(person, busy=(away,)) if "therapist" in person.roles else person
        for person in place.practitioners
    )
    dosing_days = (at(MONDAY, 8), at(MONDAY + timedelta(days=3), 8))
    chairs = tuple(
        replace(room, open=tuple(span for span in room.open if span.start in dosing_days))
        if room.kind == "infusion_chair"
        else room
        for room in place.rooms
    )
    place = replace(place, practitioners=people, rooms=chairs)
    source = short(2, before_next_dosing=False, window_hours={"max": 96})
    source["phases"][0] |= {"interval_min_days": 3, "interval_ideal_days": 3, "interval_max_days": 3}
    source["phases"][0]["max_per_rolling_7_days"] = 3
    best = best_of(request(source), place)
    first, second = doses(best)
    visits = of_kind(best, "integration")
    assert visits[0].follows == first.ref
    assert visits[0].start >= second.end
    assert visits[1].start >= visits[0].end


def test_a_window_before_the_dose_is_met_before_it() -> None:
    edges = {"min": -48, "ideal_from": -30, "ideal_to": -20, "max": -2, "grace": 0}
    best = best_of(request(short(3, window_hours=edges)))
    for dose, visit in zip(doses(best), of_kind(best, "integration"), strict=True):
        assert timedelta(hours=2) <= dose.start - visit.start <= timedelta(hours=48)


def test_group_follow_ups_join_sessions_that_exist() -> None:
    place = clinic()
    best = best_of(request(document("roots_to_thrive_group")), place)
    sessions = {session.id: session.span for session in place.group_sessions}
    visits = of_kind(best, "group_integration")
    assert len(visits) >= 12
    for visit in visits:
        assert visit.group_session is not None
        assert sessions[visit.group_session] == Span(visit.start, visit.end)
    assert len({visit.group_session for visit in visits}) == len(visits)


def test_a_full_group_is_not_joined() -> None:
    place = clinic()
    full = tuple(replace(session, places_left=0) for session in place.group_sessions)
    asked = request(document("roots_to_thrive_group"))
    answer = course.plan_course(request=asked, availability=replace(place, group_sessions=full))
    assert isinstance(answer, NoPlan)
    assert answer.rules[0].visit == "group_integration-1"


def test_no_coverage_plans_no_follow_up() -> None:
    assert of_kind(best_of(request(short(3, coverage="none"))), "integration") == []
