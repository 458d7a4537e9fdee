"""The hard rules over visits that a person chose."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta

import pytest

from scheduling.planning import course, rules
from scheduling.planning.values import (
    Availability,
    Busy,
    HardLimits,
    Plan,
    PlannedVisit,
    PlanRequest,
    Severity,
    Span,
)
from tests.scheduling.planning.clinic import (
    MONDAY,
    at,
    clinic,
    document,
    doses,
    of_kind,
    plans,
    request,
    short,
)


def _plan(asked: PlanRequest) -> Plan:
    return plans(course.plan_course(request=asked, availability=clinic()))[0]


def _broken(
    asked: PlanRequest, visits: Sequence[PlannedVisit], place: Availability | None = None
) -> dict[str, str | None]:
    found = rules.check_visits(request=asked, availability=place or clinic(), visits=visits)
    return {one.rule_id: one.visit for one in found}


def _moved(plan: Plan, ref: str, by: timedelta) -> list[PlannedVisit]:
    return [
        replace(visit, start=visit.start + by, end=visit.end + by) if visit.ref == ref else visit
        for visit in plan.visits
    ]


def test_a_proposal_breaks_nothing() -> None:
    asked = request(document("iv_ketamine_3x_2wk"), through_phase="continuation")
    assert _broken(asked, _plan(asked).visits) == {}


@pytest.mark.parametrize(
    ("ref", "days", "rule", "visit"),
    [
        ("dose-2", -2, "spacing_min", "dose-2"),
        ("dose-3", 4, "spacing_max", "dose-3"),
        ("dose-3", -1, "rolling_cap", "dose-3"),
        ("dose-1", -3, "start_day", "dose-1"),
        ("integration-2", 5, "follow_up_missing", "dose-2"),
        ("integration-2", -2, "follow_up_window", "integration-2"),
    ],
)
def test_a_visit_on_another_day_breaks_its_rule(ref: str, days: int, rule: str, visit: str) -> None:
    asked = request(short(3))
    assert _broken(asked, _moved(_plan(asked), ref, timedelta(days=days))).get(rule) == visit


def test_a_dose_without_follow_up_is_a_warning_only() -> None:
    asked = request(short(2))
    left = [visit for visit in _plan(asked).visits if visit.ref != "integration-1"]
    found = rules.check_visits(request=asked, availability=clinic(), visits=left)
    assert [(one.rule_id, one.severity) for one in found] == [("follow_up_missing", Severity.WARNING)]


def test_a_window_that_nothing_fits_into_is_said_and_can_be_overridden() -> None:
    asked = request(short(2))
    plan = _plan(asked)
    first, second = doses(plan)
    soon = replace(second, start=first.end + timedelta(hours=10), end=second.end)
    found = rules.check_visits(request=asked, availability=clinic(), visits=(first, soon))
    empty = [one for one in found if one.rule_id == "follow_up_window_empty"]
    assert [(one.visit, one.overridable) for one in empty] == [("dose-1", True)]


def test_two_visits_at_once_cannot_be_overridden() -> None:
    asked = request(short(2))
    plan = _plan(asked)
    visit = of_kind(plan, "integration")[0]
    clash = replace(visit, start=doses(plan)[1].start, end=doses(plan)[1].start + timedelta(minutes=50))
    others = [one for one in plan.visits if one.ref != visit.ref]
    found = rules.check_visits(request=asked, availability=clinic(), visits=[*others, clash])
    assert [one.overridable for one in found if one.rule_id == "patient_twice"] == [False]


def test_people_must_be_there_and_free() -> None:
    asked, place = request(short(2)), clinic()
    plan = _plan(asked)
    first = doses(plan)[0]
    taken = Busy(Span(first.start, first.end), 7)
    people = tuple(
        replace(person, busy=(taken,)) if person.id == "m1" else person for person in place.practitioners
    )
    assert _broken(asked, plan.visits, replace(place, practitioners=people)) == {"staff_busy": first.ref}
    sick = tuple(
        replace(person, on_shift=()) if person.id == "m1" else person for person in place.practitioners
    )
    found = rules.check_visits(
        request=asked, availability=replace(place, practitioners=sick), visits=plan.visits
    )
    assert {one.rule_id for one in found} == {"staff_shift"}


def test_a_need_without_a_person_is_named() -> None:
    asked = request(short(2))
    plan = _plan(asked)
    alone = [
        replace(visit, staffing=visit.staffing[:1]) if visit.ref == "dose-1" else visit
        for visit in plan.visits
    ]
    assert _broken(asked, alone) == {"staff_missing": "dose-1"}


def test_a_room_must_be_of_the_kind_open_and_free_with_its_turnover() -> None:
    asked, place = request(short(2)), clinic()
    plan = _plan(asked)
    first = doses(plan)[0]
    after = Busy(Span(first.end, first.end + timedelta(minutes=5)))
    rooms = tuple(replace(room, busy=(after,)) if room.id == first.room else room for room in place.rooms)
    assert _broken(asked, plan.visits, replace(place, rooms=rooms)) == {"room_busy": "dose-1"}
    elsewhere = [replace(v, room="tms_device-1") if v.ref == "dose-1" else v for v in plan.visits]
    assert _broken(asked, elsewhere) == {"room_kind": "dose-1"}
    nowhere = [replace(v, room=None) if v.ref == "dose-1" else v for v in plan.visits]
    assert _broken(asked, nowhere) == {"room_missing": "dose-1"}


def test_the_patients_own_calendar_and_limits_are_kept() -> None:
    asked, place = request(short(2)), clinic()
    plan = _plan(asked)
    first = doses(plan)[0]
    away = replace(place, patient_busy=(Span(first.start, first.start + timedelta(minutes=1)),))
    assert _broken(asked, plan.visits, away) == {"patient_busy": "dose-1"}
    limited = replace(asked, hard_limits=HardLimits(not_before=time(9)))
    assert "patient_limits" in _broken(limited, plan.visits)


def test_preparation_keeps_its_hours() -> None:
    asked = request(document("kare_aud"))
    plan = _plan(asked)
    late = doses(plan)[0].start - timedelta(hours=5)
    moved = [
        replace(v, start=late, end=late + timedelta(minutes=90)) if v.kind == "preparation" else v
        for v in plan.visits
    ]
    assert _broken(asked, moved).get("preparation_hours") == "preparation-1"


def test_a_phase_waits_for_the_review_of_the_one_before() -> None:
    asked = request(document("iv_ketamine_3x_2wk"), through_phase="continuation")
    plan = _plan(asked)
    last_acute = [dose for dose in doses(plan) if dose.phase == "acute_series"][-1]
    following = doses(plan)[doses(plan).index(last_acute) + 1]
    left = [v for v in plan.visits if not (v.kind == "plan_review" and v.follows == last_acute.ref)]
    assert _broken(asked, left).get("plan_review") == following.ref


def test_a_group_session_is_joined_as_it_is() -> None:
    asked, place = request(document("roots_to_thrive_group")), clinic()
    plan = _plan(asked)
    visit = of_kind(plan, "group_integration")[0]
    later = [
        replace(v, start=v.start + timedelta(minutes=15), end=v.end + timedelta(minutes=15))
        if v == visit
        else v
        for v in plan.visits
    ]
    assert _broken(asked, later).get("group_session") == visit.ref
    full = tuple(replace(session, places_left=0) for session in place.group_sessions)
    assert "group_full" in _broken(asked, plan.visits, replace(place, group_sessions=full))


def test_a_start_off_the_grid_is_a_warning() -> None:
    asked = request(short(1))
    plan = _plan(asked)
    moved = _moved(plan, "integration-1", timedelta(minutes=7))
    found = rules.check_visits(request=asked, availability=clinic(), visits=moved)
    assert [(one.rule_id, one.severity) for one in found] == [("grid", Severity.WARNING)]


def test_nothing_starts_before_it_may() -> None:
    asked = request(short(1))
    plan = _plan(asked)
    assert "not_before" in _broken(replace(asked, not_before=at(MONDAY, 9)), plan.visits)
