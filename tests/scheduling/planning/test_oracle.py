"""The oracles themselves: they notice what is wrong, and two written apart agree."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from scheduling.planning import course
from scheduling.planning.values import Plan, PlannedVisit
from tests.scheduling.planning.oracle import brute, cpsat_followups, instances, verify

SEEDS = range(4000, 4040)


def _plans() -> list[tuple[instances.Instance, Plan]]:
    found = []
    for seed in SEEDS:
        instance = instances.generate(seed=seed, size=instances.TINY)
        answer = course.plan_course(request=instance.request, availability=instance.availability)
        if isinstance(answer, tuple):
            found.append((instance, answer[0]))
    return found


def _with(plan: Plan, index: int, visit: PlannedVisit) -> Plan:
    visits = [*plan.visits[:index], visit, *plan.visits[index + 1 :]]
    return replace(plan, visits=tuple(sorted(visits, key=lambda one: one.start)))


def _moved(plan: Plan, index: int, by: timedelta) -> Plan:
    visit = plan.visits[index]
    return _with(plan, index, replace(visit, start=visit.start + by, end=visit.end + by))


def _dropped(plan: Plan, index: int) -> Plan:
    return replace(plan, visits=plan.visits[:index] + plan.visits[index + 1 :])


FAULTS: dict[str, Callable[[Plan, int], Plan]] = {
    "a visit is missing": _dropped,
    "a visit is off the grid": lambda plan, index: _moved(plan, index, timedelta(minutes=7)),
    "a visit is in the night": lambda plan, index: _moved(plan, index, timedelta(hours=12)),
    "a visit is a year later": lambda plan, index: _moved(plan, index, timedelta(days=364)),
    "a visit has nobody": lambda plan, index: _with(plan, index, replace(plan.visits[index], staffing=())),
    "a visit is shorter": lambda plan, index: _with(
        plan, index, replace(plan.visits[index], end=plan.visits[index].end - timedelta(minutes=5))
    ),
    "the cost is another": lambda plan, index: replace(plan, cost=plan.cost + 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_naive_check_notices_that(fault: str) -> None:
    tried = 0
    for instance, plan in _plans():
        for index, visit in enumerate(plan.visits):
            # A place in a group session brings its own time and people, a dose at home may need nobody.
            if visit.group_session is None and visit.staffing:
                broken = FAULTS[fault](plan, index)
                found = verify.problems(
                    request=instance.request, availability=instance.availability, plan=broken
                )
                assert found, f"{fault}: {visit.ref}\n{instance.reproduction()}"
                tried += 1
    assert tried > 20


def test_cpsat_and_enumeration_agree() -> None:
    compared = 0
    for seed in SEEDS:
        instance = instances.generate(seed=seed, size=instances.TINY)
        request, availability = instance.request, instance.availability
        try:
            walked = brute.cheapest(request=request, availability=availability, steps=100_000)
        except brute.TooLarge:
            continue
        solved = cpsat_followups.solve(request=request, availability=availability, seconds=20)
        assert solved.cost == walked, instance.reproduction()
        compared += 1
    assert compared > 30
