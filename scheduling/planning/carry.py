"""The exact search where follow-ups may lie on the other side of a dose.

The state is the one of `chain.py`, start by start, with the follow-ups still owed (`owing.py`). It is slower
than `chain.py` and finds the same best plan where both apply.

Labels leave a queue by what they cost so far plus the least that is still to come. The starts that can follow
a label are not looked at all at once: they wait in the order of their own bounds, and most are never reached.

Work is counted, not timed, so that the same request stops at the same point on every machine. Once the
allowance is spent, the queue is taken deepest first for the rest that `DIVE` keeps back: what comes of that
keeps every rule, but is not proven to be the best.
"""

import heapq
import itertools
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from scheduling.planning.chain import Solution
from scheduling.planning.daygraph import DayGraph, Node
from scheduling.planning.gaps import INF, NEVER, Filling, Owed, Placed, Task
from scheduling.planning.owing import NOBODY, Carried, Ledger, week
from scheduling.planning.problem import Problem

DIVE = 4
"""One part in so many of the allowance is kept for finding any plan at all."""


class SearchLimit(Exception):
    """The allowance was spent before a plan was found: no proof that there is none."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a dose to the next: what it costs, who came first and last in between, where they
    stand."""

    cost: int
    filling: Filling
    following: Carried | None


@dataclass(frozen=True, slots=True)
class Target:
    """A start that could come next (none: the plan ends), the cost of the step to it, the least that a plan
    by it still costs, and what is owed until then."""

    least: int
    node: Node | None
    slot: int
    step: int
    owed: tuple[Owed, ...]


@dataclass(frozen=True, slots=True)
class Onward:
    """What can follow a state: targets by their least cost, and the ways to those that were looked at."""

    targets: list[Target]
    ways: dict[int, list[Way]]


@dataclass(frozen=True, slots=True)
class Item:
    """A label in the queue: before dose `index` + 1, with the next target to look at (-1: none chosen)."""

    bound: int
    index: int
    cost: int
    state: Carried | None
    last: int
    at: int


Path = tuple[tuple[int, ...], tuple[tuple[Placed, ...], ...]]
"""The slots of the doses so far, and the visits before the first and after each."""
ROOT = Carried((0, ()), -1, (), NOBODY)
"""The state before the first dose."""


