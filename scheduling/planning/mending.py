"""A standing course as a problem for the search: its own doses, and for every visit what it costs to stay or
to move."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from scheduling.planning import grid as grids
from scheduling.planning import steps as dosing
from scheduling.planning import windows
from scheduling.planning.bonds import Bonds, Piece
from scheduling.planning.gaps import INF, NEVER, AnyOffer, GroupOffer, Offer, Opening, Owed, Task
from scheduling.planning.grid import Grid
from scheduling.planning.menus import Calendar, Free
from scheduling.planning.owing import week
from scheduling.planning.problem import Offers, Problem
from scheduling.planning.protocol import Coverage, FollowUpRule, Preparation, Review
from scheduling.planning.stays import SHIFT, TOLD, FixedOffer, Need, Stays
from scheduling.planning.steps import DoseStep
from scheduling.planning.values import Availability, Span

SPARE_DAYS = 28
DAY = 1440


def calendar_of(bonds: Bonds, availability: Availability, free: Free | None = None) -> Calendar:
    """A standing course's calendar: from `not_before` to 26 weeks on, or 4 weeks beyond its last visit."""
    request = bonds.request
    today = windows.local_day(zone=request.zone, instant=request.not_before)
    fixed = list(bonds.fixed())
    standing = [piece.old for piece in pieces_of(bonds) if piece.old is not None]
    last = max((visit.end for visit in (*fixed, *standing)), default=request.not_before)
    horizon = max(
        dosing.horizon_end(request),
        windows.local_day(zone=request.zone, instant=last) + timedelta(days=SPARE_DAYS),
    )
    # A given dose shapes windows that reach before today; the grid must know its days.
    since = min((visit.start for visit in bonds.given), default=request.not_before)
    first = max(windows.local_day(zone=request.zone, instant=since), today - timedelta(days=SPARE_DAYS))
    grid = Grid(
        zone=request.zone,
        minutes=request.grid_minutes,
        first=min(first, today) - timedelta(days=1),
        last=horizon - timedelta(days=1),
        extra=[grids.minute_of(visit.start) for visit in (*fixed, *standing)],
    )
    # The patient is where fixed visits are; those themselves ask no calendar.
    busy = tuple(Span(visit.start, visit.end) for visit in (*bonds.past, *fixed))
    around = replace(availability, patient_busy=(*availability.patient_busy, *busy))
    begins = grids.minute_after(request.not_before)
    return Calendar(request, around, grid, first=begins, last=grid.day_begins[horizon.toordinal()], free=free)


def pieces_of(bonds: Bonds) -> list[Piece]:
    """Every piece of the course, the loose ones too."""
    found = [*bonds.doses, *bonds.preparations, *bonds.loose]
    found += [piece for unit in bonds.follow_ups.values() for piece in unit]
    return found + [piece for gap in bonds.reviews.values() for piece in gap]


