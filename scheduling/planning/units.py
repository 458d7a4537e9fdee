"""Which doses one follow-up obligation covers, once every dose has its time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scheduling.planning import windows
from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.values import PlanRequest, Window, WindowOverride


@dataclass(frozen=True, slots=True)
class TimedDose:
    """A dose with its place in the course; `planned` false for a given one, with the follow-ups `held`."""

    ordinal: int
    phase: str
    sequence: int
    last_of_phase: bool
    start: datetime
    end: datetime
    planned: bool = True
    held: int | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """The doses of one follow-up obligation, and the dose after the last of them."""

    doses: tuple[TimedDose, ...]
    next_start: datetime | None


def units_of(request: PlanRequest, doses: Sequence[TimedDose]) -> list[Unit]:
    """The units that hold at least one planned dose or still lack a follow-up that is asked for, in order;
    none where the protocol has none."""
    rule = request.protocol.follow_up
    if rule is None or rule.coverage in (Coverage.SERIES, Coverage.NONE):
        return []
    groups: list[list[int]] = []
    for index, dose in enumerate(doses):
        if groups and _joins(request, rule, doses[groups[-1][-1]], dose):
            groups[-1].append(index)
        else:
            groups.append([index])
    found = []
    for group in groups:
        after = doses[group[-1] + 1].start if group[-1] + 1 < len(doses) else None
        members = tuple(doses[index] for index in group)
        unit = Unit(members, after)
        if any(dose.planned for dose in members) or _is_owed(request, rule, unit):
            found.append(unit)
    return found


def held_of(rule: FollowUpRule, unit: Unit) -> int:
    """The follow-ups that a unit already has: in a week those of all its doses."""
    counted = unit.doses if rule.coverage is Coverage.WEEKLY else unit.doses[-1:]
    return sum(dose.held or 0 for dose in counted)


def _is_owed(request: PlanRequest, rule: FollowUpRule, unit: Unit) -> bool:
    """Whether the window of given doses is open and a follow-up in it is asked for."""
    if unit.doses[-1].held is None or rule.is_before or held_of(rule, unit) >= rule.visits_per_unit:
        return False
    return window_of(request, unit).closes_at >= request.not_before


def _joins(request: PlanRequest, rule: FollowUpRule, before: TimedDose, dose: TimedDose) -> bool:
    if rule.coverage is Coverage.EACH_N:
        return dose.phase == before.phase and (dose.sequence - 1) // rule.n == (before.sequence - 1) // rule.n
    if rule.coverage is Coverage.WEEKLY:
        weeks = [
            windows.local_day(zone=request.zone, instant=one.start).isocalendar()[:2]
            for one in (before, dose)
        ]
        return weeks[0] == weeks[1]
    return False


def window_of(request: PlanRequest, unit: Unit) -> Window:
    """A unit's window with its overrides: of its last dose, for `weekly` the opening edges of its first."""
    rule = request.protocol.follow_up
    assert rule is not None
    over = request.windows or {}
    times = tuple((dose.start, dose.end) for dose in unit.doses)
    last = _overridden(rule, over.get(unit.doses[-1].ordinal))
    closing = windows.unit_window(rule=last, zone=request.zone, doses=times, next_dose_start=unit.next_start)
    if rule.coverage is not Coverage.WEEKLY or len(unit.doses) == 1:
        return closing
    first = _overridden(rule, over.get(unit.doses[0].ordinal))
    opening = windows.unit_window(rule=first, zone=request.zone, doses=times, next_dose_start=unit.next_start)
    return replace(closing, opens_at=opening.opens_at, ideal_from=opening.ideal_from)


def _overridden(rule: FollowUpRule, over: WindowOverride | None) -> FollowUpRule:
    if over is None:
        return rule
    return replace(
        rule,
        min_hours=rule.min_hours if over.min_hours is None else over.min_hours,
        ideal_from=rule.ideal_from if over.ideal_from is None else over.ideal_from,
        ideal_to=rule.ideal_to if over.ideal_to is None else over.ideal_to,
        max_hours=rule.max_hours if over.max_hours is None else over.max_hours,
        grace_hours=rule.grace_hours if over.grace_hours is None else over.grace_hours,
    )
