"""From the tables of a solved chain to its visits: forward along what is best, the earliest of equals
first."""

from collections.abc import Sequence

from scheduling.planning.chain import Chain, Pairs, Solution, Vector
from scheduling.planning.daygraph import Node
from scheduling.planning.gaps import INF, NEVER, Filling, Placed
from scheduling.planning.problem import Problem


def solve(problem: Problem, *, most: int) -> Solution | None:
    """The best chain of a problem whose follow-ups stay between their doses, or None. Raises TooMuchWork."""
    chain = Chain(problem, most)
    found = chain.solve()
    return None if found is None else Trace(chain).solution(*found)


class Trace:
    """The way back through one solved chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.problem = chain.problem
        self.people = chain.people

    def solution(self, cost: int, starts: Sequence[int]) -> Solution:
        """The best chain with the earliest doses, then visit by visit the earliest start and the lowest
        person."""
        slots = [starts[0]]
        node = self._node_of(slots[0])
        vector = self._vector(0, node, slots[0])
        wanted = {self.people: vector[self.people]}
        for index in range(len(self.problem.steps) - 1):
            slot, node, wanted = self._next(index, node, slots[-1], wanted)
            slots.append(slot)
        return Solution(cost, tuple(slots), self._front_places(slots[0]), self._places(slots))

    def _node_of(self, slot: int) -> Node:
        day = self.problem.grid.day[slot]
        return next(node for node in self.chain.tables[0] if node[0] == day)

    def _vector(self, index: int, node: Node, slot: int) -> Vector:
        return next(vector for where, _, vector in self.chain.tables[index][node].rows if where == slot)

    def _next(
        self, index: int, node: Node, slot: int, wanted: dict[int, int]
    ) -> tuple[int, Node, dict[int, int]]:
        """The earliest next start on a best plan, and what remains by each person who may come last before
        it."""
        gap, grid = self.chain.gap(index, slot), self.problem.grid
        for day, seen, cost in self.chain.graph.moves(index, node):
            table = self.chain.tables[index + 1].get((day, seen))
            for following, local, vector in table.rows if table is not None else ():
                step = cost + local + self._hour_cost(slot, following)
                costs = gap.costs(grid.at[following])
                if min(costs.values() if isinstance(costs, dict) else costs, default=INF) >= NEVER:
                    continue
                reached = {
                    last: vector[last]
                    for before, value in wanted.items()
                    for _, last, here in self._ways(costs, before)
                    if here + step + vector[last] == value
                }
                if reached:
                    return following, (day, seen), reached
        raise AssertionError("a best plan has a next dose")

    def _hour_cost(self, slot: int, following: int) -> int:
        wall, weight = self.problem.grid.wall, self.problem.weights.hour_change
        return abs(wall[following] // 60 - wall[slot] // 60) * weight

    def _ways(self, costs: Vector | Pairs, before: int) -> list[tuple[int, int, int]]:
        # (first, last, cost) of each way through a gap after a given person.
        if isinstance(costs, list):
            pairs: Pairs = {(person, person): cost for person, cost in enumerate(costs) if cost < NEVER}
        elif (-1, -1) in costs:
            return [(before, before, costs[-1, -1])]
        else:
            pairs = costs
        change = self.problem.weights.therapist_change
        return [
            (first, last, cost + (change if before not in (first, self.people) else 0))
            for (first, last), cost in pairs.items()
        ]

    def _front_places(self, slot: int) -> tuple[Placed, ...]:
        tasks, start = self.problem.preparation_tasks(slot), self.problem.grid.at[slot]
        if not tasks:
            return ()
        fillings = self.problem.filler.fill((), tasks, since=self.problem.since, deadline=start)
        return min(fillings, key=_rank).places

    def _places(self, slots: list[int]) -> tuple[tuple[Placed, ...], ...]:
        found: list[tuple[Placed, ...]] = []
        before, problem = self.people, self.problem
        deadlines = [*(problem.grid.at[slot] for slot in slots[1:]), INF]
        gaps = [
            self.chain.gap(index, slot).costs(deadline)
            for index, (slot, deadline) in enumerate(zip(slots, deadlines, strict=True))
        ]
        for index, (costs, after) in enumerate(zip(gaps, self._afters(gaps), strict=True)):
            ways = [(here + after[end], first, end) for first, end, here in self._ways(costs, before)]
            least = min(total for total, *_ in ways)
            fillings = problem.filler.fill(
                problem.follow_tasks(index, slots[index]),
                problem.review_tasks(index, slots[index]),
                since=problem.end_of(index, slots[index]),
                deadline=deadlines[index],
            )
            best = {(first, end) for total, first, end in ways if total == least}
            kept = [one for one in fillings if (one.first, one.last) in best or one.first < 0]
            chosen = min(kept, key=lambda one: (costs_of(costs, one) != one.cost, *_rank(one)[1:]))
            found.append(chosen.places)
            before = chosen.last if chosen.last >= 0 else before
        return tuple(found)

    def _afters(self, gaps: Sequence[Vector | Pairs]) -> list[Vector]:
        """For every gap, the least cost of the visits behind it by its last person, between these doses.

        The tables hold the best over all doses: a person may be as good there with other doses than these.
        """
        found = [[0] * (self.people + 1)]
        for costs in reversed(gaps[1:]):
            after = found[-1]
            found.append(
                [
                    min((here + after[end] for _, end, here in self._ways(costs, before)), default=INF)
                    for before in range(self.people + 1)
                ]
            )
        return found[::-1]


def costs_of(costs: Vector | Pairs, filling: Filling) -> int:
    """What a gap's costs say about a filling's people."""
    return costs[filling.first] if isinstance(costs, list) else costs[filling.first, filling.last]


def _rank(filling: Filling) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    return (
        filling.cost,
        tuple(place.start for place in filling.places),
        tuple(place.person for place in filling.places),
    )
