"""The visits around the doses, in CP-SAT: what each needs, preparation and reviews."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from scheduling.planning.protocol import Review
from scheduling.planning.values import Availability, PlanRequest
from tests.scheduling.planning.oracle import facts, options
from tests.scheduling.planning.oracle.cpsat import CourseModel, PlannedDose
from tests.scheduling.planning.oracle.modelling import Start
from tests.scheduling.planning.oracle.options import Step, VisitOption

TIMED_REVIEW_DAYS = 14


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit in the model, and for each person the literal that they hold it."""

    start: Start
    length: int
    people: dict[Hashable, Any]


class VisitModel(CourseModel):
    """Doses, preparation and reviews."""

    def __init__(self, *, request: PlanRequest, availability: Availability) -> None:
        super().__init__(request=request, availability=availability)
        if self.empty:
            return
        self.known: dict[tuple[Step, bool], list[VisitOption]] = {}
        self._preparations()
        self._reviews()
        self._timed_reviews()

    def visit(self, *, name: str, step: Step, present: Any | None = None, free: bool = False) -> Visit:
        """A visit with its wishes paid for, over all starts that are possible by themselves."""
        if (step, free) not in self.known:
            self.known[step, free] = options.visit_options(ground=self.ground, step=step, free_of_charge=free)
        found = self.known[step, free]
        start = self.start(name=name, values=[option.start for option in found], present=present)
        if not found:
            return Visit(start=start, length=step.minutes, people={})
        self.occupy(start, step.minutes)
        self._pay(start, found, "time", lambda option: option.unmet_time)
        people = self._choose_person(start, found)
        modes: dict[Hashable, list[int]] = {}
        for option in found:
            if option.rooms:
                modes.setdefault("in_person", []).append(option.start)
            if option.remote:
                modes.setdefault("remote", []).append(option.start)
        held = self.choice(start, modes, "mode")
        wished = {"in_person": found[0].unmet_in_person, "remote": found[0].unmet_remote}
        self.terms += [
            self.weights.preference * wished[str(mode)] * literal for mode, literal in held.items()
        ]
        if "in_person" in held:
            self._turnover(start, step.minutes, found, held["in_person"])
        return Visit(start=start, length=step.minutes, people=people)

    def _pay(
        self, start: Start, found: Sequence[VisitOption], label: str, key: Callable[[VisitOption], int]
    ) -> None:
        groups: dict[Hashable, list[int]] = {}
        for option in found:
            groups.setdefault(key(option), []).append(option.start)
        if any(groups):
            literals = self.choice(start, groups, label)
            self.terms += [self.weights.preference * int(str(unmet)) * lit for unmet, lit in literals.items()]

    def _choose_person(self, start: Start, found: Sequence[VisitOption]) -> dict[Hashable, Any]:
        groups: dict[Hashable, list[int]] = {}
        unmet: dict[Hashable, int] = {}
        for option in found:
            for person, count in option.people.items():
                groups.setdefault(person, []).append(option.start)
                unmet[person] = count
        literals = self.choice(start, groups, "person")
        self.terms += [self.weights.preference * unmet[person] * lit for person, lit in literals.items()]
        return literals

    def _turnover(self, start: Start, length: int, found: Sequence[VisitOption], in_person: Any) -> None:
        """A room is not free for the plan's own next visit while the dose's turnover runs in it.

        With two rooms to choose from at either visit there is a way round: only starts with one matter.
        """
        turnover = self.request.protocol.turnover_minutes
        mine = {option.start: option.rooms[0] for option in found if len(option.rooms) == 1}
        for dose in self.doses if turnover else ():
            for room in sorted(set(mine.values()) & set(dose.alone.values())):
                ends = [value + dose.facts.minutes for value, alone in dose.alone.items() if alone == room]
                inside = [v for v in mine if mine[v] == room and any(0 <= v - end < turnover for end in ends)]
                if inside:
                    here = self._when(start, inside)
                    there = self._when(dose.start, [v for v, alone in dose.alone.items() if alone == room])
                    later = self.model.new_bool_var(f"{start.name}_clear_of_{dose.start.name}_{room}")
                    after = dose.start.var + dose.facts.minutes + turnover
                    self.require(start, start.var >= after, here, there, in_person, later)
                    self.require(start, start.var + length <= dose.start.var, here, there, in_person, ~later)

    def _when(self, start: Start, values: Sequence[int]) -> Any:
        """The literal that a start is one of these values (at least one of which it may be)."""
        held = frozenset(values)
        return self.parts(start, lambda value: value in held)[True]

    def _preparations(self) -> None:
        preparation = self.request.protocol.preparation
        if preparation is None or self.given:
            return
        first = self.doses[0].start.var
        step = Step(preparation.role, preparation.modes, preparation.room_kinds, preparation.minutes)
        least, most = preparation.before_hours
        before: Visit | None = None
        for number in range(1, preparation.count + 1):
            visit = self.visit(name=f"preparation-{number}", step=step)
            self.model.add(first - visit.start.var >= 60 * least)
            self.model.add(first - visit.start.var <= 60 * most)
            self.model.add(visit.start.var + step.minutes <= first)
            if before is not None:
                self.model.add(before.start.var + step.minutes <= visit.start.var)
            before = visit

    def _reviews(self) -> None:
        protocol = self.request.protocol
        counted = {"plan_review": 0, "medication_review": 0}
        for place, dose in enumerate(self.doses):
            following = self.doses[place + 1] if place + 1 < len(self.doses) else None
            if facts.wants_plan_review(self.request, dose.facts) and protocol.plan_review is not None:
                counted["plan_review"] += 1
                self._review(f"plan_review-{counted['plan_review']}", protocol.plan_review, dose, following)
            if (
                facts.wants_medication_review(self.request, dose.facts)
                and protocol.medication_review is not None
            ):
                counted["medication_review"] += 1
                name = f"medication_review-{counted['medication_review']}"
                self._review(name, protocol.medication_review, dose, following)

    def _review(self, name: str, review: Review, dose: PlannedDose, following: PlannedDose | None) -> None:
        step = Step(review.role, review.modes, review.room_kinds, review.minutes)
        visit = self.visit(name=name, step=step)
        if self.request.protocol.dose_kind == "device":
            self.model.add(visit.start.var >= dose.start.var + dose.facts.minutes)
        else:
            self.model.add(visit.start.var >= self.function(dose.start, self.midnight_after))
        if following is not None:
            self.model.add(visit.start.var + step.minutes <= following.start.var)
        else:
            days = facts.review_days(self.request, dose.facts) + 1
            self.model.add(
                visit.start.var < self.function(dose.start, lambda value: self.midnight_after(value, days))
            )

    def _timed_reviews(self) -> None:
        review = self.request.protocol.medication_review
        if review is None or review.every_days is None:
            return
        step = Step(review.role, review.modes, review.room_kinds, review.minutes)
        first = self.given_days[0] if self.given_days else self.doses[0].day
        soonest = self.given_days[0] if self.given_days else facts.first_day(self.request).toordinal()
        last = self.doses[-1].day
        for number in range(1, (self.until - soonest) // review.every_days + 1):
            due = first + number * review.every_days
            present = self.model.new_bool_var(f"timed_{number}")
            self.model.add(last >= due).only_enforce_if(present)
            self.model.add(last < due).only_enforce_if(~present)
            visit = self.visit(name=f"timed_review-{number}", step=step, present=present, free=True)
            day = self.function(visit.start, self.day_number)
            self.require(visit.start, day <= due)
            self.require(visit.start, day >= due - TIMED_REVIEW_DAYS)
