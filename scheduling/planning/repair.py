"""The repair planner's door: `repair` and `judge`.

A course stands; a person puts some of its visits elsewhere, or somebody falls ill. `repair` says what else
must move so that every hard rule of `course.py` holds again.

What a repair keeps
-------------------
* The rules of `course.py`, for every visit that it moves and for all that such a visit is measured against.
  Without `replan`, spacing, caps, limits and the grid are not asked between visits that all stay: what the
  course breaks as it stands was accepted by somebody. A visit that stays has its people and room free; where
  one is not, another comes (a change of practitioner or room), or the visit moves.
* Doses keep their order. Each follow-up keeps its unit and the visits of a unit their order; a follow-up that
  still lies in its unit's window may stay. Reviews keep the gap between doses that they lie in, preparations
  their place before the first dose. A follow-up of a `weekly` unit belongs to its ISO week: a week that loses
  its last dose needs it no more, a week that gets its first one gets what the protocol asks for.
* Given visits, and those before `not_before`, stay. Pinned and placed visits are where they are: of a pinned
  one only the rules that tie it to others are asked, of a placed one all of them.
* A follow-up outside its window, a review in the wrong gap, therapy, group series and reviews by time are not
  of the chain: they stay unless the chain takes their time or their people are gone, and then go to the
  nearest place. They are placed after the chain, each at the cost that it had when the chain was chosen.

What is least, in this order
----------------------------
1. told visits that move or are no longer needed;
2. minutes between where visits stood and where they are, in sum;
3. changes of practitioner: people of a visit who are replaced, whoever was wished for;
4. changes of place: 2 for another mode, 1 for another room;
5. the cost of the plan as `cost.py` has it, with the finish counted from the day of `not_before`.
Ties as in the planner. In a replan, visits that the patient was not told of count in 3 to 5 alone. Rooms that
the turnover of a dose couples are chosen after the rest.

The search is that of `carry.py`, with one menu a visit: exact for the chain, and bounded like the planner's.
It begins with the week around each dose; what it finds there is the best of all when every plan that moves a
dose further costs more, and otherwise all days are searched.
"""

from scheduling.planning import grid as grids
from scheduling.planning import judging, mending, refusal, scoring, search, why
from scheduling.planning.bonds import Bonds, Piece, Reader
from scheduling.planning.carry import CarryChain, SearchLimit
from scheduling.planning.chain import Solution
from scheduling.planning.judging import UnknownVisit
from scheduling.planning.mending import RepairProblem
from scheduling.planning.menus import Free
from scheduling.planning.rebuild import Kept, Rebuilder
from scheduling.planning.settle import NoOtherPlace, Settler
from scheduling.planning.standing import Change, Repair, RepairRequest, Standing
from scheduling.planning.stays import SHIFT
from scheduling.planning.values import Availability, NoPlan, PlannedVisit, Violation

NEAR_DAYS = 7
"""How far from where they stand doses are looked at first."""
NEAREST_DAYS = 1
"""And where somebody waits: most courses move by no more than a day, and a day is searched at once."""

__all__ = ["Change", "Repair", "RepairRequest", "Standing", "UnknownVisit", "judge", "repair"]


def repair(*, request: RepairRequest, availability: Availability) -> Repair | NoPlan:
    """The least that must change, or why the course cannot be repaired.

    `availability` does not count the course's own live visits as busy. The work is bounded as the planner's:
    see `course.plan_course`. Raises UnknownVisit for a placed ref that does not stand, and what `plan_course`
    raises for a request that means nothing.
    """
    judging.with_placed([one.visit for one in request.standing], request.placed)
    bonds = Reader(request).read()
    refused = refusal.at_once(request, bonds, availability)
    if refused is not None:
        return refused
    calendar = mending.calendar_of(bonds, availability)
    problem = RepairProblem(calendar, bonds, replan=False, near=NEAR_DAYS)
    solution = None if request.replan else _near(problem)
    if solution is None:
        problem = RepairProblem(calendar, bonds, replan=request.replan)
        try:
            solution = CarryChain(problem).solve(search.MOST_WORK)
        except SearchLimit:
            return why.search_limit()
    if solution is None:
        return refusal.explained(request, bonds, availability)
    rebuilder = Rebuilder(problem, solution)
    chain = rebuilder.chain()
    try:
        loose = Settler(problem, rebuilder, chain).settle()
    except NoOtherPlace as none:
        return refusal.no_other_place(none.visit)
    return _answer(request, availability, problem, (chain, loose), proven=solution.proven)


