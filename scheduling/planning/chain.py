"""The exact search for doses and what is bound to them, where every follow-up lies between its dose and the
next.

A dynamic programme from the last dose to the first. The value of a dose's start is a vector over the person
of the last follow-up before it: the least cost of everything after that start. Between two doses lie a few
tasks (follow-ups, reviews) whose cheapest filling depends on the next dose only through the time by which
they must be over. Starts of one local hour are alike to the dose before them, so they are folded into one
vector an hour; only a next dose that is near enough to cut the filling is looked at start by start.

Days that cannot lie on a plan within the limit are left out; the limit rises until the best plan found is
within it, which proves that nothing cheaper was left out.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scheduling.planning.daygraph import DayGraph, Node
from scheduling.planning.gaps import INF, NEVER, AnyOffer, Filling, Found, Opening, Placed, Task
from scheduling.planning.problem import Problem

FIRST_STEP = 8
"""How far beyond the bound the first round looks, in cost."""

Vector = list[int]
"""Costs by person of the last follow-up; the last entry stands for none yet."""


Row = tuple[int, int, Vector]
"""(slot, its own cost, what follows by person)."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A chain: its cost, the slot of every dose, the visits around them in order of the doses, and whether no
    other is proven to be cheaper."""

    cost: int
    slots: tuple[int, ...]
    before: tuple[Placed, ...]
    after: tuple[tuple[Placed, ...], ...]
    proven: bool = True


class Gap:
    """The filling after one dose start: its costs by person, with and without a deadline."""

    __slots__ = ("_by_deadline", "_chain", "_fillings", "_free", "end", "index", "slot")

    def __init__(self, chain: "Chain", index: int, slot: int) -> None:
        self._chain, self.index, self.slot = chain, index, slot
        self._by_deadline: dict[int, Vector | Pairs] = {}
        self._fillings: list[Filling] | None = None
        quick = chain.quick_costs(index, slot, INF)
        if quick is None:
            self._fillings = chain.fillings_after(index, slot)
            quick = _by_people(self._fillings)
        self._free, self.end = quick

    def costs(self, deadline: int) -> "Vector | Pairs":
        """What the tasks cost when they must be over by the deadline."""
        if deadline >= self.end:
            return self._free
        known = self._by_deadline.get(deadline)
        if known is None:
            known = self._by_deadline[deadline] = self._until(deadline)
        return known

    def _until(self, deadline: int) -> "Vector | Pairs":
        quick = self._chain.quick_costs(self.index, self.slot, deadline)
        if quick is not None:
            return quick[0]
        if self._fillings is None:
            self._fillings = self._chain.fillings_after(self.index, self.slot)
        over = bisect_right(self._fillings, deadline, key=lambda one: one.end)
        return _by_people(self._fillings[:over])[0]


Pairs = dict[tuple[int, int], int]
"""Costs by first and last person, where more than one follow-up lies in a gap; (-1, -1) where none does."""


@dataclass(slots=True)
class Table:
    """A node solved: for each start its vector, folded by hour for the dose before."""

    first: int
    rows: list[Row]
    by_hour: dict[int, Vector]


class TooMuchWork(Exception):
    """Many visits in many gaps: looking at every start costs more than was allowed."""


class Chain:
    """The search over one problem. Raises TooMuchWork once `most` visits were tried at a place."""

    def __init__(self, problem: Problem, most: int) -> None:
        self.problem = problem
        self._enough = problem.filler.placed + most
        self.graph = DayGraph(problem)
        self.people = len(problem.people)
        self._gaps: dict[tuple[int, int], Gap] = {}
        self._fronts: dict[int, int] = {}
        self._solved: dict[tuple[int, Node], tuple[tuple[int, ...], Table | None]] = {}
        self._kept: list[Table] = []
        slots = [slot for days in problem.doses for found in days.values() for slot, _ in found]
        hours = {problem.grid.wall[slot] // 60 for slot in slots}
        self._hours = range(min(hours), max(hours) + 1) if hours else range(0)
        self.tables: list[dict[Node, Table]] = []
        self._kind = [
            problem.visits_after(i) + 10 * problem.reviews_after(i) for i in range(len(problem.steps))
        ]

    def solve(self) -> tuple[int, list[int]] | None:
        """What the best chain costs and the first doses it may begin with, by start; None where there is
        none."""
        bound, step = self.graph.bound(), FIRST_STEP
        if bound >= NEVER:
            return None
        while True:
            layers = self.graph.layers(bound + step)
            cost, starts = self._search(layers)
            if cost <= bound + step:
                return cost, starts
            if cost >= NEVER and self._complete(layers):
                return None
            # Every plan as cheap as the one found lies within its own cost; a poor one is no reason to look
            # so far.
            step = min(cost - bound, step * 3)

    def _complete(self, layers: list[dict[Node, int]]) -> bool:
        return [len(layer) for layer in layers] == [len(layer) for layer in self.graph.layers(NEVER - 1)]

    def _search(self, layers: list[dict[Node, int]]) -> tuple[int, list[int]]:
        self.tables = [{} for _ in layers]
        for index in range(len(layers) - 1, -1, -1):
            for node in layers[index]:
                table = self._solve_node(index, node)
                if table is not None:
                    self.tables[index][node] = table
                    # Shapes are told apart by identity, so no table may go while the search lasts.
                    self._kept.append(table)
        entries = [
            (cost, (day, seen)) for day, seen, cost in self.graph.entries() if (day, seen) in self.tables[0]
        ]
        best, found = INF, []
        for entry, node in entries:
            for slot, local, vector in self.tables[0][node].rows:
                total = entry + local + vector[-1] + self._from_past(slot) + self.front(slot)
                best = min(best, total)
                found.append((slot, total))
        return best, sorted(slot for slot, total in found if total == best)

    def _from_past(self, slot: int) -> int:
        before = self.problem.before
        if before is None:
            return 0
        return abs(self.problem.grid.wall[slot] // 60 - before.wall_hour) * self.problem.weights.hour_change

    def front(self, slot: int) -> int:
        """The cost of the visits before a first dose in a slot."""
        known = self._fronts.get(slot)
        if known is None:
            tasks, start = self.problem.preparation_tasks(slot), self.problem.grid.at[slot]
            if not tasks:
                known = 0
            elif len(tasks) == 1:
                found = tasks[0].offers[0][1].best(tasks[0].opening._replace(until=start))
                known = found[0] if found else INF
            else:
                fillings = self.problem.filler.fill((), tasks, since=self.problem.since, deadline=start)
                known = min((filling.cost for filling in fillings), default=INF)
            self._fronts[slot] = known
        return known

    def _solve_node(self, index: int, node: Node) -> Table | None:
        onward: list[tuple[int, Table]] = []
        if index + 1 < len(self.problem.steps):
            following = self.tables[index + 1]
            onward = [
                (cost, following[(d, h)])
                for d, h, cost in self.graph.moves(index, node)
                if (d, h) in following
            ]
            if not onward:
                return None
        # A node looks the same as in the round before when everything that it leads to does.
        shape = tuple(id(table) for _, table in onward)
        solved = self._solved.get((index, node))
        if solved is None or solved[0] != shape:
            solved = self._solved[index, node] = (shape, self._table(index, node, onward))
        return solved[1]

    def _table(self, index: int, node: Node, onward: list[tuple[int, Table]]) -> Table | None:
        grid = self.problem.grid
        rows: list[Row] = []
        suffixes: dict[int, list[Vector]] = {}
        for slot, local in self.problem.doses[index][node[0]]:
            if index == 0 and self.front(slot) >= NEVER:
                continue
            gap = self.gap(index, slot)
            if index + 1 == len(self.problem.steps):
                vector = self._through(gap.costs(INF), [0] * (self.people + 1))
            else:
                hour = grid.wall[slot] // 60
                if hour not in suffixes:
                    suffixes[hour] = self._suffixes(onward, hour)
                vector = self._onward(gap, onward, suffixes[hour], hour)
            if vector[-1] < NEVER:
                rows.append((slot, local, vector))
        if not rows:
            return None
        return Table(grid.at[rows[0][0]], rows, self._fold(rows) if index else {})

    def _suffixes(self, onward: list[tuple[int, Table]], hour: int) -> list[Vector]:
        # Entry j is the best over the days from j on: the days before j are near enough to be looked at one
        # by one.
        vector = [INF] * (self.people + 1)
        found = [vector]
        for cost, table in reversed(onward):
            vector = [
                old if old <= new + cost else new + cost
                for old, new in zip(vector, table.by_hour[hour], strict=True)
            ]
            found.append(vector)
        found.reverse()
        return found

    def _onward(self, gap: Gap, onward: list[tuple[int, Table]], suffixes: list[Vector], hour: int) -> Vector:
        near = 0
        while near < len(onward) and onward[near][1].first < gap.end:
            near += 1
        best = self._through(gap.costs(INF), suffixes[near]) if near < len(onward) else None
        weight = self.problem.weights.hour_change
        grid = self.problem.grid
        for cost, table in onward[:near]:
            rows = table.rows
            soonest, latest = gap.costs(grid.at[rows[0][0]]), gap.costs(grid.at[rows[-1][0]])
            if soonest == latest:
                # More time on that day changes nothing, so its starts need not be told apart.
                found = self._through(latest, [value + cost for value in table.by_hour[hour]])
                best = found if best is None else list(map(min, best, found))
                continue
            for costs, part in self._parts(gap, rows, soonest, latest):
                vector = [INF] * (self.people + 1)
                for slot, local, after in part:
                    step = cost + local + abs(grid.wall[slot] // 60 - hour) * weight
                    vector = [a if a <= b + step else b + step for a, b in zip(vector, after, strict=True)]
                found = self._through(costs, vector)
                best = found if best is None else list(map(min, best, found))
        return best if best is not None else [INF] * (self.people + 1)

    def _parts(
        self, gap: Gap, rows: list[Row], soonest: "Vector | Pairs", latest: "Vector | Pairs"
    ) -> Iterator[tuple["Vector | Pairs", list[Row]]]:
        # Costs only fall as the deadline moves on: equal at both ends of a run of starts means equal in
        # between.
        if soonest == latest or len(rows) == 1:
            yield latest, rows
            return
        if len(rows) == 2:
            yield soonest, rows[:1]
            yield latest, rows[1:]
            return
        middle = len(rows) // 2
        at = self.problem.grid.at
        before, after = gap.costs(at[rows[middle - 1][0]]), gap.costs(at[rows[middle][0]])
        yield from self._parts(gap, rows[:middle], soonest, before)
        yield from self._parts(gap, rows[middle:], after, latest)

    def _through(self, costs: "Vector | Pairs", after: Vector) -> Vector:
        # From "what follows, by the last person of this gap" to "the gap and what follows, by the person
        # before it".
        change = self.problem.weights.therapist_change
        if isinstance(costs, list):
            here = [cost + rest for cost, rest in zip(costs, after, strict=False)]
        else:
            if (-1, -1) in costs:
                return [costs[-1, -1] + rest for rest in after]
            here = [INF] * self.people
            for (first, last), cost in costs.items():
                here[first] = min(here[first], cost + after[last])
        least = min(here, default=INF)
        ceiling = least + change
        found = [cost if cost < ceiling else ceiling for cost in here]
        found.append(least)
        return found

    def _fold(self, rows: list[Row]) -> dict[int, Vector]:
        # The least over a node's starts, seen from each hour of the dose before: one sweep up, one sweep
        # down.
        grid, weight = self.problem.grid, self.problem.weights.hour_change
        by_hour: dict[int, Vector] = {}
        for slot, local, vector in rows:
            hour = grid.wall[slot] // 60
            held = by_hour.get(hour)
            if held is None:
                by_hour[hour] = [value + local for value in vector]
            else:
                by_hour[hour] = [
                    a if a <= b + local else b + local for a, b in zip(held, vector, strict=True)
                ]
        for hours in (self._hours, reversed(self._hours)):
            running: Vector | None = None
            for hour in hours:
                held = by_hour.get(hour)
                if running is not None:
                    running = [value + weight for value in running]
                    if held is not None:
                        running = [a if a <= b else b for a, b in zip(running, held, strict=True)]
                    by_hour[hour] = running
                elif held is not None:
                    running = held
        return by_hour

    def gap(self, index: int, slot: int) -> Gap:
        """What follows a dose in a slot, remembered."""
        key = (index, slot)
        if key not in self._gaps:
            self._gaps[key] = Gap(self, index, slot)
        return self._gaps[key]

    def quick_costs(self, index: int, slot: int, deadline: int) -> tuple["Vector | Pairs", int] | None:
        """The costs of the tasks after a dose that must be over by a deadline, and when the latest of them
        ends; None where only trying every order can tell."""
        if not self._kind[index]:
            return {(-1, -1): 0}, 0
        queue = self.problem.follow_tasks(index, slot)
        if len(queue) != 1:
            return None
        return self._quick(queue[0], self.problem.review_tasks(index, slot), deadline)

    def fillings_after(self, index: int, slot: int) -> list[Filling]:
        """The fillings of the stretch after a dose that no other beats in both cost and end, by their
        end."""
        problem = self.problem
        if problem.filler.placed > self._enough:
            raise TooMuchWork
        queue, reviews = problem.follow_tasks(index, slot), problem.review_tasks(index, slot)
        since = problem.end_of(index, slot)
        found = problem.filler.prefixes(queue, reviews, since=since)[-1]
        return sorted(found, key=lambda one: one.end)

    def _quick(self, task: Task, reviews: Sequence[Task], deadline: int) -> tuple[Vector, int] | None:
        # People are independent, and each review keeps its best cost where a place beside the others has it:
        # the sum of the bests cannot be beaten. None where some review would have to pay more.
        vector, end = [INF] * self.people, 0
        rooms = [(review.offers[0][1], review.opening._replace(until=deadline)) for review in reviews]
        bests = [offer.best(room) for offer, room in rooms]
        if None in bests:
            return vector, 0
        opening = task.opening._replace(until=deadline)
        for person, offer in task.offers:
            found = offer.best(opening)
            if found is None:
                continue
            cost, taken = found[0], [found]
            for (review, room), best in zip(rooms, bests, strict=True):
                place = _beside(review, room, best, taken)
                if place is None:
                    return None
                taken.append(place)
                cost += place[0]
            vector[person] = cost
            end = max(end, *(over for _, _, over in taken))
        return vector, end


def _beside(offer: AnyOffer, opening: Opening, best: Found | None, taken: Sequence[Found]) -> Found | None:
    """The earliest place as cheap as the best one that overlaps none of the taken ones."""
    place = best
    while place is not None and best is not None and place[0] == best[0]:
        start, over = place[1], place[2]
        after = max((end for _, begin, end in taken if begin < over and start < end), default=None)
        if after is None:
            return place
        place = offer.best(opening._replace(first=max(opening.first, after)))
    return None


def _by_people(fillings: Sequence[Filling]) -> tuple[Pairs, int]:
    pairs: Pairs = {}
    end = 0
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for one in fillings:
        key = (one.first, one.last)
        best[key] = min(best.get(key, (INF, 0)), (one.cost, one.end))
    for key, (cost, over) in best.items():
        pairs[key] = cost
        end = max(end, over)
    return pairs, end
