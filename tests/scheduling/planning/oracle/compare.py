"""One case put to the planner and to the oracles, and what they disagree about."""

import time
from dataclasses import dataclass, replace

from scheduling.planning import course
from scheduling.planning.values import NoPlan, Plan
from tests.scheduling.planning.oracle import brute, cpsat_followups, verify
from tests.scheduling.planning.oracle.instances import Instance


@dataclass(frozen=True, slots=True)
class Verdict:
    """`differences` in words; `decided` is False when CP-SAT ran out of time.

    Times are seconds of the processor (both sides use one thread), which a loaded machine changes least.
    """

    decided: bool
    feasible: bool
    differences: tuple[str, ...]
    planner_seconds: float
    cpsat_seconds: float
    cpsat_total_seconds: float


def with_cpsat(*, instance: Instance, seconds: float) -> Verdict:
    """The planner's answer against CP-SAT's optimum and the naive check of its plan."""
    began = time.process_time()
    answer = course.plan_course(request=instance.request, availability=instance.availability)
    planned = time.process_time() - began
    began = time.process_time()
    optimum = cpsat_followups.solve(
        request=instance.request, availability=instance.availability, seconds=seconds
    )
    total = time.process_time() - began
    found = _faults(instance, answer)
    if optimum.decided:
        found += _disagreement("CP-SAT", answer, optimum.cost)
    return Verdict(
        decided=optimum.decided,
        feasible=optimum.cost is not None,
        differences=tuple(found),
        planner_seconds=planned,
        cpsat_seconds=optimum.seconds,
        cpsat_total_seconds=total,
    )


def with_enumeration(*, instance: Instance) -> list[str]:
    """The planner's answer against plain enumeration; raises `brute.TooLarge`."""
    optimum = brute.cheapest(request=instance.request, availability=instance.availability, steps=300_000)
    answer = course.plan_course(request=instance.request, availability=instance.availability)
    return _disagreement("enumeration", answer, optimum)


def faults_of_proposals(*, instance: Instance) -> list[str]:
    """What is wrong with any of up to three proposals, each by itself."""
    request = replace(instance.request, proposals=3)
    return _faults(instance, course.plan_course(request=request, availability=instance.availability))


def _faults(instance: Instance, answer: tuple[Plan, ...] | NoPlan) -> list[str]:
    if isinstance(answer, NoPlan):
        return [] if answer.rules else ["no plan, and no word why"]
    found = [] if answer else ["neither a plan nor a reason"]
    for plan in answer:
        found += verify.problems(request=instance.request, availability=instance.availability, plan=plan)
    if [plan.cost for plan in answer] != sorted(plan.cost for plan in answer):
        found.append("a later proposal is cheaper than an earlier one")
    return found


def _disagreement(who: str, answer: tuple[Plan, ...] | NoPlan, optimum: int | None) -> list[str]:
    if isinstance(answer, NoPlan):
        # A search that was stopped claims nothing.
        wrong = optimum is not None and answer.rules[0].rule != "search_limit"
        return [f"the planner has no plan, {who} finds {optimum}"] if wrong else []
    best = answer[0].cost
    claimed = answer[0].proven or optimum is None or best < optimum
    return [f"the planner's best costs {best}, {who} finds {optimum}"] if claimed and best != optimum else []


def report(*, instance: Instance, differences: list[str] | tuple[str, ...]) -> str:
    """The differences and how to have them again: paste the JSON line into `instances.from_json`."""
    return "\n".join((*differences, instance.reproduction()))