class CarryChain:
    """The search over one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.graph = DayGraph(problem)
        self.ledger = Ledger(problem)
        self.people = len(problem.people)
        self._fillings: dict[object, list[list[Filling]]] = {}
        self._cheapest: dict[object, list[Filling]] = {}
        self._onwards: dict[tuple[int, Carried], Onward] = {}
        self._paths: dict[tuple[int, Carried | None, int], tuple[int, Path]] = {}
        self._least: dict[tuple[int, Carried | None], int] = {}
        self._queue: list[tuple[int, int, int, Item]] = []
        self._arrivals = itertools.count()
        self._looked = 0
        self._deep = False
        self._final: tuple[int, Path] | None = None

    @property
    def work(self) -> int:
        """Ways looked at and visits tried at a place so far."""
        return self._looked + self.problem.filler.placed

    def solve(self, most: int) -> Solution | None:
        """The best chain, or None where there is none. Raises SearchLimit.

        Of equal costs the earlier dose leaves the queue first, so a label is final when it leaves: nothing
        cheaper, and nothing as cheap with earlier visits, can reach it any more.
        """
        self._begin(deep=False)
        enough = self.work + most
        proven = self._search(enough - most // DIVE) or self._final is not None
        if not proven:
            floor = min(item.bound for *_, item in self._queue)
            self._deep = True
            self._queue = [self._entry(item) for *_, item in self._queue]
            heapq.heapify(self._queue)
            proven = self._search(enough) or (self._final is not None and self._final[0] <= floor)
        if self._final is None:
            if not proven:
                raise SearchLimit
            return None
        cost, (slots, places) = self._final
        return Solution(cost, slots, places[0], places[1:], proven)

    def possible(self, most: int) -> bool:
        """Whether there is a chain at all. Raises SearchLimit."""
        self._begin(deep=True)
        if not self._search(self.work + most, any_plan=True) and self._final is None:
            raise SearchLimit
        return self._final is not None

    def _begin(self, *, deep: bool) -> None:
        self._deep = deep
        self._paths[-1, ROOT, self.people] = (0, ((), ()))
        self._push(Item(0, -1, 0, ROOT, self.people, -1))

    def _push(self, item: Item) -> None:
        heapq.heappush(self._queue, self._entry(item))

    def _entry(self, item: Item) -> tuple[int, int, int, Item]:
        # The counter keeps the queue from comparing items.
        first, second = (-item.index, item.bound) if self._deep else (item.bound, item.index)
        return first, second, next(self._arrivals), item

    def _search(self, enough: int, *, any_plan: bool = False) -> bool:
        """Work until the queue holds nothing better; False when the allowance ends before that."""
        while self._queue:
            if self.work >= enough:
                return False
            item = heapq.heappop(self._queue)[-1]
            if self._final is not None and item.bound > self._final[0]:
                if self._deep:
                    continue
                return True
            cost, path = self._paths[item.index, item.state, item.last]
            if cost < item.cost:
                continue
            if item.state is None:
                if self._final is None or (cost, _rank(path)) < (self._final[0], _rank(self._final[1])):
                    self._final = (cost, path)
                if any_plan:
                    return True
                continue
            self._look(item, item.state, path)
        return True

    def _look(self, item: Item, state: Carried, path: Path) -> None:
        onward = self._onward(item.index, state)
        if item.at >= 0:
            target = onward.targets[item.at]
            ways = onward.ways.get(item.at)
            if ways is None:
                ways = onward.ways[item.at] = list(self._ways(item.index, state, target))
            self._looked += 1 + len(ways)
            for way in ways:
                cost = item.cost + self._change(way, item.last) + way.cost
                self._reach(item.index + 1, cost, way, item.last, path)
        following = item.at + 1
        if following < len(onward.targets):
            bound = max(item.bound, item.cost + onward.targets[following].least)
            self._push(Item(bound, item.index, item.cost, state, item.last, following))

    def _reach(self, index: int, cost: int, way: Way, before: int, path: Path) -> None:
        state, last = way.following, way.filling.last if way.filling.last >= 0 else before
        bound = cost
        if state is not None:
            owed = tuple(item for item in state.owed if not item.growing)
            end = self.problem.end_of(index, state.slot)
            bound += self.graph.onward(index, state.node) + self.ledger.least(end, owed)
        if bound >= NEVER or (self._final is not None and bound > self._final[0]):
            return
        # Whoever comes next, a change of person makes up for any other last person.
        least = self._least[index, state] = min(cost, self._least.get((index, state), INF))
        if cost > least + self.problem.weights.therapist_change:
            return
        extended = (path[0] if state is None else (*path[0], state.slot), (*path[1], way.filling.places))
        known = self._paths.get((index, state, last))
        if known is None or cost < known[0] or (cost == known[0] and _rank(extended) < _rank(known[1])):
            self._paths[index, state, last] = (cost, extended)
            if known is None or cost < known[0]:
                self._push(Item(bound, index, cost, state, last, -1))

    def _change(self, way: Way, before: int) -> int:
        changes = way.filling.first >= 0 and before not in (way.filling.first, self.people)
        return self.problem.weights.therapist_change if changes else 0

    def _onward(self, index: int, state: Carried) -> Onward:
        known = self._onwards.get((index, state))
        if known is None:
            found = self._first_targets() if index < 0 else self._targets(index, state)
            targets = [target for target in found if target.least < NEVER]
            targets.sort(key=lambda target: (target.least, target.slot))
            known = self._onwards[index, state] = Onward(targets, {})
            self._looked += len(targets)
        return known

    def _first_targets(self) -> Iterator[Target]:
        problem = self.problem
        if not problem.steps:
            owed = self.ledger.given_owed(None)
            yield Target(self.ledger.least(problem.since, owed), None, -1, 0, owed)
            return
        for day, seen, cost in self.graph.entries():
            onward, owed = self.graph.onward(0, (day, seen)), self.ledger.given_owed(day)
            onward += self.ledger.least(problem.since, tuple(item for item in owed if not item.growing))
            for slot, local in problem.doses[0][day]:
                step = cost + local + self._from_past(slot)
                least = step + onward + self.ledger.least_before(0, slot)
                yield Target(least, (day, seen), slot, step, owed)

    def _from_past(self, slot: int) -> int:
        before = self.problem.before
        if before is None:
            return 0
        return abs(self.problem.grid.wall[slot] // 60 - before.wall_hour) * self.problem.weights.hour_change

    def _targets(self, index: int, state: Carried) -> Iterator[Target]:
        """Every start that can follow a dose, or the end of the plan."""
        problem, ledger, slot = self.problem, self.ledger, state.slot
        wall, weight = problem.grid.wall, problem.weights.hour_change
        joined = ledger.owed_after(index, state)
        closed = ledger.closed(index, slot, joined)
        end = problem.end_of(index, slot)
        if index + 1 == len(problem.steps):
            yield Target(ledger.least(end, closed), None, -1, 0, closed)
            return
        for day, seen, cost in self.graph.moves(index, state.node):
            owed = joined if ledger.weekly and week(day) == week(state.node[0]) else closed
            rest = cost + self.graph.onward(index + 1, (day, seen)) + ledger.least(end, owed)
            if rest >= NEVER:
                continue
            for following, local in problem.doses[index + 1][day]:
                step = local + abs(wall[following] // 60 - wall[slot] // 60) * weight
                least = rest + step + ledger.least_before(index + 1, following)
                yield Target(least, (day, seen), following, cost + step, owed)

    def _ways(self, index: int, state: Carried, target: Target) -> Iterator[Way]:
        """Every way from a dose's start (or from nothing) to a target."""
        ledger, queue = self.ledger, len([0 for item in target.owed for _ in range(item.lacking)])
        if target.node is None or ledger.before:
            for filling in self._whole(index, state, target):
                yield self._way(target, queue, filling)
            return
        deadline = self.problem.grid.at[target.slot]
        for count in range(queue, ledger.fewest(target.owed) - 1, -1):
            found: dict[tuple[Carried | None, int, int], Way] = {}
            for filling in self._over_by(index, state, target, count, deadline):
                way = self._way(target, count, filling)
                key = (way.following, filling.first, filling.last)
                if key not in found or way.cost < found[key].cost:
                    found[key] = way
            yield from found.values()
            if count == queue:
                # When every pair of people reaches its best before the next dose, waiting gains nothing.
                free = self._over_by(index, state, target, count, INF)
                if free and max(filling.end for filling in free) <= deadline:
                    return

    def _way(self, target: Target, count: int, filling: Filling) -> Way:
        if target.node is None:
            return Way(filling.cost, filling, None)
        carried = self.ledger.carried(target.node, target.slot, target.owed, count, filling)
        return Way(target.step + filling.cost, filling, carried)

    def _whole(self, index: int, state: Carried, target: Target) -> list[Filling]:
        """The cheapest fillings with every visit that is owed, or that is due before the target."""
        problem, ledger = self.problem, self.ledger
        if target.node is None:
            return self._over_by(index, state, target, len(ledger.tasks(target.owed)), INF)
        queue = ledger.tasks_before(index, state.slot, target.slot)
        reviews, since = self._others(index, state, target)
        free = all(task.offers is problem.follow_offers for task in queue)
        if free and queue and not reviews:
            # Nothing of the dose before is felt but its end, and that only inside the window.
            since = max(since, min(task.opening.first for task in queue))
        key = (index, target.slot, since, state.slot if reviews or not free else -1)
        known = self._cheapest.get(key)
        if known is None:
            deadline = problem.grid.at[target.slot]
            known = problem.filler.fill(queue, reviews, since=since, deadline=deadline)
            self._cheapest[key] = known
        return known

    def _over_by(
        self, index: int, state: Carried, target: Target, count: int, deadline: int
    ) -> list[Filling]:
        """The cheapest fillings with so many of the visits owed that are over by the deadline, by people and
        by what the day of the target must know of them."""
        key = (index, state.slot, state.held, target.owed, target.slot if index < 0 else -1)
        known = self._fillings.get(key)
        if known is None:
            known = self._fillings[key] = self._prefixes(index, state, target)
        fillings = known[count]
        over = bisect_right(fillings, deadline, key=lambda one: one.end)
        day_of = self.problem.filler.day_of
        today = day_of(deadline) if deadline < INF else -1
        if not fillings or today > day_of(fillings[-1].end):
            today = -1
        short = (key, count, over, today)
        cheapest = self._cheapest.get(short)
        if cheapest is None:
            best: dict[tuple[int, int, int], Filling] = {}
            for one in fillings[:over]:
                people = (one.first, one.last, one.on_day if one.day == today else -1)
                if people not in best or one.cost < best[people].cost:
                    best[people] = one
            cheapest = self._cheapest[short] = list(best.values())
        return cheapest

    def _prefixes(self, index: int, state: Carried, target: Target) -> list[list[Filling]]:
        others, since = self._others(index, state, target)
        if index < 0:
            queue, held = self.ledger.tasks(target.owed), NOBODY
        else:
            queue, held = self.ledger.tasks(target.owed, index, state.slot), state.held
        found = self.problem.filler.prefixes(queue, others, since=since, held=held)
        return [sorted(fillings, key=lambda one: one.end) for fillings in found]

    def _others(self, index: int, state: Carried, target: Target) -> tuple[list[Task], int]:
        """Preparation or reviews before the target, and the minute from which they may stand."""
        problem = self.problem
        if index >= 0:
            return problem.review_tasks(index, state.slot), problem.end_of(index, state.slot)
        since = max(problem.since, problem.before.end if problem.before else 0)
        return problem.tasks_before_first(None if target.node is None else target.slot), since


def _rank(path: Path) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    return path[0], tuple((place.start, place.person) for group in path[1] for place in group)
