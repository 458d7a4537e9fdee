"""The least repair of a small course by plain enumeration, from the text of `repair.py` alone.

Every choice of starts for the visits that may move is walked; a branch is left when it already costs as much
as the best one. It shares the look-ups of the other oracles (`ground`, `facts`) and nothing of the planner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.repair import RepairRequest
from scheduling.planning.values import Availability
from tests.scheduling.planning.oracle import facts
from tests.scheduling.planning.oracle.brute import TooLarge
from tests.scheduling.planning.oracle.repair_ways import (
    DOSES,
    FOLLOW_UPS,
    MINUTE,
    PERSON,
    PLACE,
    TOLD,
    Choice,
    Piece,
    Ways,
)


@dataclass(frozen=True, slots=True)
class Told:
    """A dose of one branch: when, and which piece (None: given)."""

    start: int
    end: int
    phase: str
    sequence: int
    piece: Piece | None
    ref: str


@dataclass(frozen=True, slots=True)
class Duty:
    """A visit around the doses, and the minutes in which it may start."""

    piece: Piece
    unit: int
    first: int
    last: int
    over_by: int
    band: tuple[int, int] | None


class Enumeration(Ways):
    """One case; `least()` is the answer."""

    def __init__(self, *, asked: RepairRequest, availability: Availability, steps: int) -> None:
        super().__init__(asked=asked, availability=availability)
        self.steps = steps
        self.wanted = self._wanted()
        self.best: int | None = None

    def least(self) -> tuple[int, int, int, int, int] | None:
        """(told visits moved, minutes, people, places, cost), or None where nothing keeps the rules."""
        told = [
            Told(self._minute(v.start), self._minute(v.end), str(v.phase), v.sequence, None, v.ref)
            for v in self.given
        ]
        self._doses(told, 0)
        if self.best is None:
            return None
        rest, found = self.best, []
        for unit in (TOLD, MINUTE, PERSON, PLACE):
            found.append(rest // unit)
            rest %= unit
        return (found[0], found[1], found[2], found[3], rest)

    def _hopeless(self, cost: int) -> bool:
        self.steps -= 1
        if self.steps < 0:
            raise TooLarge
        return self.best is not None and cost >= self.best

    def _day(self, minute: int) -> int:
        return self.ground.day(minute).toordinal()

    # Doses

    def _wanted(self) -> list[tuple[facts.Dose, Piece]]:
        live = [piece for piece in self.pieces if piece.kind in DOSES]
        names = [phase.name for phase in self.request.protocol.phases]
        if not self.replan:
            found = []
            for number, piece in enumerate(live, start=len(self.given) + 1):
                assert piece.old is not None
                phase = self.request.protocol.phases[names.index(str(piece.old.phase))]
                found.append(
                    (
                        facts._dose(self.request, phase, number, piece.old.sequence, phase.sessions or 0),
                        piece,
                    )
                )
            return found
        reach = [names.index(str(piece.old.phase)) for piece in live if piece.old]
        if self.request.through_phase:
            reach.append(names.index(self.request.through_phase))
        wanted = facts.planned_doses(self.request)
        if reach:
            wider = facts.planned_doses(replace(self.request, through_phase=names[max(reach)]))
            wanted = max(wanted, wider, key=len)
        left = list(live)
        new = Piece(self.request.protocol.dose_kind, None, None, False)
        return [(dose, left.pop(0) if left else new) for dose in wanted]

    def _doses(self, told: list[Told], cost: int) -> None:
        if self._hopeless(cost):
            return
        place = len(told) - len(self.given)
        if place == len(self.wanted):
            if self.wanted:
                today = facts.local_date(zone=self.request.zone, instant=self.request.not_before)
                cost += self.request.weights.finish_day * (self._day(told[-1].start) - today.toordinal())
            gone, duties = self._duties(told)
            self._visits(duties, told, [], cost + gone)
            return
        dose, piece = self.wanted[place]
        for choice in self._dose_choices(place, dose, piece):
            if told and choice.start < told[-1].end:
                continue
            more = self._step(told, dose, piece, choice)
            if more is not None:
                ref = piece.old.ref if piece.old else f"new-{place}"
                one = Told(choice.start, choice.end, dose.phase.name, dose.sequence, piece, ref)
                self._doses([*told, one], cost + choice.cost + more)

    def _step(self, told: Sequence[Told], dose: facts.Dose, piece: Piece, choice: Choice) -> int | None:
        day, weights = self._day(choice.start), self.request.weights
        stays = self._stood(piece) == day
        if not told:
            late = day >= facts.first_day(self.request).toordinal()
            return 0 if late or stays or piece.at is not None else None
        week = [one for one in told if day - self._day(one.start) < 7]
        own, cap = dose.phase.max_per_rolling_7_days, facts.course_cap(self.request)
        full = (own and sum(one.phase == dose.phase.name for one in week) >= own) or (
            cap and len(week) >= cap
        )
        gap = day - self._day(told[-1].start)
        assert dose.spacing is not None
        around = [*week, told[-1]]
        accepted = stays and not self.replan and all(self._stays(one) for one in around)
        if (full or not dose.spacing[0] <= gap <= dose.spacing[2]) and not accepted:
            return None
        old, new = self.ground.local(told[-1].start), self.ground.local(choice.start)
        cost = weights.spacing_day * abs(gap - dose.spacing[1])
        cost += weights.weekday_change * (old.weekday() != new.weekday())
        return cost + weights.hour_change * abs(old.hour - new.hour)

    def _stood(self, piece: Piece) -> int | None:
        return None if piece.old is None else self._day(self._minute(piece.old.start))

    def _stays(self, one: Told) -> bool:
        return one.piece is None or self._stood(one.piece) == self._day(one.start)

    # What the doses ask for

    def _duties(self, told: Sequence[Told]) -> tuple[int, list[Duty]]:
        duties = [*self._preparations(told), *self._reviews(told)]
        gone = 0
        if self.rule is not None:
            gone, mine = self._follow_ups(self.rule, told)
            duties = [*mine, *duties]
        return gone, duties

    def _midnight(self, minute: int, days: int) -> int:
        day = self.ground.day(minute) + timedelta(days=days)
        return self._minute(facts.day_begins(zone=self.request.zone, day=day))

    def _preparations(self, told: Sequence[Told]) -> Iterator[Duty]:
        step = self.request.protocol.preparation
        mine = [piece for piece in self.pieces if piece.kind == "preparation"]
        if step is None or self.given:
            return
        held = sum(one.visit.kind == "preparation" for one in self.asked.standing) - len(mine)
        if self.replan:
            mine += [Piece("preparation", None, None, False)] * (step.count - len(mine) - held)
        least, most = step.before_hours
        start = told[0].start
        for piece in mine:
            yield Duty(piece, -1, start - 60 * most, start - 60 * least, start, None)

    def _reviews(self, told: Sequence[Told]) -> Iterator[Duty]:
        for place, one in enumerate(told):
            refs = [one.ref]
            mine = [p for p in self.pieces if p.kind.endswith("_review") and p.old and p.old.follows in refs]
            if self.replan and one.piece is not None:
                dose = self.wanted[place - len(self.given)][0]
                due = {
                    "plan_review": facts.wants_plan_review(self.request, dose),
                    "medication_review": facts.wants_medication_review(self.request, dose),
                }
                there = [piece.kind for piece in mine]
                mine += [
                    Piece(k, None, None, False) for k, wanted in due.items() if wanted and k not in there
                ]
            device = self.request.protocol.dose_kind == "device"
            first = one.end if device else max(one.end, self._midnight(one.start, 1))
            if place + 1 < len(told):
                last = over_by = told[place + 1].start
            else:
                over_by, last = 10**9, 10**9
                if one.piece is not None:
                    days = facts.review_days(self.request, self.wanted[-1][0])
                    last = self._midnight(one.start, days + 1) - 1
            for piece in mine:
                yield Duty(piece, -1, first, last, over_by, None)

    def _key(self, rule: FollowUpRule, phase: str, sequence: int, day: date, ref: str) -> tuple[object, ...]:
        if rule.coverage is Coverage.WEEKLY:
            return tuple(day.isocalendar()[:2])
        if rule.coverage is Coverage.EACH_N:
            return (phase, (sequence - 1) // rule.n)
        return (ref,)

    def _standing_units(self, rule: FollowUpRule) -> dict[tuple[object, ...], list[Piece]]:
        keys: dict[str, tuple[object, ...]] = {}
        found: dict[tuple[object, ...], list[Piece]] = {}
        for one in (one.visit for one in self.asked.standing if one.visit.kind in DOSES):
            day = facts.local_date(zone=self.request.zone, instant=one.start)
            keys[one.ref] = self._key(rule, str(one.phase), one.sequence, day, one.ref)
            found[keys[one.ref]] = []
        for piece in self.pieces:
            if piece.kind in FOLLOW_UPS and piece.old is not None:
                found[keys[str(piece.old.follows)]].append(piece)
        self.held = dict.fromkeys(found, 0)
        for visit in self.attended:
            self.held[keys[str(visit.follows)]] += 1
        return found

    def _follow_ups(self, rule: FollowUpRule, told: Sequence[Told]) -> tuple[int, list[Duty]]:
        standing = self._standing_units(rule)
        groups: dict[tuple[object, ...], list[int]] = {}
        for place, one in enumerate(told):
            key = self._key(rule, one.phase, one.sequence, self.ground.day(one.start), one.ref)
            groups.setdefault(key, []).append(place)
        gone = sum(TOLD * p.told for key, pieces in standing.items() if key not in groups for p in pieces)
        kind = FOLLOW_UPS[rule.coverage is Coverage.GROUP]
        duties = []
        for key, group in groups.items():
            pieces = list(standing.get(key, ()))
            known = key in standing
            planned = told[group[-1]].piece is not None
            if (self.replan and (planned or self._still_open(rule, told, group))) or not known:
                lacking = rule.visits_per_unit - len(pieces) - self.held.get(key, 0)
                pieces += [Piece(kind, None, None, False)] * lacking
            if rule.min_hours < 0 and not planned:
                continue
            duties += [self._unit_duty(rule, piece, group, told) for piece in pieces]
        return gone, duties

    def _still_open(self, rule: FollowUpRule, told: Sequence[Told], group: Sequence[int]) -> bool:
        """Whether the window of a unit of given doses reaches beyond `not_before` as the course stands."""
        hours = facts.hours(rule=rule, first=group[0] + 1, last=group[-1] + 1, overrides=self.request.windows)
        closes = told[group[-1]].end + hours.most
        live = [piece.old for piece in self.pieces if piece.kind in DOSES and piece.old is not None]
        if rule.before_next_dosing and live and group[-1] + 1 == len(self.given):
            closes = min(closes, self._minute(live[0].start))
        elif rule.before_next_dosing and group[-1] + 1 < len(self.given):
            closes = min(closes, told[group[-1] + 1].start)
        return closes >= self.ground.first_minute

    def _unit_duty(
        self, rule: FollowUpRule, piece: Piece, group: Sequence[int], told: Sequence[Told]
    ) -> Duty:
        hours = facts.hours(rule=rule, first=group[0] + 1, last=group[-1] + 1, overrides=self.request.windows)
        dose = told[group[-1]]
        if rule.min_hours < 0:
            first, last = dose.start + hours.least, dose.start + hours.most
            if group[-1]:
                first = max(first, told[group[-1] - 1].end)
            if rule.not_same_day:
                last = min(last, self._midnight(dose.start, 0) - 1)
            band = (dose.start + hours.ideal_from, dose.start + hours.ideal_to)
            return Duty(piece, group[-1], first, last, dose.start, band)
        opened = told[group[0]].end if rule.coverage is Coverage.WEEKLY else dose.end
        first = opened + hours.least
        if rule.not_same_day:
            first = max(first, self._midnight(opened, 1))
        over_by = 10**9
        if rule.before_next_dosing and group[-1] + 1 < len(told):
            over_by = told[group[-1] + 1].start
        band = (opened + hours.ideal_from, dose.end + hours.ideal_to)
        return Duty(piece, group[-1], first, dose.end + hours.most, over_by, band)

    # Placing them

    def _visits(
        self, duties: Sequence[Duty], told: Sequence[Told], placed: list[tuple[Duty, Choice]], cost: int
    ) -> None:
        if self._hopeless(cost):
            return
        if not duties:
            people = [choice.person for duty, choice in placed if duty.unit >= 0]
            changes = sum(a != b for a, b in zip(people, people[1:], strict=False))
            total = cost + changes * self.request.weights.therapist_change
            if self.best is None or total < self.best:
                self.best = total
            return
        duty, rest = duties[0], duties[1:]
        number = next((n for n, piece in enumerate(self.pieces) if piece is duty.piece), None)
        if number is None:
            kinds = (*FOLLOW_UPS, "preparation", "plan_review", "medication_review")
            number = 1000 + kinds.index(duty.piece.kind)
        for choice in self._visit_choices(duty.piece, number):
            inside = duty.first <= choice.start <= duty.last and choice.end <= duty.over_by
            if inside and self._fits(duty, choice, told, placed):
                outside = 0
                if duty.band is not None:
                    outside = max(duty.band[0] - choice.start, choice.start - duty.band[1], 0)
                more = choice.cost + self.request.weights.window_hour * -(-outside // 60)
                self._visits(rest, told, [*placed, (duty, choice)], cost + more)

    def _fits(
        self, duty: Duty, choice: Choice, told: Sequence[Told], placed: Sequence[tuple[Duty, Choice]]
    ) -> bool:
        taken = [(one.start, one.end) for one in told] + [(one.start, one.end) for _, one in placed]
        if any(choice.start < end and start < choice.end for start, end in taken):
            return False
        if duty.unit < 0 or self.rule is None:
            return True
        mine = [one for other, one in placed if other.unit >= 0]
        if mine and choice.start < mine[-1].end:
            return False
        same = [one for other, one in placed if other.unit == duty.unit]
        return sum(self._day(one.start) == self._day(choice.start) for one in same) < self.rule.max_per_day
