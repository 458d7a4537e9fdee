"""Which doses one follow-up obligation covers, once every dose has its time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scheduling.planning import windows
from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.values import PlanRequest, Window, WindowOverride


@dataclass(frozen=True, slots=True)
class TimedDose:
    """A dose with its place in the course; `planned` false for a given one."""

    ordinal: int
    phase: str
    sequence: int
    last_of_phase: bool
    start: datetime
    end: datetime
    planned: bool = True


@dataclass(frozen=True, slots=True)
class Unit:
    """The doses of one follow-up obligation, and the dose after the last of them."""

    doses: tuple[TimedDose, ...]
    next_start: datetime | None


def units_of(request: PlanRequest, doses: Sequence[TimedDose]) -> list[Unit]:
    """The units that hold at least one planned dose, in order; none where the protocol has none."""
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
        if any(dose.planned for dose in members):
            found.append(Unit(members, after))
    return found


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
