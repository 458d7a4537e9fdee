"""The hard rules asked of a course as it stands, whatever its visits are called."""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace

from scheduling.planning import rules
from scheduling.planning.standing import RepairRequest
from scheduling.planning.values import Availability, GivenDose, PlannedVisit, PlanRequest, Violation

DOSES = ("dosing", "device")


class UnknownVisit(ValueError):
    """A visit is placed that does not stand."""


def with_placed(visits: Sequence[PlannedVisit], placed: Sequence[PlannedVisit]) -> list[PlannedVisit]:
    """The visits with the placed ones in their stead, by start. Raises UnknownVisit."""
    here = {visit.ref: visit for visit in visits}
    for visit in placed:
        if visit.ref not in here:
            raise UnknownVisit(visit.ref)
        here[visit.ref] = visit
    return sorted(here.values(), key=lambda visit: (visit.start, visit.ref))


def fixed(request: RepairRequest) -> frozenset[str]:
    """The refs of the visits that cannot move: given ones, and those whose time is over before anything may
    start."""
    placed = {visit.ref for visit in request.placed}
    return frozenset(
        one.visit.ref
        for one in request.standing
        if one.given or (one.visit.start < request.plan.not_before and one.visit.ref not in placed)
    )


def given_dose(request: PlanRequest, visit: PlannedVisit) -> GivenDose:
    """A given visit as the planner knows it."""
    phase = visit.phase or request.protocol.phases[0].name
    return GivenDose(phase, visit.sequence, visit.start, visit.end)


def check(
    request: PlanRequest, availability: Availability, visits: Sequence[PlannedVisit], given: Set[str]
) -> tuple[Violation, ...]:
    """Every rule that the visits break, by their own refs; nothing is asked of the given ones."""
    names = _names(visits)
    known = {name: ref for ref, name in names.items()}
    doses = [visit for visit in visits if visit.ref in given and visit.kind in DOSES]
    asked = [
        replace(visit, ref=names[visit.ref], follows=names.get(visit.follows or ""))
        for visit in visits
        if visit not in doses
    ]
    plan = replace(request, given=tuple(given_dose(request, dose) for dose in doses))
    found = rules.check_visits(request=plan, availability=availability, visits=asked)
    renamed = [replace(one, visit=known.get(one.visit or "", one.visit)) for one in found]
    return tuple(one for one in renamed if one.visit not in given)


def differs(before: PlannedVisit, after: PlannedVisit) -> bool:
    """Whether a visit changed in more than the window that its dose gives it."""
    return replace(before, window=None, follows=None) != replace(after, window=None, follows=None)


def people_changed(before: PlannedVisit, after: PlannedVisit) -> int:
    """How many of a visit's people are replaced; of a group visit the one who leads."""
    if before.group_session is not None:
        return int(_lead(before) != _lead(after))
    there = [(one.role, one.practitioner) for one in after.staffing]
    return sum((one.role, one.practitioner) not in there for one in before.staffing)


def place_changes(old: PlannedVisit, mode: str, room: str | None) -> int:
    """2 for another mode, 1 for another room."""
    if old.mode != mode:
        return 2
    return int(old.room is not None and old.room != room)


def _lead(visit: PlannedVisit) -> str:
    return visit.staffing[0].practitioner if visit.staffing else ""


def place_changed(before: PlannedVisit, after: PlannedVisit) -> int:
    """2 where the mode of a visit changed, 1 where only its room did; 1 for another group session."""
    if before.group_session is not None:
        return int(before.group_session != after.group_session)
    return place_changes(before, after.mode, after.room)


def _names(visits: Sequence[PlannedVisit]) -> dict[str, str]:
    """What the rules call each visit: `dose-N` in the order of the course, others by their kind."""
    numbers: Counter[str] = Counter()
    names = {}
    for visit in sorted(visits, key=lambda one: (one.start, one.ref)):
        name = "dose" if visit.kind in DOSES else visit.kind
        numbers[name] += 1
        names[visit.ref] = f"{name}-{numbers[name]}"
    return names
