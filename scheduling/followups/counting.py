"""Which unit each follow-up visit counts for. Pure.

Attended visits choose first, then those ahead, then those whose end has passed unrecorded; each group by
start, then id. A visit goes to the unit still needing one that closes first among those whose window it is
in, else to one whose grace it is in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from scheduling import states
from scheduling.followups import units
from scheduling.followups.units import DoseFact, Obligation, VisitFact
from scheduling.planning.protocol import FollowUpRule
from scheduling.planning.values import Window, WindowOverride


class Standing(StrEnum):
    ATTENDED = "attended"
    AHEAD = "ahead"  # live and not past its end
    UNRECORDED = "unrecorded"  # live, past its end, and nobody said what happened


_STANDINGS = tuple(Standing)


@dataclass(frozen=True, slots=True)
class Counted:
    visit: VisitFact
    standing: Standing
    inside: bool  # in the window, else in the grace
    day: date
    by_acceptance: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """The units that a visit could count for, those that close first leading; time does not change them."""

    inside: tuple[Obligation, ...]
    grace: tuple[Obligation, ...]
    day: date


@dataclass(frozen=True, slots=True)
class Frame:
    """The units with their windows while the same doses are live, and each visit's options among them."""

    obligations: tuple[Obligation, ...]
    options: Mapping[str, Options]


@dataclass(slots=True)
class Load:
    """What counts for one unit."""

    counted: list[Counted] = field(default_factory=list)
    attended_after: datetime | None = None

    def of(self, standing: Standing) -> list[Counted]:
        return [counted for counted in self.counted if counted.standing is standing]


@dataclass(frozen=True, slots=True)
class Course:
    """Everything but the time."""

    rule: FollowUpRule
    zone: str
    doses: tuple[DoseFact, ...]
    visits: tuple[VisitFact, ...]  # by start, then id
    waived: frozenset[str]
    overrides: Mapping[str, WindowOverride]


def frame(*, course: Course, now: datetime) -> Frame:
    """The units at `now`; the same until a held dose's hold expires."""
    obligations = units.obligations(
        rule=course.rule,
        zone=course.zone,
        doses=course.doses,
        waived=course.waived,
        overrides=course.overrides,
        now=now,
    )
    zone = ZoneInfo(course.zone)
    taking = sorted((unit for unit in obligations if unit.takes_visits), key=_closing_order)
    return Frame(
        obligations=obligations,
        options={visit.id: _options(visit, taking, zone) for visit in course.visits},
    )


def _closing_order(unit: Obligation) -> tuple[datetime, datetime, str]:
    window = window_of(unit)
    return window.closes_at, window.opens_at, unit.key


def window_of(unit: Obligation) -> Window:
    """The window of a unit that is not void: it has a live or given dose, so it has one."""
    assert unit.window is not None
    return unit.window


def within(start: datetime, window: Window) -> bool:
    """Whether a visit that starts then is in the window: both of its ends belong to it."""
    return window.opens_at <= start <= window.closes_at


def _in_grace(start: datetime, window: Window) -> bool:
    # An empty window closes before it opens: nothing before it would open is late for it.
    return max(window.opens_at, window.closes_at) < start <= window.grace_until


def _accepted(visit: VisitFact, unit: Obligation) -> bool:
    """Inside when it was booked, and put out by the recorded discharge alone: a move gives no such grace."""
    accepted = visit.accepted
    return (
        accepted is not None
        and accepted.unit == unit.key
        and accepted.opens_at <= visit.start <= accepted.closes_at
        and unit.planned is not None
        and within(visit.start, unit.planned)
    )


def _options(visit: VisitFact, taking: Sequence[Obligation], zone: ZoneInfo) -> Options:
    mine = [unit for unit in taking if visit.external_unit in (None, unit.key)]
    inside = [unit for unit in mine if within(visit.start, window_of(unit)) or _accepted(visit, unit)]
    grace = [unit for unit in mine if _in_grace(visit.start, window_of(unit)) and unit not in inside]
    return Options(tuple(inside), tuple(grace), visit.start.astimezone(zone).date())


def _standing(visit: VisitFact, now: datetime) -> Standing | None:
    if visit.status in states.ATTENDED:
        return Standing.ATTENDED
    if not states.is_live(status=visit.status, hold_expires_at=visit.hold_expires_at, now=now):
        return None
    return Standing.AHEAD if visit.end > now else Standing.UNRECORDED


def assign(*, course: Course, frame: Frame, now: datetime) -> dict[str, Load]:
    """Which unit each visit counts for: attended ones first, then those ahead, then those past their end."""
    loads = {unit.key: Load() for unit in frame.obligations}
    standings = [(visit, _standing(visit, now)) for visit in course.visits]
    left_over: list[VisitFact] = []
    for standing in _STANDINGS:
        for visit, its_standing in standings:
            if its_standing is standing and not _place(course, frame, loads, visit, standing):
                left_over.append(visit)
    _note_afterwards(course, frame, loads, left_over)
    return loads


def _place(
    course: Course, frame: Frame, loads: dict[str, Load], visit: VisitFact, standing: Standing
) -> bool:
    options = frame.options[visit.id]
    inside = [unit for unit in options.inside if _still_needs(course, loads[unit.key], options.day)]
    grace = [unit for unit in options.grace if _still_needs(course, loads[unit.key], options.day)]
    chosen = inside or grace[:1]
    if inside and not course.rule.one_visit_may_serve_all:
        chosen = inside[:1]
    for unit in chosen:
        loads[unit.key].counted.append(
            Counted(
                visit=visit,
                standing=standing,
                inside=bool(inside),
                day=options.day,
                by_acceptance=bool(inside) and not within(visit.start, window_of(unit)),
            )
        )
    return bool(chosen)


def _still_needs(course: Course, load: Load, day: date) -> bool:
    same_day = sum(1 for counted in load.counted if counted.day == day)
    return len(load.counted) < course.rule.visits_per_unit and same_day < course.rule.max_per_day


def _note_afterwards(
    course: Course, frame: Frame, loads: dict[str, Load], left_over: Sequence[VisitFact]
) -> None:
    """An attended visit that counts for nothing is noted on the latest unit that had lapsed before it."""
    for visit in left_over:
        if visit.status not in states.ATTENDED:
            continue
        missed = [
            unit
            for unit in frame.obligations
            if unit.takes_visits
            and visit.external_unit in (None, unit.key)
            and window_of(unit).grace_until < visit.start
            and len(loads[unit.key].of(Standing.ATTENDED)) < course.rule.visits_per_unit
        ]
        if missed:
            latest = max(missed, key=lambda unit: (window_of(unit).grace_until, *_closing_order(unit)))
            load = loads[latest.key]
            load.attended_after = min(load.attended_after or visit.start, visit.start)
