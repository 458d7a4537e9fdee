"""Why there is no plan: the first visit that cannot be placed, and changes that were tried and do give a
plan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from scheduling.planning import feasible, patches, search, windows
from scheduling.planning import steps as dosing
from scheduling.planning.extras import NoTimedReview
from scheduling.planning.feasible import Breaks, Failure
from scheduling.planning.menus import Calendar
from scheduling.planning.problem import Problem
from scheduling.planning.protocol import Coverage
from scheduling.planning.values import SEATS, NoPlan, Relaxation, UnmetRule

MOST_TRIES = 20
MOST_SLOW_TRIES = 6
MOST_FOUND = 2
START_SHIFTS = (1, 2, 3, 5, 7, 14, 21)
SPACING_SHIFTS = (1, 2, 4, 7, 14)
REVIEW_REACH = 14
WINDOW_HOURS = (96, 120, 168, 336)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A change to try, and the rule that it relaxes. Where its `widest` kin does not help, it does not
    either."""

    rule: str
    visit: str
    change: str
    patch: Mapping[str, Any]
    widest: Mapping[str, Any] | None = None


def explain(calendar: Calendar) -> NoPlan:
    """The rules and visits that cannot hold together; every relaxation was tried on this calendar and gives
    a plan."""
    failure = feasible.failure(calendar)
    if not feasible.keeps_given(calendar):
        message = "A follow-up of a dose that was given has no place in its window."
        return NoPlan((UnmetRule("follow_up_window", None, message),))
    if failure is None:
        return NoPlan((UnmetRule("no_plan", None, "The rules cannot hold together."),))
    problem = Problem(calendar)
    tries = 0
    found: dict[str, list[Relaxation]] = {}
    rules: dict[str, str] = {}
    slow = search.needs_carrying(problem)
    most = MOST_SLOW_TRIES if slow else MOST_TRIES
    known: dict[str, bool] = {}
    for attempt in _attempts(calendar, problem, failure):
        if tries >= most:
            break
        if len(found.get(attempt.rule, ())) >= (MOST_FOUND if attempt.rule in ("staff", "room") else 1):
            continue
        tries += 1
        # Where the work is bounded, "no" may mean "too much": the widest says nothing about the others.
        if not slow and attempt.widest is not None and not _known(calendar, attempt.widest, known):
            continue
        if _known(calendar, attempt.patch, known):
            found.setdefault(attempt.rule, []).append(_relaxation(problem, attempt))
            rules.setdefault(attempt.rule, attempt.visit)
    main, visit = _main_rule(problem, failure)
    unmet = [UnmetRule(main, visit, _message(calendar, problem, failure), tuple(found.pop(main, ())))]
    unmet += [UnmetRule(rule, rules[rule], SAID[rule], tuple(changes)) for rule, changes in found.items()]
    return NoPlan(tuple(unmet))


SAID = {
    "follow_up_window": "The follow-up window is too short for this calendar.",
    "spacing_max": "The longest spacing to this dose is too short for this calendar.",
    "start_day": "The course cannot begin in these days.",
    "patient_limits": "The patient's limits leave too few times.",
    "staff": "Too few people are free.",
    "room": "Too few rooms are free.",
}


def _relaxation(problem: Problem, attempt: Attempt) -> Relaxation:
    doses = len(problem.steps)
    return Relaxation(attempt.change, f"all {doses} doses with what belongs to them", attempt.patch)


def _known(calendar: Calendar, patch: Mapping[str, Any], known: dict[str, bool]) -> bool:
    key = repr(patch)
    if key not in known:
        known[key] = _works(calendar, patch)
    return known[key]


def _works(calendar: Calendar, patch: Mapping[str, Any]) -> bool:
    request, availability = patches.apply_patch(
        request=calendar.request, availability=calendar.availability, patch=patch
    )
    return feasible.possible(calendar.varied(request, availability))


def _main_rule(problem: Problem, failure: Failure) -> tuple[str, str]:
    number = problem.steps[failure.index].ordinal
    if failure.breaks is Breaks.FOLLOW_UP:
        return "follow_up_window", f"{_follow_kind(problem)}-{_follow_number(problem, failure.index)}"
    if failure.breaks is Breaks.PREPARATION:
        return "preparation_hours", "preparation-1"
    if failure.breaks is Breaks.REVIEW:
        return "review", f"dose-{number}"
    return ("start_day" if failure.index == 0 else "dose_start"), f"dose-{number}"


def _follow_kind(problem: Problem) -> str:
    group = problem.rule is not None and problem.rule.coverage is Coverage.GROUP
    return "group_integration" if group else "integration"


def _follow_number(problem: Problem, index: int) -> int:
    if problem.rule is None or problem.rule.coverage is Coverage.WEEKLY:
        return 1
    return max(1, sum(problem.visits_after(before) for before in range(index + 1)))


