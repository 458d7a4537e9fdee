"""The repair planner's door: `repair` and `judge`.

A course stands; a person puts some of its visits elsewhere, or somebody falls ill. `repair` says what else
must move so that every hard rule of `course.py` holds again.
"""

from scheduling.planning import judging
from scheduling.planning.judging import UnknownVisit
from scheduling.planning.standing import Change, Repair, RepairRequest, Standing
from scheduling.planning.values import Availability, NoPlan, Severity, UnmetRule, Violation

__all__ = ["Change", "Repair", "RepairRequest", "Standing", "UnknownVisit", "judge", "repair"]


def repair(*, request: RepairRequest, availability: Availability) -> Repair | NoPlan:
    """The least that must change, or why the course cannot be repaired.

    `availability` does not count the course's own live visits as busy. Raises UnknownVisit for a placed ref
    that does not stand.
    """
    broken = judge(request=request, availability=availability)
    errors = [one for one in broken if one.severity is Severity.ERROR]
    if errors:
        return NoPlan(tuple(UnmetRule(one.rule_id, one.visit, one.message) for one in errors))
    visits = judging.with_placed([one.visit for one in request.standing], request.placed)
    before = {one.visit.ref: one.visit for one in request.standing}
    changes = tuple(Change(one.ref, before[one.ref], one) for one in visits if one != before[one.ref])
    return Repair(changes, tuple(visits), broken)


def judge(*, request: RepairRequest, availability: Availability) -> tuple[Violation, ...]:
    """Every rule that the course breaks when the placed visits are put there and nothing else moves.

    Of given visits, and of those that stand before `not_before`, nothing is asked. Violations name visits by
    the caller's refs.
    """
    visits = judging.with_placed([one.visit for one in request.standing], request.placed)
    return judging.check(request.plan, availability, visits, judging.fixed(request))
