"""Which doses, units and reviews a request asks for, read off the rules' text (not the planner's code)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduling.planning.protocol import Coverage, FollowUpRule, Phase, StaffNeed
from scheduling.planning.values import GivenDose, PlanRequest, WindowOverride

UTC = ZoneInfo("UTC")
WEEKS_26 = 182


@dataclass(frozen=True, slots=True)
class Dose:
    """A dose to plan: `number` counts from 1, given ones too; spacing in days from the one before."""

    number: int
    phase: Phase
    sequence: int
    ends_phase: bool
    minutes: int
    needs: tuple[StaffNeed, ...]
    spacing: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Hours:
    """A unit's window in minutes from its anchor: least, band, most, grace."""

    least: int
    ideal_from: int
    ideal_to: int
    most: int
    grace: int


def day_begins(*, zone: str, day: date) -> datetime:
    """The first instant of a local date (where midnight is skipped, the instant of the skip)."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_date(*, zone: str, instant: datetime) -> date:
    """The date on the site's calendar."""
    return instant.astimezone(ZoneInfo(zone)).date()


def given_in_order(request: PlanRequest) -> list[GivenDose]:
    """The given doses by start."""
    return sorted(request.given, key=lambda dose: dose.start)


def first_day(request: PlanRequest) -> date:
    """The first date for the first planned dose."""
    return max(request.start_on_or_after, local_date(zone=request.zone, instant=request.not_before))


def planned_doses(request: PlanRequest) -> list[Dose]:
    """All doses up to the first phase that asks for a review, or through `through_phase`."""
    phases = request.protocol.phases
    given = given_in_order(request)
    names = [phase.name for phase in phases]
    now_in = max((names.index(dose.phase) for dose in given), default=0)
    found: list[Dose] = []
    for phase in phases[now_in:]:
        had = sum(dose.phase == phase.name for dose in given)
        total = phase.sessions or _open_ended(request, phase, found)
        for sequence in range(had + 1, total + 1):
            found.append(_dose(request, phase, len(given) + len(found) + 1, sequence, total))
        if request.through_phase is None:
            if phase.exit_review_required and had < total:
                break
        elif request.through_phase == phase.name:
            break
    return found


def _open_ended(request: PlanRequest, phase: Phase, before: Sequence[Dose]) -> int:
    """1 + the ideal spacings between the phase's earliest start and its review (12 weeks unless set)."""
    ideal, low = phase.interval_ideal_days or 1, phase.interval_min_days or 1
    if request.review_on is None:
        return 1 + 84 // ideal
    given = [local_date(zone=request.zone, instant=dose.start) for dose in given_in_order(request)]
    mine = [day for day, dose in zip(given, given_in_order(request), strict=True) if dose.phase == phase.name]
    begins = first_day(request)
    if before:
        begins = earliest_finish(request, before) + timedelta(days=low)
    elif given:
        begins = mine[0] if mine else max(begins, given[-1] + timedelta(days=low))
    return 1 + max(0, (request.review_on - begins).days) // ideal


def _dose(request: PlanRequest, phase: Phase, number: int, sequence: int, total: int) -> Dose:
    spacing = None
    if number > 1:
        low, ideal, high = phase.interval_min_days, phase.interval_ideal_days, phase.interval_max_days
        if low is None or ideal is None or high is None:
            low, ideal, high = 1, 1, WEEKS_26
        spacing = (low, ideal, max(high, (request.spacing_max or {}).get(number, 0)))
    return Dose(
        number=number,
        phase=phase,
        sequence=sequence,
        ends_phase=sequence == total,
        minutes=phase.minutes or request.protocol.block.minutes,
        needs=tuple(need for need in request.protocol.staff if need.doses is None or number in need.doses),
        spacing=spacing,
    )


def course_cap(request: PlanRequest) -> int | None:
    """The largest cap among the phases: for all doses of the course together."""
    return max(
        (p.max_per_rolling_7_days for p in request.protocol.phases if p.max_per_rolling_7_days), default=None
    )


def last_day(request: PlanRequest, doses: Sequence[Dose]) -> date:
    """The last date for a dose: 28 days to start in and the longest spacings, inside 26 weeks."""
    reach = 28 + sum(dose.spacing[2] for dose in doses[1:] if dose.spacing)
    return first_day(request) + timedelta(days=min(reach, WEEKS_26 - 1))


def earliest_finish(request: PlanRequest, doses: Sequence[Dose]) -> date:
    """The date of the last dose when each comes as soon as spacing and caps allow."""
    past = [
        (local_date(zone=request.zone, instant=dose.start), dose.phase) for dose in given_in_order(request)
    ]
    cap = course_cap(request)
    day = first_day(request)
    for index, dose in enumerate(doses):
        if past and dose.spacing:
            soonest = past[-1][0] + timedelta(days=dose.spacing[0])
            day = max(first_day(request), soonest) if index == 0 else soonest
        while _too_many(dose.phase, cap, [*past, (day, dose.phase.name)]):
            day += timedelta(days=1)
        past.append((day, dose.phase.name))
    return day


def _too_many(phase: Phase, cap: int | None, doses: Sequence[tuple[date, str]]) -> bool:
    last = doses[-1][0]
    week = [name for day, name in doses if last - timedelta(days=6) <= day <= last]
    own = phase.max_per_rolling_7_days
    return (own is not None and week.count(phase.name) > own) or (cap is not None and len(week) > cap)


def hours(
    *, rule: FollowUpRule, first: int, last: int, overrides: Mapping[int, WindowOverride] | None
) -> Hours:
    """The window of a unit by the numbers of its first and last dose (only `weekly` looks at the first)."""
    known = overrides or {}
    opening = known.get(first if rule.coverage is Coverage.WEEKLY else last, WindowOverride())
    closing = known.get(last, WindowOverride())
    return Hours(
        least=_minutes(opening.min_hours, rule.min_hours),
        ideal_from=_minutes(opening.ideal_from, rule.ideal_from),
        ideal_to=_minutes(closing.ideal_to, rule.ideal_to),
        most=_minutes(closing.max_hours, rule.max_hours),
        grace=_minutes(closing.grace_hours, rule.grace_hours),
    )


def _minutes(override: float | None, rule: float) -> int:
    return round((rule if override is None else override) * 60)


def unit_ends_here(*, rule: FollowUpRule, dose: Dose) -> bool:
    """Whether a unit's last dose is this one (not for `weekly`, which depends on the dates)."""
    if rule.coverage in (Coverage.EACH_DOSING, Coverage.GROUP):
        return True
    return rule.coverage is Coverage.EACH_N and (dose.sequence % rule.n == 0 or dose.ends_phase)


def wants_plan_review(request: PlanRequest, dose: Dose) -> bool:
    """A plan review follows the last dose of a phase that asks for one."""
    return dose.ends_phase and dose.phase.exit_review_required and request.protocol.plan_review is not None


def wants_medication_review(request: PlanRequest, dose: Dose) -> bool:
    """A medication review by count follows every n-th dose and the named ones."""
    review = request.protocol.medication_review
    if review is None:
        return False
    return dose.number in review.after_doses or bool(
        review.every_doses and dose.number % review.every_doses == 0
    )


def review_days(request: PlanRequest, dose: Dose) -> int:
    """Days after the plan's last dose in which a review must fall."""
    phases = request.protocol.phases
    place = [phase.name for phase in phases].index(dose.phase.name)
    if dose.ends_phase and place + 1 < len(phases):
        return phases[place + 1].interval_max_days or 28
    return 28
