"""Follow-up units of given visits, and what a plan costs: the second half of the naive check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.planning.protocol import Coverage, FollowUpRule
from scheduling.planning.values import Availability, PlannedVisit, PlanRequest, Window
from tests.scheduling.planning.oracle import facts

FOLLOW_UPS = ("integration", "group_integration")


@dataclass(frozen=True, slots=True)
class Unit:
    """The last dose of a unit by its ref, the window of its visits, and by when they must be over."""

    last: str
    window: Window
    over_by: datetime | None
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """A dose as a unit sees it: its number in the course, whether it is to plan, its times."""

    number: int
    phase: str
    sequence: int
    planned: bool
    start: datetime
    end: datetime


def told_doses(*, request: PlanRequest, visits: Sequence[PlannedVisit]) -> list[Told]:
    """Given and planned doses, in order."""
    given = facts.given_in_order(request)
    told = [
        Told(n, dose.phase, dose.sequence, False, dose.start, dose.end)
        for n, dose in enumerate(given, start=1)
    ]
    doses = [visit for visit in visits if visit.kind in ("dosing", "device")]
    return told + [
        Told(len(given) + n, str(visit.phase), visit.sequence, True, visit.start, visit.end)
        for n, visit in enumerate(doses, start=1)
    ]


def expected_units(*, request: PlanRequest, visits: Sequence[PlannedVisit]) -> list[Unit]:
    """The units that have a planned dose, and their windows."""
    rule = request.protocol.follow_up
    if rule is None or rule.coverage in (Coverage.NONE, Coverage.SERIES):
        return []
    doses = told_doses(request=request, visits=visits)
    groups: dict[tuple[object, ...], list[Told]] = {}
    for dose in doses:
        groups.setdefault(_unit_of(rule, request.zone, dose), []).append(dose)
    found = []
    for group in groups.values():
        if any(dose.planned for dose in group):
            later = [dose for dose in doses if dose.number > group[-1].number]
            earlier = [dose for dose in doses if dose.number < group[-1].number]
            found.append(
                _unit(request, rule, group, later[0] if later else None, earlier[-1] if earlier else None)
            )
    return found


def _unit_of(rule: FollowUpRule, zone: str, dose: Told) -> tuple[object, ...]:
    if rule.coverage is Coverage.WEEKLY:
        return tuple(facts.local_date(zone=zone, instant=dose.start).isocalendar()[:2])
    if rule.coverage is Coverage.EACH_N:
        return (dose.phase, (dose.sequence - 1) // rule.n)
    return (dose.number,)


def _unit(
    request: PlanRequest, rule: FollowUpRule, group: Sequence[Told], later: Told | None, earlier: Told | None
) -> Unit:
    hours = facts.hours(rule=rule, first=group[0].number, last=group[-1].number, overrides=request.windows)
    opening = group[0] if rule.coverage is Coverage.WEEKLY else group[-1]
    before = rule.min_hours < 0
    first, last = (opening.start, group[-1].start) if before else (opening.end, group[-1].end)
    opens, closes = first + timedelta(minutes=hours.least), last + timedelta(minutes=hours.most)
    over_by = later.start if later and rule.before_next_dosing else None
    if before:
        over_by = group[-1].start
        if rule.not_same_day:
            midnight = facts.day_begins(
                zone=request.zone, day=facts.local_date(zone=request.zone, instant=over_by)
            )
            closes = min(closes, midnight - timedelta(microseconds=1))
    else:
        if rule.not_same_day:
            day = facts.local_date(zone=request.zone, instant=opening.end)
            opens = max(opens, facts.day_begins(zone=request.zone, day=day + timedelta(days=1)))
        closes = min(closes, over_by) if over_by else closes
    return Unit(
        last=f"dose-{group[-1].number}",
        window=Window(
            opens_at=opens,
            ideal_from=first + timedelta(minutes=hours.ideal_from),
            ideal_to=last + timedelta(minutes=hours.ideal_to),
            closes_at=closes,
            grace_until=last + timedelta(minutes=hours.grace),
        ),
        over_by=over_by,
        not_before=earlier.end if before and earlier else None,
    )


def units(*, request: PlanRequest, visits: Sequence[PlannedVisit]) -> Iterator[str]:
    """Every unit has its visits in its window; every follow-up is of a unit and shows its window."""
    rule = request.protocol.follow_up
    mine = [visit for visit in visits if visit.kind in FOLLOW_UPS]
    expected = expected_units(request=request, visits=visits)
    known = {unit.last: unit for unit in expected}
    for visit in mine:
        if visit.follows not in known:
            yield f"{visit.ref} follows {visit.follows}, which ends no unit"
            return
    for unit in expected:
        assert rule is not None
        held = [visit for visit in mine if visit.follows == unit.last]
        if len(held) != rule.visits_per_unit:
            yield f"the unit of {unit.last} has {len(held)} visits, not {rule.visits_per_unit}"
        days = [facts.local_date(zone=request.zone, instant=visit.start) for visit in held]
        if any(days.count(day) > rule.max_per_day for day in days):
            yield f"the unit of {unit.last} has too many visits on one day: {days}"
        for visit in held:
            yield from _inside(request, rule, unit, visit)


def _inside(request: PlanRequest, rule: FollowUpRule, unit: Unit, visit: PlannedVisit) -> Iterator[str]:
    if not unit.window.opens_at <= visit.start <= unit.window.closes_at:
        yield f"{visit.ref} starts {visit.start}, its window is {unit.window}"
    if unit.over_by and visit.end > unit.over_by:
        yield f"{visit.ref} ends after the dose that it must precede"
    if unit.not_before and visit.start < unit.not_before:
        yield f"{visit.ref} starts before the end of the dose before its own"
    if visit.window != unit.window:
        yield f"{visit.ref} shows the window {visit.window}, it is {unit.window}"
    kind = "group_integration" if rule.coverage is Coverage.GROUP else "integration"
    if visit.kind != kind:
        yield f"{visit.ref} is {visit.kind}"
    if visit.group_session is None and visit.end - visit.start != timedelta(minutes=rule.minutes):
        yield f"{visit.ref} has the wrong length"


# Cost


def cost(
    *, request: PlanRequest, availability: Availability, visits: Sequence[PlannedVisit]
) -> dict[str, int]:
    """Each term of the cost, weighted, by the table in `cost.py`."""
    weights = request.weights
    doses = told_doses(request=request, visits=visits)
    terms = {
        "spacing": weights.spacing_day * _spacing(request, doses),
        "window": weights.window_hour * _outside(request, visits),
        "therapist": weights.therapist_change * _changes(availability, visits),
        "weekday": 0,
        "hour": 0,
        "preference": weights.preference * sum(unmet(request, availability, v, visits) for v in visits),
        "finish": weights.finish_day * _late(request, doses),
    }
    zone = ZoneInfo(request.zone)
    for before, dose in zip(doses, doses[1:], strict=False):
        if dose.planned:
            old, new = before.start.astimezone(zone), dose.start.astimezone(zone)
            terms["weekday"] += weights.weekday_change * (old.isoweekday() != new.isoweekday())
            terms["hour"] += weights.hour_change * abs(old.hour - new.hour)
    return terms


def _days(request: PlanRequest, doses: Sequence[Told]) -> list[date]:
    return [facts.local_date(zone=request.zone, instant=dose.start) for dose in doses]


def _spacing(request: PlanRequest, doses: Sequence[Told]) -> int:
    wanted = {dose.number: dose for dose in facts.planned_doses(request)}
    days, total = _days(request, doses), 0
    for place, dose in enumerate(doses[1:], start=1):
        spacing = wanted[dose.number].spacing if dose.planned else None
        if spacing:
            total += abs((days[place] - days[place - 1]).days - spacing[1])
    return total


def _outside(request: PlanRequest, visits: Sequence[PlannedVisit]) -> int:
    known = {unit.last: unit.window for unit in expected_units(request=request, visits=visits)}
    total = 0
    for visit in visits:
        if visit.kind in FOLLOW_UPS:
            window = known[str(visit.follows)]
            outside = max(window.ideal_from - visit.start, visit.start - window.ideal_to, timedelta())
            total += -(-outside // timedelta(hours=1))
    return total


def _person(availability: Availability, visit: PlannedVisit) -> str:
    if visit.group_session is not None:
        session = next(g for g in availability.group_sessions if g.id == visit.group_session)
        return session.practitioners[0] if session.practitioners else ""
    return visit.staffing[0].practitioner


def _changes(availability: Availability, visits: Sequence[PlannedVisit]) -> int:
    people = [_person(availability, v) for v in sorted(visits, key=lambda v: v.start) if v.kind in FOLLOW_UPS]
    return sum(before != after for before, after in zip(people, people[1:], strict=False))


def _late(request: PlanRequest, doses: Sequence[Told]) -> int:
    earliest = facts.earliest_finish(request, facts.planned_doses(request))
    return (_days(request, doses)[-1] - earliest).days


def unmet(
    request: PlanRequest, availability: Availability, visit: PlannedVisit, visits: Sequence[PlannedVisit]
) -> int:
    """Wishes that one visit leaves unmet."""
    if _by_time(visit):
        return 0
    wishes, zone = request.preferences, ZoneInfo(request.zone)
    start, end = visit.start.astimezone(zone), visit.end.astimezone(zone)
    count = int(bool(wishes.weekdays) and start.isoweekday() not in wishes.weekdays)
    if wishes.time_of_day:
        early, late = wishes.time_of_day
        count += start.time() < early or end.time() > late or start.date() != end.date()
    if visit.group_session is not None:
        return count
    protocol = request.protocol
    step = {
        "preparation": protocol.preparation,
        "integration": protocol.follow_up,
        "plan_review": protocol.plan_review,
        "medication_review": protocol.medication_review,
    }.get(visit.kind)
    if step is not None and wishes.modality in step.modes:
        count += visit.mode != wishes.modality
    return count + _unmet_people(request, availability, visit)


def _unmet_people(request: PlanRequest, availability: Availability, visit: PlannedVisit) -> int:
    wishes = request.preferences
    roles = {staffed.role for staffed in visit.staffing}
    staffed = {staffed.practitioner for staffed in visit.staffing}
    able = {person.id for person in availability.practitioners if person.roles & roles}
    count = int(bool(able & set(wishes.practitioners)) and not staffed & set(wishes.practitioners))
    therapists = {person.id for person in availability.practitioners if "therapist" in person.roles}
    if "therapist" in roles and wishes.therapist in therapists:
        count += wishes.therapist not in staffed
    return count


def _by_time(visit: PlannedVisit) -> bool:
    """A medication review by time follows no dose; it costs nothing."""
    return visit.kind == "medication_review" and visit.follows is None
