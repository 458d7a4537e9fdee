"""The repair planner against plain enumeration, and its repairs against the naive check, on seeded random
upsets.

A failing case prints its seed, which rebuilds it: `upsets.generate(seed=…, size=…)`.
"""

from dataclasses import replace

import pytest

from scheduling.planning import repair
from scheduling.planning.chain import Solution
from scheduling.planning.mending import RepairProblem
from scheduling.planning.refusal import ALONE
from scheduling.planning.repair import Repair
from scheduling.planning.values import NoPlan
from tests.scheduling.planning.oracle import instances, repairs, upsets, verify
from tests.scheduling.planning.oracle.brute import TooLarge
from tests.scheduling.planning.oracle.upsets import Upset

pytestmark = pytest.mark.timeout(240)
DOSES = ("dosing", "device")
NOT_OF_THE_COST = {*ALONE, "given", "dose_order", "patient_twice"}


def _batches(first: int, last: int, batch: int) -> list[range]:
    return [range(low, min(low + batch, last)) for low in range(first, last, batch)]


def _name(seeds: range) -> str:
    return f"{seeds.start}-{seeds.stop - 1}"


def _cases(seeds: range, size: instances.Size) -> list[Upset]:
    found = [upsets.generate(seed=seed, size=size) for seed in seeds]
    return [one for one in found if one is not None]


def _least(upset: Upset) -> tuple[int, int, int, int, int] | None:
    return repairs.Enumeration(asked=upset.asked, availability=upset.availability, steps=300_000).least()


def _agree(upset: Upset) -> bool:
    """Whether the case was compared; fails where the two disagree."""
    found = repair.repair(request=upset.asked, availability=upset.availability)
    if isinstance(found, NoPlan):
        if found.rules[0].rule in NOT_OF_THE_COST:
            return False
        mine = None
    else:
        assert found.proven, upset
        mine = (
            found.told_moved,
            found.minutes_shifted,
            found.practitioner_changes,
            found.room_changes,
            found.cost,
        )
    try:
        assert mine == _least(upset), f"seed {upset.seed}: {upset.what}"
    except TooLarge:
        return False
    return True


@pytest.mark.parametrize("seeds", _batches(0, 400, 50), ids=_name)
def test_tiny_repairs_cost_what_enumeration_says(seeds: range) -> None:
    assert sum(_agree(upset) for upset in _cases(seeds, instances.TINY)) >= 10


@pytest.mark.parametrize("seeds", _batches(0, 120, 15), ids=_name)
def test_small_repairs_cost_what_enumeration_says(seeds: range) -> None:
    assert sum(_agree(upset) for upset in _cases(seeds, instances.SMALL)) >= 4


@pytest.mark.parametrize("seeds", _batches(1000, 1120, 30), ids=_name)
def test_a_repair_keeps_the_hard_rules(seeds: range) -> None:
    checked = 0
    for upset in _cases(seeds, instances.SMALL):
        found = repair.repair(request=upset.asked, availability=upset.availability)
        # The naive check knows no visits of given doses.
        if isinstance(found, Repair) and not any(one.given for one in upset.asked.standing):
            assert _problems(upset, found) == [], f"seed {upset.seed}: {upset.what}"
            checked += 1
    assert checked


def _problems(upset: Upset, found: Repair) -> list[str]:
    """What the naive check has against the course afterwards, but for what a person put there."""
    asked = upset.asked
    phases = [phase.name for phase in asked.plan.protocol.phases]
    doses = [visit for visit in found.visits if visit.kind in DOSES]
    plan = replace(asked.plan, through_phase=max((str(dose.phase) for dose in doses), key=phases.index))
    checker = verify.Checker(request=plan, availability=upset.availability, visits=found.visits)
    fixed = {visit.ref for visit in asked.placed} | {one.visit.ref for one in asked.standing if one.pinned}
    return [line for line in checker.everything() if line.split()[0] not in fixed]


@pytest.mark.parametrize("days", [1, 3])
def test_looking_near_first_finds_what_looking_everywhere_finds(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = _cases(range(3000, 3060), instances.SMALL)
    everywhere = []
    for upset in cases:
        with monkeypatch.context() as blind:
            blind.setattr(repair, "_near", lambda problem: None)
            everywhere.append(repair.repair(request=upset.asked, availability=upset.availability))
    near, answered = repair._near, []

    def counted(problem: RepairProblem) -> Solution | None:
        answered.append(near(problem))
        return answered[-1]

    monkeypatch.setattr(repair, "NEAR_DAYS", days)
    monkeypatch.setattr(repair, "_near", counted)
    for upset, whole in zip(cases, everywhere, strict=True):
        found = repair.repair(request=upset.asked, availability=upset.availability)
        assert found == whole, f"seed {upset.seed}: {upset.what}"
    moved = [one for one in everywhere if isinstance(one, Repair) and one.changes]
    assert None in answered
    assert sum(one is not None for one in answered) > len(moved) / 4


def test_nothing_changes_where_nothing_was_upset() -> None:
    tried = 0
    for seed in range(2000, 2030):
        upset = upsets.generate(seed=seed, size=instances.SMALL)
        if upset is None or "absence" in upset.what or "appointment" in upset.what or "shorter" in upset.what:
            continue
        asked = replace(upset.asked, placed=())
        found = repair.repair(request=asked, availability=upset.availability)
        assert isinstance(found, Repair)
        assert found.changes == (), f"seed {seed}: {upset.what}"
        tried += 1
    assert tried


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    assert upsets.generate(seed=3, size=instances.TINY) == upsets.generate(seed=3, size=instances.TINY)
