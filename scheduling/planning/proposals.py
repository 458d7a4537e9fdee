"""Up to three plans that differ in something a person cares about, and what each trades in words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from scheduling.planning import build, extras, scoring, search, windows
from scheduling.planning import steps as dosing
from scheduling.planning.extras import NoTimedReview
from scheduling.planning.menus import Calendar, calendar_for
from scheduling.planning.problem import ANYTHING, Problem, Restriction
from scheduling.planning.values import Availability, Plan, PlannedVisit, PlanRequest, Span

NOON = 12
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Traits:
    """What tells two plans apart."""

    start_week: tuple[int, int]
    weekdays: tuple[int, ...]
    main_person: str | None
    mornings: bool


def best_plan(
    calendar: Calendar, restriction: Restriction = ANYTHING, *, most: int = search.MOST_WORK
) -> Plan | None:
    """The cheapest plan under a restriction, with everything planned onto its chain; None where there is
    none.

    Raises NoTimedReview where a medication review by time cannot be had beside any chain that was tried, and
    `search.SearchLimit` where `most` work was not enough to find a plan or to show that there is none.
    """
    problem = Problem(calendar, restriction)
    reserved: list[PlannedVisit] = []
    failed: NoTimedReview | None = None
    for _ in range(4):
        solution = search.solve(problem, most=most)
        if solution is None:
            break
        chain = build.Builder(problem, solution).visits()
        try:
            whole = extras.complete(problem, chain, reserved)
        except NoTimedReview as none:
            failed = none
            if none.alone is None:
                break
            # The chain is planned again around one place that suits the review.
            reserved.append(none.alone)
            problem = Problem(
                calendar_for(problem.request, _around(calendar.availability, reserved)), restriction
            )
            continue
        terms = scoring.breakdown(problem, chain)
        return Plan(whole.visits, sum(terms.values()), terms, whole.notes, solution.proven)
    if failed is not None:
        raise failed
    return None


def _around(availability: Availability, reserved: Sequence[PlannedVisit]) -> Availability:
    taken = tuple(Span(visit.start, visit.end) for visit in reserved)
    return replace(availability, patient_busy=(*availability.patient_busy, *taken))


def alternatives(calendar: Calendar, best: Plan, wanted: int) -> list[Plan]:
    """Plans beside the best one, each the cheapest under a restriction that makes it differ, cheapest
    first."""
    request = calendar.request
    if not build.doses_by_start(best.visits):
        return []
    seen = [traits(request, best)]
    found: list[Plan] = []
    for restriction in _restrictions(calendar, best):
        if len(found) >= wanted:
            break
        try:
            plan = best_plan(calendar, restriction, most=search.MOST_WORK // 4)
        except (NoTimedReview, search.SearchLimit):
            continue
        if plan is not None and traits(request, plan) not in seen:
            seen.append(traits(request, plan))
            found.append(plan)
    return sorted(found, key=lambda plan: (plan.cost, [visit.start for visit in plan.visits]))


def _restrictions(calendar: Calendar, best: Plan) -> Iterator[Restriction]:
    request, mine = calendar.request, traits(calendar.request, best)
    yield Restriction(hours=(NOON, 24) if mine.mornings else (0, NOON))
    rule = request.protocol.follow_up
    if mine.main_person is not None and rule is not None:
        others = tuple(person.id for person in calendar.with_role(rule.role) if person.id != mine.main_person)
        if others:
            yield Restriction(people=others)
    first = _days(request, best)[0]
    yield Restriction(first_day=first + timedelta(days=8 - first.isoweekday()))
    counts = Counter(day.isoweekday() for day in _days(request, best))
    dropped = min(counts, key=lambda day: (-counts[day], day))
    yield Restriction(weekdays=tuple(day for day in range(1, 8) if day != dropped))


def _days(request: PlanRequest, plan: Plan) -> list[date]:
    doses = build.doses_by_start(plan.visits)
    return [windows.local_day(zone=request.zone, instant=dose.start) for dose in doses]


def traits(request: PlanRequest, plan: Plan) -> Traits:
    """Start week, weekdays of the doses, who holds most follow-ups, and whether most doses start before
    noon."""
    tz = windows.load_zone(request.zone)
    starts = [dose.start.astimezone(tz) for dose in build.doses_by_start(plan.visits)]
    year, week, _ = starts[0].isocalendar()
    early = sum(1 for start in starts if start.hour < NOON)
    weekdays = tuple(sorted({start.isoweekday() for start in starts}))
    return Traits((year, week), weekdays, extras.main_person(plan.visits), 2 * early >= len(starts))


def in_words(calendar: Calendar, plan: Plan, best: Plan) -> Plan:
    """The plan with its trades: of the best one against the earliest finish, of others against the best."""
    request = calendar.request
    dosed = bool(build.doses_by_start(plan.visits))
    words = [
        *(_finish(request, plan, best) if dosed else ()),
        *_people(calendar, plan),
        *(_hours(request, plan) if dosed else ()),
        *_misses(request, plan),
        *_not_proven(plan),
    ]
    return replace(plan, trades=(*words, *plan.trades))


def _finish(request: PlanRequest, plan: Plan, best: Plan) -> list[str]:
    days, reference = _days(request, plan), _days(request, best)
    last = f"{DAY_NAMES[days[-1].weekday()]} {days[-1]:%d %b %Y}"
    if plan is best:
        earliest = dosing.earliest_days(request, dosing.dose_steps(request))[-1]
        late = (days[-1] - earliest).days
        return [
            f"last dose {last}, "
            + (f"{_count(late, 'day')} after the earliest possible" if late else "as early as possible")
        ]
    words = []
    for name, mine, other in (("starts", days[0], reference[0]), ("finishes", days[-1], reference[-1])):
        gap = (mine - other).days
        words.append(
            f"{name} {_count(abs(gap), 'day')} {'later' if gap > 0 else 'earlier'}"
            if gap
            else f"{name} on the same day"
        )
    return words


def _people(calendar: Calendar, plan: Plan) -> list[str]:
    names = {person.id: person.name for person in calendar.people}
    held = [
        visit.staffing[0].practitioner for visit in plan.visits if visit.window is not None and visit.staffing
    ]
    if not held:
        return []
    changes = sum(1 for before, after in zip(held, held[1:], strict=False) if before != after)
    if not changes:
        return [f"all follow-ups with {names.get(held[0], held[0])}"]
    main = extras.main_person(plan.visits) or held[0]
    share = f"{held.count(main)} of {len(held)} follow-ups with {names.get(main, main)}"
    return [f"{share}, {_count(changes, 'change')} of person"]


def _hours(request: PlanRequest, plan: Plan) -> list[str]:
    tz = windows.load_zone(request.zone)
    starts = sorted(dose.start.astimezone(tz).time() for dose in build.doses_by_start(plan.visits))
    if starts[0] == starts[-1]:
        return [f"every dose at {starts[0]:%H:%M}"]
    return [f"doses start between {starts[0]:%H:%M} and {starts[-1]:%H:%M}"]


def _misses(request: PlanRequest, plan: Plan) -> list[str]:
    words = []
    outside = [v for v in plan.visits if v.window and not v.window.ideal_from <= v.start <= v.window.ideal_to]
    if outside:
        words.append(f"{_count(len(outside), 'follow-up')} outside the ideal hours")
    if request.weights.preference and plan.breakdown["preference"]:
        words.append(
            f"{_count(plan.breakdown['preference'] // request.weights.preference, 'wish', 'wishes')} unmet"
        )
    return words


def _not_proven(plan: Plan) -> list[str]:
    return [] if plan.proven else ["the search was stopped: a better plan of this kind may exist"]


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
