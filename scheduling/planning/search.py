"""Which of the two exact searches a problem needs, and how much work it may cost."""

from scheduling.planning import trace
from scheduling.planning.carry import CarryChain, SearchLimit
from scheduling.planning.chain import Solution, TooMuchWork
from scheduling.planning.gaps import INF
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Coverage

MOST_WORK = 400_000
"""What one search label by label may cost, in ways looked at and visits tried at a place."""
MOST_IN_GAPS = 150_000
"""Visits tried at a place until several visits a gap are left to the search label by label."""

__all__ = ["MOST_WORK", "SearchLimit", "needs_carrying", "possible", "solve"]


def solve(problem: Problem, *, most: int = MOST_WORK) -> Solution | None:
    """The cheapest chain, or None where no chain keeps the hard rules.

    Label by label the work is limited: beyond it the chain may be one that is not `proven`. Raises
    SearchLimit when there is none to show and no proof either.
    """
    if not problem.steps and not problem.given_units():
        return Solution(0, (), (), ())
    if not needs_carrying(problem):
        try:
            return trace.solve(problem, most=MOST_IN_GAPS if problem.rule else INF)
        except TooMuchWork:
            # It looks at fewer gaps, each at a higher price.
            pass
    return CarryChain(problem).solve(most)


def possible(problem: Problem, *, most: int) -> bool:
    """Whether any chain keeps the hard rules. Raises SearchLimit as `solve` does."""
    if needs_carrying(problem):
        return CarryChain(problem).possible(most)
    return solve(problem) is not None


def needs_carrying(problem: Problem) -> bool:
    """Whether a follow-up may lie on the other side of a dose than its own, or before the first one."""
    rule = problem.rule
    if rule is None:
        return False
    if problem.given_units():
        return True
    return rule.coverage is Coverage.WEEKLY or not rule.before_next_dosing or rule.is_before
