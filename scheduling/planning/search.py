"""Which of the two exact searches a problem needs."""

from scheduling.planning.carry import CarryChain
from scheduling.planning.chain import Chain, Solution
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Coverage


def solve(problem: Problem) -> Solution | None:
    """The cheapest chain, or None where no chain keeps the hard rules."""
    if not problem.steps:
        return Solution(0, (), (), ())
    return CarryChain(problem).solve() if needs_carrying(problem) else Chain(problem).solve()


def needs_carrying(problem: Problem) -> bool:
    """Whether a follow-up may lie on the other side of a dose than its own."""
    rule = problem.rule
    if rule is None:
        return False
    return rule.coverage is Coverage.WEEKLY or not rule.before_next_dosing or rule.is_before
