"""The chain class as a CP-SAT model, from the rules' text: the independent measure of the optimum.

Starts are minutes on a time line; what hangs on one start (its day, hour, wishes) is a linear expression of
booleans. Doses here; the other visits in `cpsat_visits` and `cpsat_followups`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ortools.sat.python import cp_model

from scheduling.planning.values import Availability, PlanRequest
from tests.scheduling.planning.oracle import facts, options
from tests.scheduling.planning.oracle.ground import Ground
from tests.scheduling.planning.oracle.modelling import Modelling, Start


@dataclass(frozen=True, slots=True)
class Outcome:
    """`cost` None: no plan; `decided` False: time ran out; `starts` are the best plan's doses.

    `seconds` are the processor's, of the search alone.
    """

    decided: bool
    cost: int | None
    starts: dict[str, datetime]
    seconds: float


@dataclass(frozen=True, slots=True)
class PlannedDose:
    """A dose in the model: its facts, its start, and its local day (days since year 1) as an expression."""

    facts: facts.Dose
    start: Start
    day: Any
    alone: dict[int, str]


class CourseModel(Modelling):
    """Doses with spacing, caps and their costs."""

    def __init__(self, *, request: PlanRequest, availability: Availability) -> None:
        super().__init__()
        self.request = request
        self.ground = Ground(request=request, availability=availability)
        self.weights = request.weights
        self.given = facts.given_in_order(request)
        self.given_days = [self.day_number(self.ground.line.minute(dose.start)) for dose in self.given]
        wanted = facts.planned_doses(request)
        self.until = facts.last_day(request, wanted).toordinal()
        self.doses = [self._dose(dose, first=index == 0) for index, dose in enumerate(wanted)]
        if not self.empty:
            self._spacing()
            self._caps()
            self._habits()
            last = self.doses[-1].day
            self.terms.append(
                self.weights.finish_day * (last - facts.earliest_finish(request, wanted).toordinal())
            )

    def day_number(self, minute: int) -> int:
        """The local day at a minute of the time line."""
        return self.ground.day(minute).toordinal()

    def midnight_after(self, minute: int, days: int = 1) -> int:
        """The minute at which the local day `days` after this one begins."""
        day = self.ground.day(minute)
        begins = facts.day_begins(zone=self.request.zone, day=day.fromordinal(day.toordinal() + days))
        return self.ground.line.minute(begins)

    def _dose(self, dose: facts.Dose, *, first: bool) -> PlannedDose:
        begins = facts.first_day(self.request).toordinal() if first else 0
        found = [
            option
            for option in options.dose_options(ground=self.ground, dose=dose)
            if begins <= self.day_number(option.start) <= self.until
        ]
        start = self.start(name=f"dose-{dose.number}", values=[option.start for option in found])
        if not found:
            return PlannedDose(facts=dose, start=start, day=0, alone={})
        self.occupy(start, dose.minutes)
        unmet = {option.start: option.unmet for option in found}
        self.terms.append(self.weights.preference * self.function(start, lambda value: unmet[value]))
        alone = {option.start: option.rooms[0] for option in found if len(option.rooms) == 1}
        return PlannedDose(facts=dose, start=start, day=self.function(start, self.day_number), alone=alone)

    def _spacing(self) -> None:
        before: Any = self.given_days[-1] if self.given_days else None
        for dose in self.doses:
            if dose.facts.spacing is not None and before is not None:
                low, ideal, high = dose.facts.spacing
                gap = dose.day - before
                self.model.add(gap >= low)
                self.model.add(gap <= high)
                off = self.distance(gap - ideal, 400, f"spacing_{dose.facts.number}")
                self.terms.append(self.weights.spacing_day * off)
            before = dose.day

    def _caps(self) -> None:
        """n doses in any 7 days: the one n places later is 7 days later or more."""
        days = [*self.given_days, *(dose.day for dose in self.doses)]
        cap = facts.course_cap(self.request)
        if cap is not None:
            self._at_most(days, cap)
        for phase in self.request.protocol.phases:
            if phase.max_per_rolling_7_days is not None:
                mine = [
                    day
                    for day, dose in zip(self.given_days, self.given, strict=True)
                    if dose.phase == phase.name
                ]
                mine += [dose.day for dose in self.doses if dose.facts.phase is phase]
                self._at_most(mine, phase.max_per_rolling_7_days)

    def _at_most(self, days: Sequence[Any], cap: int) -> None:
        for earlier, later in zip(days, days[cap:], strict=False):
            if not (isinstance(earlier, int) and isinstance(later, int)):
                self.model.add(later - earlier >= 7)

    def _habits(self) -> None:
        """Weekday and hour unlike the dose before."""
        pairs: list[tuple[Any, PlannedDose]] = list(zip(self.doses, self.doses[1:], strict=False))
        for before, dose in pairs:
            changed = self.model.new_bool_var(f"weekday_{dose.facts.number}")
            mine = self.parts(dose.start, self._weekday)
            theirs = self.parts(before.start, self._weekday)
            for weekday, literal in mine.items():
                self.model.add(changed >= literal - theirs.get(weekday, 0))
            self.terms.append(self.weights.weekday_change * changed)
            self._hour(dose, self.function(before.start, self._clock_hour))
        if self.given:
            minute = self.ground.line.minute(self.given[-1].start)
            weekday = self._weekday(minute)
            differs = self.function(self.doses[0].start, lambda value: int(self._weekday(value) != weekday))
            self.terms.append(self.weights.weekday_change * differs)
            self._hour(self.doses[0], self._clock_hour(minute))

    def _hour(self, dose: PlannedDose, before: Any) -> None:
        off = self.distance(
            self.function(dose.start, self._clock_hour) - before, 24, f"hour_{dose.facts.number}"
        )
        self.terms.append(self.weights.hour_change * off)

    def _weekday(self, minute: int) -> int:
        return self.ground.local(minute).isoweekday()

    def _clock_hour(self, minute: int) -> int:
        return self.ground.local(minute).hour


def run(course: CourseModel, *, seconds: float, workers: int = 1) -> Outcome:
    """Minimise; the model's own integers make the cost exact.

    `seconds` are of CP-SAT's deterministic time: a loaded machine takes longer and decides the same.
    """
    if course.empty:
        return Outcome(decided=True, cost=None, starts={}, seconds=0.0)
    course.model.add_no_overlap(course.intervals)
    course.model.minimize(sum(course.terms))
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = seconds
    solver.parameters.num_workers = workers
    began = time.process_time()
    status = solver.solve(course.model)
    took = time.process_time() - began
    if status == cp_model.MODEL_INVALID:
        raise ValueError(course.model.validate())
    if status == cp_model.INFEASIBLE:
        return Outcome(decided=True, cost=None, starts={}, seconds=took)
    if status != cp_model.OPTIMAL:
        return Outcome(decided=False, cost=None, starts={}, seconds=took)
    starts = {
        dose.start.name: course.ground.line.instant(solver.value(dose.start.var)) for dose in course.doses
    }
    return Outcome(decided=True, cost=round(solver.objective_value), starts=starts, seconds=took)
