"""Which doses a request asks for, in order, and what arithmetic alone says about their days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from scheduling.planning import windows
from scheduling.planning.protocol import Phase, Protocol, StaffNeed
from scheduling.planning.values import PlanRequest

HORIZON_DAYS = 182
START_SLACK_DAYS = 28
OPEN_ENDED_DAYS = 84
REVIEW_DAYS = 28
TIMED_REVIEW_DAYS = 14
FIRST_YEAR, LAST_YEAR = 1971, 9900


class UnknownPhase(ValueError):
    """The protocol has no phase of this name."""


class BadDates(ValueError):
    """The request's dates are too far from any calendar to plan with."""


@dataclass(frozen=True, slots=True)
class DoseStep:
    """One dose to plan. Spacing is in days from the dose before it (given or planned); None for a course's
    first."""

    ordinal: int
    phase: Phase
    phase_index: int
    sequence: int
    last_of_phase: bool
    minutes: int
    needs: tuple[StaffNeed, ...]
    spacing: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class PastDose:
    """A given dose as spacing and caps see it."""

    day: date
    phase_index: int


def past_doses(request: PlanRequest) -> tuple[PastDose, ...]:
    """The given doses by start. Raises UnknownPhase."""
    names = {phase.name: index for index, phase in enumerate(request.protocol.phases)}
    found = []
    for dose in sorted(request.given, key=lambda given: given.start):
        if dose.phase not in names:
            raise UnknownPhase(dose.phase)
        found.append(PastDose(windows.local_day(zone=request.zone, instant=dose.start), names[dose.phase]))
    return tuple(found)


def dose_steps(request: PlanRequest) -> tuple[DoseStep, ...]:
    """The doses to plan: the rest of the phase that the given doses stand in, then the phases after it.

    It stops at the first phase with `exit_review_required` that still has doses to plan, or at
    `through_phase`. A phase behind a given dose of a later phase is over, whatever was given of it. Raises
    UnknownPhase.
    """
    phases = request.protocol.phases
    past = past_doses(request)
    if request.through_phase is not None and request.through_phase not in [phase.name for phase in phases]:
        raise UnknownPhase(request.through_phase)
    current = max((dose.phase_index for dose in past), default=0)
    steps: list[DoseStep] = []
    for index in range(current, len(phases)):
        phase = phases[index]
        done = sum(1 for dose in past if dose.phase_index == index)
        total = phase.sessions or open_ended_sessions(request, phase, steps, past)
        for sequence in range(done + 1, total + 1):
            steps.append(step_for(request, len(past) + len(steps) + 1, index, sequence, total))
        if request.through_phase == phase.name:
            break
        if request.through_phase is None and phase.exit_review_required and done < total:
            break
    return tuple(steps)


def step_for(request: PlanRequest, ordinal: int, index: int, sequence: int, total: int) -> DoseStep:
    """One dose of a phase, by its number in the course and in the phase of `total` doses."""
    phase = request.protocol.phases[index]
    needs = dose_needs(request.protocol, ordinal)
    spacing = None
    if ordinal > 1:
        low, ideal, high = (phase.interval_min_days or 1, phase.interval_ideal_days, phase.interval_max_days)
        widest = max(high or HORIZON_DAYS, (request.spacing_max or {}).get(ordinal, 0))
        spacing = (low, ideal or low, widest)
    return DoseStep(
        ordinal=ordinal,
        phase=phase,
        phase_index=index,
        sequence=sequence,
        last_of_phase=sequence == total,
        minutes=phase.minutes or request.protocol.block.minutes,
        needs=needs,
        spacing=spacing,
    )


def dose_needs(protocol: Protocol, ordinal: int) -> tuple[StaffNeed, ...]:
    """Who is needed at a dose, by its ordinal in the course."""
    return tuple(need for need in protocol.staff if need.doses is None or ordinal in need.doses)


def open_ended_sessions(
    request: PlanRequest, phase: Phase, before: Sequence[DoseStep], past: Sequence[PastDose]
) -> int:
    """Doses of an open-ended phase: 1 + days to the review // ideal spacing.

    The days run from the phase's earliest possible first dose to `review_on`; without one they are 84 (12
    weeks).
    """
    ideal = phase.interval_ideal_days or 1
    if request.review_on is None:
        return 1 + OPEN_ENDED_DAYS // ideal
    low = phase.interval_min_days or 1
    begins = start_day(request)
    if before:
        begins = earliest_days(request, before)[-1] + timedelta(days=low)
    elif past:
        mine = [dose.day for dose in past if request.protocol.phases[dose.phase_index] is phase]
        begins = mine[0] if mine else max(begins, past[-1].day + timedelta(days=low))
    # Beyond the horizon no dose can be, however far the review is.
    return 1 + min(HORIZON_DAYS, max(0, (request.review_on - begins).days)) // ideal


