"""What goes into the planner and what comes out: frozen values, no behaviour.

Every instant is a timezone-aware UTC datetime, every id an opaque string, every span half-open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from scheduling.planning.protocol import Presence, Protocol

SEATS = 12
"""Seats of every resource: needs of 1, 2, 3, 4, 6 and 12 patients at once divide it evenly."""

IN_PERSON = "in_person"
"""The mode that needs a room; `video` and `phone` need none."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Busy:
    """Seats taken of a resource's 12 during a span; several may overlap and add up."""

    span: Span
    seats: int = SEATS


@dataclass(frozen=True, slots=True)
class Practitioner:
    """A person who works: `on_shift` is shifts less breaks, closures and absences, `busy` includes buffers
    and travel."""

    id: str
    name: str
    roles: frozenset[str]
    on_shift: tuple[Span, ...]
    busy: tuple[Busy, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """A room, chair or device of one kind, with the spans in which it is open and the ones in which it is
    taken."""

    id: str
    name: str
    kind: str
    open: tuple[Span, ...]
    busy: tuple[Busy, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupSession:
    """A session that exists; a plan may take a place in it, never create one."""

    id: str
    kind: str
    span: Span
    places_left: int
    practitioners: tuple[str, ...] = ()
    room: str | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """Who and what is free: the single input about the calendar."""

    practitioners: tuple[Practitioner, ...]
    rooms: tuple[Room, ...]
    patient_busy: tuple[Span, ...] = ()
    group_sessions: tuple[GroupSession, ...] = ()


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the patient would rather have: soft, each unmet one costs. Weekdays are ISO 1-7, times local to
    the site."""

    practitioners: tuple[str, ...] = ()
    therapist: str | None = None
    weekdays: tuple[int, ...] = ()
    time_of_day: tuple[time, time] | None = None
    modality: str | None = None


@dataclass(frozen=True, slots=True)
class HardLimits:
    """What the patient cannot do: never broken. A visit starts at or after `not_before` and ends by
    `not_after`, local."""

    weekdays_never: tuple[int, ...] = ()
    not_before: time | None = None
    not_after: time | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """What one unit of each cost term weighs; `cost.py` has the exact definition of every term."""

    spacing_day: int = 12
    window_hour: int = 2
    therapist_change: int = 20
    weekday_change: int = 5
    hour_change: int = 2
    preference: int = 6
    finish_day: int = 4


@dataclass(frozen=True, slots=True)
class GivenDose:
    """A dose already given or fixed: it shapes spacing, caps and windows, and is not planned again.

    `held` asks for the follow-ups that the unit which ends with it still lacks, while its window is open: how
    many were attended or are booked. None asks for nothing. In a weekly unit the numbers of its doses add up.
    """

    phase: str
    sequence: int
    start: datetime
    end: datetime
    held: int | None = None


@dataclass(frozen=True, slots=True)
class WindowOverride:
    """Hours that replace the rule's for one dose's window; None keeps the rule's."""

    min_hours: float | None = None
    ideal_from: float | None = None
    ideal_to: float | None = None
    max_hours: float | None = None
    grace_hours: float | None = None


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """One course to plan.

    `windows` and `spacing_max` are overrides by the dose's ordinal in the course (1 is the first dose, given
    ones count): hours of its follow-up window, and the longest spacing in days from the dose before to it.
    """

    protocol: Protocol
    zone: str
    start_on_or_after: date
    not_before: datetime
    grid_minutes: int = 15
    through_phase: str | None = None
    preferences: Preferences = Preferences()
    hard_limits: HardLimits = HardLimits()
    weights: Weights = Weights()
    given: tuple[GivenDose, ...] = ()
    proposals: int = 3
    windows: Mapping[int, WindowOverride] | None = None
    review_on: date | None = None
    spacing_max: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Staffing:
    """One person at one visit, and the seats of that person it takes (0: named, not occupied)."""

    role: str
    practitioner: str
    presence: Presence
    seats: int


@dataclass(frozen=True, slots=True)
class Window:
    """When a follow-up may start: [opens_at, closes_at]; the ideal band costs nothing; late until
    `grace_until`.

    The band and the grace are as the rule says: they are not cut where the next dose closes the window
    sooner.
    """

    opens_at: datetime
    ideal_from: datetime
    ideal_to: datetime
    closes_at: datetime
    grace_until: datetime


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One visit of a plan. `sequence` counts within the phase for doses, within the kind otherwise."""

    ref: str
    kind: str
    phase: str | None
    sequence: int
    start: datetime
    end: datetime
    mode: str = IN_PERSON
    staffing: tuple[Staffing, ...] = ()
    room: str | None = None
    turnover_minutes: int = 0
    follows: str | None = None
    window: Window | None = None
    group_session: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole course, its visits by start, what it costs term by term, and what it trades in words.

    Every plan keeps the hard rules; one that is not `proven` may not be the cheapest of its kind.
    """

    visits: tuple[PlannedVisit, ...]
    cost: int
    breakdown: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    trades: tuple[str, ...] = ()
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A change that was tried with the solver and gives a plan: in words, and as a patch for
    `why.apply_patch`."""

    change: str
    would_allow: str
    patch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UnmetRule:
    """A rule that cannot hold, the visit at which it breaks, and what would help."""

    rule: str
    visit: str | None
    message: str
    relaxations: tuple[Relaxation, ...] = ()


@dataclass(frozen=True, slots=True)
class NoPlan:
    """Why there is no plan."""

    rules: tuple[UnmetRule, ...]


class Severity(StrEnum):
    """How much a broken rule weighs: only `error` stops a booking."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Violation:
    """A hard rule that given visits break; `overridable` by someone permitted, with a reason."""

    rule_id: str
    severity: Severity
    overridable: bool
    visit: str | None
    message: str
