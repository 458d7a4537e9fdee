"""Follow-ups that are owed across doses: what a dose's start finds still to be held, and what it adds.

Three cases need it: `weekly` units (a visit may stand between the doses of its week), windows that outlive
the next dose (`before_next_dosing` off), and windows before the dose.
"""

from dataclasses import dataclass

from scheduling.planning import grid as grids
from scheduling.planning import windows
from scheduling.planning.daygraph import Node
from scheduling.planning.gaps import INF, NEVER, Filling, Opening, Owed, Task
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Coverage

Held = tuple[int, int, int]
NOBODY: Held = (-1, -1, 0)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a dose's start finds: the node of its day, its slot, what is owed from before it, and the visits
    that the first unit owed already has on that day."""

    node: Node
    slot: int
    owed: tuple[Owed, ...]
    held: Held


class Ledger:
    """The follow-ups owed in one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        rule = problem.rule
        self.weekly = rule is not None and rule.coverage is Coverage.WEEKLY
        self.strict = rule is not None and rule.before_next_dosing
        self.before = rule is not None and rule.is_before
        self._least: dict[object, int] = {}

    def given_owed(self, day: int | None) -> tuple[Owed, ...]:
        """What given doses still owe when the first planned dose is on this day, or when there is none."""
        joined = () if day is None else self.given_week(day)
        grown = [item.unit for item in joined]
        return (*(item for item in self.problem.given_units() if item.unit not in grown), *joined)

    def given_week(self, day: int) -> tuple[Owed, ...]:
        """The unit that a given dose of the same week began and the first planned dose joins."""
        problem = self.problem
        if not self.weekly:
            return ()
        given = sorted(problem.request.given, key=lambda dose: dose.start)
        for number, dose in enumerate(given):
            if week(windows.local_day(zone=problem.grid.zone, instant=dose.start).toordinal()) == week(day):
                return (self._begun(week(day), grids.minute_after(dose.end), number + 1),)
        return ()

    def _begun(self, unit: int, end: int, ordinal: int) -> Owed:
        offsets = self.problem.offsets(ordinal)
        opening = Opening(self.problem.opens(end, offsets), INF, end + offsets.band_from, INF)
        return Owed(unit, self.problem.visits_of(unit), opening, True)

    def tasks(self, owed: tuple[Owed, ...], index: int | None = None, slot: int = 0) -> list[Task]:
        """The visits owed in order; after dose `index` in a slot, without the room that its turnover
        holds."""
        problem = self.problem
        found: list[Task] = []
        for item in owed:
            after = None if index is None else (index, slot)
            found.extend(problem.unit_tasks(item.unit, item.lacking, item.opening, after))
        return found

    def tasks_before(self, index: int, slot: int, following: int) -> list[Task]:
        """The follow-ups of dose `index` + 1 where they come before it, in reach of the dose before."""
        return self.problem.tasks_before(index + 1, following, (index, slot) if index >= 0 else None)

    def fewest(self, owed: tuple[Owed, ...]) -> int:
        """How many of the visits owed must be held before the next dose."""
        may_wait = [item.growing or not self.strict for item in owed for _ in range(item.lacking)]
        return next((at for at in range(len(may_wait)) if all(may_wait[at:])), len(may_wait))

    def carried(
        self, node: Node, slot: int, owed: tuple[Owed, ...], placed: int, filling: Filling
    ) -> Carried:
        """What the next dose's start finds once so many of the visits owed are placed."""
        left: list[Owed] = []
        touched, begins = -1, self.problem.grid.at[slot]
        for item in owed:
            here = min(placed, item.lacking)
            placed -= here
            touched = item.unit if here else touched
            if item.lacking > here or item.growing:
                rest = Owed(item.unit, item.lacking - here, item.opening, item.growing)
                left.append(_clipped(rest, begins))
        held = NOBODY
        today = self.problem.filler.day_of(begins)
        if left and left[0].unit == touched and left[0].lacking and filling.day == today:
            held = (touched, today, filling.on_day)
        return Carried(node, slot, tuple(left), held)

    def owed_after(self, index: int, state: Carried) -> tuple[Owed, ...]:
        """What is owed once this dose is over, with windows clipped to its end so that equal futures are
        equal."""
        problem, slot = self.problem, state.slot
        end = problem.end_of(index, slot)
        owed = list(state.owed)
        if self.weekly:
            this = week(state.node[0])
            if not owed or not owed[-1].growing or owed[-1].unit != this:
                owed.append(self._begun(this, end, problem.steps[index].ordinal))
        elif not self.before and problem.visits_after(index):
            opening = problem.after_opening(index, slot)
            owed.append(Owed(problem.steps[index].ordinal, problem.visits_after(index), opening, False))
        return tuple(_clipped(item, end) for item in owed)

    def closed(self, index: int, slot: int, owed: tuple[Owed, ...]) -> tuple[Owed, ...]:
        """What is owed when no further dose joins the last unit."""
        if not owed or not owed[-1].growing:
            return owed
        end = self.problem.end_of(index, slot)
        offsets = self.problem.offsets(self.problem.steps[index].ordinal)
        last = owed[-1]
        opening = last.opening._replace(last=end + offsets.most, band_to=end + offsets.band_to)
        closed = Owed(last.unit, last.lacking, opening, False)
        return (*owed[:-1], closed) if last.lacking else owed[:-1]

    def least(self, since: int, owed: tuple[Owed, ...]) -> int:
        """At least what the visits owed will cost from a minute on; NEVER where they cannot all be held,
        were there no further dose."""
        key = (since, owed)
        known = self._least.get(key)
        if known is None:
            known, free = 0, since
            for task in self.tasks(owed):
                opening = task.opening._replace(first=max(task.opening.first, free))
                soonest = [offer.soonest(opening) for _, offer in task.offers]
                cheapest = [offer.best(opening) for _, offer in task.offers]
                free = min((end for end in soonest if end is not None), default=NEVER)
                known += min((found[0] for found in cheapest if found is not None), default=NEVER)
            self._least[key] = known
        return known

    def least_before(self, index: int, slot: int) -> int:
        """At least what the visits due before a dose's start cost; 0 where they come after it."""
        if not self.before:
            return 0
        return self.problem.least_follow_up(index, slot)


def _clipped(item: Owed, since: int) -> Owed:
    opening = item.opening
    first, band = max(opening.first, since), max(opening.band_from, since)
    return Owed(item.unit, item.lacking, opening._replace(first=first, band_from=band), item.growing)


def week(day: int) -> int:
    """The ISO week of a day number, counted from the first."""
    return (day - 1) // 7