def start_day(request: PlanRequest) -> date:
    """The first local day on which the first planned dose may be.

    A series that begins N days before the first dose needs those days, counted from `not_before`.
    Raises BadDates.
    """
    if not all(
        FIRST_YEAR <= day.year <= LAST_YEAR for day in (request.start_on_or_after, request.not_before)
    ):
        raise BadDates(f"a course begins between {FIRST_YEAR} and {LAST_YEAR}")
    today = windows.local_day(zone=request.zone, instant=request.not_before)
    day = max(request.start_on_or_after, today)
    if not request.given:
        for series in request.protocol.series:
            if series.starts == "before_first_dose":
                day = max(day, today + timedelta(days=series.days_before or 0))
    return day


def overall_cap(request: PlanRequest) -> int | None:
    """The largest cap given among the phases: all the course's doses together keep it in 7 consecutive
    days."""
    caps = [phase.max_per_rolling_7_days for phase in request.protocol.phases if phase.max_per_rolling_7_days]
    return max(caps) if caps else None


def keeps_caps(step: DoseStep, day: int, recent: Sequence[tuple[int, int]], cap: int | None) -> bool:
    """Whether a dose on day number `day` keeps the caps; `recent` is the (day, phase index) of earlier
    doses."""
    inside = [phase for before, phase in recent if day - before < 7]
    mine = step.phase.max_per_rolling_7_days
    if mine is not None and sum(1 for phase in inside if phase == step.phase_index) >= mine:
        return False
    return cap is None or len(inside) < cap


def earliest_days(request: PlanRequest, steps: Sequence[DoseStep]) -> list[date]:
    """The earliest day of every dose by smallest spacings and caps alone: no calendar is asked, so it is a
    constant."""
    recent = [(dose.day.toordinal(), dose.phase_index) for dose in past_doses(request)]
    cap = overall_cap(request)
    found: list[date] = []
    for step in steps:
        day = start_day(request).toordinal()
        if recent and step.spacing:
            day = max(day, recent[-1][0] + step.spacing[0]) if not found else recent[-1][0] + step.spacing[0]
        while not keeps_caps(step, day, recent, cap):
            day += 1
        recent.append((day, step.phase_index))
        found.append(date.fromordinal(day))
    return found


def last_dose_day(request: PlanRequest, steps: Sequence[DoseStep]) -> date:
    """The last local day on which a dose may be: the longest spacings plus 28 days to start in, below 26
    weeks."""
    reach = START_SLACK_DAYS + sum(step.spacing[2] for step in steps[1:] if step.spacing)
    return start_day(request) + timedelta(days=min(reach, HORIZON_DAYS - 1))


def horizon_end(request: PlanRequest) -> date:
    """The local day at whose beginning every visit is over: 26 weeks after the first possible day."""
    return start_day(request) + timedelta(days=HORIZON_DAYS)


def needs_plan_review(request: PlanRequest, step: DoseStep) -> bool:
    """Whether a plan review follows this dose."""
    return step.last_of_phase and step.phase.exit_review_required and request.protocol.plan_review is not None


def needs_medication_review(request: PlanRequest, step: DoseStep) -> bool:
    """Whether a medication review by count follows this dose."""
    return counts_for_review(request.protocol, step.ordinal)


def counts_for_review(protocol: Protocol, ordinal: int) -> bool:
    """Whether the dose of this ordinal in the course brings a medication review."""
    review = protocol.medication_review
    if review is None:
        return False
    return (
        review.every_doses is not None and ordinal % review.every_doses == 0
    ) or ordinal in review.after_doses


def review_limit_days(request: PlanRequest, step: DoseStep) -> int:
    """Days after a plan's last dose within which its reviews are: the next phase's longest spacing, else
    28."""
    following = request.protocol.phases[step.phase_index + 1 :]
    if step.last_of_phase and following:
        return following[0].interval_max_days or REVIEW_DAYS
    return REVIEW_DAYS