class RepairProblem(Problem):
    """The search's view of a standing course.

    With `near`, doses that are not free to move stay within so many days of where they stand.
    """

    def __init__(self, calendar: Calendar, bonds: Bonds, *, replan: bool, near: int | None = None) -> None:
        self.bonds, self.replan, self.near = bonds, replan, near
        self.stays = Stays(calendar, bonds.loose, replan=replan)
        self.pieces: dict[str, tuple[Piece, Need | None]] = {}
        self._offered: dict[tuple[str, str | None], Offers] = {}
        self._standing_days = self._days_as_they_stand(calendar)
        self._removal = self._cost_of_weeks()
        super().__init__(calendar)

    # The doses

    def _steps(self) -> tuple[DoseStep, ...]:
        return self.bonds.steps

    def _earliest(self) -> list[int]:
        # A standing course may be sooner than arithmetic allows; its finish is counted from today.
        today = windows.local_day(zone=self.request.zone, instant=self.request.not_before)
        return [today.toordinal()] * max(1, len(self.steps))

    def _days_as_they_stand(self, calendar: Calendar) -> list[int | None]:
        zone = self.bonds.request.zone
        visits = [*self.bonds.given, *(piece.old for piece in self.bonds.doses)]
        return [
            None if one is None else windows.local_day(zone=zone, instant=one.start).toordinal()
            for one in visits
        ]

    def _dose_days(self, step: DoseStep) -> dict[int, list[tuple[int, int]]]:
        index = step.ordinal - self.steps[0].ordinal
        piece, grid = self.bonds.doses[index], self.grid
        if piece.at is not None:
            slot = grid.from_minute(grids.minute_of(piece.at.start))
            day = grid.day[slot] if slot < grid.size else 0
            return {day: [(slot, self._removed_around(index, day))]} if day else {}
        found: dict[int, list[tuple[int, int]]] = {}
        stands = None if piece.old is None else grids.minute_of(piece.old.start)
        free = piece.old is None or (self.replan and not piece.told)
        moved = TOLD if piece.told else 0
        reach = self._reach(index, None if free else stands)
        for cost, bits in self.stays.dose(piece, step.needs, step.minutes):
            for slot in grids.slots_in(bits & reach):
                at, day = grid.at[slot], grid.day[slot]
                away = 0 if free or at == stands or stands is None else moved + SHIFT * abs(at - stands)
                found.setdefault(day, []).append((slot, cost + away))
        around = {day: self._removed_around(index, day) for day in found}
        return {day: sorted((slot, cost + around[day]) for slot, cost in found[day]) for day in sorted(found)}

    def _reach(self, index: int, stands: int | None) -> int:
        """The starts that a dose may have at all: from the course's first day, where it stands, and near
        that."""
        first, last = self.grid.at[0], self.grid.at[-1]
        if not (index or self.request.given):
            first = self.grid.day_begins.get(dosing.start_day(self.request).toordinal(), first)
        if stands is None:
            return self.grid.between(first, last)
        if self.near is not None:
            away = self.near * DAY
            first, last = max(first, stands - away), min(last, stands + away)
        return self.grid.between(first, last) | self.grid.between(stands, stands)

    def dose_rooms(self, index: int, slot: int) -> list[str]:
        """The rooms in which a dose in a slot can be: the one it has first."""
        piece = self.bonds.doses[index]
        if piece.at is not None:
            return [piece.at.room] if piece.at.room else []
        rooms = super().dose_rooms(index, slot)
        held = piece.old.room if piece.old is not None else None
        if held is not None and self.stays.stay_slot(piece) == slot and held not in rooms:
            rooms.append(held)
        return sorted(rooms, key=lambda room: (room != held, room))

    def accepted_day(self, index: int, recent: Sequence[tuple[int, int]]) -> int | None:
        """Where a dose stands, when all that it is measured against stand too: that was accepted."""
        if self.replan or not recent:
            return None
        at = len(self.past) + index
        mine = self._standing_days[at]
        for back, (day, _) in enumerate(reversed(recent), start=1):
            if mine is None or ((back == 1 or mine - day < 7) and day != self._standing_days[at - back]):
                return None
        return mine

    def least_on(self, index: int, day: int) -> tuple[int, int]:
        """A bound from the day alone: the cheapest start and follow-ups of any of its starts."""
        slots = self.doses[index][day]
        local = min(cost for _, cost in slots)
        follow = self._least_follow_ups(index, slots[0][0], slots[-1][0])
        return local + follow, 0 if self.rule is not None and self.rule.is_before else follow

    def least_follow_up(self, index: int, slot: int) -> int:
        """The least that the follow-ups of a dose in a slot cost."""
        return self._least_follow_ups(index, slot, slot)

    def _least_follow_ups(self, index: int, first: int, last: int) -> int:
        if self.rule is None or self.rule.coverage is Coverage.WEEKLY or not self.visits_after(index):
            return 0
        opens = self.before_opening if self.rule.is_before else self.after_opening
        one, two = opens(index, first), opens(index, last)
        opening = Opening(one.first, two.last, one.band_from, two.band_to)
        total = 0
        for task in self.unit_tasks(self.steps[index].ordinal, self.visits_after(index), opening, None):
            found = [offer.best(opening) for _, offer in task.offers]
            total += min((one[0] for one in found if one is not None), default=NEVER)
        return total

    # The follow-ups

    def _follow_offers(self) -> tuple[list[str], Offers]:
        # Whoever holds a follow-up or could: only their numbers matter here.
        if self.rule is None:
            return [], ()
        names = {person.id for person in self.calendar.with_role(self.rule.role)}
        if self.rule.coverage is Coverage.GROUP:
            options = self.calendar.group_options("group_integration")
            for option in options:
                self.sessions.setdefault((option.person, option.start), option.session)
            names = {option.person for option in options}
        for unit in self.bonds.follow_ups.values():
            for visit in (one for piece in unit for one in (piece.old, piece.at) if one is not None):
                names.add(visit.staffing[0].practitioner if visit.staffing else "")
        return sorted(names), ()

    def visits_after(self, index: int) -> int:
        """Visits of the unit that ends with this dose, as the course has them."""
        if self.rule is None or self.rule.coverage is Coverage.WEEKLY or not self.bonds.ends_unit(index):
            return 0
        return len(self.bonds.follow_ups.get(self.steps[index].ordinal, ()))

    def visits_of(self, unit: int) -> int:
        """Visits of a weekly unit; a week that had no doses gets what the protocol asks for."""
        return len(self._of_unit(unit))

    def _of_unit(self, unit: int) -> list[Piece]:
        assert self.rule is not None
        if self.rule.coverage is Coverage.WEEKLY and unit not in self.bonds.follow_ups:
            return [Piece("integration")] * self.rule.visits_per_unit
        return self.bonds.follow_ups.get(unit, [])

    def unit_tasks(
        self, unit: int, lacking: int, opening: Opening, after: tuple[int, int] | None
    ) -> list[Task]:
        """The last `lacking` visits of a unit, each with its own offers."""
        room = None
        if after is not None and self.rule is not None and self.rule.coverage is not Coverage.GROUP:
            room = self._held_room(*after, max(opening.first, self.end_of(*after)), self.rule)
        pieces = self._of_unit(unit)
        return [
            Task(f"unit-{unit}.{number}", unit, self._offers_of(unit, number, pieces[number], room), opening)
            for number in range(len(pieces) - lacking, len(pieces))
        ]

    def _offers_of(self, unit: int, number: int, piece: Piece, room: str | None) -> Offers:
        key = (f"unit-{unit}.{number}", room)
        if key not in self._offered:
            assert self.rule is not None
            self._offered[key] = self._follow_up(key[0], piece, self.rule, room)
        return self._offered[key]

    def _follow_up(self, ref: str, piece: Piece, rule: FollowUpRule, room: str | None) -> Offers:
        need = self.stays.shape(piece, rule)
        self.pieces[ref] = (piece, need)
        weight = self.weights.window_hour
        if piece.at is not None:
            who = piece.at.staffing[0].practitioner if piece.at.staffing else ""
            return ((self.people.index(who), self._fixed(piece, weight)),)
        if rule.coverage is Coverage.GROUP:
            options = self.stays.sessions(piece, self.calendar.group_options("group_integration"))
            by_lead = {lead: [one for one in options if one.person == lead] for lead in self.people}
            return tuple(
                (self.people.index(lead), GroupOffer(mine, weight)) for lead, mine in by_lead.items() if mine
            )
        found: list[tuple[int, AnyOffer]] = []
        known = {person.id: person for person in self.calendar.people}
        for number, name in enumerate(self.people):
            if name in known:
                offer = self.stays.offer(piece, need, weight, known[name], room)
                if offer is not None:
                    found.append((number, offer))
        return tuple(found)

    def _fixed(self, piece: Piece, weight: int) -> FixedOffer:
        assert piece.at is not None
        return FixedOffer(grids.minute_of(piece.at.start), grids.minute_after(piece.at.end), weight)

    def given_units(self) -> list[Owed]:
        """What the units whose doses are all given still have to come, by their windows."""
        found = []
        given = len(self.request.given)
        for unit in self.bonds.units:
            last = unit.doses[-1].ordinal
            weekly = self.rule is not None and self.rule.coverage is Coverage.WEEKLY
            key = week(self._standing_days[unit.doses[0].ordinal - 1] or 0) if weekly else last
            count = len(self.bonds.follow_ups.get(key, ()))
            if last <= given and count and self.rule is not None and not self.rule.is_before:
                first, end = (grids.minute_after(dose.end) for dose in (unit.doses[0], unit.doses[-1]))
                opening, closing = self.offsets(unit.doses[0].ordinal), self.offsets(last)
                edges = Opening(
                    self.opens(first, opening) if weekly else self.opens(end, closing),
                    end + closing.most,
                    first + opening.band_from if weekly else end + closing.band_from,
                    end + closing.band_to,
                )
                found.append(Owed(key, count, edges, False))
        return found

    # What else lies between

    def review_tasks(self, index: int, slot: int) -> list[Task]:
        """The reviews that lie between this dose and the next."""
        return [
            self._other(f"review-{index}.{number}", piece, self._review_opening(index, slot), (index, slot))
            for number, piece in enumerate(self.bonds.reviews.get(index, ()))
        ]

    def reviews_after(self, index: int) -> int:
        """How many reviews follow a dose."""
        return len(self.bonds.reviews.get(index, ()))

    def tasks_before_first(self, slot: int | None) -> list[Task]:
        """Preparations before the first dose, and the reviews that follow the last given one."""
        found = []
        for number, piece in enumerate(self.bonds.reviews.get(-1, ())):
            found.append(self._other(f"review--1.{number}", piece, self._after_given(), None))
        preparation = self.request.protocol.preparation
        if preparation is not None and slot is not None:
            least, most = preparation.before_hours
            start = self.grid.at[slot]
            opening = Opening(start - most * 60, start - least * 60)
            for number, piece in enumerate(self.bonds.preparations):
                found.append(self._other(f"preparation-{number}", piece, opening, None))
        return found

    def _after_given(self) -> Opening:
        assert self.before is not None
        first = self.before.end
        if self.request.protocol.dose_kind == "dosing":
            first = max(first, self.grid.day_begins.get(self.before.day + 1, first))
        return Opening(first, INF)

    def _other(self, ref: str, piece: Piece, opening: Opening, after: tuple[int, int] | None) -> Task:
        protocol = self.request.protocol
        steps: dict[str, Preparation | Review | None] = {
            "preparation": protocol.preparation,
            "plan_review": protocol.plan_review,
            "medication_review": protocol.medication_review,
        }
        step = steps[piece.kind] or Review(30, "prescriber", ("in_person", "video", "phone"))
        room = None
        if after is not None and isinstance(step, Review):
            room = self._held_room(*after, opening.first, step)
        key = (ref, room)
        if key not in self._offered:
            need = self.stays.shape(piece, step)
            self.pieces[ref] = (piece, need)
            if piece.at is not None:
                self._offered[key] = ((-1, self._fixed(piece, 0)),)
            else:
                offer = self.stays.offer(piece, need, 0, None, room)
                self._offered[key] = ((-1, offer),) if offer is not None else ()
        return Task(ref, -3, self._offered[key], opening)

    # What cannot stay

    def least(self) -> int:
        """At least what any plan costs: the visits that the patient was told of and that cannot be where
        they stand, whoever gives them."""
        return TOLD * sum(1 for piece, offers in self._told() if not self._could_stay(piece, offers))

    def _told(self) -> Iterator[tuple[Piece, Offers]]:
        for unit, pieces in self.bonds.follow_ups.items():
            for number, piece in enumerate(pieces):
                if piece.told and piece.at is None:
                    yield piece, self._offers_of(unit, number, piece, None)
        others = [
            *((f"preparation-{number}", piece) for number, piece in enumerate(self.bonds.preparations)),
            *(
                (f"review-{index}.{number}", piece)
                for index, pieces in self.bonds.reviews.items()
                for number, piece in enumerate(pieces)
            ),
        ]
        for ref, piece in others:
            if piece.told and piece.at is None:
                yield piece, self._other(ref, piece, Opening(0, INF), None).offers

    def _could_stay(self, piece: Piece, offers: Offers) -> bool:
        assert piece.old is not None
        slot = self.grid.from_minute(grids.minute_of(piece.old.start))
        return any(
            not isinstance(offer, Offer) or any(bits >> slot & 1 for _, bits in offer.classes)
            for _, offer in offers
        )

    # Weekly units

    def _cost_of_weeks(self) -> dict[int, int]:
        rule = self.bonds.request.protocol.follow_up
        if rule is None or rule.coverage is not Coverage.WEEKLY:
            return {}
        return {
            number: TOLD * sum(1 for piece in pieces if piece.told)
            for number, pieces in self.bonds.follow_ups.items()
        }

    def skipping(self, day: int, following: int) -> int:
        """The visits that the patient was told of in weeks that have no dose any more."""
        return self._removed(week(day), week(following))

    def _removed(self, after: int, before: int) -> int:
        return sum(cost for number, cost in self._removal.items() if after < number < before)

    def _removed_around(self, index: int, day: int) -> int:
        cost = self._removed(week(day), 1 << 20) if index + 1 == len(self.steps) else 0
        if index == 0:
            cost += self._removed(week(self.before.day) if self.before else -1, week(day))
        return cost
