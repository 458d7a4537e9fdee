"""Which of the two exact searches a problem needs."""

from scheduling.planning import trace
from scheduling.planning.carry import CarryChain
from scheduling.planning.chain import Solution
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Coverage


def solve(problem: Problem, *, most: int | None = None) -> Solution | None:
    """The cheapest chain, or None where no chain keeps the hard rules.

    With `most`, a search whose follow-ups cross doses gives up after as many labels: None is then no proof.
    """
    if not problem.steps:
        return Solution(0, (), (), ())
    return CarryChain(problem).solve(most) if needs_carrying(problem) else trace.solve(problem)


def needs_carrying(problem: Problem) -> bool:
    """Whether a follow-up may lie on the other side of a dose than its own."""
    rule = problem.rule
    if rule is None:
        return False
    return rule.coverage is Coverage.WEEKLY or not rule.before_next_dosing or rule.is_before
