"""What must move when one visit of a course does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from scheduling.planning import repair
from scheduling.planning.repair import RepairRequest, Standing
from scheduling.planning.values import NoPlan, Plan, PlannedVisit, PlanRequest
from tests.scheduling.planning.clinic import best_of, clinic, doses, request, short


def _standing(plan: Plan) -> tuple[Standing, ...]:
    return tuple(Standing(visit) for visit in plan.visits)


def _by(visit: PlannedVisit, **delta: float) -> PlannedVisit:
    return replace(visit, start=visit.start + timedelta(**delta), end=visit.end + timedelta(**delta))


def _repaired(
    asked: PlanRequest, standing: Sequence[Standing], placed: Sequence[PlannedVisit] = ()
) -> repair.Repair:
    found = repair.repair(request=RepairRequest(asked, tuple(standing), tuple(placed)), availability=clinic())
    assert isinstance(found, repair.Repair), found
    return found


def test_a_sound_course_stays_as_it_is() -> None:
    asked = request(short(sessions=4))
    plan = best_of(asked)
    found = _repaired(asked, _standing(plan))
    assert found.changes == ()
    assert found.visits == plan.visits
    assert found.violations == ()


def test_a_visit_put_elsewhere_without_harm_moves_alone() -> None:
    asked = request(short(sessions=3))
    plan = best_of(asked)
    later = _by(doses(plan)[1], minutes=15)
    found = _repaired(asked, _standing(plan), [later])
    assert [(one.ref, one.after) for one in found.changes] == [("dose-2", later)]


def test_rules_are_judged_by_the_refs_of_the_caller() -> None:
    asked = request(short(sessions=3))
    plan = best_of(asked)
    names = {visit.ref: f"visit {number}" for number, visit in enumerate(plan.visits)}
    standing = [
        Standing(replace(visit, ref=names[visit.ref], follows=names.get(visit.follows or "")))
        for visit in plan.visits
    ]
    soon = _by(next(one.visit for one in standing if one.visit.ref == names["dose-2"]), days=-2)
    asks = RepairRequest(asked, tuple(standing), (soon,))
    found = repair.judge(request=asks, availability=clinic())
    assert ("spacing_min", names["dose-2"]) in {(one.rule_id, one.visit) for one in found}
    assert isinstance(repair.repair(request=asks, availability=clinic()), NoPlan)


def test_a_visit_that_does_not_stand_cannot_be_placed() -> None:
    asked = request(short(sessions=2))
    plan = best_of(asked)
    stray = replace(doses(plan)[0], ref="dose-9")
    with pytest.raises(repair.UnknownVisit):
        _repaired(asked, _standing(plan), [stray])