def _message(calendar: Calendar, problem: Problem, failure: Failure) -> str:
    step = problem.steps[failure.index]
    name = f"Dose {step.ordinal} ({step.phase.name}, {step.sequence})"
    when = _between(failure)
    if failure.breaks is Breaks.FOLLOW_UP:
        limit = " before the next dose" if problem.rule and problem.rule.before_next_dosing else ""
        return f"{name}, possible {when}, has no follow-up inside its window{limit}."
    if failure.breaks is Breaks.PREPARATION:
        return f"{name}, possible {when}, has no preparation in its hours before it."
    if failure.breaks is Breaks.REVIEW:
        return f"The review after {name.lower()}, possible {when}, has no place before the next dose."
    lacking = _lacking(calendar, problem, failure.index)
    if lacking:
        return f"{name} has no start: {lacking}."
    if failure.index == 0:
        return f"{name} has no start in which room, people and patient are free together."
    least, _, most = step.spacing or (1, 1, 1)
    before = f"the dose before ({when})"
    spacing = f"{least} to {most} days after {before}"
    return f"{name} has no start {spacing} that keeps the caps with all it needs free."


def _between(failure: Failure) -> str:
    if not failure.days:
        return "on no day"
    first, last = (date.fromordinal(day) for day in (failure.days[0], failure.days[-1]))
    return f"on {_day(first)}" if first == last else f"from {_day(first)} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"


def _lacking(calendar: Calendar, problem: Problem, index: int) -> str:
    """What alone makes a dose impossible on every day, in words; empty when only the combination does."""
    step, protocol = problem.steps[index], problem.request.protocol
    if not calendar.patient_starts(step.minutes):
        return "the patient is never free that long within the limits"
    if protocol.room_kinds and not calendar.any_room(
        protocol.room_kinds, step.minutes + protocol.turnover_minutes
    ):
        return f"no room of kind {' or '.join(protocol.room_kinds)} is ever free that long"
    for need in step.needs:
        if not calendar.staffings((need,), step.minutes, calendar.grid.everything):
            return f"no {need.role} is ever there that long"
    return ""


def _attempts(calendar: Calendar, problem: Problem, failure: Failure) -> Iterator[Attempt]:
    if failure.breaks is Breaks.FOLLOW_UP:
        yield from _wider_windows(problem, failure)
    yield from _dropped_limits(calendar)
    yield from _wider_spacing(problem, failure)
    yield from _other_starts(problem)
    yield from _more_people(calendar, problem, failure)


def _wider_windows(problem: Problem, failure: Failure) -> Iterator[Attempt]:
    rule, ordinal = problem.rule, problem.steps[failure.index].ordinal
    assert rule is not None
    now = problem.offsets(ordinal).most / 60
    visit = f"{_follow_kind(problem)}-{_follow_number(problem, failure.index)}"
    everyone = [step.ordinal for step in problem.steps]
    for ordinals, words, choice in (
        ([ordinal], f"let dose {ordinal}'s window run to", WINDOW_HOURS),
        (everyone, "let every window run to", WINDOW_HOURS[:3]),
    ):
        wider = [hours for hours in choice if hours > now and not rule.is_before]
        found = {hours: _windows_to(ordinals, hours, rule.grace_hours) for hours in wider}
        for hours, patch in found.items():
            yield Attempt("follow_up_window", visit, f"{words} {hours} h", patch, found[wider[-1]])


def _windows_to(ordinals: Sequence[int], hours: float, grace: float) -> Mapping[str, Any]:
    edges = {"max_hours": hours, "grace_hours": max(hours, grace)}
    return {"windows": dict.fromkeys(ordinals, edges)}


def _wider_spacing(problem: Problem, failure: Failure) -> Iterator[Attempt]:
    following = failure.index if failure.breaks is Breaks.DOSE else failure.index + 1
    if not 0 < following < len(problem.steps):
        return
    step = problem.steps[following]
    assert step.spacing is not None
    for more in SPACING_SHIFTS:
        days = step.spacing[2] + more
        change = f"let dose {step.ordinal} follow up to {days} days after the dose before"
        widest = {"spacing_max": {step.ordinal: step.spacing[2] + SPACING_SHIFTS[-1]}}
        patch = {"spacing_max": {step.ordinal: days}}
        yield Attempt("spacing_max", f"dose-{step.ordinal}", change, patch, widest)


def _other_starts(problem: Problem) -> Iterator[Attempt]:
    begins = dosing.start_day(problem.request)
    for shift in START_SHIFTS:
        day = begins + timedelta(days=shift)
        patch = {"start_on_or_after": day.isoformat()}
        yield Attempt(
            "start_day", f"dose-{problem.steps[0].ordinal}", f"start on {_day(day)} or later", patch
        )


def _dropped_limits(calendar: Calendar) -> Iterator[Attempt]:
    limits = calendar.request.hard_limits
    for name, words, value in (
        ("weekdays_never", "let the patient come on every weekday", limits.weekdays_never),
        ("not_before", "let the patient come earlier in the day", limits.not_before),
        ("not_after", "let the patient stay later in the day", limits.not_after),
    ):
        if value:
            yield Attempt("patient_limits", "dose-1", words, {"hard_limits": {name: True}})


