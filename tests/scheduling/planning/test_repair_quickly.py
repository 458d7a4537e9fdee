"""A repair for somebody who waits: found with little work, held to every rule, and honest about it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduling.planning import repair
from scheduling.planning.repair import Repair, RepairRequest, Standing
from scheduling.planning.values import Plan, PlannedVisit, PlanRequest, Severity
from tests.scheduling.planning.clinic import best_of, clinic, document, doses, request, short

WORK = 2_000


def _asks(asked: PlanRequest, plan: Plan, *placed: PlannedVisit, pinned: str = "") -> RepairRequest:
    standing = tuple(Standing(visit, pinned=visit.ref == pinned) for visit in plan.visits)
    return RepairRequest(asked, standing, placed)


def _by(visit: PlannedVisit, **delta: float) -> PlannedVisit:
    return replace(visit, start=visit.start + timedelta(**delta), end=visit.end + timedelta(**delta))


@pytest.mark.parametrize("delta", [{"hours": 1}, {"hours": 4}, {"days": 1}, {"days": -1}, {"days": 2}])
@pytest.mark.parametrize("number", [0, 1, 3])
def test_it_keeps_every_rule_and_moves_no_fewer_than_the_exact_one(
    delta: dict[str, float], number: int
) -> None:
    asked = request(short(sessions=4))
    plan = best_of(asked)
    asks = _asks(asked, plan, _by(doses(plan)[number], **delta))
    exact = repair.repair(request=asks, availability=clinic())
    found = repair.quickly(request=asks, availability=clinic(), most=WORK)
    assert (found is None) == (not isinstance(exact, Repair))
    if found is not None and isinstance(exact, Repair):
        assert not found.proven
        assert not [one for one in found.violations if one.severity is Severity.ERROR]
        assert found.told_moved >= exact.told_moved
        assert {one.ref for one in found.visits} == {one.ref for one in plan.visits}


def test_what_is_pinned_stays() -> None:
    asked = request(document())
    plan = best_of(asked)
    first, third = doses(plan)[0], doses(plan)[2]
    asks = _asks(asked, plan, _by(first, hours=1), pinned=third.ref)
    found = repair.quickly(request=asks, availability=clinic(), most=WORK)
    assert found is not None
    assert next(one for one in found.visits if one.ref == third.ref).start == third.start


def test_too_little_work_claims_nothing() -> None:
    asked = request(short(sessions=4))
    plan = best_of(asked)
    asks = _asks(asked, plan, _by(doses(plan)[0], days=1))
    assert repair.quickly(request=asks, availability=clinic(), most=0) is None
