"""Follow-up units in CP-SAT, and the door to the whole model: `solve`."""

from collections.abc import Hashable, Sequence
from typing import Any

from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.values import Availability, PlanRequest
from tests.scheduling.planning.oracle import cpsat, facts, options
from tests.scheduling.planning.oracle.cpsat import Outcome, PlannedDose
from tests.scheduling.planning.oracle.cpsat_visits import Visit, VisitModel
from tests.scheduling.planning.oracle.options import Step


def solve(*, request: PlanRequest, availability: Availability, seconds: float, workers: int = 1) -> Outcome:
    """The cheapest plan's cost, or None when no plan keeps the rules; undecided after `seconds`."""
    return cpsat.run(
        FollowUpModel(request=request, availability=availability), seconds=seconds, workers=workers
    )


class FollowUpModel(VisitModel):
    """The whole chain class."""

    def __init__(self, *, request: PlanRequest, availability: Availability) -> None:
        super().__init__(request=request, availability=availability)
        rule = request.protocol.follow_up
        if self.empty or rule is None:
            return
        if rule.coverage is Coverage.WEEKLY:
            self._weekly(rule)
        else:
            self._by_sequence(rule)

    def follow_up(self, *, name: str, rule: FollowUpRule, present: Any | None = None) -> Visit:
        """One follow-up visit: by itself, or a place in a group session."""
        if rule.coverage is not Coverage.GROUP:
            return self.visit(
                name=name, step=Step(rule.role, rule.modes, rule.room_kinds, rule.minutes), present=present
            )
        found = options.group_options(ground=self.ground)
        lengths = {option.end - option.start for option in found} or {rule.minutes}
        if len(lengths) > 1:
            raise NotImplementedError("the oracle's group sessions have one length")
        start = self.start(name=name, values=[option.start for option in found], present=present)
        length = lengths.pop()
        if not found:
            return Visit(start=start, length=length, people={})
        self.occupy(start, length)
        self._pay(start, found, "time", lambda option: option.unmet_time)
        return Visit(start=start, length=length, people=self._choose_person(start, found))

    def _by_sequence(self, rule: FollowUpRule) -> None:
        before: Visit | None = None
        number = 0
        for place, dose in enumerate(self.doses):
            if not facts.unit_ends_here(rule=rule, dose=dose.facts):
                continue
            following = self.doses[place + 1] if place + 1 < len(self.doses) else None
            unit = []
            for _ in range(rule.visits_per_unit):
                number += 1
                visit = self.follow_up(name=f"follow-up-{number}", rule=rule)
                self._window(rule, visit, dose, following, place)
                if before is not None:
                    self.model.add(before.start.var + before.length <= visit.start.var)
                    self._change(before, visit)
                before = visit
                unit.append(visit)
            self._spread(rule, unit)

    def _window(
        self, rule: FollowUpRule, visit: Visit, dose: PlannedDose, following: PlannedDose | None, place: int
    ) -> None:
        window = facts.hours(
            rule=rule, first=dose.facts.number, last=dose.facts.number, overrides=self.request.windows
        )
        var, length = visit.start.var, visit.length
        if rule.min_hours < 0:
            anchor = dose.start.var
            self.model.add(var + length <= anchor)
            if place:
                self.model.add(var >= self.doses[place - 1].start.var + self.doses[place - 1].facts.minutes)
            elif self.given:
                self.model.add(var >= self.ground.line.minute(self.given[-1].end))
            if rule.not_same_day:
                self.model.add(var < self.function(dose.start, lambda value: self.midnight_after(value, 0)))
        else:
            anchor = dose.start.var + dose.facts.minutes
            if rule.not_same_day:
                self.model.add(var >= self._next_day_of_end(dose))
            if rule.before_next_dosing and following is not None:
                self.model.add(var + length <= following.start.var)
        self.model.add(var >= anchor + window.least)
        self.model.add(var <= anchor + window.most)
        self._outside(visit, anchor + window.ideal_from, anchor + window.ideal_to)

    def _next_day_of_end(self, dose: PlannedDose) -> Any:
        return self.function(dose.start, lambda value: self.midnight_after(value + dose.facts.minutes))

    def _outside(self, visit: Visit, ideal_from: Any, ideal_to: Any) -> None:
        hours = self.model.new_int_var(0, 24 * 400, f"{visit.start.name}_outside")
        self.require(visit.start, 60 * hours >= ideal_from - visit.start.var)
        self.require(visit.start, 60 * hours >= visit.start.var - ideal_to)
        self.terms.append(self.weights.window_hour * hours)

    def _change(self, before: Visit, visit: Visit) -> None:
        changed = self.model.new_bool_var(f"{visit.start.name}_other_person")
        for person, literal in visit.people.items():
            self.model.add(changed >= literal - before.people.get(person, 0))
        self.terms.append(self.weights.therapist_change * changed)

    def _spread(self, rule: FollowUpRule, unit: Sequence[Visit]) -> None:
        for earlier, later in zip(unit, unit[rule.max_per_day :], strict=False):
            days = [self.function(visit.start, self.day_number) for visit in (earlier, later)]
            self.require(later.start, days[1] - days[0] >= 1)

    def _weekly(self, rule: FollowUpRule) -> None:
        """A unit ends at the last dose of an ISO week: `ends` says where; its opening is carried along."""
        opening: tuple[Any, Any] | None = None
        ends_before: Any = None
        carried: dict[Hashable, Any] = {}
        until: Any = None
        for place, dose in enumerate(self.doses):
            following = self.doses[place + 1] if place + 1 < len(self.doses) else None
            opening = self._opening(rule, dose, opening, ends_before)
            ends = self._ends_week(dose, following)
            unit = [
                self.follow_up(name=f"follow-up-{dose.facts.number}-{number}", rule=rule, present=ends)
                for number in range(1, rule.visits_per_unit + 1)
            ]
            for visit in unit:
                self._weekly_window(rule, visit, dose, following, opening)
            for earlier, later in zip(unit, unit[1:], strict=False):
                self.require(later.start, earlier.start.var + earlier.length <= later.start.var)
                self._change(earlier, later)
            self._spread(rule, unit)
            carried, until = self._carry(unit, ends, carried, until)
            ends_before = ends

    def _week(self, minute: int) -> int:
        day = self.ground.day(minute)
        return day.toordinal() - day.isoweekday()

    def _ends_week(self, dose: PlannedDose, following: PlannedDose | None) -> Any:
        if following is None:
            return self.model.new_constant(1)
        ends = self.model.new_bool_var(f"{dose.start.name}_ends_week")
        apart = self.function(following.start, self._week) - self.function(dose.start, self._week)
        self.model.add(apart >= 7).only_enforce_if(ends)
        self.model.add(apart == 0).only_enforce_if(~ends)
        return ends

    def _opening(
        self, rule: FollowUpRule, dose: PlannedDose, before: tuple[Any, Any] | None, ends: Any
    ) -> tuple[Any, Any]:
        """Lower bounds on when the unit of this dose opens and when its ideal band begins."""
        number = dose.facts.number
        window = facts.hours(rule=rule, first=number, last=number, overrides=self.request.windows)
        opens = self.model.new_int_var(-100_000, self.ground.line.end + 100_000, f"opens_{number}")
        ideal = self.model.new_int_var(-100_000, self.ground.line.end + 100_000, f"ideal_{number}")
        first: list[Any] = []
        if before is not None:
            first = [ends]
            self.model.add(opens >= before[0]).only_enforce_if(~ends)
            self.model.add(ideal >= before[1]).only_enforce_if(~ends)
        elif self.given:
            first = [self._opening_from_given(rule, dose, opens, ideal)]
        end = dose.start.var + dose.facts.minutes
        bounds = [opens >= end + window.least, ideal >= end + window.ideal_from]
        if rule.not_same_day:
            bounds.append(opens >= self._next_day_of_end(dose))
        for bound in bounds:
            added = self.model.add(bound)
            if first:
                added.only_enforce_if(first)
        return opens, ideal

    def _opening_from_given(self, rule: FollowUpRule, dose: PlannedDose, opens: Any, ideal: Any) -> Any:
        """Given doses in the first planned one's week open its unit; the literal: there are none."""
        minute = self.ground.line.minute
        week = self._week(minute(self.given[-1].start))
        place = next(n for n, given in enumerate(self.given) if self._week(minute(given.start)) == week)
        window = facts.hours(rule=rule, first=place + 1, last=place + 1, overrides=self.request.windows)
        end = minute(self.given[place].end)
        parts = self.parts(dose.start, lambda value: self._week(value) == week)
        if True in parts:
            earliest = max(end + window.least, self.midnight_after(end) if rule.not_same_day else 0)
            self.model.add(opens >= earliest).only_enforce_if(parts[True])
            self.model.add(ideal >= end + window.ideal_from).only_enforce_if(parts[True])
        return parts.get(False, self.model.new_constant(0))

    def _weekly_window(
        self,
        rule: FollowUpRule,
        visit: Visit,
        dose: PlannedDose,
        following: PlannedDose | None,
        opening: tuple[Any, Any],
    ) -> None:
        number = dose.facts.number
        window = facts.hours(rule=rule, first=number, last=number, overrides=self.request.windows)
        end = dose.start.var + dose.facts.minutes
        self.require(visit.start, visit.start.var >= opening[0])
        self.require(visit.start, visit.start.var <= end + window.most)
        if rule.before_next_dosing and following is not None:
            self.require(visit.start, visit.start.var + visit.length <= following.start.var)
        self._outside(visit, opening[1], end + window.ideal_to)

    def _carry(
        self, unit: Sequence[Visit], ends: Any, carried: dict[Hashable, Any], until: Any
    ) -> tuple[dict[Hashable, Any], Any]:
        """The last follow-up so far (its person and its end), compared with this unit's first."""
        first, last = unit[0], unit[-1]
        name = first.start.name
        ended = self.model.new_int_var(0, self.ground.line.end, f"{name}_ended")
        self.require(last.start, ended == last.start.var + last.length)
        if until is not None:
            self.require(first.start, first.start.var >= until)
            self.model.add(ended == until).only_enforce_if(~ends)
            changed = self.model.new_bool_var(f"{name}_other_person")
            for person, held in carried.items():
                self.model.add(changed >= held + ends - 1 - first.people.get(person, 0))
            self.terms.append(self.weights.therapist_change * changed)
        now: dict[Hashable, Any] = {}
        for person in {**carried, **last.people}:
            now[person] = self.model.new_bool_var(f"{name}_then_{person}")
            self.model.add(now[person] == last.people.get(person, 0)).only_enforce_if(ends)
            self.model.add(now[person] == carried.get(person, 0)).only_enforce_if(~ends)
        return now, ended
