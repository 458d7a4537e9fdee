"""A naive check of a returned plan: every hard rule again, and its cost from the table in `cost.py`.

Works on the plan's instants alone; shares nothing with the planner, and only `facts` with the other oracles.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from scheduling.planning.protocol import Presence
from scheduling.planning.values import (
    Availability,
    Busy,
    Plan,
    PlannedVisit,
    PlanRequest,
    Practitioner,
    Room,
    Span,
)
from tests.scheduling.planning.oracle import facts, verify_units

ROOMS_ALSO = {"therapy_room_recliner": ("therapy_room",), "infusion_room": ("therapy_room",)}
DOSES = ("dosing", "device")


def problems(*, request: PlanRequest, availability: Availability, plan: Plan) -> list[str]:
    """What is wrong with a plan, in words; empty when it keeps every rule and tells its cost truly."""
    checker = Checker(request=request, availability=availability, visits=plan.visits)
    found = list(checker.everything())
    if not found:
        terms = verify_units.cost(request=request, availability=availability, visits=plan.visits)
        if sum(terms.values()) != plan.cost:
            found.append(f"the plan says it costs {plan.cost}, it costs {terms}")
        said = {name: cost for name, cost in plan.breakdown.items() if cost}
        if said != {name: cost for name, cost in terms.items() if cost}:
            found.append(f"the plan's breakdown is {dict(plan.breakdown)}, it is {terms}")
    return found


class Checker:
    """One plan under check."""

    def __init__(
        self, *, request: PlanRequest, availability: Availability, visits: Sequence[PlannedVisit]
    ) -> None:
        self.request, self.availability, self.visits = request, availability, visits
        self.zone = ZoneInfo(request.zone)
        self.people = {person.id: person for person in availability.practitioners}
        self.rooms = {room.id: room for room in availability.rooms}
        self.doses = [visit for visit in visits if visit.kind in DOSES]
        self.wanted = facts.planned_doses(request)

    def everything(self) -> Iterator[str]:
        """All findings."""
        misshapen = list(self.shape())
        if misshapen:
            # Spacing, units and reviews mean nothing for the wrong doses.
            yield from misshapen
            return
        for visit in self.visits:
            yield from self.alone(visit)
            yield from self.people_of(visit)
            yield from self.room_of(visit)
        yield from self.together()
        yield from self.spacing()
        yield from self.caps()
        yield from self.preparation()
        yield from self.reviews()
        yield from verify_units.units(request=self.request, visits=self.visits)

    def local(self, instant: datetime) -> datetime:
        """The wall time at the site."""
        return instant.astimezone(self.zone)

    def shape(self) -> Iterator[str]:
        """The right doses in the right order, and nothing unknown."""
        if list(self.visits) != sorted(self.visits, key=lambda visit: visit.start):
            yield "visits are not by start"
        if len({visit.ref for visit in self.visits}) != len(self.visits):
            yield "two visits have one ref"
        kind = self.request.protocol.dose_kind
        planned = [(v.kind, v.phase, v.sequence, v.end - v.start) for v in self.doses]
        wanted = [(kind, d.phase.name, d.sequence, timedelta(minutes=d.minutes)) for d in self.wanted]
        if planned != wanted:
            yield f"doses are {planned}, not {wanted}"

    def alone(self, visit: PlannedVisit) -> Iterator[str]:
        """Grid, times allowed, the patient's other appointments and hard limits."""
        start, end = self.local(visit.start), self.local(visit.end)
        if visit.group_session is None and (
            (start.hour * 60 + start.minute) % self.request.grid_minutes or start.second or start.microsecond
        ):
            yield f"{visit.ref} starts off the grid"
        first = facts.first_day(self.request)
        horizon = facts.day_begins(zone=self.request.zone, day=first + timedelta(days=facts.WEEKS_26))
        if visit.start < self.request.not_before or visit.end > horizon:
            yield f"{visit.ref} is outside the time that may be planned"
        if any(visit.start < busy.end and busy.start < visit.end for busy in self.availability.patient_busy):
            yield f"{visit.ref} overlaps another appointment of the patient"
        limits = self.request.hard_limits
        if start.isoweekday() in limits.weekdays_never:
            yield f"{visit.ref} is on a weekday that is never possible"
        if limits.not_before and start.time() < limits.not_before:
            yield f"{visit.ref} is too early for the patient"
        if limits.not_after and (end.time() > limits.not_after or end.date() != start.date()):
            yield f"{visit.ref} is too late for the patient"

    def needs(self, visit: PlannedVisit) -> list[tuple[str, int]]:
        """(role, seats) of everyone that a visit needs."""
        protocol = self.request.protocol
        if visit.kind in DOSES:
            return [
                (need.role, _seats(need.presence, need.patients))
                for need in self.wanted[self.doses.index(visit)].needs
            ]
        if visit.group_session is not None:
            return []
        step = {
            "preparation": protocol.preparation,
            "integration": protocol.follow_up,
            "plan_review": protocol.plan_review,
            "medication_review": protocol.medication_review,
        }[visit.kind]
        return [(step.role, 12)] if step else [("nobody", 12)]

    def people_of(self, visit: PlannedVisit) -> Iterator[str]:
        """Roles, different people, shifts, seats."""
        if visit.group_session is None:
            if sorted((s.role, s.seats) for s in visit.staffing) != sorted(self.needs(visit)):
                yield f"{visit.ref} needs {self.needs(visit)} and has {visit.staffing}"
            if len({s.practitioner for s in visit.staffing}) != len(visit.staffing):
                yield f"{visit.ref} has one person in two roles"
            for staffed in visit.staffing:
                person = self.people[staffed.practitioner]
                if staffed.role not in person.roles:
                    yield f"{visit.ref}: {person.id} is no {staffed.role}"
                if not _covered(person.on_shift, visit.start, visit.end):
                    yield f"{visit.ref}: {person.id} is not on shift"
                if staffed.seats and _most_taken(person, visit) + staffed.seats > 12:
                    yield f"{visit.ref}: {person.id} has no {staffed.seats} seats free"
        else:
            session = next((g for g in self.availability.group_sessions if g.id == visit.group_session), None)
            if session is None or session.places_left < 1 or session.kind != visit.kind:
                yield f"{visit.ref} joins no session that has a place"
            elif (session.span.start, session.span.end) != (visit.start, visit.end):
                yield f"{visit.ref} is not at the time of its session"

    def room_of(self, visit: PlannedVisit) -> Iterator[str]:
        """A free room of the right kind in person, none otherwise."""
        protocol = self.request.protocol
        modes: tuple[str, ...]
        if visit.group_session is not None:
            return
        if visit.kind in DOSES:
            kinds, modes, turnover = protocol.room_kinds, ("in_person",), protocol.turnover_minutes
            if not kinds:
                modes = ("video", "phone")
        else:
            step = {
                "preparation": protocol.preparation,
                "integration": protocol.follow_up,
                "plan_review": protocol.plan_review,
                "medication_review": protocol.medication_review,
            }[visit.kind]
            assert step is not None
            kinds, modes, turnover = step.room_kinds, step.modes, 0
        if visit.mode not in modes:
            yield f"{visit.ref} is held by {visit.mode}, its step says {modes}"
        if (visit.mode == "in_person") != (visit.room is not None):
            yield f"{visit.ref} is {visit.mode} with room {visit.room}"
        if visit.room is not None:
            yield from self._room(visit, self.rooms[visit.room], kinds, timedelta(minutes=turnover))

    def _room(
        self, visit: PlannedVisit, room: Room, kinds: Sequence[str], turnover: timedelta
    ) -> Iterator[str]:
        if not {room.kind, *ROOMS_ALSO.get(room.kind, ())} & set(kinds):
            yield f"{visit.ref} is in a {room.kind}, it needs {kinds}"
        if not _covered(room.open, visit.start, visit.end + turnover):
            yield f"{visit.ref}: {room.id} is not open"
        if any(busy.span.start < visit.end + turnover and visit.start < busy.span.end for busy in room.busy):
            yield f"{visit.ref}: {room.id} is taken"
        if timedelta(minutes=visit.turnover_minutes) != turnover:
            yield f"{visit.ref} says a turnover of {visit.turnover_minutes} minutes"

    def together(self) -> Iterator[str]:
        """Never in two places; no room that is being turned over."""
        for index, visit in enumerate(self.visits):
            for other in self.visits[index + 1 :]:
                if visit.start < other.end and other.start < visit.end:
                    yield f"{visit.ref} and {other.ref} overlap"
                done = visit.end + timedelta(minutes=visit.turnover_minutes)
                if visit.room is not None and visit.room == other.room and visit.start <= other.start < done:
                    yield f"{other.ref} is in the room of {visit.ref} during its turnover"
                if visit.group_session is not None and visit.group_session == other.group_session:
                    yield f"{visit.ref} and {other.ref} take two places in one session"

    def days(self) -> list[tuple[date, str]]:
        """The local date and phase of every dose, given ones first."""
        given = [(self.local(dose.start).date(), dose.phase) for dose in facts.given_in_order(self.request)]
        return given + [(self.local(visit.start).date(), str(visit.phase)) for visit in self.doses]

    def spacing(self) -> Iterator[str]:
        """First and last possible day, and days between doses."""
        days = self.days()
        planned = days[len(self.request.given) :]
        if planned[0][0] < facts.first_day(self.request):
            yield "the first dose is too soon"
        if planned[-1][0] > facts.last_day(self.request, self.wanted):
            yield "the last dose is beyond the horizon"
        gaps = [(later[0] - sooner[0]).days for sooner, later in pairwise(days)]
        for gap, dose in zip(
            gaps[len(gaps) - len(planned) + (not self.request.given) :], self._spaced(), strict=True
        ):
            if dose.spacing and not dose.spacing[0] <= gap <= dose.spacing[2]:
                yield f"dose {dose.number} is {gap} days after the one before, allowed are {dose.spacing}"

    def _spaced(self) -> list[facts.Dose]:
        return self.wanted if self.request.given else self.wanted[1:]

    def caps(self) -> Iterator[str]:
        """Doses in every 7 days that contain a planned one."""
        days = self.days()
        overall = facts.course_cap(self.request)
        for day, _ in days[len(self.request.given) :]:
            for offset in range(7):
                week = [phase for d, phase in days if 0 <= (d - day).days + offset < 7]
                if overall is not None and len(week) > overall:
                    yield f"{len(week)} doses in 7 days around {day}"
                for phase in self.request.protocol.phases:
                    if (
                        phase.max_per_rolling_7_days is not None
                        and week.count(phase.name) > phase.max_per_rolling_7_days
                    ):
                        yield f"{week.count(phase.name)} doses of {phase.name} in 7 days around {day}"

    def preparation(self) -> Iterator[str]:
        """As many as asked, inside their hours before the first dose."""
        step = self.request.protocol.preparation
        found = [visit for visit in self.visits if visit.kind == "preparation"]
        count = step.count if step and not self.request.given else 0
        if len(found) != count:
            yield f"{len(found)} preparations, not {count}"
        for visit in found if step else ():
            assert step is not None
            ahead = (self.doses[0].start - visit.start) / timedelta(hours=1)
            if not step.before_hours[0] <= ahead <= step.before_hours[1] or visit.end > self.doses[0].start:
                yield f"{visit.ref} is {ahead} hours before the first dose"
            if visit.end - visit.start != timedelta(minutes=step.minutes):
                yield f"{visit.ref} has the wrong length"

    def reviews(self) -> Iterator[str]:
        """Plan reviews and medication reviews by count after their doses, timed ones in their fortnight."""
        plans = [visit for visit in self.visits if visit.kind == "plan_review"]
        wanted = [n for n, dose in enumerate(self.wanted) if facts.wants_plan_review(self.request, dose)]
        duties = [self._after(index) for index in wanted]
        if not _matched(plans, duties):
            yield f"plan reviews at {[v.start for v in plans]} do not serve {duties}"
        meds = [visit for visit in self.visits if visit.kind == "medication_review"]
        wanted = [
            n for n, dose in enumerate(self.wanted) if facts.wants_medication_review(self.request, dose)
        ]
        duties = [self._after(index) for index in wanted] + self._by_time()
        if not _matched(meds, duties):
            yield f"medication reviews at {[v.start for v in meds]} do not serve {duties}"
        for visit in (*plans, *meds):
            step = (
                self.request.protocol.plan_review
                if visit in plans
                else self.request.protocol.medication_review
            )
            if step is None or visit.end - visit.start != timedelta(minutes=step.minutes):
                yield f"{visit.ref} has the wrong length"

    def _after(self, index: int) -> Span:
        """From the day after a dose (a device: its end) to the next dose or the end of the days allowed."""
        visit, zone = self.doses[index], self.request.zone
        day = self.local(visit.start).date()
        begins = facts.day_begins(zone=zone, day=day + timedelta(days=1))
        if self.request.protocol.dose_kind == "device":
            begins = visit.end
        if index + 1 < len(self.doses):
            return Span(begins, self.doses[index + 1].start)
        days = facts.review_days(self.request, self.wanted[index]) + 1
        # The day is that of the start: a visit may run past the midnight that ends the last one.
        return Span(begins, facts.day_begins(zone=zone, day=day + timedelta(days=days)) + timedelta(hours=1))

    def _by_time(self) -> list[Span]:
        step = self.request.protocol.medication_review
        if step is None or step.every_days is None:
            return []
        days, found = self.days(), []
        due = days[0][0] + timedelta(days=step.every_days)
        while due <= days[-1][0]:
            begins = facts.day_begins(zone=self.request.zone, day=due - timedelta(days=14))
            found.append(Span(begins, facts.day_begins(zone=self.request.zone, day=due + timedelta(days=1))))
            due += timedelta(days=step.every_days)
        return found


