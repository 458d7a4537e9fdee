"""When each visit of a standing course could be, and what that costs: most to move, then how far, then people
and places.

One integer holds the whole order of what a repair minimises, so that the search need not know of it: told
visits moved, minutes shifted, changes of practitioner, changes of mode and room, and below all of them the
ordinary cost of a plan.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from scheduling.planning import grid as grids
from scheduling.planning import judging, occupation, scoring
from scheduling.planning.bonds import Piece, minutes_of
from scheduling.planning.gaps import Found, GroupOffer, Offer, Opening, hours_outside
from scheduling.planning.menus import Calendar, Classes, GroupOption, disjoint
from scheduling.planning.protocol import FollowUpRule, Preparation, Review, Series, StaffNeed
from scheduling.planning.values import IN_PERSON, SEATS, PlannedVisit, Practitioner, Staffing

PLACE = 1 << 44
PERSON = 1 << 56
SHIFT = 1 << 68
TOLD = 1 << 96
"""What a change of place (2: of mode), of a person, of a minute and of a told visit weigh; below is the
ordinary cost."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a visit other than a dose needs."""

    role: str
    modes: tuple[str, ...]
    room_kinds: tuple[str, ...]
    minutes: int


class StayOffer(Offer):
    """One person's starts for a visit that stands: each costs its distance from where it stands."""

    __slots__ = ("_groups", "_minute", "_moved", "_slot")

    def __init__(self, offer: Offer, minute: int, *, told: bool) -> None:
        super().__init__(offer.grid, offer.classes, offer.length, offer.weight)
        self._minute, self._moved = minute, TOLD if told else 0
        self._slot = offer.grid.from_minute(minute)
        # Within one group nothing outweighs a minute, so the nearest start is the best.
        groups: dict[int, Classes] = {}
        for cost, bits in offer.classes:
            groups.setdefault(cost // SHIFT, []).append((cost, bits))
        self._groups = list(groups.values())

    def best(self, opening: Opening) -> Found | None:
        """The cheapest start in the opening, the earliest of equals."""
        at = self.grid.at
        low = bisect_left(at, opening.first)
        high = bisect_right(at, min(opening.last, opening.until - self.length), low)
        if high <= low:
            return None
        mask = (1 << (high - low)) - 1
        found = [
            self._at(slot, classes, opening)
            for classes in self._groups
            for slot in self._nearest(classes, low, mask)
        ]
        if not found:
            return None
        cost, slot = min(found)
        return cost, at[slot], at[slot] + self.length

    def _nearest(self, classes: Classes, low: int, mask: int) -> Iterator[int]:
        bits = 0
        for _, group in classes:
            bits |= group
        bits = (bits >> low) & mask
        here = max(self._slot - low, 0)
        later, sooner = bits >> here, bits & ((1 << here) - 1)
        if later:
            yield low + here + (later & -later).bit_length() - 1
        if sooner:
            yield low + sooner.bit_length() - 1

    def _at(self, slot: int, classes: Classes, opening: Opening) -> tuple[int, int]:
        at = self.grid.at[slot]
        cost = next(cost for cost, bits in classes if bits >> slot & 1)
        if at != self._minute:
            cost += self._moved + SHIFT * abs(at - self._minute)
        return cost + self.weight * hours_outside(at, opening), slot


class FixedOffer(GroupOffer):
    """A visit that is where a person put it."""

    __slots__ = ("_end", "_start")

    def __init__(self, start: int, end: int, weight: int) -> None:
        super().__init__((), weight)
        self._start, self._end = start, end

    def soonest(self, opening: Opening) -> int | None:
        """Its end, where its start lies in the opening."""
        inside = opening.first <= self._start <= opening.last and self._end <= opening.until
        return self._end if inside else None

    def best(self, opening: Opening) -> Found | None:
        """Itself, where its start lies in the opening."""
        if self.soonest(opening) is None:
            return None
        return self.weight * hours_outside(self._start, opening), self._start, self._end


class Stays:
    """The menus of one course's visits. `loose` visits may be moved out of the way, at what that costs."""

    def __init__(self, calendar: Calendar, loose: Sequence[Piece], *, replan: bool) -> None:
        self.calendar, self.grid, self.replan = calendar, calendar.grid, replan
        self.loose = [piece for piece in loose if piece.at is None]

    def shape(self, piece: Piece, step: FollowUpRule | Preparation | Review | Series) -> Need:
        """What a visit needs, for as long as it already is."""
        return Need(step.role, step.modes, step.room_kinds, minutes_of(piece) or step.minutes)

    # Where a visit stands

    def stay_slot(self, piece: Piece) -> int | None:
        """The slot in which a visit can stay as it is, with all its people and its room; None where not."""
        visit = piece.old
        if visit is None or visit.group_session is not None or not self._patient_can_stay(visit):
            return None
        for one in visit.staffing:
            if not occupation.is_free(self.calendar.availability, one, visit):
                return None
        if visit.room is not None and visit.mode == IN_PERSON:
            room = next((one for one in self.calendar.rooms if one.id == visit.room), None)
            length = minutes_of(Piece(visit.kind, visit)) or 0
            slot = self.grid.from_minute(grids.minute_of(visit.start))
            if room is None:
                return None
            if not self.calendar.room_starts(room, length + visit.turnover_minutes) >> slot & 1:
                return None
        return self.grid.from_minute(grids.minute_of(visit.start))

    def _patient_can_stay(self, visit: PlannedVisit) -> bool:
        start, end = grids.minute_of(visit.start), grids.minute_after(visit.end)
        slot = self.grid.from_minute(start)
        if slot >= self.grid.size or self.grid.at[slot] != start:
            return False
        if self.replan:
            return bool(self.calendar.patient_starts(end - start) >> slot & 1)
        # The patient's limits and the grid were looked at when it was booked.
        return self.calendar.patient_is_free(start, end)

    def patient(self, piece: Piece, minutes: int) -> int:
        """Where the patient could be for a visit, where it stands included."""
        bits = self.calendar.patient_starts(minutes)
        if piece.old is not None and self._patient_can_stay(piece.old):
            bits |= 1 << self.grid.from_minute(grids.minute_of(piece.old.start))
        return bits

    def in_the_way(self, classes: Classes, minutes: int) -> Classes:
        """The same starts, dearer where a loose visit would have to make room."""
        by_cost: dict[int, int] = dict(classes)
        for piece in self.loose:
            visit = piece.old
            assert visit is not None
            first, last = grids.minute_of(visit.start) - minutes + 1, grids.minute_after(visit.end) - 1
            over, more = self.grid.between(first, last), SHIFT + (TOLD if piece.told else 0)
            for cost, bits in [(cost, bits & over) for cost, bits in by_cost.items() if bits & over]:
                by_cost[cost] &= ~bits
                by_cost[cost + more] = by_cost.get(cost + more, 0) | bits
        return sorted((cost, bits) for cost, bits in by_cost.items() if bits)

    # Visits with one person

    def offer(
        self, piece: Piece, need: Need, weight: int, person: Practitioner | None, but_room: str | None = None
    ) -> Offer | None:
        """When a visit could be with a person (None: with anyone), and at what cost."""
        classes = self._as_it_is(piece, person)
        for one in self.calendar.with_role(need.role) if person is None else [person]:
            classes += self._single(piece, need, one, but_room)
        by_cost: dict[int, int] = {}
        for cost, bits in classes:
            by_cost[cost] = by_cost.get(cost, 0) | bits
        free = self.in_the_way(disjoint(by_cost), need.minutes)
        return self.standing(piece, Offer(self.grid, free, need.minutes, weight)) if free else None

    def standing(self, piece: Piece, offer: Offer) -> Offer:
        """The offer with the cost of moving; a visit that nobody was told of is free to move in a replan."""
        if piece.old is None or (self.replan and not piece.told):
            return offer
        return StayOffer(offer, grids.minute_of(piece.old.start), told=piece.told)

    def _as_it_is(self, piece: Piece, person: Practitioner | None) -> Classes:
        visit, slot = piece.old, self.stay_slot(piece)
        if visit is None or slot is None:
            return []
        if person is not None and person.id not in [one.practitioner for one in visit.staffing[:1]]:
            return []
        weight = self.calendar.request.weights.preference
        return [(scoring.unmet_wishes(self.calendar, visit) * weight, 1 << slot)]

    def _single(self, piece: Piece, need: Need, person: Practitioner, but_room: str | None) -> Classes:
        calendar, weight = self.calendar, self.calendar.request.weights.preference
        if need.role not in person.roles:
            return []
        free = calendar.person_starts(person, need.minutes, SEATS) & self.patient(piece, need.minutes)
        if not free:
            return []
        base = calendar.person_wishes_unmet(person, need.role) * weight
        if piece.old and piece.old.staffing:
            base += PERSON * (person.id not in [one.practitioner for one in piece.old.staffing])
        wished = calendar.request.preferences.modality
        wishes, found = calendar.time_wishes(need.minutes), []
        for mode in need.modes:
            unmet = weight if wished in need.modes and mode != wished else 0
            for place, bits in self._places(piece, need, mode, but_room):
                for cost, group in calendar.classes(free & bits, wishes, 0):
                    if group:
                        found.append((base + unmet + place * PLACE + cost, group))
        return found

    def _places(self, piece: Piece, need: Need, mode: str, but_room: str | None) -> Iterator[tuple[int, int]]:
        """The ways to hold a visit in a mode: (changes of place, starts)."""
        old = piece.old
        if mode != IN_PERSON:
            yield (0 if old is None else judging.place_changes(old, mode, None)), self.grid.everything
            return
        for room in self.calendar.of_kinds(need.room_kinds):
            if room.id != but_room:
                changes = 0 if old is None else judging.place_changes(old, mode, room.id)
                yield changes, self.calendar.room_starts(room, need.minutes)

    # Group sessions

    def sessions(self, piece: Piece, options: Sequence[GroupOption]) -> list[GroupOption]:
        """The sessions that a group visit could join; its own has its place."""
        visit = piece.old
        if visit is None or (self.replan and not piece.told):
            return list(options)
        lead = visit.staffing[0].practitioner if visit.staffing else ""
        found = []
        for one in options:
            cost = one.cost + PERSON * (one.person != lead)
            if one.session.id != visit.group_session:
                shift = abs(one.start - grids.minute_of(visit.start))
                cost += PLACE + SHIFT * shift + (TOLD if piece.told and shift else 0)
            found.append(GroupOption(one.start, one.end, one.person, cost, one.session))
        return found

    # Doses

    def dose(self, piece: Piece, needs: tuple[StaffNeed, ...], minutes: int) -> Classes:
        """The starts of a dose, by what its people, room and wishes cost."""
        protocol, calendar = self.calendar.request.protocol, self.calendar
        bits = self.patient(piece, minutes)
        old, rooms = piece.old, [(0, bits)]
        if protocol.room_kinds:
            rooms = [
                (
                    PLACE * (judging.place_changes(old, IN_PERSON, room.id) if old else 0),
                    bits & calendar.room_starts(room, minutes + protocol.turnover_minutes),
                )
                for room in calendar.of_kinds(protocol.room_kinds)
            ]
        wishes, staffed = calendar.time_wishes(minutes), []
        for changes, unmet, group in self._staffed(piece, needs, minutes, bits):
            split = calendar.classes(group, wishes, unmet)
            staffed += [(cost + changes * PERSON, part) for cost, part in split if part]
        by_cost: dict[int, int] = {}
        for place, roomed in rooms:
            for cost, group in staffed:
                by_cost[cost + place] = by_cost.get(cost + place, 0) | (group & roomed)
        slot = self.stay_slot(piece)
        if slot is not None and old is not None:
            cost = scoring.unmet_wishes(calendar, old) * calendar.request.weights.preference
            by_cost[cost] = by_cost.get(cost, 0) | 1 << slot
        return self.in_the_way(disjoint(by_cost), minutes)

    def _staffed(
        self, piece: Piece, needs: tuple[StaffNeed, ...], minutes: int, bits: int
    ) -> Iterator[tuple[int, int, int]]:
        """(people changed, wishes unmet, starts) of every way to keep some of the people."""
        held = held_by(needs, piece.old.staffing if piece.old else ())
        known = {person.id: person for person in self.calendar.people}
        able = [number for number, who in held.items() if who in known]
        for count in range(len(able), -1, -1):
            for kept in combinations(able, count):
                free = bits
                for number in kept:
                    need = needs[number]
                    free &= self.calendar.person_starts(known[held[number]], minutes, need.seats)
                rest = [need for number, need in enumerate(needs) if number not in kept]
                mine = [(needs[number].role, held[number]) for number in kept]
                if free:
                    for unmet, group in self._wished(needs, rest, mine, minutes, free):
                        if group:
                            yield len(held) - count, unmet, group

    def _wished(
        self,
        needs: Sequence[StaffNeed],
        rest: Sequence[StaffNeed],
        kept: Sequence[tuple[str, str]],
        minutes: int,
        bits: int,
    ) -> Iterator[tuple[int, int]]:
        """(wishes unmet, starts) with some people kept and the rest of the needs filled."""
        used = tuple(who for _, who in kept)
        wished, therapist = self.calendar.wished_at(needs)
        for people_met in (True, False) if wished else (True,):
            for lead_met in (True, False) if therapist else (True,):
                left = wished if wished and people_met and not wished.intersection(used) else None
                lead = therapist if lead_met and ("therapist", therapist) not in kept else None
                group = self.calendar.staffings(rest, minutes, bits, (left, lead), used)
                yield int(not people_met) + int(not lead_met), group


def held_by(needs: Sequence[StaffNeed], staffing: Sequence[Staffing]) -> dict[int, str]:
    """Who fills each need of a dose as it stands, by the need's number."""
    left, found = list(staffing), {}
    for number, need in enumerate(needs):
        mine = next((one for one in left if one.role == need.role), None)
        if mine is not None:
            left.remove(mine)
            found[number] = mine.practitioner
    return found
