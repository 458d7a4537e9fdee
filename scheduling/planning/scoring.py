"""The cost of given visits, term by term, counted from the visits alone: what the search must have
minimised."""

from collections import Counter
from collections.abc import Mapping, Sequence

from scheduling.planning import cost as costs
from scheduling.planning import staffing, windows
from scheduling.planning.build import doses_by_start
from scheduling.planning.menus import Calendar
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Preparation, Review
from scheduling.planning.values import PlannedVisit, Practitioner

CHAIN_KINDS = (
    "dosing",
    "device",
    "integration",
    "group_integration",
    "preparation",
    "plan_review",
    "medication_review",
)


def breakdown(problem: Problem, visits: Sequence[PlannedVisit]) -> Mapping[str, int]:
    """Every cost term of the chain visits, as `cost.py` defines them."""
    request, weights = problem.request, problem.request.weights
    terms: Counter[str] = Counter()
    tz = windows.load_zone(request.zone)
    doses = [visit.start.astimezone(tz) for visit in doses_by_start(visits)]
    before = max((dose.start for dose in request.given), default=None)
    previous = before.astimezone(tz) if before is not None else None
    for step, dose in zip(problem.steps, doses, strict=False):
        if previous is not None and step.spacing is not None:
            gap = (dose.date() - previous.date()).days
            terms["spacing"] += abs(gap - step.spacing[1]) * weights.spacing_day
            terms["weekday"] += (dose.isoweekday() != previous.isoweekday()) * weights.weekday_change
            terms["hour"] += abs(dose.hour - previous.hour) * weights.hour_change
        previous = dose
    if doses:
        terms["finish"] = (doses[-1].date().toordinal() - problem.earliest[-1]) * weights.finish_day
    _follow_ups(problem, visits, terms)
    for visit in visits:
        if visit.kind in CHAIN_KINDS:
            terms["preference"] += unmet_wishes(problem.calendar, visit) * weights.preference
    return costs.frozen(terms)


def _follow_ups(problem: Problem, visits: Sequence[PlannedVisit], terms: Counter[str]) -> None:
    weights = problem.request.weights
    last: str | None = None
    for visit in sorted(visits, key=lambda one: one.start):
        if visit.window is None:
            continue
        start = visit.start
        outside = max(visit.window.ideal_from - start, start - visit.window.ideal_to)
        terms["window"] += max(0, costs.whole_hours(outside)) * weights.window_hour
        person = visit.staffing[0].practitioner if visit.staffing else ""
        if last is not None and person != last:
            terms["therapist"] += weights.therapist_change
        last = person


def unmet_wishes(calendar: Calendar, visit: PlannedVisit) -> int:
    """How many of the visit's wishes are unmet."""
    wish, tz = calendar.request.preferences, windows.load_zone(calendar.request.zone)
    start, end = visit.start.astimezone(tz), visit.end.astimezone(tz)
    unmet = int(bool(wish.weekdays) and start.isoweekday() not in wish.weekdays)
    if wish.time_of_day is not None:
        earliest, latest = wish.time_of_day
        unmet += not costs.within_time_of_day(start=start, end=end, earliest=earliest, latest=latest)
    if visit.group_session is not None:
        return unmet
    modes = _modes(calendar, visit)
    if wish.modality is not None and wish.modality in modes and visit.mode != wish.modality:
        unmet += 1
    people: list[Practitioner] = []
    for one in visit.staffing:
        people.extend(person for person in calendar.people if person.id == one.practitioner)
    return unmet + staffing.wishes_unmet(calendar, [one.role for one in visit.staffing], people)


def _modes(calendar: Calendar, visit: PlannedVisit) -> tuple[str, ...]:
    protocol = calendar.request.protocol
    if visit.kind == "integration" and protocol.follow_up is not None:
        return protocol.follow_up.modes
    steps: dict[str, Preparation | Review | None] = {
        "preparation": protocol.preparation,
        "plan_review": protocol.plan_review,
        "medication_review": protocol.medication_review,
    }
    step = steps.get(visit.kind)
    return step.modes if step is not None else ()
