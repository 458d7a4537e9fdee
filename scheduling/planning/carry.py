"""The exact search where follow-ups may lie on the other side of a dose.

Three cases need it: `weekly` units (a visit may stand between the doses of its week), windows that outlive
the next dose (`before_next_dosing` off), and windows before the dose. The state is the one of `chain.py`,
start by start, with the follow-ups still owed: their windows, how many visits each lacks, and the visits its
unit already has on the day of the next dose. It is slower than `chain.py` and finds the same best plan where
both apply.
"""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from scheduling.planning import grid as grids
from scheduling.planning import windows
from scheduling.planning.chain import Solution
from scheduling.planning.daygraph import DayGraph, Node
from scheduling.planning.gaps import INF, NEVER, Filling, Opening, Placed, Task
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Coverage

Held = tuple[int, int, int]
NOBODY: Held = (-1, -1, 0)


@dataclass(frozen=True, slots=True)
class Owed:
    """A unit's follow-ups that are not placed yet; `growing` while another dose may still join the unit."""

    unit: int
    lacking: int
    opening: Opening
    growing: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """What a dose's start finds: the node of its day, its slot, and what is owed from before it."""

    node: Node
    slot: int
    owed: tuple[Owed, ...]
    held: Held


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a dose to the next: what it costs, who came first and last in between, where they
    stand."""

    cost: int
    filling: Filling
    following: Carried | None


Label = tuple[Carried | None, int]
"""A state and the person of the last follow-up; no state once the plan is whole."""
Path = tuple[tuple[int, ...], tuple[tuple[Placed, ...], ...]]
"""The slots of the doses so far, and the visits before the first and after each."""


class CarryChain:
    """The search over one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.graph = DayGraph(problem)
        self.people = len(problem.people)
        rule = problem.rule
        assert rule is not None
        self.weekly = rule.coverage is Coverage.WEEKLY
        self.strict = rule.before_next_dosing
        self.before = rule.is_before
        self._fillings: dict[object, tuple[list[Filling], int]] = {}
        self._reached: dict[int, dict[Label, tuple[int, Path]]] = {}
        self._queue: list[tuple[int, int, int, Label]] = []
        self._debts: dict[object, int] = {}
        self._arrivals = itertools.count()

    def solve(self, most: int | None = None) -> Solution | None:
        """The best chain, or None; with `most`, None also once that many labels were looked at.

        Labels leave the queue by what they cost so far plus the least that is still to come by days alone.
        Of equal costs the earlier dose leaves first, so a label is final when it leaves: nothing cheaper,
        and nothing as cheap with earlier visits, can reach it any more.
        """
        self._reached, self._queue = {}, []
        for cost, way in self._entries():
            self._reach(0, cost, way, self.people, ((), ()))
        final: Path | None = None
        least, seen = INF, itertools.count()
        while self._queue and (most is None or next(seen) < most):
            total, index, _, (state, last) = heapq.heappop(self._queue)
            if total > least:
                break
            cost, path = self._reached[index][state, last]
            if total > self._bound(index, cost, state):
                continue
            if state is None:
                least = total
                final = path if final is None or _rank(path) < _rank(final) else final
                continue
            for way in self._ways(index, state):
                self._reach(index + 1, cost + self._change(way, last) + way.cost, way, last, path)
        return None if final is None else Solution(least, final[0], final[1][0], final[1][1:])

    def _reach(self, index: int, cost: int, way: Way, before: int, path: Path) -> None:
        state, last = way.following, way.filling.last if way.filling.last >= 0 else before
        bound = self._bound(index, cost, state)
        if bound >= NEVER:
            return
        slots = path[0] if state is None else (*path[0], state.slot)
        extended = (slots, (*path[1], way.filling.places))
        known = self._reached.setdefault(index, {}).get((state, last))
        if known is None or cost < known[0] or (cost == known[0] and _rank(extended) < _rank(known[1])):
            self._reached[index][state, last] = (cost, extended)
            if known is None or cost < known[0]:
                # The counter keeps the queue from comparing states.
                heapq.heappush(self._queue, (bound, index, next(self._arrivals), (state, last)))

    def _bound(self, index: int, cost: int, state: Carried | None) -> int:
        if state is None:
            return cost
        return cost + self.graph.onward(index, state.node) + self._debt(index, state)

    def _debt(self, index: int, state: Carried) -> int:
        """At least what the visits owed will cost; NEVER where they cannot all be held, were there no
        further dose."""
        key = (state.slot, state.owed)
        known = self._debts.get(key)
        if known is None:
            known, free = 0, self.problem.end_of(index, state.slot)
            for task in self._tasks(tuple(item for item in state.owed if not item.growing)):
                opening = task.opening._replace(first=max(task.opening.first, free))
                soonest = [
                    offer.best(opening._replace(band_from=-INF, band_to=INF)) for _, offer in task.offers
                ]
                cheapest = [offer.best(opening) for _, offer in task.offers]
                free = min((found[2] for found in soonest if found is not None), default=NEVER)
                known += min((found[0] for found in cheapest if found is not None), default=NEVER)
            self._debts[key] = known
        return known

    def _change(self, way: Way, before: int) -> int:
        changes = way.filling.first >= 0 and before not in (way.filling.first, self.people)
        return self.problem.weights.therapist_change if changes else 0

    def _entries(self) -> Iterator[tuple[int, Way]]:
        problem = self.problem
        for day, seen, cost in self.graph.entries():
            if self.graph.back(0, (day, seen)) >= NEVER:
                continue
            for slot, local in problem.doses[0][day]:
                for way in self._into_first((day, seen), slot, cost + local + self._from_past(slot)):
                    yield way.cost, way

    def _from_past(self, slot: int) -> int:
        before = self.problem.before
        if before is None:
            return 0
        return abs(self.problem.grid.wall[slot] // 60 - before.wall_hour) * self.problem.weights.hour_change

    def _into_first(self, node: Node, slot: int, step: int) -> Iterator[Way]:
        problem = self.problem
        since = max(problem.since, problem.before.end if problem.before else 0)
        owed = self._given_week(node[0])
        queue = self._tasks(owed) + (problem.follow_tasks(0, slot) if self.before else [])
        others = problem.preparation_tasks(slot)
        fewest = len(queue) if self.before else 0
        for count in range(fewest, len(queue) + 1):
            fillings = problem.filler.fill(
                queue[:count],
                others,
                since=since,
                deadline=problem.grid.at[slot],
                every_end=count < len(queue),
            )
            for filling in fillings:
                yield Way(step + filling.cost, filling, self._carried(node, slot, owed, count, filling))

    def _given_week(self, day: int) -> tuple[Owed, ...]:
        # A given dose of the same week began the unit that the first planned dose joins.
        problem = self.problem
        if not self.weekly:
            return ()
        given = sorted(problem.request.given, key=lambda dose: dose.start)
        for number, dose in enumerate(given):
            if _week(windows.local_day(zone=problem.grid.zone, instant=dose.start).toordinal()) == _week(day):
                return (self._begun(_week(day), grids.minute_after(dose.end), number + 1),)
        return ()

    def _begun(self, unit: int, end: int, ordinal: int) -> Owed:
        assert self.problem.rule is not None
        offsets = self.problem.offsets(ordinal)
        opening = Opening(self.problem.opens(end, offsets), INF, end + offsets.band_from, INF)
        return Owed(unit, self.problem.rule.visits_per_unit, opening, True)

    def _tasks(self, owed: tuple[Owed, ...], index: int | None = None, slot: int = 0) -> list[Task]:
        problem = self.problem
        found: list[Task] = []
        for item in owed:
            offers = problem.follow_offers
            if index is not None:
                offers = problem.offers_after(
                    index, slot, max(item.opening.first, problem.end_of(index, slot))
                )
            found.extend(
                Task(f"unit-{item.unit}", item.unit, offers, item.opening) for _ in range(item.lacking)
            )
        return found

    def _carried(
        self, node: Node, slot: int, owed: tuple[Owed, ...], placed: int, filling: Filling
    ) -> Carried:
        left: list[Owed] = []
        touched, begins = -1, self.problem.grid.at[slot]
        for item in owed:
            here = min(placed, item.lacking)
            placed -= here
            touched = item.unit if here else touched
            if item.lacking > here or item.growing:
                left.append(
                    _clipped(Owed(item.unit, item.lacking - here, item.opening, item.growing), begins)
                )
        held = NOBODY
        today = self.problem.filler.day_of(self.problem.grid.at[slot])
        if left and left[0].unit == touched and left[0].lacking and filling.day == today:
            held = (touched, today, filling.on_day)
        return Carried(node, slot, tuple(left), held)

    def _owed_after(self, index: int, state: Carried) -> tuple[Owed, ...]:
        """What is owed once this dose is over, with windows clipped to its end so that equal futures are
        equal."""
        problem, slot = self.problem, state.slot
        end = problem.end_of(index, slot)
        owed = list(state.owed)
        if self.weekly:
            week = _week(state.node[0])
            if not owed or not owed[-1].growing or owed[-1].unit != week:
                owed.append(self._begun(week, end, problem.steps[index].ordinal))
        elif not self.before and problem.visits_after(index):
            opening = problem.after_opening(index, slot)
            owed.append(Owed(problem.steps[index].ordinal, problem.visits_after(index), opening, False))
        return tuple(_clipped(item, end) for item in owed)

    def _closed(self, index: int, slot: int, owed: tuple[Owed, ...]) -> tuple[Owed, ...]:
        if not owed or not owed[-1].growing:
            return owed
        end, offsets = (
            self.problem.end_of(index, slot),
            self.problem.offsets(self.problem.steps[index].ordinal),
        )
        last = owed[-1]
        opening = last.opening._replace(last=end + offsets.most, band_to=end + offsets.band_to)
        closed = Owed(last.unit, last.lacking, opening, False)
        return (*owed[:-1], closed) if last.lacking else owed[:-1]

    def _ways(self, index: int, state: Carried) -> Iterator[Way]:
        """Every way from a dose's start to the next dose's, or to the end of the plan."""
        problem, grid, slot = self.problem, self.problem.grid, state.slot
        open_owed = self._owed_after(index, state)
        closed = self._closed(index, slot, open_owed)
        reviews = problem.review_tasks(index, slot)
        if index + 1 == len(problem.steps):
            queue = self._tasks(closed, index, slot)
            for filling in self._fill(index, state, queue, reviews, INF, False):
                yield Way(filling.cost, filling, None)
            return
        for day, seen, cost in self.graph.moves(index, state.node):
            node = (day, seen)
            if self.graph.back(index + 1, node) >= NEVER:
                continue
            owed = open_owed if self.weekly and _week(day) == _week(state.node[0]) else closed
            for following, local in problem.doses[index + 1][day]:
                hours = abs(grid.wall[following] // 60 - grid.wall[slot] // 60) * problem.weights.hour_change
                yield from self._between(index, state, owed, reviews, (node, following, cost + local + hours))

    def _between(
        self,
        index: int,
        state: Carried,
        owed: tuple[Owed, ...],
        reviews: list[Task],
        target: tuple[Node, int, int],
    ) -> Iterator[Way]:
        node, following, step = target
        deadline = self.problem.grid.at[following]
        queue = self._tasks(owed, index, state.slot)
        if self.before:
            queue = self._before_tasks(index, state.slot, following)
        fewest = len(queue)
        if not self.before:
            may_wait = [item.growing or not self.strict for item in owed for _ in range(item.lacking)]
            fewest = next((at for at in range(len(may_wait)) if all(may_wait[at:])), len(may_wait))
        for count in range(len(queue), fewest - 1, -1):
            rest = count < len(queue)
            fillings = self._fill(index, state, queue[:count], reviews, deadline, rest)
            # Beyond the next dose it no longer matters when the last visit before it ended.
            cheapest: dict[tuple[Carried, int, int], Way] = {}
            for filling in fillings:
                carried = self._carried(node, following, owed, count, filling)
                key = (carried, filling.first, filling.last)
                if key not in cheapest or step + filling.cost < cheapest[key].cost:
                    cheapest[key] = Way(step + filling.cost, filling, carried)
            yield from cheapest.values()
            if not rest and self._cannot_be_better_later(index, state, queue, reviews, deadline):
                break

    def _cannot_be_better_later(
        self, index: int, state: Carried, queue: list[Task], reviews: list[Task], deadline: int
    ) -> bool:
        # When every pair of people reaches its best before the next dose, waiting gains nothing.
        free, over = self._free(index, state, queue, reviews)
        return bool(free) and over <= deadline

    def _before_tasks(self, index: int, slot: int, following: int) -> list[Task]:
        problem = self.problem
        end = problem.end_of(index, slot)
        return [
            Task(
                task.ref,
                task.unit,
                problem.offers_after(index, slot, max(task.opening.first, end)),
                task.opening,
            )
            for task in problem.follow_tasks(index + 1, following)
        ]

    def _fill(
        self, index: int, state: Carried, queue: list[Task], reviews: list[Task], deadline: int, every: bool
    ) -> list[Filling]:
        if not queue and not reviews:
            end = self.problem.end_of(index, state.slot)
            return [Filling(0, end, -1, -1, state.held[1], state.held[2], ())]
        if not every and not self.before:
            free, over = self._free(index, state, queue, reviews)
            if over <= deadline:
                return free
        key = (index, state.slot, state.held, _shape(queue), deadline, every)
        known = self._fillings.get(key)
        if known is None:
            known = self._fillings[key] = (
                self._filled(index, state, queue, reviews, deadline, every),
                deadline,
            )
        return known[0]

    def _free(
        self, index: int, state: Carried, queue: list[Task], reviews: list[Task]
    ) -> tuple[list[Filling], int]:
        key = (index, state.slot, state.held, _shape(queue))
        known = self._fillings.get(key)
        if known is None:
            free = self._filled(index, state, queue, reviews, INF, False)
            known = self._fillings[key] = (free, max((one.end for one in free), default=0))
        return known

    def _filled(
        self, index: int, state: Carried, queue: list[Task], reviews: list[Task], deadline: int, every: bool
    ) -> list[Filling]:
        return self.problem.filler.fill(
            queue,
            reviews,
            since=self.problem.end_of(index, state.slot),
            deadline=deadline,
            held=state.held,
            every_end=every,
        )


def _rank(path: Path) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    return path[0], tuple((place.start, place.person) for group in path[1] for place in group)


def _clipped(item: Owed, since: int) -> Owed:
    opening = item.opening
    first, band = max(opening.first, since), max(opening.band_from, since)
    return Owed(item.unit, item.lacking, opening._replace(first=first, band_from=band), item.growing)


def _shape(queue: list[Task]) -> tuple[tuple[int, Opening], ...]:
    return tuple((task.unit, task.opening) for task in queue)


def _week(day: int) -> int:
    return (day - 1) // 7
