"""What each visit of a standing course may be by itself: every start, with the least that it costs there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import permutations

from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.repair import RepairRequest
from scheduling.planning.values import Availability, GivenDose, PlannedVisit, Span
from tests.scheduling.planning.oracle import facts, options, verify_units
from tests.scheduling.planning.oracle.ground import Ground

TOLD, MINUTE, PERSON, PLACE = 10**40, 10**28, 10**22, 10**16
DOSES = ("dosing", "device")
FOLLOW_UPS = ("integration", "group_integration")


@dataclass(frozen=True, slots=True)
class Piece:
    """A visit to place; `old` None is a new one, `at` where it must be."""

    kind: str
    old: PlannedVisit | None
    at: PlannedVisit | None
    told: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A start with the least that it costs by itself."""

    start: int
    end: int
    person: str
    cost: int


class Ways:
    """One case, and the choices of every visit in it."""

    def __init__(self, *, asked: RepairRequest, availability: Availability) -> None:
        self.asked, self.replan = asked, asked.replan
        placed = {visit.ref: visit for visit in asked.placed}
        over = [
            one.visit
            for one in asked.standing
            if one.given or (one.visit.start < asked.plan.not_before and one.visit.ref not in placed)
        ]
        self.given = sorted((v for v in over if v.kind in DOSES), key=lambda v: v.start)
        given = tuple(GivenDose(str(v.phase), v.sequence, v.start, v.end) for v in self.given)
        self.request = replace(asked.plan, given=given)
        self.pieces = [
            Piece(
                one.visit.kind,
                one.visit,
                placed.get(one.visit.ref, one.visit if one.pinned else None),
                one.told,
            )
            for one in sorted(asked.standing, key=lambda one: one.visit.start)
            if one.visit not in over
        ]
        self.attended = [visit for visit in over if visit.kind in FOLLOW_UPS]
        fixed = [*over, *(piece.at for piece in self.pieces if piece.at is not None)]
        busy = tuple(Span(visit.start, visit.end) for visit in fixed)
        around = replace(availability, patient_busy=(*availability.patient_busy, *busy))
        self.ground = Ground(request=self.request, availability=around)
        self.rule: FollowUpRule | None = self.request.protocol.follow_up
        if self.rule is not None and self.rule.coverage in (Coverage.NONE, Coverage.SERIES):
            self.rule = None
        self.known: dict[int, list[Choice]] = {}

    def _minute(self, instant: datetime) -> int:
        return self.ground.line.minute(instant)

    def _moved(self, piece: Piece, start: int) -> int:
        if piece.old is None or (self.replan and not piece.told):
            return 0
        away = abs(start - self._minute(piece.old.start))
        return away * MINUTE + (TOLD if away and piece.told else 0)

    def _starts(self, piece: Piece, length: int) -> Iterator[int]:
        """Where the patient could be, where the visit stands included."""
        stood = None if piece.old is None else self._minute(piece.old.start)
        for start in self.ground.minutes:
            if start != stood and self.ground.patient_can(start=start, length=length):
                yield start
        if stood is not None and self._can_stay(piece, stood, length):
            yield stood

    def _can_stay(self, piece: Piece, stood: int, length: int) -> bool:
        if self.replan:
            return stood in self.ground.minutes and self.ground.patient_can(start=stood, length=length)
        return not any(stood < b and a < stood + length for a, b in self.ground.taken)

    def _as_it_is(self, piece: Piece, start: int) -> bool:
        """Whether all its people and its room are free where it stands."""
        old = piece.old
        if old is None or self._minute(old.start) != start:
            return False
        end = self._minute(old.end)
        for one in old.staffing:
            free = self.ground.people.get(one.practitioner)
            if free is None or free.least(start=start, end=end) < one.seats:
                return False
        if old.room is None:
            return True
        room = self.ground.rooms.get(old.room)
        return room is not None and room.least(start=start, end=end + old.turnover_minutes) == 12

    def _dose_choices(self, place: int, dose: facts.Dose, piece: Piece) -> list[Choice]:
        if place not in self.known:
            found = list(self._dose_ways(dose, piece))
            self.known[place] = sorted(found, key=lambda one: one.cost)
        return self.known[place]

    def _dose_ways(self, dose: facts.Dose, piece: Piece) -> Iterator[Choice]:
        protocol, weight = self.request.protocol, self.request.weights.preference
        if piece.at is not None:
            yield Choice(self._minute(piece.at.start), self._minute(piece.at.end), "", self._unmet(piece.at))
            return
        length = dose.minutes
        if piece.old is not None:
            length = self._minute(piece.old.end) - self._minute(piece.old.start)
        for start in self._starts(piece, length):
            costs = []
            unmet_time = options._unmet_by_time(ground=self.ground, start=start, end=start + length)
            if self._as_it_is(piece, start) and piece.old is not None:
                people = [one.practitioner for one in piece.old.staffing]
                roles = [one.role for one in piece.old.staffing]
                unmet = options.unmet_people(ground=self.ground, roles=roles, people=people)
                costs.append(weight * (unmet + unmet_time))
            rooms: tuple[str | None, ...] = (None,)
            if protocol.room_kinds:
                rooms = self.ground.where(
                    kinds=protocol.room_kinds, start=start, length=length + protocol.turnover_minutes
                )
            places = [self._place(piece, "in_person", room) if room else 0 for room in rooms]
            for people_cost in self._staffings(dose, piece, start, length):
                if places and start + length <= self.ground.line.end:
                    costs.append(people_cost + min(places) + weight * unmet_time)
            if costs:
                yield Choice(start, start + length, "", min(costs) + self._moved(piece, start))

    def _unmet(self, visit: PlannedVisit) -> int:
        """The wishes that a visit leaves unmet where it is."""
        found = verify_units.unmet(self.request, self.ground.availability, visit, ())
        return found * self.request.weights.preference

    def _place(self, piece: Piece, mode: str, room: str | None) -> int:
        old = piece.old
        if old is None:
            return 0
        if old.mode != mode:
            return 2 * PLACE
        return PLACE * int(old.room is not None and room != old.room)

    def _staffings(self, dose: facts.Dose, piece: Piece, start: int, length: int) -> Iterator[int]:
        able = [
            self.ground.who(role=need.role, start=start, length=length, seats=need.seats)
            for need in dose.needs
        ]
        before = [(one.role, one.practitioner) for one in piece.old.staffing] if piece.old else []
        held = []
        for need in dose.needs:
            mine = next((pair for pair in before if pair[0] == need.role), None)
            held.append(mine)
            if mine is not None:
                before.remove(mine)
        roles = [need.role for need in dose.needs]
        for people in permutations(sorted(self.ground.people), len(dose.needs)):
            if all(person in who for person, who in zip(people, able, strict=True)):
                changed = sum(
                    pair is not None and pair[1] != person for pair, person in zip(held, people, strict=True)
                )
                unmet = options.unmet_people(ground=self.ground, roles=roles, people=people)
                yield changed * PERSON + unmet * self.request.weights.preference

    def _visit_choices(self, piece: Piece, number: int) -> list[Choice]:
        key = -1 - number
        if key not in self.known:
            self.known[key] = sorted(self._visit_ways(piece), key=lambda one: one.cost)
        return self.known[key]

    def _visit_ways(self, piece: Piece) -> Iterator[Choice]:
        if piece.at is not None:
            person = piece.at.staffing[0].practitioner if piece.at.staffing else ""
            start, end = self._minute(piece.at.start), self._minute(piece.at.end)
            yield Choice(start, end, person, self._unmet(piece.at))
            return
        if piece.kind == "group_integration":
            yield from self._group_ways(piece)
            return
        protocol = self.request.protocol
        step = {
            "preparation": protocol.preparation,
            "integration": protocol.follow_up,
            "plan_review": protocol.plan_review,
            "medication_review": protocol.medication_review,
        }[piece.kind]
        assert step is not None
        length = step.minutes
        if piece.old is not None:
            length = self._minute(piece.old.end) - self._minute(piece.old.start)
        held = [one.practitioner for one in piece.old.staffing] if piece.old else []
        weight, wished = self.request.weights.preference, self.request.preferences.modality
        for start in self._starts(piece, length):
            by_time = options._unmet_by_time(ground=self.ground, start=start, end=start + length)
            best: dict[str, int] = {}
            rooms = self.ground.where(kinds=step.room_kinds, start=start, length=length)
            ways: list[tuple[str, str | None]] = [
                ("in_person", r) for r in rooms if "in_person" in step.modes
            ]
            ways += [(mode, None) for mode in step.modes if mode != "in_person"]
            for person in self.ground.who(role=step.role, start=start, length=length, seats=12):
                unmet = by_time + options.unmet_people(ground=self.ground, roles=[step.role], people=[person])
                for mode, room in ways:
                    cost = weight * (unmet + (wished in step.modes and mode != wished))
                    cost += self._place(piece, mode, room) + PERSON * (bool(held) and person not in held)
                    best[person] = min(cost, best.get(person, cost))
            if self._as_it_is(piece, start) and piece.old is not None and held:
                roles = [one.role for one in piece.old.staffing]
                unmet = by_time + options.unmet_people(ground=self.ground, roles=roles, people=held)
                unmet += wished in step.modes and piece.old.mode != wished
                best[held[0]] = min(weight * unmet, best.get(held[0], weight * unmet))
            for person, cost in best.items():
                if start + length <= self.ground.line.end:
                    yield Choice(start, start + length, person, cost + self._moved(piece, start))

    def _group_ways(self, piece: Piece) -> Iterator[Choice]:
        old = piece.old
        free = old is None or (self.replan and not piece.told)
        lead = old.staffing[0].practitioner if old is not None and old.staffing else ""
        for option in options.group_options(ground=self.ground):
            person = next(iter(option.people))
            cost = option.unmet_time * self.request.weights.preference
            if not free and old is not None:
                cost += PERSON * (person != lead) + PLACE * (option.session != old.group_session)
                cost += self._moved(piece, option.start)
            yield Choice(option.start, option.end, person, cost)
