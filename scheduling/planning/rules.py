"""The hard rules over visits that a person chose: the same meaning as in the search, said visit by visit."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from scheduling.planning import occupation, units, windows
from scheduling.planning import steps as dosing
from scheduling.planning.build import doses_by_start
from scheduling.planning.occupation import broken
from scheduling.planning.protocol import Phase
from scheduling.planning.units import TimedDose, Unit
from scheduling.planning.values import Availability, PlannedVisit, PlanRequest, Severity, Violation

COUNTING = ("integration", "group_integration")


def check_visits(
    *, request: PlanRequest, availability: Availability, visits: Sequence[PlannedVisit]
) -> tuple[Violation, ...]:
    """Every hard rule that the visits break, in the order patient, people and rooms, doses, follow-ups,
    other steps.

    What nobody can be in two places about is not overridable; spacing, caps, windows, preparation and
    reviews are, by someone permitted, with a reason. A missing follow-up, preparation or review is a
    warning: the dose may be booked without it, and the gap is there from that moment.
    """
    found = list(occupation.check_patient(request, availability, visits))
    given = len(request.given)
    ordinals = {dose.ref: given + number for number, dose in enumerate(doses_by_start(visits), start=1)}
    for visit in sorted(visits, key=lambda one: (one.start, one.ref)):
        found.extend(_times(request, visit))
        if visit.group_session is not None:
            found.extend(occupation.check_group(availability, visit))
            continue
        found.extend(occupation.check_people(request, availability, visit, ordinals.get(visit.ref)))
        found.extend(occupation.check_room(request, availability, visits, visit))
    doses = timed(request, visits)
    found.extend(_doses(request, doses))
    found.extend(_follow_ups(request, doses, visits))
    found.extend(_preparations(request, doses, visits))
    found.extend(_reviews(request, doses, visits))
    return tuple(found)


def timed(request: PlanRequest, visits: Sequence[PlannedVisit]) -> list[TimedDose]:
    """Given doses and those among the visits, by start, with their ordinals."""
    given = [(dose.start, dose.end, dose.phase, dose.sequence, False, dose.held) for dose in request.given]
    chosen = [
        (visit.start, visit.end, visit.phase or request.protocol.phases[0].name, visit.sequence, True, None)
        for visit in doses_by_start(visits)
    ]
    ordered = sorted([*given, *chosen], key=lambda dose: dose[:5])
    sessions = {phase.name: phase.sessions for phase in request.protocol.phases}
    return [
        TimedDose(number, phase, sequence, sequence == sessions.get(phase), start, end, planned, held)
        for number, (start, end, phase, sequence, planned, held) in enumerate(ordered, start=1)
    ]


def _times(request: PlanRequest, visit: PlannedVisit) -> Iterator[Violation]:
    if visit.end <= visit.start:
        yield broken("visit_times", visit, "A visit ends after it starts.")
    if visit.start < request.not_before:
        yield broken("not_before", visit, "The visit would start too soon.", overridable=True)
    local = visit.start.astimezone(windows.load_zone(request.zone))
    if visit.group_session is None and (
        (local.hour * 60 + local.minute) % request.grid_minutes or local.second
    ):
        message = f"Starts lie on a grid of {request.grid_minutes} minutes."
        yield Violation("grid", Severity.WARNING, True, visit.ref, message)


def _ref(dose: TimedDose) -> str:
    return f"dose-{dose.ordinal}"


def _says(rule: str, dose: TimedDose, message: str) -> Violation:
    return Violation(rule, Severity.ERROR, True, _ref(dose), message)


def _phase(request: PlanRequest, dose: TimedDose) -> Phase:
    return next(
        (one for one in request.protocol.phases if one.name == dose.phase), request.protocol.phases[0]
    )


def _doses(request: PlanRequest, doses: Sequence[TimedDose]) -> Iterator[Violation]:
    days = [windows.local_day(zone=request.zone, instant=dose.start).toordinal() for dose in doses]
    cap = dosing.overall_cap(request)
    for index, dose in enumerate(doses):
        if not dose.planned:
            continue
        phase = _phase(request, dose)
        if index == 0 and days[0] < dosing.start_day(request).toordinal():
            yield _says(
                "start_day", dose, f"The first dose is on or after {dosing.start_day(request):%d %b %Y}."
            )
        if index:
            yield from _spacing(request, dose, phase, days[index] - days[index - 1])
        recent = [before for before in range(index) if days[index] - days[before] < 7]
        same = sum(1 for before in recent if doses[before].phase == dose.phase)
        mine = phase.max_per_rolling_7_days
        if mine is not None and same >= mine:
            yield _says(
                "rolling_cap", dose, f"At most {mine} doses of {phase.name} are allowed in any 7 days."
            )
        elif cap is not None and len(recent) >= cap:
            yield _says("rolling_cap", dose, f"At most {cap} doses are allowed in any 7 days.")


def _spacing(request: PlanRequest, dose: TimedDose, phase: Phase, gap: int) -> Iterator[Violation]:
    least = phase.interval_min_days or 1
    most = max(
        phase.interval_max_days or dosing.HORIZON_DAYS, (request.spacing_max or {}).get(dose.ordinal, 0)
    )
    if gap < least:
        yield _says("spacing_min", dose, f"{gap} days after the dose before; at least {least} are needed.")
    if gap > most:
        yield _says("spacing_max", dose, f"{gap} days after the dose before; at most {most} are allowed.")


def _follow_ups(
    request: PlanRequest, doses: Sequence[TimedDose], visits: Sequence[PlannedVisit]
) -> Iterator[Violation]:
    rule = request.protocol.follow_up
    if rule is None:
        return
    free = sorted((visit for visit in visits if visit.kind in COUNTING), key=lambda one: (one.start, one.ref))
    for unit in sorted(
        units.units_of(request, doses), key=lambda one: units.window_of(request, one).closes_at
    ):
        wanted = max(0, rule.visits_per_unit - units.held_of(rule, unit))
        mine = _for_unit(request, doses, unit, free)[:wanted]
        free = [visit for visit in free if visit not in mine]
        lacking = wanted - len(mine)
        if lacking:
            yield _missing_follow_up(request, unit, lacking)
    following = {_ref(unit.doses[-1]): unit for unit in units.units_of(request, doses)}
    for visit in free:
        # A visit that says which dose it follows, and counts for no unit, is outside its window.
        if visit.follows in following:
            yield broken(
                "follow_up_window", visit, f"It is outside the window of {visit.follows}.", overridable=True
            )


def _for_unit(
    request: PlanRequest, doses: Sequence[TimedDose], unit: Unit, free: Sequence[PlannedVisit]
) -> list[PlannedVisit]:
    rule = request.protocol.follow_up
    assert rule is not None
    window = units.window_of(request, unit)
    per_day: dict[object, int] = {}
    found = []
    for visit in free:
        if not window.opens_at <= visit.start <= window.closes_at:
            continue
        if rule.before_next_dosing and unit.next_start is not None and visit.end > unit.next_start:
            continue
        if rule.is_before and visit.end > unit.doses[-1].start:
            continue
        day = windows.local_day(zone=request.zone, instant=visit.start)
        if per_day.get(day, 0) < rule.max_per_day:
            per_day[day] = per_day.get(day, 0) + 1
            found.append(visit)
    return sorted(found, key=lambda visit: visit.follows != _ref(unit.doses[-1]))


def _missing_follow_up(request: PlanRequest, unit: Unit, lacking: int) -> Violation:
    window, rule = units.window_of(request, unit), request.protocol.follow_up
    assert rule is not None
    last = _ref(unit.doses[-1])
    latest = window.closes_at
    if rule.before_next_dosing and unit.next_start is not None:
        latest = min(latest, unit.next_start - timedelta(minutes=rule.minutes))
    if latest < window.opens_at:
        message = "No follow-up fits between this dose and the next."
        return Violation("follow_up_window_empty", Severity.ERROR, True, last, message)
    return Violation(
        "follow_up_missing", Severity.WARNING, True, last, f"{lacking} follow-up of this dose is not planned."
    )


def _preparations(
    request: PlanRequest, doses: Sequence[TimedDose], visits: Sequence[PlannedVisit]
) -> Iterator[Violation]:
    preparation = request.protocol.preparation
    mine = [visit for visit in visits if visit.kind == "preparation"]
    if preparation is None or request.given or not doses:
        return
    least, most = preparation.before_hours
    first = doses[0].start
    for visit in mine:
        ahead = first - visit.start
        if not timedelta(hours=least) <= ahead <= timedelta(hours=most) or visit.end > first:
            message = f"Preparation is {least} to {most} hours before the first dose."
            yield broken("preparation_hours", visit, message, overridable=True)
    if len(mine) < preparation.count:
        message = f"{preparation.count - len(mine)} preparation before the first dose is not planned."
        yield Violation("preparation_missing", Severity.WARNING, True, _ref(doses[0]), message)


def _reviews(
    request: PlanRequest, doses: Sequence[TimedDose], visits: Sequence[PlannedVisit]
) -> Iterator[Violation]:
    for index, dose in enumerate(doses):
        if not dose.planned:
            continue
        after = doses[index + 1] if index + 1 < len(doses) else None
        phase = _phase(request, dose)
        ends_phase = dose.last_of_phase or (after is not None and after.phase != dose.phase)
        if request.protocol.plan_review and phase.exit_review_required and ends_phase:
            yield from _review(request, dose, after, visits, "plan_review")
        if dosing.counts_for_review(request.protocol, dose.ordinal):
            yield from _review(request, dose, after, visits, "medication_review")


def review_opens(request: PlanRequest, start: datetime, end: datetime) -> datetime:
    """When the reviews after a dose may begin: on a later day, after a `device` dose at its end."""
    if request.protocol.dose_kind != "dosing":
        return end
    following = windows.local_day(zone=request.zone, instant=start) + timedelta(days=1)
    return max(end, windows.day_start(zone=request.zone, day=following))


def _review(
    request: PlanRequest,
    dose: TimedDose,
    after: TimedDose | None,
    visits: Sequence[PlannedVisit],
    kind: str,
) -> Iterator[Violation]:
    soonest = review_opens(request, dose.start, dose.end)
    for visit in visits:
        if visit.kind == kind and soonest <= visit.start and (after is None or visit.end <= after.start):
            return
    name = kind.replace("_", " ")
    if kind == "plan_review" and after is not None:
        # S-17: the next phase waits for the review of the one before.
        yield _says("plan_review", after, f"A {name} is needed between {_ref(dose)} and this dose.")
    else:
        yield Violation(
            f"{kind}_missing",
            Severity.WARNING,
            True,
            _ref(dose),
            f"The {name} after this dose is not planned.",
        )
