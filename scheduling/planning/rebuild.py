"""From a solved repair to the course afterwards: every visit with its people, place and window."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from scheduling.planning import grid as grids
from scheduling.planning import judging, staffing, units, windows
from scheduling.planning.bonds import Piece
from scheduling.planning.chain import Solution
from scheduling.planning.gaps import Placed
from scheduling.planning.mending import RepairProblem, pieces_of
from scheduling.planning.owing import week
from scheduling.planning.protocol import Coverage, Presence
from scheduling.planning.stays import Need, held_by
from scheduling.planning.steps import DoseStep
from scheduling.planning.units import TimedDose, Unit
from scheduling.planning.values import IN_PERSON, SEATS, GroupSession, PlannedVisit, Practitioner, Staffing

Kept = tuple[Piece, PlannedVisit]
"""A piece and the visit that it became."""


class Rebuilder:
    """Gives every visit of a solution its people, room, mode, window and name; what stays is not touched."""

    def __init__(self, problem: RepairProblem, solution: Solution) -> None:
        self.problem, self.solution, self.calendar = problem, solution, problem.calendar
        self.bonds = problem.bonds
        known = [piece.old.ref for piece in pieces_of(self.bonds) if piece.old is not None]
        self._taken = {*known, *(visit.ref for visit in self.bonds.past)}
        self._numbers: Counter[str] = Counter()

    def chain(self) -> list[Kept]:
        """Every visit of the chain, by start."""
        found = [self._dose(index, step) for index, step in enumerate(self.problem.steps)]
        self._doses = [*self.bonds.given, *(visit for _, visit in found)]
        self._units = self._units_now()
        for number, group in enumerate((self.solution.before, *self.solution.after)):
            found += [self._place(place, number - 1) for place in group]
        return sorted(found, key=lambda kept: (kept[1].start, kept[1].ref))

    def _units_now(self) -> dict[int, Unit]:
        """The units by what the search calls them."""
        request, rule = self.problem.request, self.problem.rule
        doses = [
            TimedDose(number, visit.phase or "", visit.sequence, False, visit.start, visit.end)
            for number, visit in enumerate(self._doses, start=1)
        ]
        found = {}
        for unit in units.units_of(request, doses):
            day = windows.local_day(zone=request.zone, instant=unit.doses[0].start).toordinal()
            weekly = rule is not None and rule.coverage is Coverage.WEEKLY
            found[week(day) if weekly else unit.doses[-1].ordinal] = unit
        return found

    def _name(self, kind: str) -> str:
        """A ref for a new visit that no other has."""
        while True:
            self._numbers[kind] += 1
            name = f"{kind}-{self._numbers[kind]}"
            if name not in self._taken:
                self._taken.add(name)
                return name

    # Doses

    def _dose(self, index: int, step: DoseStep) -> Kept:
        piece, slot = self.bonds.doses[index], self.solution.slots[index]
        if piece.at is not None:
            return piece, piece.at
        if piece.old is not None and self.problem.stays.stay_slot(piece) == slot:
            if not self.problem.replan:
                return piece, piece.old
            return piece, replace(piece.old, phase=step.phase.name, sequence=step.sequence)
        protocol = self.problem.request.protocol
        room = self._dose_room(index, slot)
        people = self._dose_staff(piece, step, slot)
        start = self.problem.grid.at[slot]
        visit = PlannedVisit(
            ref=piece.old.ref if piece.old else self._name("dose"),
            kind=protocol.dose_kind,
            phase=step.phase.name,
            sequence=step.sequence,
            start=grids.instant_of(start),
            end=grids.instant_of(start + step.minutes),
            mode=IN_PERSON if protocol.room_kinds else "video" if people else "phone",
            staffing=people,
            room=room,
            turnover_minutes=protocol.turnover_minutes if room else 0,
        )
        return piece, visit

    def _dose_staff(self, piece: Piece, step: DoseStep, slot: int) -> tuple[Staffing, ...]:
        held = held_by(step.needs, piece.old.staffing if piece.old else ())
        roles = [need.role for need in step.needs]

        def worth(people: tuple[Practitioner, ...]) -> tuple[int, int]:
            changed = sum(people[number].id != who for number, who in held.items())
            return changed, staffing.wishes_unmet(self.calendar, roles, people)

        able = staffing.assignments(self.calendar, step.needs, step.minutes, slot, ())
        best = min(able, key=worth)
        pairs = zip(step.needs, best, strict=True)
        return tuple(Staffing(need.role, person.id, need.presence, need.seats) for need, person in pairs)

    def _dose_room(self, index: int, slot: int) -> str | None:
        rooms = self.problem.dose_rooms(index, slot)
        clear = self.problem.end_of(index, slot) + self.problem.request.protocol.turnover_minutes
        inside = [place for place in self.solution.after[index] if place.start < clear]
        for room in rooms:
            if all(next(self._settings(place, room), None) is not None for place in inside):
                return room
        return rooms[0] if rooms else None

    # The other visits

    def _place(self, place: Placed, index: int) -> Kept:
        piece, _ = self.problem.pieces[place.ref]
        held, dose = None, None
        if index >= 0:
            dose = self._doses[len(self.bonds.given) + index]
            if place.start < grids.minute_after(dose.end) + dose.turnover_minutes:
                held = dose.room
        visit = next(self._settings(place, held), None)
        assert visit is not None
        name, _, number = place.ref.partition("-")
        if name == "unit":
            unit = self._units[int(number.partition(".")[0])]
            dose = self._doses[unit.doses[-1].ordinal - 1]
            visit = replace(visit, window=units.window_of(self.problem.request, unit))
        if piece.old is None:
            ref = self._name(piece.kind)
            visit = replace(visit, ref=ref, sequence=self._numbers[piece.kind])
        if piece.old is None and dose is not None:
            visit = replace(visit, follows=dose.ref, phase=dose.phase)
        return piece, visit

    def at(self, piece: Piece, need: Need, start: int) -> PlannedVisit:
        """A loose visit at a start at which it can be."""
        place = Placed("loose", -1, start, start + need.minutes)
        self.problem.pieces[place.ref] = (piece, need)
        return next(self._settings(place, None))

    def _settings(self, place: Placed, but_room: str | None) -> Iterator[PlannedVisit]:
        """The ways to hold a visit at its place, the best first."""
        piece, need = self.problem.pieces[place.ref]
        if piece.at is not None:
            yield piece.at
            return
        rule = self.problem.rule
        if place.ref.startswith("unit-") and rule is not None and rule.coverage is Coverage.GROUP:
            yield self.joined(piece, self._session(place))
            return
        stays = self.problem.stays.stay_slot(piece) is not None and piece.old is not None
        same = stays and piece.old is not None and grids.minute_of(piece.old.start) == place.start
        if same and piece.old is not None and (piece.old.room is None or piece.old.room != but_room):
            named = [one.practitioner for one in piece.old.staffing[:1]]
            if place.person < 0 or self.problem.people[place.person] in named:
                yield piece.old
                return
        assert need is not None
        ways = sorted(self._ways(piece, need, place, but_room), key=lambda way: way[0])
        for _, person, mode, room in ways:
            yield self._visit(piece, place, need, (person, mode, room))

    def _ways(
        self, piece: Piece, need: Need, place: Placed, but_room: str | None
    ) -> Iterator[tuple[tuple[int, int, int, str, str], str, str, str | None]]:
        slot, old = self.problem.grid.from_minute(place.start), piece.old
        held = [one.practitioner for one in old.staffing] if old else []
        wished = self.problem.request.preferences.modality
        for person in self.calendar.with_role(need.role):
            free = self.calendar.person_starts(person, need.minutes, SEATS) >> slot & 1
            if not free or (place.person >= 0 and person.id != self.problem.people[place.person]):
                continue
            unmet = self.calendar.person_wishes_unmet(person, need.role)
            changed = int(bool(held) and person.id not in held)
            for order, (mode, room) in enumerate(self._modes(need, slot, but_room)):
                moved = 0 if old is None else judging.place_changes(old, mode, room)
                more = int(wished in need.modes and mode != wished)
                worth = (changed, moved, unmet + more, f"{order:03}" if old is None else "", person.id)
                yield worth, person.id, mode, room

    def _modes(self, need: Need, slot: int, but_room: str | None) -> Iterator[tuple[str, str | None]]:
        for mode in need.modes:
            if mode != IN_PERSON:
                yield mode, None
                continue
            for room in self.calendar.of_kinds(need.room_kinds):
                if room.id != but_room and self.calendar.room_starts(room, need.minutes) >> slot & 1:
                    yield mode, room.id

    def _visit(
        self, piece: Piece, place: Placed, need: Need, how: tuple[str, str, str | None]
    ) -> PlannedVisit:
        person, mode, room = how
        old = piece.old
        return PlannedVisit(
            ref=old.ref if old else "",
            kind=piece.kind,
            phase=old.phase if old else None,
            sequence=old.sequence if old else 0,
            start=grids.instant_of(place.start),
            end=grids.instant_of(place.end),
            mode=mode,
            staffing=(Staffing(need.role, person, Presence.EXCLUSIVE, SEATS),),
            room=room,
            follows=old.follows if old else None,
            window=old.window if old else None,
        )

    def joined(self, piece: Piece, session: GroupSession) -> PlannedVisit:
        """A group visit in a session."""
        if piece.old is not None and piece.old.group_session == session.id:
            return piece.old
        leads = tuple(Staffing("therapist", one, Presence.ON_SITE, 0) for one in session.practitioners)
        return PlannedVisit(
            ref=piece.old.ref if piece.old else "",
            kind=piece.kind,
            phase=piece.old.phase if piece.old else None,
            sequence=piece.old.sequence if piece.old else 0,
            start=session.span.start,
            end=session.span.end,
            mode=IN_PERSON if session.room else "video",
            staffing=leads,
            room=session.room,
            follows=piece.old.follows if piece.old else None,
            window=piece.old.window if piece.old else None,
            group_session=session.id,
        )

    def _session(self, place: Placed) -> GroupSession:
        return self.problem.sessions[self.problem.people[place.person], place.start]
