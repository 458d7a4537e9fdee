"""One request and its calendar, prepared for the search: dose starts by day, and the tasks that each dose
brings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from scheduling.planning import grid as grids
from scheduling.planning import steps as dosing
from scheduling.planning import windows
from scheduling.planning.gaps import (
    INF,
    NEVER,
    AnyOffer,
    Filler,
    GroupOffer,
    Offer,
    Offsets,
    Opening,
    Owed,
    Task,
)
from scheduling.planning.menus import Calendar, Classes, GroupOption
from scheduling.planning.open_units import open_units
from scheduling.planning.protocol import Coverage, FollowUpRule, Preparation, Review
from scheduling.planning.steps import DoseStep
from scheduling.planning.values import IN_PERSON, GroupSession, PlanRequest

Offers = tuple[tuple[int, AnyOffer], ...]


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a proposal must keep beside the rules, so that it differs from another one."""

    first_day: date | None = None
    weekdays: tuple[int, ...] = ()
    hours: tuple[int, int] | None = None
    people: tuple[str, ...] = ()


ANYTHING = Restriction()


@dataclass(frozen=True, slots=True)
class Before:
    """The last given dose, as the first planned one sees it."""

    day: int
    wall_hour: int
    start: int
    end: int


class Problem:
    """What the search needs to know about a request, under one restriction."""

    def __init__(
        self, calendar: Calendar, restriction: Restriction = ANYTHING, *, only_first: int | None = None
    ) -> None:
        self.calendar = calendar
        self.request = calendar.request
        self.grid = calendar.grid
        self.weights = self.request.weights
        self.restriction = restriction
        self.steps = self._steps()[:only_first]
        self.rule = _live_rule(self.request)
        self.filler = Filler(
            self.grid, change=self.weights.therapist_change, per_day=self.rule.max_per_day if self.rule else 1
        )
        self.sessions: dict[tuple[str, int], GroupSession] = {}
        self.people, self.follow_offers = self._follow_offers()
        # A weekly unit's window hangs on other doses too.
        self._bound_to_dose = self.rule is not None and self.rule.coverage is not Coverage.WEEKLY
        self._anyone = self._anyone_offer()
        self._follow_costs: dict[Opening, int] = {}
        self._given_units: list[Owed] | None = None
        self.cap = dosing.overall_cap(self.request)
        self.past = dosing.past_doses(self.request)
        self.before = self._before()
        self.earliest = self._earliest()
        self._doses: dict[tuple[object, int], dict[int, list[tuple[int, int]]]] = {}
        self.doses = [self._dose_days(step) for step in self.steps]
        self._reviews: dict[str, Offer] = {}
        self._offsets: dict[int, Offsets] = {}

    def _steps(self) -> tuple[DoseStep, ...]:
        return dosing.dose_steps(self.request)

    def _earliest(self) -> list[int]:
        return [day.toordinal() for day in dosing.earliest_days(self.request, self.steps)]

    @property
    def since(self) -> int:
        """The first minute at which anything may start."""
        return grids.minute_after(self.request.not_before)

    def _before(self) -> Before | None:
        if not self.request.given:
            return None
        last = max(self.request.given, key=lambda dose: dose.start)
        local = last.start.astimezone(windows.load_zone(self.request.zone))
        return Before(
            local.date().toordinal(), local.hour, grids.minute_of(last.start), grids.minute_after(last.end)
        )

    def _follow_offers(self) -> tuple[list[str], Offers]:
        rule = self.rule
        if rule is None:
            return [], ()
        allowed = self.restriction.people
        if rule.coverage is Coverage.GROUP:
            return self._group_offers(allowed)
        found = []
        for person in self.calendar.with_role(rule.role):
            classes = self.calendar.single(rule, person) if not allowed or person.id in allowed else []
            if classes:
                found.append((person.id, Offer(self.grid, classes, rule.minutes, self.weights.window_hour)))
        return [name for name, _ in found], tuple((index, offer) for index, (_, offer) in enumerate(found))

    def _group_offers(self, allowed: tuple[str, ...]) -> tuple[list[str], Offers]:
        options = self.calendar.group_options("group_integration")
        for option in options:
            self.sessions.setdefault((option.person, option.start), option.session)
        names = sorted({option.person for option in options if not allowed or option.person in allowed})
        return names, tuple(
            (index, GroupOffer([one for one in options if one.person == name], self.weights.window_hour))
            for index, name in enumerate(names)
        )

    def _dose_days(self, step: DoseStep) -> dict[int, list[tuple[int, int]]]:
        key = (step.needs, step.minutes)
        if key not in self._doses:
            self._doses[key] = self._by_day(step)
        first = max(self.earliest[step.ordinal - self.steps[0].ordinal], 0)
        last = dosing.last_dose_day(self.request, self.steps).toordinal()
        return {day: found for day, found in self._doses[key].items() if first <= day <= last}

    def _by_day(self, step: DoseStep) -> dict[int, list[tuple[int, int]]]:
        limit = self.restriction
        everything = self.calendar.dose_days(step.needs, step.minutes)
        if limit == ANYTHING:
            return everything
        first = limit.first_day.toordinal() if limit.first_day is not None else 0
        low, high = limit.hours or (0, 24)
        found = {}
        for day, starts in everything.items():
            if day >= first and (not limit.weekdays or (day - 1) % 7 + 1 in limit.weekdays):
                kept = [start for start in starts if low <= self.grid.wall[start[0]] // 60 < high]
                if kept:
                    found[day] = kept
        return found

    def end_of(self, index: int, slot: int) -> int:
        """The minute at which a dose that starts in a slot ends."""
        return self.grid.at[slot] + self.steps[index].minutes

    def offsets(self, ordinal: int) -> Offsets:
        """A dose's window in minutes, with its override."""
        known = self._offsets.get(ordinal)
        if known is None:
            known = self._offsets[ordinal] = self._offsets_of(ordinal)
        return known

    def _offsets_of(self, ordinal: int) -> Offsets:
        rule, over = self.rule, (self.request.windows or {}).get(ordinal)
        assert rule is not None
        edges = [rule.min_hours, rule.ideal_from, rule.ideal_to, rule.max_hours]
        if over is not None:
            raised = (over.min_hours, over.ideal_from, over.ideal_to, over.max_hours)
            edges = [old if new is None else new for old, new in zip(edges, raised, strict=True)]
        return Offsets(*(round(hours * 60) for hours in edges))

    def visits_after(self, index: int) -> int:
        """Follow-up visits of the unit that ends with this dose, where units are fixed by sequence (not
        weekly)."""
        rule, step = self.rule, self.steps[index]
        if rule is None:
            return 0
        if rule.coverage is Coverage.EACH_N and step.sequence % rule.n and not step.last_of_phase:
            return 0
        return rule.visits_per_unit

    def given_units(self) -> Sequence[Owed]:
        """What units whose doses are all given still have to come."""
        if self._given_units is None:
            first = self.steps[0] if self.steps else None
            self._given_units = list(open_units(self.request, self.rule, first, self)) if self.rule else []
        return self._given_units

    def visits_of(self, unit: int) -> int:
        """Follow-up visits that the weekly unit of this week lacks."""
        assert self.rule is not None
        zone = self.request.zone
        days = [
            (windows.local_day(zone=zone, instant=one.start), one.held or 0) for one in self.request.given
        ]
        held = sum(count for day, count in days if (day.toordinal() - 1) // 7 == unit)
        return max(0, self.rule.visits_per_unit - held)

    def unit_tasks(
        self, unit: int, lacking: int, opening: Opening, after: tuple[int, int] | None
    ) -> list[Task]:
        """The last `lacking` visits of a unit, in order; `after` is the dose (index, slot) whose turnover may
        hold a room."""
        offers = self.follow_offers
        if after is not None:
            offers = self.offers_after(*after, max(opening.first, self.end_of(*after)))
        return [Task(f"unit-{unit}", unit, offers, opening)] * lacking

    def after_opening(self, index: int, slot: int) -> Opening:
        """When the follow-up of a dose in a slot may start, but for the next dose."""
        end, offsets = self.end_of(index, slot), self.offsets(self.steps[index].ordinal)
        return Opening(
            self.opens(end, offsets), end + offsets.most, end + offsets.band_from, end + offsets.band_to
        )

    def opens(self, end: int, offsets: Offsets) -> int:
        """When a window opens after a dose that ends then."""
        assert self.rule is not None
        first = end + offsets.least
        return max(first, self.filler.day_after(end)) if self.rule.not_same_day else first

    def least_follow_up(self, index: int, slot: int) -> int:
        """The least that the follow-ups of a dose in a slot cost, whoever holds them; NEVER where none can
        be."""
        if self.rule is None or not self._bound_to_dose or not self.visits_after(index):
            return 0
        before = self.rule.is_before
        opening = self.before_opening(index, slot) if before else self.after_opening(index, slot)
        known = self._follow_costs.get(opening)
        if known is None:
            found = self._anyone.best(opening) if self._anyone is not None else None
            known = self._follow_costs[opening] = NEVER if found is None else found[0]
        return known * self.visits_after(index)

    def least_on(self, index: int, day: int) -> tuple[int, int]:
        """The least that a dose on this day costs with its follow-ups, and the least of those that come after
        it."""
        both = after = NEVER
        for slot, local in self.doses[index][day]:
            follow = self.least_follow_up(index, slot)
            both, after = min(both, local + follow), min(after, follow)
        return both, 0 if self.rule is not None and self.rule.is_before else after

    def skipping(self, day: int, following: int) -> int:
        """What it costs that no dose is in the weeks between these days."""
        return 0

    def accepted_day(self, index: int, recent: Sequence[tuple[int, int]]) -> int | None:
        """A day of dose `index` that needs no spacing and caps after these doses, (day, phase index) each."""
        return None

    def tasks_before_first(self, slot: int | None) -> list[Task]:
        """What comes before the first dose in a slot beside the follow-ups; None: there is no dose."""
        return [] if slot is None else self.preparation_tasks(slot)

    def _anyone_offer(self) -> AnyOffer | None:
        # All people's starts as one offer: what is cheapest does not depend on who it is.
        by_cost: dict[int, int] = {}
        options: list[GroupOption] = []
        for _, offer in self.follow_offers:
            if isinstance(offer, GroupOffer):
                options.extend(offer.options)
                continue
            for cost, bits in offer.classes:
                by_cost[cost] = by_cost.get(cost, 0) | bits
        if self.rule is None or not (options or by_cost):
            return None
        weight = self.weights.window_hour
        if options:
            return GroupOffer(options, weight)
        return Offer(self.grid, sorted(by_cost.items()), self.rule.minutes, weight)

    def before_opening(self, index: int, slot: int) -> Opening:
        """When the before-window follow-up of a dose in a slot may start, but for the dose before."""
        assert self.rule is not None
        start, offsets = self.grid.at[slot], self.offsets(self.steps[index].ordinal)
        last = start + offsets.most
        if self.rule.not_same_day:
            last = min(last, self.grid.day_begins[self.grid.day[slot]] - 1)
        return Opening(start + offsets.least, last, start + offsets.band_from, start + offsets.band_to)

    def follow_tasks(self, index: int, slot: int) -> list[Task]:
        """The follow-ups after a dose in a slot, in order."""
        count = self.visits_after(index)
        if not count:
            return []
        return self.unit_tasks(
            self.steps[index].ordinal, count, self.after_opening(index, slot), (index, slot)
        )

    def tasks_before(self, index: int, slot: int, after: tuple[int, int] | None) -> list[Task]:
        """The follow-ups that must come before a dose in a slot; `after` is the dose before it."""
        count = self.visits_after(index)
        if not count:
            return []
        return self.unit_tasks(self.steps[index].ordinal, count, self.before_opening(index, slot), after)

    def offers_after(self, index: int, slot: int, opens: int) -> Offers:
        """The follow-up offers after a dose, less the room that the dose's turnover may still hold."""
        room = self._held_room(index, slot, opens, self.rule)
        if room is None or self.rule is None or self.rule.coverage is Coverage.GROUP:
            return self.follow_offers
        found: list[tuple[int, AnyOffer]] = []
        for number, offer in self.follow_offers:
            assert isinstance(offer, Offer)
            person = next(one for one in self.calendar.people if one.id == self.people[number])
            elsewhere = self.calendar.single(self.rule, person, but_room=room)
            found.append((number, self._in_turnover(index, slot, offer, elsewhere)))
        return tuple(found)

    def _held_room(self, index: int, slot: int, opens: int, step: FollowUpRule | Review | None) -> str | None:
        # With a second room to choose from, the dose or the visit takes that one.
        protocol = self.request.protocol
        clear = self.end_of(index, slot) + protocol.turnover_minutes
        if step is None or opens >= clear or not protocol.room_kinds or IN_PERSON not in step.modes:
            return None
        rooms = self.dose_rooms(index, slot)
        shared = {room.id for room in self.calendar.of_kinds(step.room_kinds)}
        return rooms[0] if len(rooms) == 1 and rooms[0] in shared else None

    def _in_turnover(self, index: int, slot: int, offer: Offer, elsewhere: Classes) -> Offer:
        # Until the turnover is over only what does not need the dose's room can be had.
        end = self.end_of(index, slot)
        held = self.grid.between(end, end + self.request.protocol.turnover_minutes - 1)
        by_cost = {cost: bits & ~held for cost, bits in offer.classes}
        for cost, bits in elsewhere:
            by_cost[cost] = by_cost.get(cost, 0) | (bits & held)
        return Offer(self.grid, sorted(by_cost.items()), offer.length, offer.weight)

    def dose_rooms(self, index: int, slot: int) -> list[str]:
        """The rooms in which a dose in a slot can be, by id."""
        protocol, minutes = self.request.protocol, self.steps[index].minutes
        return [
            room.id
            for room in self.calendar.of_kinds(protocol.room_kinds)
            if self.calendar.room_starts(room, minutes + protocol.turnover_minutes) >> slot & 1
        ]

    def review_tasks(self, index: int, slot: int) -> list[Task]:
        """The reviews due after a dose in a slot: plan review first."""
        step, found = self.steps[index], []
        for name, due, review in self._due(step):
            if due and review is not None:
                opening = self._review_opening(index, slot)
                offer = self._review_offer(name, review)
                room = self._held_room(index, slot, opening.first, review)
                if room is not None:
                    elsewhere = self.calendar.anyone(review, but_room=room)
                    offer = self._in_turnover(index, slot, offer, elsewhere)
                found.append(Task(f"{name}@{step.ordinal}", -3, ((-1, offer),), opening))
        return found

    def _due(self, step: DoseStep) -> Sequence[tuple[str, bool, Review | None]]:
        protocol = self.request.protocol
        return (
            ("plan_review", dosing.needs_plan_review(self.request, step), protocol.plan_review),
            (
                "medication_review",
                dosing.needs_medication_review(self.request, step),
                protocol.medication_review,
            ),
        )

    def reviews_after(self, index: int) -> int:
        """How many reviews follow a dose."""
        return sum(1 for _, due, _ in self._due(self.steps[index]) if due)

    def _review_opening(self, index: int, slot: int) -> Opening:
        day = self.grid.day[slot]
        first = self.end_of(index, slot)
        if self.request.protocol.dose_kind == "dosing":
            first = max(first, self.grid.day_begins[day + 1])
        last = INF
        if index + 1 == len(self.steps):
            following = day + dosing.review_limit_days(self.request, self.steps[index]) + 1
            last = self.grid.day_begins.get(following, INF) - 1
        return Opening(first, last)

    def _review_offer(self, name: str, step: Review | Preparation) -> Offer:
        if name not in self._reviews:
            self._reviews[name] = Offer(self.grid, self.calendar.anyone(step), step.minutes, 0)
        return self._reviews[name]

    def preparation_tasks(self, slot: int) -> list[Task]:
        """The preparations before a first dose in a slot; none when doses were given."""
        preparation = self.request.protocol.preparation
        if preparation is None or self.request.given:
            return []
        least, most = preparation.before_hours
        start = self.grid.at[slot]
        opening = Opening(start - most * 60, start - least * 60)
        offers = ((-1, self._review_offer("preparation", preparation)),)
        return [Task(f"preparation-{number + 1}", -4, offers, opening) for number in range(preparation.count)]


def _live_rule(request: PlanRequest) -> FollowUpRule | None:
    rule = request.protocol.follow_up
    return None if rule is None or rule.coverage in (Coverage.SERIES, Coverage.NONE) else rule
