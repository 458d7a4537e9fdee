"""A course that is under way: what is left to plan, and the follow-ups that given doses still lack."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from scheduling.planning import course, rules
from scheduling.planning.values import GivenDose, NoPlan, Severity
from tests.scheduling.planning.clinic import at, best_of, clinic, doses, of_kind, plans, request, short
from tests.scheduling.planning.oracle import brute, facts, instances
from tests.scheduling.planning.oracle.instances import Instance

pytestmark = pytest.mark.timeout(240)


def _begun(seed: int) -> Instance | None:
    """A random course whose first doses are given, with some of their follow-ups held."""
    rng, instance = Random(f"begun-{seed}"), instances.generate(seed=seed, size=instances.TINY)
    answer = course.plan_course(request=instance.request, availability=instance.availability)
    if isinstance(answer, NoPlan) or instance.request.given:
        return None
    chosen = doses(answer[0])[: rng.choice((1, 1, 2))]
    held = [rng.choice((0, 0, 1, None)) for _ in chosen]
    given = tuple(
        GivenDose(str(one.phase), one.sequence, one.start, one.end, count)
        for one, count in zip(chosen, held, strict=True)
    )
    not_before = chosen[-1].end + timedelta(hours=rng.choice((0, 6, 20, 48)))
    asked = replace(instance.request, given=given, not_before=not_before)
    return replace(instance, request=asked)


@pytest.mark.parametrize("seeds", [range(low, low + 40) for low in range(0, 320, 40)], ids=str)
def test_a_course_under_way_costs_what_enumeration_says(seeds: range) -> None:
    compared = 0
    for seed in seeds:
        instance = _begun(seed)
        if instance is None:
            continue
        asked, place = instance.request, instance.availability
        if not facts.planned_doses(asked):
            continue
        answer = course.plan_course(request=asked, availability=place)
        try:
            least = brute.cheapest(request=asked, availability=place, steps=300_000)
        except brute.TooLarge:
            continue
        cost = None if isinstance(answer, NoPlan) else answer[0].cost
        assert cost == least, instance.reproduction()
        compared += 1
        if not isinstance(answer, NoPlan):
            broken = rules.check_visits(request=asked, availability=place, visits=answer[0].visits)
            assert [one for one in broken if one.severity is Severity.ERROR] == [], instance.reproduction()
            assert "follow_up_missing" not in {one.rule_id for one in broken}, instance.reproduction()
    assert compared >= 3


def _after_two(held: int | None, hours: int = 1) -> tuple[GivenDose, ...]:
    plan = best_of(request(short(sessions=3)))
    first, second, _ = doses(plan)
    return (
        GivenDose(str(first.phase), 1, first.start, first.end),
        GivenDose(str(second.phase), 2, second.start, second.end, held),
    )


def test_the_last_given_dose_gets_the_follow_up_that_it_lacks() -> None:
    given = _after_two(held=0)
    asked = replace(request(short(sessions=3)), given=given, not_before=given[-1].end)
    plan = best_of(asked)
    assert [visit.follows for visit in of_kind(plan, "integration")] == ["dose-2", "dose-3"]
    assert of_kind(plan, "integration")[0].end <= doses(plan)[0].start


@pytest.mark.parametrize("held", [None, 1])
def test_nothing_is_planned_for_given_doses_that_need_nothing(held: int | None) -> None:
    given = _after_two(held=held)
    asked = replace(request(short(sessions=3)), given=given, not_before=given[-1].end)
    assert [visit.follows for visit in of_kind(best_of(asked), "integration")] == ["dose-3"]


def test_a_closed_window_asks_for_nothing() -> None:
    given = _after_two(held=0)
    asked = replace(request(short(sessions=3), spacing_max={3: 60}), given=given)
    late = replace(asked, not_before=given[-1].end + timedelta(days=20))
    assert [visit.follows for visit in of_kind(best_of(late), "integration")] == ["dose-3"]


def test_the_follow_up_of_the_last_dose_of_all_is_a_plan_of_its_own() -> None:
    given = _after_two(held=0)
    asked = replace(request(short(sessions=2), proposals=3), given=given, not_before=given[-1].end)
    (plan,) = plans(course.plan_course(request=asked, availability=clinic()))
    assert [(visit.kind, visit.follows) for visit in plan.visits] == [("integration", "dose-2")]


def test_a_follow_up_of_a_given_dose_without_a_place_is_said() -> None:
    given = _after_two(held=0)
    asked = replace(request(short(sessions=3)), given=given, not_before=given[-1].end)
    place = clinic()
    gone = replace(
        place,
        practitioners=tuple(
            replace(
                one,
                on_shift=tuple(
                    s for s in one.on_shift if s.start > at(given[-1].end.date(), 23) + timedelta(days=7)
                ),
            )
            if "therapist" in one.roles
            else one
            for one in place.practitioners
        ),
    )
    answer = course.plan_course(request=asked, availability=gone)
    assert isinstance(answer, NoPlan)
    assert answer.rules[0].rule == "follow_up_window"
    assert "given" in answer.rules[0].message
