"""Can a course be planned at all, and where does it break: a sweep forward that looks at no cost.

For a dose's start, only the soonest time by which its follow-ups and reviews can be over matters to what
comes next, so one number a day stands for all its starts. Where follow-ups may cross doses, the exact search
is asked instead.
"""

from dataclasses import dataclass
from enum import StrEnum

from scheduling.planning import search
from scheduling.planning.daygraph import DayGraph, Node
from scheduling.planning.gaps import INF, NEVER, AnyOffer, Filler, GroupOffer, Offer, Task
from scheduling.planning.menus import Calendar, GroupOption
from scheduling.planning.problem import Offers, Problem


class Breaks(StrEnum):
    """What cannot be placed."""

    DOSE = "dose"
    FOLLOW_UP = "follow_up"
    PREPARATION = "preparation"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Failure:
    """The first visit that cannot be placed: of dose number `index` (from 0), and the days its start could
    have."""

    breaks: Breaks
    index: int
    days: tuple[int, ...]


class Sweep:
    """The forward sweep over one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.graph = DayGraph(problem)
        self.filler = Filler(problem.grid, change=0, per_day=problem.filler.per_day)
        self._anyone = _anyone(problem)
        self._free: dict[tuple[int, ...], tuple[Offers, Offers]] = {}
        self._rooms_clash = _rooms_may_clash(problem)
        self._known = [self._notes_of(index) for index in range(len(problem.steps))]
        self._prepares = problem.calendar.notes.setdefault("prepared", {})

    def failure(self) -> Failure | None:
        """Where the course breaks, or None when it can be planned."""
        reached = self._first()
        if isinstance(reached, Failure):
            return reached
        for index in range(len(self.problem.steps)):
            ready = {node: self._soonest_of(index, slots) for node, slots in reached.items()}
            ready = {node: over for node, over in ready.items() if over < INF}
            last = index + 1 == len(self.problem.steps)
            following = {} if last else self._onward(index, ready)
            if not following and not (last and ready):
                return self._blame(index, reached)
            reached = following
        return None

    def _first(self) -> dict[Node, list[int]] | Failure:
        days = {
            (day, seen): [slot for slot, _ in self.problem.doses[0][day]]
            for day, seen, _ in self.graph.entries()
        }
        if not days:
            return Failure(Breaks.DOSE, 0, ())
        prepared = {node: [slot for slot in slots if self._prepared(slot)] for node, slots in days.items()}
        prepared = {node: slots for node, slots in prepared.items() if slots}
        return prepared or Failure(Breaks.PREPARATION, 0, tuple(day for day, _ in days))

    def _prepared(self, slot: int) -> bool:
        found = self._prepares.get(slot)
        if found is None:
            found = self._prepares[slot] = int(self._can_prepare(slot))
        return bool(found)

    def _can_prepare(self, slot: int) -> bool:
        tasks, start = self.problem.preparation_tasks(slot), self.problem.grid.at[slot]
        if len(tasks) == 1:
            return tasks[0].offers[0][1].best(tasks[0].opening._replace(until=start)) is not None
        return not tasks or bool(self.filler.fill((), tasks, since=self.problem.since, deadline=start))

    def _soonest_of(self, index: int, slots: list[int]) -> int:
        # A later start opens and closes its windows later: the first start that works is over first, unless
        # the room of the dose itself stands in the way.
        if self._rooms_clash:
            return min(self._ready(index, slot) for slot in slots)
        return next((over for over in (self._ready(index, slot) for slot in slots) if over < INF), INF)

    def _ready(self, index: int, slot: int) -> int:
        known = self._known[index]
        over = known.get(slot)
        if over is None:
            over = known[slot] = self._soonest(index, slot)
        return over

    def _notes_of(self, index: int) -> dict[int, int]:
        # What the calendar has noted of a dose depends on its window alone.
        problem = self.problem
        offsets = problem.offsets(problem.steps[index].ordinal) if problem.rule else None
        return problem.calendar.notes.setdefault((index, len(problem.steps), offsets), {})

    def _soonest(self, index: int, slot: int) -> int:
        problem = self.problem
        follow = [self._by_anyone(task, index, slot) for task in problem.follow_tasks(index, slot)]
        reviews = [self._at_no_cost(task) for task in problem.review_tasks(index, slot)]
        return self._over(index, slot, follow, reviews)

    def _over(self, index: int, slot: int, follow: list[Task], reviews: list[Task]) -> int:
        since = self.problem.end_of(index, slot)
        tasks = [*follow, *reviews]
        if not tasks:
            return since
        if len(tasks) == 1:
            found = [offer.best(tasks[0].opening) for _, offer in tasks[0].offers]
            return min((one[2] for one in found if one is not None), default=INF)
        fillings = self.filler.fill(follow, reviews, since=since, deadline=INF)
        return min((filling.end for filling in fillings), default=INF)

    def _by_anyone(self, task: Task, index: int, slot: int) -> Task:
        offers = task.offers if task.offers is not self.problem.follow_offers else self._anyone
        return self._at_no_cost(Task(task.ref, task.unit, offers, task.opening))

    def _at_no_cost(self, task: Task) -> Task:
        # Where nothing costs anything, the best is the soonest.
        key = tuple(id(offer) for _, offer in task.offers)
        if key not in self._free:
            # The offers are kept, so that no other can come to have their ids.
            free = tuple((person, offer.free_of_charge()) for person, offer in task.offers)
            self._free[key] = (task.offers, free)
        opening = task.opening._replace(band_from=-INF, band_to=INF)
        return Task(task.ref, task.unit, self._free[key][1], opening)

    def _onward(self, index: int, ready: dict[Node, int]) -> dict[Node, list[int]]:
        soonest: dict[Node, int] = {}
        for node, over in ready.items():
            for day, seen, _ in self.graph.moves(index, node):
                soonest[day, seen] = min(over, soonest.get((day, seen), INF))
        found = {}
        for node, over in soonest.items():
            slots = [
                slot
                for slot, _ in self.problem.doses[index + 1][node[0]]
                if self.problem.grid.at[slot] >= over
            ]
            if slots:
                found[node] = slots
        return found

    def _blame(self, index: int, reached: dict[Node, list[int]]) -> Failure:
        problem, days = self.problem, tuple(sorted({day for day, _ in reached}))
        ends = {node: min(problem.end_of(index, slot) for slot in slots) for node, slots in reached.items()}
        if index + 1 < len(problem.steps) and not self._onward(index, ends):
            return Failure(Breaks.DOSE, index + 1, days)
        for node, slots in reached.items():
            for slot in slots:
                follow = [self._by_anyone(task, index, slot) for task in problem.follow_tasks(index, slot)]
                over = self._over(index, slot, follow, [])
                if over < INF and (index + 1 == len(problem.steps) or self._onward(index, {node: over})):
                    return Failure(Breaks.REVIEW, index, days)
        return Failure(Breaks.FOLLOW_UP, index, days)


def _rooms_may_clash(problem: Problem) -> bool:
    """Whether a follow-up or a review may begin while its dose's room is still being made ready."""
    rule, protocol = problem.rule, problem.request.protocol
    turnover = protocol.turnover_minutes
    if protocol.dose_kind == "device" and turnover and (protocol.plan_review or protocol.medication_review):
        return True
    if rule is None or rule.not_same_day:
        return False
    return any(problem.offsets(step.ordinal).least < turnover for step in problem.steps)


