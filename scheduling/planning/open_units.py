"""Follow-ups that given doses still lack, where the request asks for them."""

from collections.abc import Iterator
from typing import Protocol

from scheduling.planning import grid as grids
from scheduling.planning import units, windows
from scheduling.planning.gaps import Offsets, Opening, Owed
from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.steps import DoseStep
from scheduling.planning.units import TimedDose
from scheduling.planning.values import PlanRequest


class Edges(Protocol):
    """What knows the windows in minutes."""

    def offsets(self, ordinal: int) -> Offsets: ...

    def opens(self, end: int, offsets: Offsets) -> int: ...


def open_units(
    request: PlanRequest, rule: FollowUpRule, following: DoseStep | None, edges: Edges
) -> Iterator[Owed]:
    """The units of given doses alone, with an open window, and what each still lacks; `following` is the
    first dose to plan."""
    given = [
        TimedDose(number, dose.phase, dose.sequence, False, dose.start, dose.end, False, dose.held)
        for number, dose in enumerate(sorted(request.given, key=lambda one: one.start), start=1)
    ]
    weekly = rule.coverage is Coverage.WEEKLY
    for unit in units.units_of(request, given):
        first, last = unit.doses[0], unit.doses[-1]
        if last is given[-1] and following is not None and _goes_on(rule, last, following):
            continue
        opening, closing = (
            edges.offsets(first.ordinal if weekly else last.ordinal),
            edges.offsets(last.ordinal),
        )
        begins = grids.minute_after(first.end if weekly else last.end)
        end = grids.minute_after(last.end)
        day = windows.local_day(zone=request.zone, instant=first.start).toordinal()
        yield Owed(
            (day - 1) // 7 if weekly else last.ordinal,
            rule.visits_per_unit - units.held_of(rule, unit),
            Opening(
                edges.opens(begins, opening),
                end + closing.most,
                begins + opening.band_from,
                end + closing.band_to,
            ),
            False,
        )


def _goes_on(rule: FollowUpRule, last: TimedDose, following: DoseStep) -> bool:
    """Whether the unit of the last given dose ends with a planned one."""
    if rule.coverage is not Coverage.EACH_N or following.phase.name != last.phase:
        return False
    return (following.sequence - 1) // rule.n == (last.sequence - 1) // rule.n
