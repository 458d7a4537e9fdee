"""The chain by days alone: which day can follow which, and a lower bound of what is still to come.

A node is a dose's day with the earlier doses that the caps can still see. The bound counts spacing, weekday,
finish and the day's cheapest start; hours, people and windows are left out, so it never exceeds the true
cost.
"""

from scheduling.planning import steps as dosing
from scheduling.planning.gaps import INF
from scheduling.planning.problem import Problem

History = tuple[tuple[int, int], ...]
Node = tuple[int, History]
Move = tuple[int, History, int]
"""(day, history there, cost of the step between the days)."""


class DayGraph:
    """Days of doses and the moves between them."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.steps = problem.steps
        self._days = [sorted(days) for days in problem.doses]
        self._least: list[dict[int, tuple[int, int]]] = [{} for _ in self.steps]
        self._moves: list[dict[Node, list[Move]]] = [{} for _ in self.steps]
        self._back: list[dict[Node, int]] = [{} for _ in self.steps]

    def least(self, index: int, day: int) -> tuple[int, int]:
        """The least that a dose on this day costs with its follow-ups, and the least of those that come
        after it."""
        known = self._least[index].get(day)
        if known is None:
            known = self._least[index][day] = self.problem.least_on(index, day)
        return known

    def entries(self) -> list[Move]:
        """The first dose's days, with the cost of beginning there."""
        problem, weights = self.problem, self.problem.weights
        finish = problem.earliest[-1]
        past = tuple((dose.day.toordinal(), dose.phase_index) for dose in problem.past)
        if problem.before is not None:
            moves = self._reach(0, problem.before.day, past)
            return [
                (day, seen, cost + (problem.before.day - finish) * weights.finish_day)
                for day, seen, cost in moves
            ]
        return [(day, (), (day - finish) * weights.finish_day) for day in self._days[0]]

    def moves(self, index: int, node: Node) -> list[Move]:
        """The days on which the next dose may be, after dose `index` at a node, ascending."""
        known = self._moves[index].get(node)
        if known is None:
            day, history = node
            here = (day, self.steps[index].phase_index)
            known = self._moves[index][node] = self._reach(index + 1, day, (*history, here))
        return known

    def _reach(self, index: int, day: int, recent: History) -> list[Move]:
        step, weights, cap = self.steps[index], self.problem.weights, self.problem.cap
        assert step.spacing is not None
        low, ideal, high = step.spacing
        found: list[Move] = []
        days = self.problem.doses[index]
        accepted = self.problem.accepted_day(index, recent)
        near = range(day + low, day + high + 1) if high - low < 60 else self._days[index]
        for following in near if accepted is None else sorted({*near, accepted}):
            if following in days and (
                (low <= following - day <= high and dosing.keeps_caps(step, following, recent, cap))
                or following == accepted
            ):
                gap = following - day
                cost = abs(gap - ideal) * weights.spacing_day + gap * weights.finish_day
                cost += weights.weekday_change if gap % 7 else 0
                cost += self.problem.skipping(day, following)
                found.append((following, self._seen(index, following, recent), cost))
        return found

    def _seen(self, index: int, day: int, recent: History) -> History:
        # Only what a later dose can still find within its 7 days is kept, so that equal futures are one node.
        if index + 1 >= len(self.steps):
            return ()
        if self.problem.cap is None:
            return ()
        following = self.steps[index + 1]
        assert following.spacing is not None
        soonest = day + following.spacing[0]
        return tuple(entry for entry in recent if soonest - entry[0] < 7)

    def back(self, index: int, node: Node) -> int:
        """At least what follows after dose `index` began on its node, its own cheapest start included."""
        known = self._back[index].get(node)
        if known is None:
            known = self.least(index, node[0])[0]
            if index + 1 < len(self.steps):
                onward = [
                    cost + self.back(index + 1, (day, seen)) for day, seen, cost in self.moves(index, node)
                ]
                known = known + min(onward, default=INF)
            self._back[index][node] = known
        return known

    def onward(self, index: int, node: Node) -> int:
        """At least what follows after dose `index` began on its node, its own start left out."""
        both, after = self.least(index, node[0])
        return self.back(index, node) - both + after

    def bound(self) -> int:
        """At least what any plan costs; INF or more when no days fit together."""
        return min((cost + self.back(0, (day, seen)) for day, seen, cost in self.entries()), default=INF)

    def layers(self, limit: int) -> list[dict[Node, int]]:
        """For every dose, the nodes through which a plan of at most `limit` may run, with the least cost to
        get there."""
        here: dict[Node, int] = {}
        for day, seen, cost in self.entries():
            if cost + self.back(0, (day, seen)) <= limit:
                here[(day, seen)] = min(cost, here.get((day, seen), INF))
        found = [here]
        for index in range(len(self.steps) - 1):
            following: dict[Node, int] = {}
            for node, cost in found[-1].items():
                so_far = cost + self.least(index, node[0])[0]
                for day, seen, step in self.moves(index, node):
                    reach = (day, seen)
                    total = so_far + step
                    if total + self.back(index + 1, reach) <= limit and total < following.get(reach, INF):
                        following[reach] = total
            found.append(following)
        return found