def _anyone(problem: Problem) -> tuple[tuple[int, AnyOffer], ...]:
    """All persons' offers as one; who it is does not matter to whether it can be."""
    bits, length = 0, 0
    options: list[GroupOption] = []
    for _, offer in problem.follow_offers:
        if isinstance(offer, GroupOffer):
            options.extend(offer.options)
        else:
            length = offer.length
            for _, group in offer.classes:
                bits |= group
    if options:
        return ((0, GroupOffer(sorted(options, key=lambda one: one.start), 0)),)
    return ((0, Offer(problem.grid, [(0, bits)], length, 0)),) if bits else ()


MOST_WORK = 30_000
"""Work that one question may cost where follow-ups cross doses; beyond it the answer is taken as no."""


def failure(calendar: Calendar) -> Failure | None:
    """Where a request breaks on its calendar, or None when there is a plan."""
    problem = Problem(calendar)
    if not problem.steps:
        return None
    if not search.needs_carrying(problem):
        return Sweep(problem).failure()
    if _shown(problem):
        return None
    low, high = 0, len(problem.steps)
    # The shortest beginning of the course that cannot be planned ends with the dose to name.
    while high - low > 1:
        middle = (low + high) // 2
        if _shown(Problem(calendar, only_first=middle)):
            low = middle
        else:
            high = middle
    return _named(calendar, high)


def keeps_given(calendar: Calendar) -> bool:
    """Whether the follow-ups that given doses still lack have a place, were there no further dose."""
    problem = Problem(calendar, only_first=0)
    return not problem.given_units() or _shown(problem)


def possible(calendar: Calendar) -> bool:
    """Whether a request can be planned on its calendar, within bounded work."""
    problem = Problem(calendar)
    if not problem.steps or search.needs_carrying(problem):
        return _shown(problem)
    return Sweep(problem).failure() is None


def _shown(problem: Problem) -> bool:
    try:
        return search.possible(problem, most=MOST_WORK)
    except search.SearchLimit:
        return False


def _named(calendar: Calendar, count: int) -> Failure:
    problem = Problem(calendar, only_first=count)
    graph = DayGraph(problem)
    days = tuple(sorted(problem.doses[count - 1]))
    if graph.bound() >= NEVER:
        return Failure(Breaks.DOSE, count - 1, days)
    return Failure(Breaks.FOLLOW_UP, count - 1, days)
