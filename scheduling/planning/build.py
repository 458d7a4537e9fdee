"""From a solved chain to the visits of a plan."""

from collections import Counter
from collections.abc import Sequence

from scheduling.planning import grid as grids
from scheduling.planning import staffing, units
from scheduling.planning.chain import Solution
from scheduling.planning.gaps import Placed
from scheduling.planning.menus import Step
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Coverage, Presence
from scheduling.planning.staffing import Setting
from scheduling.planning.units import TimedDose, Unit
from scheduling.planning.values import IN_PERSON, PlannedVisit, Staffing


class Builder:
    """Gives every visit of a solution its people, room, mode, window and name."""

    def __init__(self, problem: Problem, solution: Solution) -> None:
        self.problem = problem
        self.solution = solution
        self.calendar = problem.calendar
        self.numbers: Counter[str] = Counter()
        self.doses = timed_doses(problem, solution)
        self.units = units.units_of(problem.request, self.doses)

    def visits(self) -> list[PlannedVisit]:
        """Every visit of the chain, by start."""
        planned = [dose for dose in self.doses if dose.planned]
        found = [self._dose(index, dose) for index, dose in enumerate(planned)]
        groups = (self.solution.before, *self.solution.after)
        for place in sorted((place for group in groups for place in group), key=lambda place: place.start):
            found.append(self._place(place))
        return sorted(found, key=lambda visit: (visit.start, visit.ref))

    def _dose(self, index: int, dose: TimedDose) -> PlannedVisit:
        step, slot = self.problem.steps[index], self.solution.slots[index]
        people = staffing.dose_staff(self.calendar, step.needs, step.minutes, slot) or ()
        room = self._dose_room(index, slot)
        protocol = self.problem.request.protocol
        mode = IN_PERSON if protocol.room_kinds else "video" if people else "phone"
        return PlannedVisit(
            ref=f"dose-{dose.ordinal}",
            kind=protocol.dose_kind,
            phase=dose.phase,
            sequence=dose.sequence,
            start=dose.start,
            end=dose.end,
            mode=mode,
            staffing=people,
            room=room,
            turnover_minutes=protocol.turnover_minutes if room else 0,
        )

    def _dose_room(self, index: int, slot: int) -> str | None:
        rooms = self.problem.dose_rooms(index, slot)
        if not rooms:
            return None
        for room in rooms:
            if all(self._setting(place, but_room=room) is not None for place in self._in_turnover(index)):
                return room
        return rooms[0]

    def _in_turnover(self, index: int) -> list[Placed]:
        clear = (
            self.problem.end_of(index, self.solution.slots[index])
            + self.problem.request.protocol.turnover_minutes
        )
        return [
            place for place in self.solution.after[index] if place.start < clear and self._is_single(place)
        ]

    def _is_single(self, place: Placed) -> bool:
        return not (place.ref.startswith("unit-") and self._by_group())

    def _by_group(self) -> bool:
        rule = self.problem.rule
        return rule is not None and rule.coverage is Coverage.GROUP

    def _held_room(self, place: Placed) -> str | None:
        # The room of the dose before is not free for this visit until its turnover is over.
        for index, slot in enumerate(self.solution.slots):
            end = self.problem.end_of(index, slot)
            if end <= place.start < end + self.problem.request.protocol.turnover_minutes:
                return self._dose_room(index, slot)
        return None

    def _step(self, place: Placed) -> Step:
        protocol = self.problem.request.protocol
        name = place.ref.partition("@")[0].partition("-")[0]
        found: Step | None = protocol.follow_up
        if name == "preparation":
            found = protocol.preparation
        elif name == "plan_review":
            found = protocol.plan_review
        elif name == "medication_review":
            found = protocol.medication_review
        assert found is not None
        return found

    def _setting(self, place: Placed, *, but_room: str | None) -> Setting | None:
        slot = self.problem.grid.from_minute(place.start)
        person = self.problem.people[place.person] if place.person >= 0 else None
        return staffing.single(self.calendar, self._step(place), slot, person=person, but_room=but_room)

    def _place(self, place: Placed) -> PlannedVisit:
        name = place.ref.partition("@")[0].partition("-")[0]
        if name == "unit":
            return self._follow_up(place)
        setting = self._setting(place, but_room=self._held_room(place))
        assert setting is not None
        self.numbers[name] += 1
        after = place.ref.partition("@")[2]
        return PlannedVisit(
            ref=f"{name}-{self.numbers[name]}",
            kind=name,
            phase=self._phase_of(int(after)) if after else None,
            sequence=self.numbers[name],
            start=grids.instant_of(place.start),
            end=grids.instant_of(place.end),
            mode=setting.mode,
            staffing=setting.staffing,
            room=setting.room,
            follows=f"dose-{after}" if after else None,
        )

    def _phase_of(self, ordinal: int) -> str:
        return next(dose.phase for dose in self.doses if dose.ordinal == ordinal)

    def _follow_up(self, place: Placed) -> PlannedVisit:
        unit = self._unit_of(place)
        kind, session = "integration", None
        setting: Setting | None
        if self._by_group():
            kind = "group_integration"
            session = self.problem.sessions[self.problem.people[place.person], place.start]
            leads = tuple(Staffing("therapist", one, Presence.ON_SITE, 0) for one in session.practitioners)
            setting = Setting(IN_PERSON if session.room else "video", leads, session.room)
        else:
            setting = self._setting(place, but_room=self._held_room(place))
        assert setting is not None
        self.numbers[kind] += 1
        return PlannedVisit(
            ref=f"{kind}-{self.numbers[kind]}",
            kind=kind,
            phase=unit.doses[-1].phase,
            sequence=self.numbers[kind],
            start=grids.instant_of(place.start),
            end=grids.instant_of(place.end),
            mode=setting.mode,
            staffing=setting.staffing,
            room=setting.room,
            follows=f"dose-{unit.doses[-1].ordinal}",
            window=units.window_of(self.problem.request, unit),
            group_session=session.id if session else None,
        )

    def _unit_of(self, place: Placed) -> Unit:
        number = int(place.ref.removeprefix("unit-"))
        if self.problem.rule is not None and self.problem.rule.coverage is Coverage.WEEKLY:
            for unit in self.units:
                if (self._day_of(unit.doses[0]) - 1) // 7 == number:
                    return unit
        return next(unit for unit in self.units if unit.doses[-1].ordinal == number)

    def _day_of(self, dose: TimedDose) -> int:
        return self.problem.grid.day[self.problem.grid.from_minute(grids.minute_of(dose.start))]


def timed_doses(problem: Problem, solution: Solution) -> list[TimedDose]:
    """Given and planned doses in order, with their times."""
    given = sorted(problem.request.given, key=lambda dose: dose.start)
    found = [
        TimedDose(number, dose.phase, dose.sequence, False, dose.start, dose.end, False, dose.held)
        for number, dose in enumerate(given, start=1)
    ]
    for index, (step, slot) in enumerate(zip(problem.steps, solution.slots, strict=True)):
        start, end = grids.instant_of(problem.grid.at[slot]), grids.instant_of(problem.end_of(index, slot))
        found.append(TimedDose(step.ordinal, step.phase.name, step.sequence, step.last_of_phase, start, end))
    return found


def doses_by_start(visits: Sequence[PlannedVisit]) -> list[PlannedVisit]:
    """The doses among visits, by start."""
    return sorted(
        (visit for visit in visits if visit.kind in ("dosing", "device")), key=lambda visit: visit.start
    )