def _more_people(calendar: Calendar, problem: Problem, failure: Failure) -> Iterator[Attempt]:
    days = _days_to_staff(problem, failure)[:4]
    hours = _opening_hours(calendar, days)
    visit = f"dose-{problem.steps[failure.index].ordinal}"
    for rule, kind, name in _wanted(problem, failure):
        what = {("role" if kind == "practitioner" else "kind"): name}
        plain = f"{_article(name)} {name.replace('_', ' ')}"
        if _never_there(calendar, problem.steps[failure.index].minutes, kind, name):
            every = _course_days(problem)
            patch = {f"add_{kind}": {**what, "spans": _opening_hours(calendar, every)}}
            yield Attempt(rule, visit, f"add {plain} on every day from {_day(every[0])}", patch)
        elif _works(calendar, {f"add_{kind}": {**what, "spans": hours}}):
            # Were even all of these days together no help, no single one could be.
            for day, span in zip(days, hours, strict=True):
                patch = {f"add_{kind}": {**what, "spans": [span]}}
                yield Attempt(rule, visit, f"add {plain} on {_day(day)}", patch)


def _never_there(calendar: Calendar, minutes: int, kind: str, name: str) -> bool:
    if kind == "room":
        return not calendar.any_room((name,), minutes)
    return not any(calendar.person_starts(person, minutes, SEATS) for person in calendar.with_role(name))


def _course_days(problem: Problem) -> list[date]:
    first = dosing.start_day(problem.request)
    last = dosing.last_dose_day(problem.request, problem.steps) + timedelta(days=REVIEW_REACH)
    return [first + timedelta(days=number) for number in range((last - first).days)]


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def _wanted(problem: Problem, failure: Failure) -> list[tuple[str, str, str]]:
    protocol = problem.request.protocol
    step = {
        Breaks.FOLLOW_UP: protocol.follow_up,
        Breaks.PREPARATION: protocol.preparation,
        Breaks.REVIEW: protocol.plan_review or protocol.medication_review,
    }.get(failure.breaks)
    if step is not None:
        found = [("staff", "practitioner", step.role)]
        return found + [("room", "room", kind) for kind in step.room_kinds[:1]]
    found = [("staff", "practitioner", need.role) for need in problem.steps[failure.index].needs]
    return found + [("room", "room", kind) for kind in protocol.room_kinds[:1]]


def _days_to_staff(problem: Problem, failure: Failure) -> list[date]:
    """Days on which one more person or room could help: the failed visit's own, weekdays first."""
    step, days = problem.steps[failure.index], failure.days
    if not days:
        begins = dosing.start_day(problem.request).toordinal()
        found = list(range(begins, begins + 7))
    elif failure.breaks is Breaks.DOSE:
        least, ideal, most = step.spacing or (1, 1, 1)
        found = sorted(
            range(days[0] + least, days[-1] + most + 1), key=lambda day: abs(day - days[0] - ideal)
        )
    elif failure.breaks is Breaks.PREPARATION:
        found = [days[0] - 1, days[0] - 2, days[0] - 3]
    else:
        found = [days[0] + 1, days[0] + 2, days[-1] + 1, days[-1] + 2]
    ordered = sorted(dict.fromkeys(found), key=lambda day: date.fromordinal(day).weekday() >= 5)
    return [date.fromordinal(day) for day in ordered]


def _opening_hours(calendar: Calendar, days: Sequence[date]) -> list[dict[str, str]]:
    """The hours that people work on each day, or 8 to 18 by the site's clocks where nobody does."""
    zone, worked = calendar.grid.zone, dict[date, tuple[datetime, datetime]]()
    for person in calendar.people:
        for span in person.on_shift:
            day = windows.local_day(zone=zone, instant=span.start)
            start, end = worked.get(day, (span.start, span.end))
            worked[day] = (min(start, span.start), max(end, span.end))
    found = []
    for day in days:
        begins = windows.day_start(zone=zone, day=day)
        start, end = worked.get(day, (begins + timedelta(hours=8), begins + timedelta(hours=18)))
        found.append({"start": start.isoformat(), "end": end.isoformat()})
    return found


def nothing_to_plan(calendar: Calendar) -> NoPlan:
    """Every dose is given."""
    return NoPlan((UnmetRule("nothing_to_plan", None, "Every dose of the course is given already."),))


def search_limit() -> NoPlan:
    """The search was stopped before it had a plan or a proof that there is none."""
    message = "The search was stopped before it found a plan; that does not mean that there is none."
    return NoPlan((UnmetRule("search_limit", None, message),))


def no_timed_review(calendar: Calendar, none: NoTimedReview) -> NoPlan:
    """A medication review that is due by time has no place."""
    review = calendar.request.protocol.medication_review
    role = review.role if review is not None else "prescriber"
    day = none.due if none.due.weekday() < 5 else none.due - timedelta(days=none.due.weekday() - 4)
    patch = {"add_practitioner": {"role": role, "spans": _opening_hours(calendar, [day])}}
    change = Relaxation(f"add a {role} on {_day(day)}", "the medication review by its day", patch)
    message = f"No medication review fits in the 14 days up to {_day(none.due)}."
    return NoPlan((UnmetRule("medication_review_due", "medication_review-1", message, (change,)),))