def quickly(
    *, request: RepairRequest, availability: Availability, most: int, free: Free | None = None
) -> Repair | None:
    """A repair found with little work near where the doses stand, for somebody who waits: it keeps every hard
    rule that `repair` keeps and is not proven to move least. None where none was found, which claims nothing.

    `free` is filled with who and what is free when, for the next question on the same availability.
    """
    judging.with_placed([one.visit for one in request.standing], request.placed)
    bonds = Reader(request).read()
    if refusal.at_once(request, bonds, availability) is not None:
        return None
    calendar = mending.calendar_of(bonds, availability, free)
    for near in (NEAREST_DAYS, NEAR_DAYS):
        problem = RepairProblem(calendar, bonds, replan=False, near=near)
        try:
            solution = CarryChain(problem).solve(most)
            if solution is None:
                continue
            rebuilder = Rebuilder(problem, solution)
            chain = rebuilder.chain()
            loose = Settler(problem, rebuilder, chain).settle()
        except (SearchLimit, NoOtherPlace):
            continue
        return _answer(request, availability, problem, (chain, loose), proven=False)
    return None


def _near(problem: RepairProblem) -> Solution | None:
    """The best repair, if it is known to be the best of all from the days near the doses alone: whatever
    moves a dose further costs more. None where only all days can tell."""
    try:
        solution = CarryChain(problem).solve(search.MOST_WORK // 4)
    except SearchLimit:
        return None
    if solution is None or not solution.proven:
        return None
    return solution if solution.cost < problem.least() + SHIFT * NEAR_DAYS * mending.DAY else None


def judge(*, request: RepairRequest, availability: Availability) -> tuple[Violation, ...]:
    """Every rule that the course breaks when the placed visits are put there and nothing else moves.

    Of given visits, and of those that stand before `not_before`, nothing is asked. Violations name visits by
    the caller's refs.
    """
    visits = judging.with_placed([one.visit for one in request.standing], request.placed)
    return judging.check(request.plan, availability, visits, judging.fixed(request))


def _answer(
    request: RepairRequest,
    availability: Availability,
    problem: RepairProblem,
    kept: tuple[list[Kept], list[Kept]],
    *,
    proven: bool,
) -> Repair:
    chain, loose = kept
    bonds, before = problem.bonds, {one.visit.ref: one.visit for one in request.standing}
    after = [visit for _, visit in (*chain, *loose)]
    visits = sorted((*bonds.past, *after), key=lambda visit: (visit.start, visit.ref))
    dropped = _dropped(bonds, {visit.ref for visit in after})
    changes = [
        Change(visit.ref, before.get(visit.ref), visit)
        for visit in visits
        if visit.ref not in before or judging.differs(before[visit.ref], visit)
    ]
    changes += [Change(piece.old.ref, piece.old, None) for piece in dropped if piece.old is not None]
    mine = [
        (one, one.old, visit) for one, visit in (*chain, *loose) if one.at is None and one.old is not None
    ]
    moved = [(piece, _minutes_moved(old, visit)) for piece, old, visit in mine]
    terms = scoring.breakdown(problem, [visit for _, visit in chain])
    return Repair(
        changes=tuple(changes),
        visits=tuple(visits),
        violations=judging.check(request.plan, availability, visits, judging.fixed(request)),
        told_moved=sum(1 for piece, minutes in moved if piece.told and minutes)
        + sum(1 for piece in dropped if piece.told),
        minutes_shifted=sum(minutes for piece, minutes in moved if piece.told or not request.replan),
        practitioner_changes=sum(judging.people_changed(old, visit) for _, old, visit in mine),
        room_changes=sum(judging.place_changed(old, visit) for _, old, visit in mine),
        cost=sum(terms.values()),
        proven=proven,
    )


def _minutes_moved(old: PlannedVisit, visit: PlannedVisit) -> int:
    return abs(grids.minute_of(visit.start) - grids.minute_of(old.start))


def _dropped(bonds: Bonds, there: set[str]) -> list[Piece]:
    """The visits that are no longer needed."""
    pieces = [*mending.pieces_of(bonds), *bonds.gone]
    return [piece for piece in pieces if piece.old is not None and piece.old.ref not in there]
