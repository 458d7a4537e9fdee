"""Why a course cannot be repaired: what contradicts itself, what the placed visits break, and what would
help."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from scheduling.planning import judging, mending, patches, search
from scheduling.planning.bonds import Bonds, Reader
from scheduling.planning.carry import CarryChain, SearchLimit
from scheduling.planning.standing import RepairRequest
from scheduling.planning.values import (
    Availability,
    NoPlan,
    PlannedVisit,
    Relaxation,
    Severity,
    UnmetRule,
    Violation,
)

MOST_TRIES = 8
MOST_WORK = search.MOST_WORK // 10
"""What each change that is tried may cost; beyond it the answer is taken as no."""
SPACING_SHIFTS = (1, 3, 7, 14)
WINDOW_HOURS = (96, 168)
ALONE = {
    "visit_times",
    "not_before",
    "start_day",
    "patient_busy",
    "patient_limits",
    "staff",
    "staff_shift",
    "staff_busy",
    "staff_missing",
    "room_missing",
    "room_kind",
    "room_closed",
    "room_busy",
    "group_session",
    "group_full",
}
"""Rules that a visit breaks by itself, wherever the others are."""


def at_once(request: RepairRequest, bonds: Bonds, availability: Availability) -> NoPlan | None:
    """What no search can repair, or None: placed visits that cannot be there, fixed ones that exclude each
    other."""
    found = [*_given(request), *_order(bonds), *_overlaps(bonds)]
    placed = {visit.ref for visit in request.placed}
    if placed and not found:
        visits = judging.with_placed([one.visit for one in request.standing], request.placed)
        broken = judging.check(request.plan, availability, visits, judging.fixed(request))
        found = [_unmet(one) for one in broken if one.visit in placed and one.rule_id in ALONE]
    return NoPlan(tuple(found)) if found else None


def _unmet(one: Violation) -> UnmetRule:
    return UnmetRule(one.rule_id, one.visit, one.message)


def _given(request: RepairRequest) -> Iterator[UnmetRule]:
    placed = {visit.ref for visit in request.placed}
    for one in request.standing:
        if one.given and one.visit.ref in placed:
            yield UnmetRule("given", one.visit.ref, "It has happened or is under way: it cannot move.")


def _order(bonds: Bonds) -> Iterator[UnmetRule]:
    """Doses that must be where they are keep the order of the course."""
    last = max(bonds.given, key=lambda dose: dose.end, default=None)
    for piece in bonds.doses:
        if piece.at is None:
            continue
        if last is not None and piece.at.start < last.end:
            message = f"It would begin before {_name(last)} is over, which comes before it and cannot move."
            yield UnmetRule("dose_order", piece.at.ref, message)
        last = piece.at


def _name(visit: PlannedVisit) -> str:
    return f"dose {visit.sequence} of {visit.phase}" if visit.phase else f"dose {visit.sequence}"


def _overlaps(bonds: Bonds) -> Iterator[UnmetRule]:
    fixed = sorted((*bonds.past, *bonds.fixed()), key=lambda visit: (visit.start, visit.ref))
    for before, after in pairwise(fixed):
        if after.start < before.end and after not in bonds.past:
            message = "It begins before another visit is over that cannot move."
            yield UnmetRule("patient_twice", after.ref, message)


def no_other_place(visit: PlannedVisit) -> NoPlan:
    """A visit beside the chain must make room and has nowhere to go."""
    message = "It would have to move, and nothing is free for it."
    return NoPlan((UnmetRule("no_other_place", visit.ref, message),))


def explained(request: RepairRequest, bonds: Bonds, availability: Availability) -> NoPlan:
    """The rules that break when only the placed visits move, and changes that were tried and help."""
    visits = judging.with_placed([one.visit for one in request.standing], request.placed)
    broken = judging.check(request.plan, availability, visits, judging.fixed(request))
    helps: dict[str, list[Relaxation]] = {}
    for number, (rule, change, patch) in enumerate(_attempts(request, bonds)):
        if number >= MOST_TRIES:
            break
        if rule not in helps and _works(request, availability, patch):
            helps.setdefault(rule, []).append(Relaxation(change, "a repair of the course", patch))
    errors = [one for one in broken if one.severity is Severity.ERROR]
    found = [replace(_unmet(one), relaxations=tuple(helps.pop(one.rule_id, ()))) for one in errors]
    if not found or helps:
        changes = tuple(change for some in helps.values() for change in some)
        message = "No arrangement of the visits that may move keeps every rule."
        found.append(UnmetRule("no_repair", None, message, changes))
    return NoPlan(tuple(found))


def _attempts(request: RepairRequest, bonds: Bonds) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    placed = {visit.ref for visit in request.placed}
    for one in request.standing:
        if one.pinned and not one.given and one.visit.ref not in placed:
            yield f"pin {one.visit.ref}", f"let {one.visit.ref} move", {"unpin": [one.visit.ref]}
    for step in _near(bonds, placed):
        for more in SPACING_SHIFTS:
            days = (bonds.steps[step].spacing or (0, 0, 0))[2] + more
            ordinal = bonds.steps[step].ordinal
            change = f"let dose {ordinal} follow up to {days} days after the dose before"
            yield "spacing_max", change, {"spacing_max": {ordinal: days}}
    rule = request.plan.protocol.follow_up
    for hours in WINDOW_HOURS if rule is not None and not rule.is_before else ():
        assert rule is not None
        if hours > rule.max_hours:
            edges = {"max_hours": hours, "grace_hours": max(hours, rule.grace_hours)}
            patch = {"windows": {step.ordinal: edges for step in bonds.steps}}
            yield "follow_up_window", f"let every window run to {hours} h", patch


def _near(bonds: Bonds, placed: set[str]) -> list[int]:
    """The doses whose spacing a placed dose decides: itself, and the one after it."""
    at = [n for n, piece in enumerate(bonds.doses) if piece.at is not None and piece.at.ref in placed]
    near = [number for n in at for number in (n, n + 1) if number < len(bonds.steps)]
    return [number for number in dict.fromkeys(near) if bonds.steps[number].spacing is not None]


def _works(request: RepairRequest, availability: Availability, patch: Mapping[str, Any]) -> bool:
    changed, calendar = patches.apply_repair_patch(request=request, availability=availability, patch=patch)
    bonds = Reader(changed).read()
    if at_once(changed, bonds, calendar) is not None:
        return False
    problem = mending.RepairProblem(mending.calendar_of(bonds, calendar), bonds, replan=changed.replan)
    try:
        return CarryChain(problem).possible(MOST_WORK)
    except SearchLimit:
        return False
