"""The planner against an independent CP-SAT model and plain enumeration, on seeded random cases.

A failing case prints its seed and its whole content; `instances.from_json` reads the latter back.
"""

import pytest

from scheduling.planning import course, patches
from scheduling.planning.values import NoPlan
from tests.scheduling.planning.oracle import brute, compare, cpsat_followups, instances, verify

pytestmark = pytest.mark.timeout(240)
BATCH = 12
LIMIT_SECONDS = 20.0


def _batches(first: int, last: int) -> list[range]:
    return [range(low, min(low + BATCH, last)) for low in range(first, last, BATCH)]


def _name(seeds: range) -> str:
    return f"{seeds.start}-{seeds.stop - 1}"


def _agree(*, size: instances.Size, seeds: range) -> None:
    for seed in seeds:
        instance = instances.generate(seed=seed, size=size)
        verdict = compare.with_cpsat(instance=instance, seconds=LIMIT_SECONDS)
        assert not verdict.differences, compare.report(instance=instance, differences=verdict.differences)
        assert verdict.decided, f"CP-SAT did not decide it in time: {instance.reproduction()}"


@pytest.mark.parametrize("seeds", _batches(0, 168), ids=_name)
def test_tiny_courses_cost_what_cpsat_says(seeds: range) -> None:
    _agree(size=instances.TINY, seeds=seeds)


@pytest.mark.parametrize("seeds", _batches(0, 144), ids=_name)
def test_small_courses_cost_what_cpsat_says(seeds: range) -> None:
    _agree(size=instances.SMALL, seeds=seeds)


def test_the_visits_cost_what_the_search_promised() -> None:
    # Two people are as good for the first follow-ups, each with other later doses: doses and people must
    # come from one and the same plan.
    _agree(size=instances.SMALL, seeds=range(1000049, 1000050))


@pytest.mark.parametrize("seeds", _batches(0, 60), ids=_name)
def test_several_phases_cost_what_cpsat_says(seeds: range) -> None:
    _agree(size=instances.MEDIUM, seeds=seeds)


@pytest.mark.parametrize("seeds", _batches(1000, 1120), ids=_name)
def test_tiny_courses_cost_what_enumeration_says(seeds: range) -> None:
    walked = 0
    for seed in seeds:
        instance = instances.generate(seed=seed, size=instances.TINY)
        try:
            found = compare.with_enumeration(instance=instance)
        except brute.TooLarge:
            continue
        walked += 1
        assert not found, compare.report(instance=instance, differences=found)
    assert walked


@pytest.mark.parametrize("seeds", _batches(2000, 2060), ids=_name)
def test_every_proposal_keeps_the_hard_rules(seeds: range) -> None:
    for seed in seeds:
        instance = instances.generate(seed=seed, size=instances.SMALL)
        found = compare.faults_of_proposals(instance=instance)
        assert not found, compare.report(instance=instance, differences=found)


@pytest.mark.parametrize("seeds", _batches(3000, 3060), ids=_name)
def test_every_relaxation_offered_gives_a_plan(seeds: range) -> None:
    for seed in seeds:
        instance = instances.generate(seed=seed, size=instances.SMALL)
        answer = course.plan_course(request=instance.request, availability=instance.availability)
        if isinstance(answer, NoPlan):
            _relaxations_help(instance, answer)


def _relaxations_help(instance: instances.Instance, answer: NoPlan) -> None:
    for rule in answer.rules:
        for relaxation in rule.relaxations:
            request, availability = patches.apply_patch(
                request=instance.request, availability=instance.availability, patch=relaxation.patch
            )
            said = f"{relaxation.change}: {relaxation.patch}\n{instance.reproduction()}"
            relaxed = course.plan_course(request=request, availability=availability)
            assert not isinstance(relaxed, NoPlan), said
            assert not verify.problems(request=request, availability=availability, plan=relaxed[0]), said
            found = cpsat_followups.solve(request=request, availability=availability, seconds=LIMIT_SECONDS)
            assert found.cost is not None or not found.decided, said


def test_a_case_can_be_rebuilt_from_what_a_failure_prints() -> None:
    instance = instances.generate(seed=5, size=instances.SMALL)
    printed = instance.reproduction().splitlines()[1]
    assert instances.from_json(printed) == instance


def test_the_random_cases_are_neither_all_possible_nor_all_impossible() -> None:
    costs = []
    for seed in range(60):
        instance = instances.generate(seed=seed, size=instances.TINY)
        solved = cpsat_followups.solve(
            request=instance.request, availability=instance.availability, seconds=LIMIT_SECONDS
        )
        costs.append(solved.cost)
    assert 15 < sum(cost is None for cost in costs) < 45
