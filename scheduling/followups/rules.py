"""The state of every follow-up unit: a pure function of stored facts and `now`, not a table of moves.

Each answer says when time alone will next change it, so that a sweep finds by an index what is due and reads
nothing else.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from scheduling import states
from scheduling.followups import counting, units
from scheduling.followups.counting import Course, Frame, Load, Standing
from scheduling.followups.units import Acceptance, DoseFact, Obligation, VisitFact
from scheduling.planning.protocol import FollowUpRule
from scheduling.planning.values import Window, WindowOverride


class GapState(StrEnum):
    VOID = "void"
    WAIVED = "waived"
    CLOSED = "closed"
    COVERED = "covered"
    PROSPECTIVE = "prospective"
    OPEN = "open"
    LAPSED = "lapsed"


class Severity(StrEnum):
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class SeverityHours:
    """How near is urgent: hours before the window closes, and hours before the dose starts."""

    closing: float = 24
    dose: float = 48


@dataclass(frozen=True, slots=True)
class FollowUpUnit:
    """What is stored about one unit.

    `visits` are those that count for it now. `next_change_at` is the first instant at which time alone
    changes any other field; None when nothing but a new fact can.
    """

    key: str
    dose_ids: tuple[str, ...]
    window: Window | None
    needed: int
    state: GapState
    severity: Severity
    flagged: bool
    late: bool = False
    booked_late: bool = False
    attendance_unrecorded: bool = False
    review_needed: bool = False
    attended_after: datetime | None = None
    visits: tuple[str, ...] = ()
    next_change_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Terms:
    """The numbers that a unit is judged by."""

    needed: int
    closing: timedelta
    dose: timedelta

    @classmethod
    def of(cls, rule: FollowUpRule, hours: SeverityHours) -> "_Terms":
        return cls(
            needed=rule.visits_per_unit,
            closing=timedelta(hours=hours.closing),
            dose=timedelta(hours=hours.dose),
        )


def evaluate(
    *,
    rule: FollowUpRule | None,
    zone: str,
    doses: Iterable[DoseFact],
    visits: Iterable[VisitFact],
    now: datetime,
    waived: Collection[str] = (),
    overrides: Mapping[str, WindowOverride] | None = None,
    hours: SeverityHours | None = None,
) -> tuple[FollowUpUnit, ...]:
    """Every follow-up unit of a course at `now`, in the order of their doses.

    `doses` are all dosing visits of the course, cancelled ones too; `visits` all that could be follow-ups,
    outside visits included. `waived` names units by key. Instants are in UTC. A unit that had a record
    before and is not in the answer (its doses have moved to another week) has no dose any more: the caller
    makes its record void.
    """
    if rule is None:
        return ()
    course = Course(
        rule=rule,
        zone=zone,
        doses=tuple(doses),
        visits=_countable(rule, visits),
        waived=frozenset(waived),
        overrides=overrides or {},
    )
    terms = _Terms.of(rule, hours or SeverityHours())
    frame = counting.frame(course=course, now=now)
    loads = counting.assign(course=course, frame=frame, now=now)
    answers = {unit.key: _judge(terms, unit, loads[unit.key], now) for unit in frame.obligations}
    changes = _next_changes(course, terms, frame, answers, now)
    return tuple(
        dataclasses.replace(answer, next_change_at=changes.get(key)) for key, answer in answers.items()
    )


def acceptances(*, answers: Iterable[FollowUpUnit], visits: Iterable[VisitFact]) -> dict[str, Acceptance]:
    """The window that each visit is accepted in, by visit id: stored when it is booked or anything moves.

    Once the dose's discharge is recorded, what is stored stays as it is: that is its purpose.
    """
    starts = {visit.id: visit.start for visit in visits}
    found: dict[str, Acceptance] = {}
    for unit in answers:
        for visit in unit.visits:
            if unit.window is not None and visit in starts and counting.within(starts[visit], unit.window):
                accepted = Acceptance(unit.key, unit.window.opens_at, unit.window.closes_at)
                found.setdefault(visit, accepted)
    return found


def _countable(rule: FollowUpRule, visits: Iterable[VisitFact]) -> tuple[VisitFact, ...]:
    kinds = units.counting_kinds(rule)
    # An outside visit has no kind of ours: whoever attested it said that it is this unit's.
    countable = (
        visit
        for visit in visits
        if (rule.outside_visit_counts if visit.external_unit else visit.kind in kinds)
    )
    return tuple(sorted(countable, key=lambda visit: (visit.start, visit.id)))


def _judge(terms: _Terms, unit: Obligation, load: Load, now: datetime) -> FollowUpUnit:
    state = _state(terms, unit, load, now)
    severity = _severity(terms, unit, state, now)
    counted = [one for one in load.counted if one.standing is not Standing.UNRECORDED]
    return FollowUpUnit(
        key=unit.key,
        dose_ids=unit.dose_ids,
        window=unit.window,
        needed=terms.needed,
        state=state,
        severity=severity,
        flagged=state in (GapState.OPEN, GapState.LAPSED)
        or (state is GapState.PROSPECTIVE and severity is not Severity.LOW),
        late=state is GapState.CLOSED and any(not one.inside for one in load.of(Standing.ATTENDED)),
        booked_late=state is GapState.OPEN and any(not one.inside for one in load.of(Standing.AHEAD)),
        attendance_unrecorded=len(counted) < len(load.counted),
        review_needed=any(one.by_acceptance for one in counted),
        attended_after=load.attended_after if state is GapState.LAPSED else None,
        visits=tuple(sorted(one.visit.id for one in counted)),
    )


def _state(terms: _Terms, unit: Obligation, load: Load, now: datetime) -> GapState:
    """The table of states: the first row that matches."""
    if unit.void:
        return GapState.VOID
    if unit.waived:
        return GapState.WAIVED
    window = counting.window_of(unit)
    attended = load.of(Standing.ATTENDED)
    if len(attended) >= terms.needed:
        return GapState.CLOSED
    inside = sum(1 for one in (*attended, *load.of(Standing.AHEAD)) if one.inside)
    if inside >= terms.needed:
        return GapState.COVERED
    if now < window.closes_at:
        return GapState.PROSPECTIVE
    return GapState.OPEN if now < window.grace_until else GapState.LAPSED


def _severity(terms: _Terms, unit: Obligation, state: GapState, now: datetime) -> Severity:
    if state in (GapState.OPEN, GapState.LAPSED):
        return Severity.HIGH
    if unit.window is None or unit.first_start is None:
        return Severity.LOW
    if now < unit.window.closes_at and unit.window.closes_at - terms.closing <= now:
        return Severity.HIGH
    if unit.given or unit.first_start - terms.dose <= now:
        return Severity.MODERATE
    return Severity.LOW


def _next_changes(
    course: Course, terms: _Terms, frame: Frame, answers: Mapping[str, FollowUpUnit], now: datetime
) -> dict[str, datetime]:
    """The first instant at which each unit's answer differs from the one at `now`.

    Ends of visits and of holds can change what counts where; between two of them only a unit's clock runs.
    """
    found: dict[str, datetime] = {}
    since = now
    loads = counting.assign(course=course, frame=frame, now=now)
    for upto in (*_edges(course, now), None):
        for unit in frame.obligations:
            if unit.key not in found:
                at = _own_change(terms, unit, loads[unit.key], answers[unit.key], since, upto)
                if at is not None:
                    found[unit.key] = at
        if upto is None or len(found) == len(answers):
            break
        if any(dose.hold_expires_at == upto for dose in course.doses):
            frame = counting.frame(course=course, now=upto)
        loads, since = counting.assign(course=course, frame=frame, now=upto), upto
        for unit in frame.obligations:
            if unit.key not in found and _judge(terms, unit, loads[unit.key], upto) != answers[unit.key]:
                found[unit.key] = upto
    return found


def _edges(course: Course, now: datetime) -> list[datetime]:
    edges = {visit.end for visit in course.visits if visit.status in states.LIVE}
    edges |= {dose.hold_expires_at for dose in course.doses if dose.hold_expires_at is not None}
    edges |= {visit.hold_expires_at for visit in course.visits if visit.hold_expires_at is not None}
    return sorted(edge for edge in edges if edge > now)


def _own_change(
    terms: _Terms,
    unit: Obligation,
    load: Load,
    answer: FollowUpUnit,
    since: datetime,
    upto: datetime | None,
) -> datetime | None:
    """The first change after `since` and before `upto` that comes from the unit's own clock."""
    if unit.window is None or unit.first_start is None:
        return None
    clock = (
        unit.first_start - terms.dose,
        unit.window.closes_at - terms.closing,
        unit.window.closes_at,
        unit.window.grace_until,
    )
    for at in sorted(clock):
        if since < at and (upto is None or at < upto) and _judge(terms, unit, load, at) != answer:
            return at
    return None