def _seats(presence: Presence, patients: int) -> int:
    return {Presence.EXCLUSIVE: 12, Presence.ON_SITE: 0, Presence.SHARED: 12 // patients}[presence]


def _covered(spans: Sequence[Span], start: datetime, end: datetime) -> bool:
    reached = start
    for span in sorted(spans, key=lambda span: span.start):
        if span.start <= reached < span.end:
            reached = span.end
    return reached >= end


def _most_taken(person: Practitioner, visit: PlannedVisit) -> int:
    inside = [busy for busy in person.busy if busy.span.start < visit.end and visit.start < busy.span.end]
    moments = [visit.start, *(busy.span.start for busy in inside if busy.span.start > visit.start)]
    return max(_taken_at(inside, moment) for moment in moments)


def _taken_at(entries: Sequence[Busy], moment: datetime) -> int:
    return sum(busy.seats for busy in entries if busy.span.start <= moment < busy.span.end)


def _matched(visits: Sequence[PlannedVisit], duties: Sequence[Span]) -> bool:
    """Whether every visit serves exactly one duty and every duty has its visit, in some pairing."""
    if len(visits) != len(duties):
        return False
    if not visits:
        return True
    first, rest = visits[0], visits[1:]
    for index, duty in enumerate(duties):
        others = [*duties[:index], *duties[index + 1 :]]
        if duty.start <= first.start and first.end <= duty.end and _matched(rest, others):
            return True
    return False
