"""Plain enumeration for tiny cases: every choice of dose starts, and for each all visits around them.

The only short cut is to leave a branch whose cost already reached the best plan's (no term is negative).
It knows nothing of CP-SAT's model; both stand on `facts`, `ground` and `options`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.values import Availability, PlanRequest
from tests.scheduling.planning.oracle import facts, options
from tests.scheduling.planning.oracle.ground import Ground
from tests.scheduling.planning.oracle.options import DoseOption, Step, VisitOption

FOLLOW_UP, OTHER = "follow-up", "other"


class TooLarge(Exception):
    """The case has more branches than an enumeration should walk."""


@dataclass(frozen=True, slots=True)
class Duty:
    """A visit to place: what it may be, minutes [first, last] of its start, its latest end, its band."""

    kind: str
    unit: int
    found: tuple[VisitOption, ...]
    first: int
    last: int
    over_by: int | None
    band: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A visit placed: times, who, which room (None: remote), and what holds the room after it."""

    kind: str
    unit: int
    start: int
    end: int
    person: str
    room: str | None


def cheapest(*, request: PlanRequest, availability: Availability, steps: int = 2_000_000) -> int | None:
    """The least cost of any plan, None when there is none; raises TooLarge after `steps` branches."""
    return _Enumeration(request=request, availability=availability, steps=steps).run()


