"""For every kind of visit, when it could start and how many of its wishes would be unmet: the calendar,
asked once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from scheduling.planning import cost as costs
from scheduling.planning import grid as grids
from scheduling.planning import steps as dosing
from scheduling.planning import windows
from scheduling.planning.grid import Grid, Stretch
from scheduling.planning.protocol import FollowUpRule, Preparation, Review, Series, StaffNeed, room_kinds_of
from scheduling.planning.values import (
    IN_PERSON,
    SEATS,
    Availability,
    GroupSession,
    PlanRequest,
    Practitioner,
    Room,
)

Classes = list[tuple[int, int]]
"""(cost, starts) by rising cost; the sets are disjoint."""

Free = dict[tuple[str, int], list[Stretch]]
"""When each person has so many seats free, and each room all of them: the same whatever is asked."""

Step = FollowUpRule | Preparation | Review | Series
MODES = (IN_PERSON, "video", "phone")


@dataclass(frozen=True, slots=True)
class GroupOption:
    """A group session that the patient could join."""

    start: int
    end: int
    person: str
    cost: int
    session: GroupSession


class Calendar:
    """Free starts of every person and room, remembered by visit length. One for a request and its
    availability."""

    def __init__(
        self,
        request: PlanRequest,
        availability: Availability,
        grid: Grid,
        *,
        first: int,
        last: int,
        free: Free | None = None,
    ) -> None:
        self.request = request
        self.availability = availability
        self.grid = grid
        self.people = sorted(availability.practitioners, key=lambda person: person.id)
        self.rooms = sorted(availability.rooms, key=lambda room: room.id)
        self._bounds = (first, last)
        self._free: Free = {} if free is None else free
        self._starts: dict[tuple[str, str, int, int], int] = {}
        self._patient: dict[int, int] = {}
        self._wishes: dict[int, list[int]] = {}
        self._menus: dict[object, Classes] = {}
        self.notes: dict[object, dict[int, int]] = {}
        """What a search found out about this calendar alone, for the next one on it."""
        self._days: dict[object, dict[int, list[tuple[int, int]]]] = {}
        busy = grids.merged(availability.patient_busy)
        self._patient_free = grids.without([(first, last)], busy)

    def varied(self, request: PlanRequest, availability: Availability | None = None) -> "Calendar":
        """The same calendar under another request, or with people and rooms added; what is known of the rest
        is kept.

        Never with people or rooms changed: they are known by their ids.
        """
        other = Calendar(
            request, availability or self.availability, self.grid, first=self._bounds[0], last=self._bounds[1]
        )
        other._free, other._starts = self._free, self._starts
        if request.hard_limits == self.request.hard_limits:
            other._patient, other._wishes = self._patient, self._wishes
            if availability is None or availability is self.availability:
                other._menus, other._days, other.notes = self._menus, self._days, self.notes
            else:
                fresh = _Fresh(self, other)
                other._menus = {key: menu for key, menu in self._menus.items() if not fresh.changes(key)}
                other._days = {key: days for key, days in self._days.items() if not fresh.changes(key)}
                if not fresh.helps_between():
                    # Whoever is new cannot hold a visit between doses; what is known of those still stands.
                    other.notes = self.notes
        return other

    def with_role(self, role: str) -> list[Practitioner]:
        """The people who hold a role, by id."""
        return [person for person in self.people if role in person.roles]

    def of_kinds(self, kinds: Sequence[str]) -> list[Room]:
        """The rooms that serve as one of the kinds, by id."""
        wanted = set(kinds)
        return [room for room in self.rooms if wanted.intersection(room_kinds_of(room.kind))]

    def person_starts(self, person: Practitioner, length: int, seats: int) -> int:
        """Where a person could begin: on shift throughout, and with the seats free unless only on site (0
        seats)."""
        key = ("p", person.id, length, seats)
        if key not in self._starts:
            self._starts[key] = self.grid.starts(self._person_free(person, seats), length)
        return self._starts[key]

    def _person_free(self, person: Practitioner, seats: int) -> list[Stretch]:
        key = (person.id, seats)
        if key not in self._free:
            shifts = grids.merged(person.on_shift)
            self._free[key] = grids.without(shifts, grids.crowded(person.busy, seats)) if seats else shifts
        return self._free[key]

    def room_starts(self, room: Room, length: int) -> int:
        """Where a room is open and free for a length."""
        key = ("r", room.id, length, 0)
        if key not in self._starts:
            free_key = (f"room {room.id}", SEATS)
            if free_key not in self._free:
                self._free[free_key] = grids.without(grids.merged(room.open), grids.crowded(room.busy, SEATS))
            self._starts[key] = self.grid.starts(self._free[free_key], length)
        return self._starts[key]

    def any_room(self, kinds: Sequence[str], length: int, *, but: str | None = None) -> int:
        """Where some room of the kinds is free for a length, leaving one room out."""
        bits = 0
        for room in self.of_kinds(kinds):
            if room.id != but:
                bits |= self.room_starts(room, length)
        return bits

    def patient_starts(self, length: int) -> int:
        """Where the patient could begin: free, within the hard limits, after `not_before` and inside the
        horizon."""
        if length not in self._patient:
            limits = self.request.hard_limits
            bits = self.grid.starts(self._patient_free, length) & self.grid.regular
            if limits.weekdays_never:
                bits &= ~self.grid.on_weekdays(limits.weekdays_never)
            if limits.not_before is not None or limits.not_after is not None:
                bits &= self.grid.at_times(limits.not_before, limits.not_after, length)
            self._patient[length] = bits
        return self._patient[length]

    def time_wishes(self, length: int) -> list[int]:
        """For each wish about weekday and time of day, the starts that meet it."""
        if length not in self._wishes:
            wish, found = self.request.preferences, []
            if wish.weekdays:
                found.append(self.grid.on_weekdays(wish.weekdays))
            if wish.time_of_day is not None:
                found.append(self.grid.at_times(*wish.time_of_day, length))
            self._wishes[length] = found
        return self._wishes[length]

    def classes(self, bits: int, wishes: Iterable[int], unmet: int) -> Classes:
        """Split starts by the number of wishes unmet, `unmet` of them in any case."""
        weight = self.request.weights.preference
        found = {unmet * weight: bits}
        for met in wishes:
            split: dict[int, int] = {}
            for cost, group in found.items():
                split[cost] = split.get(cost, 0) | (group & met)
                split[cost + weight] = split.get(cost + weight, 0) | (group & ~met)
            found = split
        return sorted((cost, group) for cost, group in found.items() if group)

    def person_wishes_unmet(self, person: Practitioner, role: str) -> int:
        """Wishes about people that this person in this role leaves unmet."""
        wish, unmet = self.request.preferences, 0
        if person.id not in wish.practitioners:
            unmet += any(other.id in wish.practitioners for other in self.with_role(role))
        if role == "therapist" and wish.therapist is not None and person.id != wish.therapist:
            unmet += any(other.id == wish.therapist for other in self.with_role(role))
        return unmet

    def single(self, step: Step, person: Practitioner, *, but_room: str | None = None) -> Classes:
        """Starts of a visit with one person, by unmet wishes; `but_room` is not to be used."""
        key = (step, person.id, but_room)
        if key not in self._menus:
            self._menus[key] = self._single(step, person, but_room)
        return self._menus[key]

    def _single(self, step: Step, person: Practitioner, but_room: str | None) -> Classes:
        length = step.minutes
        free = self.person_starts(person, length, SEATS) & self.patient_starts(length)
        if not free:
            return []
        wishes = list(self.time_wishes(length))
        roomless = any(mode != IN_PERSON for mode in step.modes)
        roomed = self.any_room(step.room_kinds, length, but=but_room) if IN_PERSON in step.modes else 0
        if not roomless:
            free &= roomed
        wished = self.request.preferences.modality
        if wished in step.modes:
            wishes.append(roomed if wished == IN_PERSON else self.grid.everything)
        return self.classes(free, wishes, self.person_wishes_unmet(person, step.role))

    def anyone(self, step: Step, *, but_room: str | None = None) -> Classes:
        """Starts of a visit with whoever holds the role, by the fewest wishes unmet; `but_room` is not to be
        used."""
        key = (step, None, but_room)
        if key not in self._menus:
            by_cost: dict[int, int] = {}
            for person in self.with_role(step.role):
                for cost, bits in self.single(step, person, but_room=but_room):
                    by_cost[cost] = by_cost.get(cost, 0) | bits
            self._menus[key] = disjoint(by_cost)
        return self._menus[key]

    def dose(self, needs: tuple[StaffNeed, ...], minutes: int) -> Classes:
        """Starts of a dose: patient, room for block and turnover, every need by a different person."""
        key = (needs, minutes)
        if key not in self._menus:
            self._menus[key] = self._dose(needs, minutes)
        return self._menus[key]

    def dose_days(self, needs: tuple[StaffNeed, ...], minutes: int) -> dict[int, list[tuple[int, int]]]:
        """The starts of a dose as (slot, cost) by local day."""
        key = (needs, minutes)
        if key not in self._days:
            found: dict[int, list[tuple[int, int]]] = {}
            for cost, bits in self.dose(needs, minutes):
                for slot in grids.slots_in(bits):
                    found.setdefault(self.grid.day[slot], []).append((slot, cost))
            self._days[key] = {day: sorted(found[day]) for day in sorted(found)}
        return self._days[key]

    def _dose(self, needs: tuple[StaffNeed, ...], minutes: int) -> Classes:
        protocol = self.request.protocol
        bits = self.patient_starts(minutes)
        if protocol.room_kinds:
            bits &= self.any_room(protocol.room_kinds, minutes + protocol.turnover_minutes)
        weight = self.request.weights.preference
        by_cost: dict[int, int] = {}
        for unmet, staffed in self._staffed(needs, minutes, bits):
            for cost, group in self.classes(staffed, self.time_wishes(minutes), 0):
                by_cost[cost + unmet * weight] = by_cost.get(cost + unmet * weight, 0) | group
        return disjoint(by_cost)

    def wished_at(self, needs: Sequence[StaffNeed]) -> tuple[set[str], str | None]:
        """The wished people and the wished therapist who could be at a visit with these needs."""
        wish = self.request.preferences
        roles = {need.role for need in needs}
        wished = {p.id for p in self.people if p.id in wish.practitioners and roles & p.roles}
        leads = "therapist" in roles and any(
            person.id == wish.therapist and "therapist" in person.roles for person in self.people
        )
        return wished, wish.therapist if leads else None

    def _staffed(self, needs: tuple[StaffNeed, ...], minutes: int, bits: int) -> list[tuple[int, int]]:
        wished, therapist = self.wished_at(needs)
        found = []
        for people_met in (True, False) if wished else (True,):
            for therapist_met in (True, False) if therapist else (True,):
                named = (wished if wished and people_met else None, therapist if therapist_met else None)
                staffed = self.staffings(needs, minutes, bits, named)
                found.append((int(not people_met) + int(not therapist_met), staffed))
        return found

    def staffings(
        self,
        needs: Sequence[StaffNeed],
        minutes: int,
        bits: int,
        named: tuple[set[str] | None, str | None] = (None, None),
        used: tuple[str, ...] = (),
    ) -> int:
        """Where different people can fill the needs, among them one of `named[0]`, and `named[1]` as
        therapist."""
        if not bits:
            return 0
        if not needs:
            return 0 if named[0] or named[1] else bits
        need, rest = needs[0], needs[1:]
        mine_ids = {person.id for person in self.with_role(need.role)}
        apart = not any(person.id in mine_ids for other in rest for person in self.with_role(other.role))
        if apart and named == (None, None):
            free = 0
            for person in self.with_role(need.role):
                if person.id not in used:
                    free |= self.person_starts(person, minutes, need.seats)
            return self.staffings(rest, minutes, bits & free, named, used)
        found = 0
        for person in self.with_role(need.role):
            if person.id not in used:
                left = named[0] if named[0] is None or person.id not in named[0] else None
                lead = None if need.role == "therapist" and person.id == named[1] else named[1]
                mine = bits & self.person_starts(person, minutes, need.seats)
                found |= self.staffings(rest, minutes, mine, (left, lead), (*used, person.id))
        return found

    def group_options(self, kind: str) -> list[GroupOption]:
        """The group sessions with a place that the patient could come to, by start and id."""
        found = []
        for session in sorted(self.availability.group_sessions, key=lambda one: (one.span.start, one.id)):
            start, end = grids.minute_of(session.span.start), grids.minute_after(session.span.end)
            if session.kind == kind and session.places_left > 0 and self._patient_can(start, end):
                person = session.practitioners[0] if session.practitioners else ""
                found.append(GroupOption(start, end, person, self._group_cost(start, end), session))
        return found

    def patient_is_free(self, start: int, end: int) -> bool:
        """Whether the patient is nowhere else, whatever their limits."""
        return any(begins <= start and end <= ends for begins, ends in self._patient_free)

    def _patient_can(self, start: int, end: int) -> bool:
        limits = self.request.hard_limits
        if not self.patient_is_free(start, end) or _weekday(self.grid.zone, start) in limits.weekdays_never:
            return False
        return _keeps_times(self.grid.zone, start, end, limits.not_before, limits.not_after)

    def _group_cost(self, start: int, end: int) -> int:
        wish, unmet = self.request.preferences, 0
        if wish.weekdays and _weekday(self.grid.zone, start) not in wish.weekdays:
            unmet += 1
        if wish.time_of_day is not None:
            unmet += not _keeps_times(self.grid.zone, start, end, *wish.time_of_day)
        return unmet * self.request.weights.preference


class _Fresh:
    """The roles and kinds of rooms that one calendar has more people and rooms of than another."""

    def __init__(self, before: Calendar, after: Calendar) -> None:
        people, rooms = {one.id for one in before.people}, {one.id for one in before.rooms}
        self.protocol = before.request.protocol
        self.roles = {role for one in after.people if one.id not in people for role in one.roles}
        self.kinds = {kind for one in after.rooms if one.id not in rooms for kind in room_kinds_of(one.kind)}

    def changes(self, key: object) -> bool:
        """Whether a menu may be another: of a step, by person, or of a dose's needs."""
        assert isinstance(key, tuple)
        if len(key) == 2:
            roles = {need.role for need in key[0]}
            return bool(roles & self.roles or self.kinds.intersection(self.protocol.room_kinds))
        step, person, _ = key
        # Whoever is new is nobody's wish, so the menus of the others stay.
        return bool((person is None and step.role in self.roles) or self.kinds.intersection(step.room_kinds))

    def helps_between(self) -> bool:
        """Whether what is new could serve a visit between doses."""
        protocol = self.protocol
        steps = [protocol.follow_up, protocol.preparation, protocol.plan_review, protocol.medication_review]
        return any(
            step is not None and (step.role in self.roles or self.kinds.intersection(step.room_kinds))
            for step in steps
        )


