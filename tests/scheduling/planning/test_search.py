"""The search does a bounded amount of work, and says so where the bound was felt."""

import pytest

from scheduling.planning import build, carry, course, rules, search
from scheduling.planning.menus import calendar_for
from scheduling.planning.problem import Problem
from scheduling.planning.values import PlanRequest, Preferences, Severity
from tests.scheduling.planning.clinic import clinic, plans, request, short

LITTLE, ENOUGH, PLENTY = 20, 8_000, 1_000_000


def _crossing() -> PlanRequest:
    """Four doses, two follow-ups each, which may lie behind the next two doses; wishes keep costs apart."""
    source = short(4, before_next_dosing=False, visits_per_unit=2, window_hours={"max": 168, "grace": 336})
    return request(source, preferences=Preferences(therapist="t2", weekdays=(2, 4)))


def _problem() -> Problem:
    return Problem(calendar_for(_crossing(), clinic()))


def test_without_work_to_spend_nothing_is_claimed() -> None:
    with pytest.raises(search.SearchLimit):
        search.solve(_problem(), most=LITTLE)
    with pytest.raises(search.SearchLimit):
        search.possible(_problem(), most=LITTLE)


def test_a_plan_found_at_the_limit_keeps_the_rules_and_is_not_called_proven() -> None:
    problem = _problem()
    found = search.solve(problem, most=ENOUGH)
    assert found is not None
    assert not found.proven
    visits = build.Builder(problem, found).visits()
    broken = rules.check_visits(request=problem.request, availability=clinic(), visits=visits)
    assert [one for one in broken if one.severity is Severity.ERROR] == []
    best = search.solve(_problem(), most=PLENTY)
    assert best is not None
    assert best.proven
    assert best.cost <= found.cost


def test_the_same_request_stops_at_the_same_point() -> None:
    assert search.solve(_problem(), most=ENOUGH) == search.solve(_problem(), most=ENOUGH)


def test_several_visits_a_gap_cost_the_same_by_both_searches() -> None:
    asked = request(short(3, visits_per_unit=2))
    best = plans(course.plan_course(request=asked, availability=clinic()))[0]
    label_by_label = carry.CarryChain(Problem(calendar_for(asked, clinic()))).solve(PLENTY)
    assert label_by_label is not None
    assert (label_by_label.cost, label_by_label.proven) == (best.cost, True)