class _Enumeration:
    def __init__(self, *, request: PlanRequest, availability: Availability, steps: int) -> None:
        self.request, self.ground, self.steps = (
            request,
            Ground(request=request, availability=availability),
            steps,
        )
        self.best: int | None = None
        self.wanted = facts.planned_doses(request)
        self.options = [options.dose_options(ground=self.ground, dose=dose) for dose in self.wanted]
        minute = self.ground.line.minute
        self.given = [
            (minute(dose.start), minute(dose.end), dose.phase) for dose in facts.given_in_order(request)
        ]
        self.known: dict[tuple[Step, bool], tuple[VisitOption, ...]] = {}
        self.earliest = facts.earliest_finish(request, self.wanted).toordinal()
        self.until = facts.last_day(request, self.wanted).toordinal()

    def run(self) -> int | None:
        self._doses([], 0)
        return self.best

    def _tick(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooLarge

    def _hopeless(self, cost: int) -> bool:
        self._tick()
        return self.best is not None and cost >= self.best

    # Doses

    def _doses(self, chosen: list[DoseOption], cost: int) -> None:
        if self._hopeless(cost):
            return
        place = len(chosen)
        if place == len(self.wanted):
            cost += self.request.weights.finish_day * (self._day(chosen[-1].start) - self.earliest)
            duties = list(self._duties(chosen))
            self._visits(duties, chosen, [], cost)
            return
        for option in self.options[place]:
            more = self._dose_cost(chosen, option)
            if more is not None:
                self._doses([*chosen, option], cost + more)

    def _day(self, minute: int) -> int:
        return self.ground.day(minute).toordinal()

    def _dose_cost(self, chosen: Sequence[DoseOption], option: DoseOption) -> int | None:
        """What this dose adds after those; None when a rule forbids it."""
        place, weights, day = len(chosen), self.request.weights, self._day(option.start)
        if day > self.until or (place == 0 and day < facts.first_day(self.request).toordinal()):
            return None
        before = [start for start, _, _ in self.given] + [one.start for one in chosen]
        names = [phase for _, _, phase in self.given] + [dose.phase.name for dose in self.wanted[:place]]
        week = [name for name, start in zip(names, before, strict=True) if day - self._day(start) < 7]
        own, cap = self.wanted[place].phase.max_per_rolling_7_days, facts.course_cap(self.request)
        if (own and week.count(self.wanted[place].phase.name) >= own) or (cap and len(week) >= cap):
            return None
        cost = weights.preference * option.unmet
        spacing = self.wanted[place].spacing
        if spacing and before:
            gap = day - self._day(before[-1])
            if not spacing[0] <= gap <= spacing[2]:
                return None
            old, new = self.ground.local(before[-1]), self.ground.local(option.start)
            cost += weights.spacing_day * abs(gap - spacing[1])
            cost += weights.weekday_change * (old.weekday() != new.weekday())
            cost += weights.hour_change * abs(old.hour - new.hour)
        return cost

    # What the doses ask for

    def _found(self, step: Step, *, free: bool = False) -> tuple[VisitOption, ...]:
        if (step, free) not in self.known:
            found = options.visit_options(ground=self.ground, step=step, free_of_charge=free)
            self.known[step, free] = tuple(found)
        return self.known[step, free]

    def _midnight(self, minute: int, days: int) -> int:
        day = self.ground.day(minute)
        begins = facts.day_begins(zone=self.request.zone, day=day.fromordinal(day.toordinal() + days))
        return self.ground.line.minute(begins)

    def _duties(self, chosen: Sequence[DoseOption]) -> Iterator[Duty]:
        yield from self._preparations(chosen[0].start)
        yield from self._reviews(chosen)
        yield from self._timed(chosen)
        rule = self.request.protocol.follow_up
        if rule is not None and rule.coverage not in (Coverage.NONE, Coverage.SERIES):
            yield from self._follow_ups(rule, chosen)

    def _preparations(self, first: int) -> Iterator[Duty]:
        step = self.request.protocol.preparation
        for number in range(step.count if step and not self.given else 0):
            assert step is not None
            found = self._found(Step(step.role, step.modes, step.room_kinds, step.minutes))
            least, most = step.before_hours
            yield Duty(OTHER, -1 - number, found, first - 60 * most, first - 60 * least, first)

    def _reviews(self, chosen: Sequence[DoseOption]) -> Iterator[Duty]:
        protocol = self.request.protocol
        for place, (dose, option) in enumerate(zip(self.wanted, chosen, strict=True)):
            plan = protocol.plan_review if facts.wants_plan_review(self.request, dose) else None
            medication = (
                protocol.medication_review if facts.wants_medication_review(self.request, dose) else None
            )
            for review in (plan, medication):
                if review is not None:
                    found = self._found(Step(review.role, review.modes, review.room_kinds, review.minutes))
                    device = protocol.dose_kind == "device"
                    first = option.start + dose.minutes if device else self._midnight(option.start, 1)
                    over_by = chosen[place + 1].start if place + 1 < len(chosen) else None
                    last = self._midnight(option.start, facts.review_days(self.request, dose) + 1) - 1
                    yield Duty(OTHER, 0, found, first, last if over_by is None else over_by, over_by)

    def _timed(self, chosen: Sequence[DoseOption]) -> Iterator[Duty]:
        review = self.request.protocol.medication_review
        if review is None or review.every_days is None:
            return
        found = self._found(Step(review.role, review.modes, review.room_kinds, review.minutes), free=True)
        first = self.given[0][0] if self.given else chosen[0].start
        due = review.every_days
        while self._day(first) + due <= self._day(chosen[-1].start):
            yield Duty(
                OTHER, 0, found, self._midnight(first, due - 14), self._midnight(first, due + 1) - 1, None
            )
            due += review.every_days

    def _follow_ups(self, rule: FollowUpRule, chosen: Sequence[DoseOption]) -> Iterator[Duty]:
        if rule.coverage is Coverage.GROUP:
            found = tuple(options.group_options(ground=self.ground))
        else:
            found = self._found(Step(rule.role, rule.modes, rule.room_kinds, rule.minutes))
        doses = [(start, end) for start, end, _ in self.given]
        doses += [
            (one.start, one.start + dose.minutes) for one, dose in zip(chosen, self.wanted, strict=True)
        ]
        given = facts.given_in_order(self.request)
        for first, last in (*self._given_units(rule, doses), *self._units(rule, doses)):
            following = doses[last + 1][0] if last + 1 < len(doses) else None
            duty = self._unit_duty(rule, found, (first, last), doses, following)
            yield from [duty] * (rule.visits_per_unit - sum(one.held or 0 for one in given[first : last + 1]))

    def _given_units(self, rule: FollowUpRule, doses: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The units of given doses alone of which follow-ups are asked for and the window is open."""
        given = facts.given_in_order(self.request)
        named = [(dose.phase, dose.sequence) for dose in given]
        named += [(dose.phase.name, dose.sequence) for dose in self.wanted]
        keys: list[tuple[object, ...]] = []
        for number, ((start, _), (phase, sequence)) in enumerate(zip(doses, named, strict=True)):
            if rule.coverage is Coverage.WEEKLY:
                keys.append(tuple(self.ground.local(start).isocalendar()[:2]))
            elif rule.coverage is Coverage.EACH_N:
                keys.append((phase, (sequence - 1) // rule.n))
            else:
                keys.append((number,))
        for last, dose in enumerate(given):
            if (
                dose.held is None
                or rule.min_hours < 0
                or (last + 1 < len(doses) and keys[last + 1] == keys[last])
            ):
                continue
            first = keys.index(keys[last]) if rule.coverage is Coverage.WEEKLY else last
            hours = facts.hours(rule=rule, first=first + 1, last=last + 1, overrides=self.request.windows)
            closes = doses[last][1] + hours.most
            if rule.before_next_dosing and last + 1 < len(given):
                closes = min(closes, doses[last + 1][0])
            lacking = rule.visits_per_unit - sum(one.held or 0 for one in given[first : last + 1])
            if lacking > 0 and closes >= self.ground.first_minute:
                yield first, last

    def _units(self, rule: FollowUpRule, doses: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The places (first, last) of each unit's doses; only units that end with a planned dose."""
        weeks = [self.ground.local(start).isocalendar()[:2] for start, _ in doses]
        for place, dose in enumerate(self.wanted, start=len(self.given)):
            if rule.coverage is Coverage.WEEKLY:
                if place + 1 == len(doses) or weeks[place + 1] != weeks[place]:
                    yield weeks.index(weeks[place]), place
            elif facts.unit_ends_here(rule=rule, dose=dose):
                yield place, place

    def _unit_duty(
        self,
        rule: FollowUpRule,
        found: tuple[VisitOption, ...],
        unit: tuple[int, int],
        doses: Sequence[tuple[int, int]],
        following: int | None,
    ) -> Duty:
        window = facts.hours(rule=rule, first=unit[0] + 1, last=unit[1] + 1, overrides=self.request.windows)
        start, end = doses[unit[1]]
        if rule.min_hours < 0:
            first, last = start + window.least, start + window.most
            if unit[1]:
                first = max(first, doses[unit[1] - 1][1])
            if rule.not_same_day:
                last = min(last, self._midnight(start, 0) - 1)
            return Duty(
                FOLLOW_UP,
                unit[1],
                found,
                first,
                last,
                start,
                (start + window.ideal_from, start + window.ideal_to),
            )
        opened = doses[unit[0]][1]
        first = opened + window.least
        if rule.not_same_day:
            first = max(first, self._midnight(opened, 1))
        over_by = following if rule.before_next_dosing else None
        band = (opened + window.ideal_from, end + window.ideal_to)
        return Duty(FOLLOW_UP, unit[1], found, first, end + window.most, over_by, band)

    # Placing them

    def _visits(
        self, duties: Sequence[Duty], doses: Sequence[DoseOption], placed: list[Placed], cost: int
    ) -> None:
        if self._hopeless(cost):
            return
        if not duties:
            total = cost + self._changes(placed)
            if self._rooms_work(doses, placed) and (self.best is None or total < self.best):
                self.best = total
            return
        duty, rest = duties[0], duties[1:]
        for option in duty.found:
            if not duty.first <= option.start <= duty.last or (
                duty.over_by is not None and option.end > duty.over_by
            ):
                continue
            if self._clashes(option, doses, placed) or self._crowded(duty, option, placed):
                continue
            for one, more in self._ways(duty, option):
                self._visits(rest, doses, [*placed, one], cost + more)

    def _ways(self, duty: Duty, option: VisitOption) -> Iterator[tuple[Placed, int]]:
        weights = self.request.weights
        outside = 0
        if duty.band is not None:
            outside = max(duty.band[0] - option.start, option.start - duty.band[1], 0)
        for person, unmet in option.people.items():
            ways = [(room, option.unmet_in_person) for room in option.rooms]
            ways += [(None, option.unmet_remote)] if option.remote else []  # type: ignore[list-item]
            for room, by_mode in ways:
                cost = weights.preference * (unmet + by_mode + option.unmet_time) + weights.window_hour * -(
                    -outside // 60
                )
                yield Placed(duty.kind, duty.unit, option.start, option.end, person, room), cost

    def _clashes(self, option: VisitOption, doses: Sequence[DoseOption], placed: Sequence[Placed]) -> bool:
        if any(option.start < one.end and one.start < option.end for one in placed):
            return True
        times = [(one.start, one.start + dose.minutes) for one, dose in zip(doses, self.wanted, strict=True)]
        return any(option.start < end and start < option.end for start, end in times)

    def _crowded(self, duty: Duty, option: VisitOption, placed: Sequence[Placed]) -> bool:
        """Too many of a unit's visits on one day, or not in order (two visits of one duty are alike)."""
        rule = self.request.protocol.follow_up
        mine = [one for one in placed if one.kind == duty.kind and one.unit == duty.unit]
        if duty.kind != FOLLOW_UP or rule is None:
            return False
        if mine and option.start < mine[-1].start:
            return True
        return sum(self._day(one.start) == self._day(option.start) for one in mine) >= rule.max_per_day

    def _changes(self, placed: Sequence[Placed]) -> int:
        people = [one.person for one in sorted(placed, key=lambda one: one.start) if one.kind == FOLLOW_UP]
        changes = sum(before != after for before, after in zip(people, people[1:], strict=False))
        return changes * self.request.weights.therapist_change

    def _rooms_work(self, doses: Sequence[DoseOption], placed: Sequence[Placed]) -> bool:
        """Whether each dose has a room that nothing of the plan enters during its turnover."""
        turnover = self.request.protocol.turnover_minutes
        for option, dose in zip(doses, self.wanted, strict=True):
            end = option.start + dose.minutes
            entered = {one.room for one in placed if end <= one.start < end + turnover}
            if option.rooms and not set(option.rooms) - entered:
                return False
        return True