def calendar_for(request: PlanRequest, availability: Availability) -> Calendar:
    """The calendar from `not_before` to the horizon."""
    begins = dosing.start_day(request)
    today = windows.local_day(zone=request.zone, instant=request.not_before)
    first = max(min(today, begins), begins - timedelta(days=dosing.HORIZON_DAYS + 14))
    if request.given:
        # A given dose shapes windows that reach before today; the grid must know its days.
        first = min(first, begins - timedelta(days=14))
    horizon = dosing.horizon_end(request)
    grid = Grid(
        zone=request.zone, minutes=request.grid_minutes, first=first, last=horizon - timedelta(days=1)
    )
    since = grids.minute_after(request.not_before)
    return Calendar(request, availability, grid, first=since, last=grid.day_begins[horizon.toordinal()])


def _weekday(zone: str, minute: int) -> int:
    return windows.local_day(zone=zone, instant=grids.instant_of(minute)).isoweekday()


def _keeps_times(zone: str, start: int, end: int, earliest: time | None, latest: time | None) -> bool:
    tz = windows.load_zone(zone)
    begins, ends = (grids.instant_of(minute).astimezone(tz) for minute in (start, end))
    return costs.within_time_of_day(start=begins, end=ends, earliest=earliest, latest=latest)


def disjoint(by_cost: dict[int, int]) -> Classes:
    """Starts by cost, each only where it is cheapest."""
    found: Classes = []
    cheaper = 0
    for cost, bits in sorted(by_cost.items()):
        if bits & ~cheaper:
            found.append((cost, bits & ~cheaper))
        cheaper |= bits
    return found
