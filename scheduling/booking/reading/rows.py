"""What a reader is given: plain frozen rows, whole, so that no query runs while a page or an answer is
rendered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from scheduling import reasons, states


@dataclass(frozen=True, slots=True)
class Named:
    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """A room, chair or device."""

    id: UUID
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Person:
    """One person's part in a visit. `on_site` people are named, not occupied."""

    id: UUID
    name: str
    role: str
    presence: str


@dataclass(frozen=True, slots=True)
class Window:
    opens_at: datetime | None
    ideal_from: datetime | None
    ideal_to: datetime | None
    closes_at: datetime | None
    grace_until: datetime | None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened: `name` is the fact (`arrived`), `by` the actor's reference."""

    name: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Override:
    """A rule that was broken on purpose, or a value of the protocol that was changed, by whom and why."""

    rule_id: str
    visit_ref: str
    value: dict[str, Any]
    reason: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """An appointment. Times are UTC; `time_zone` is the site's."""

    id: UUID
    version: int
    status: str
    kind: str
    ref: str
    phase: str | None
    sequence: int | None
    mode: str
    start: datetime
    end: datetime
    time_zone: str
    turnover_minutes: int
    patient: Named
    site: Named
    course_id: UUID | None
    practitioners: tuple[Person, ...]
    room: Place | None
    follows: UUID | None
    window: Window | None
    group_session: UUID | None
    facts: tuple[Fact, ...]
    hold_expires_at: datetime | None
    cancel_code: str
    cancel_reason: str
    late_entry_reason: str
    overrides: tuple[Override, ...]
    updated_at: datetime
    # Fixed by a person: a cascade never moves it.
    pinned_at: datetime | None = None
    pinned_by: str | None = None

    @property
    def allowed(self) -> tuple[str, ...]:
        """The verbs that the state allows now: what a screen offers as buttons."""
        return states.allowed(machine=states.APPOINTMENT, state=self.status, kind=self.kind)

    def given_up_at(self) -> datetime:
        """When the visit was cancelled."""
        return next(fact.at for fact in self.facts if fact.name == "cancelled")


def last_of_each_name(given_up: Iterable[tuple[str, datetime, UUID]]) -> set[UUID]:
    """Of visits, by ref, cancellation and id, that had the same name one after the other the last: what had
    the name before was replaced by it."""
    return set({ref: visit_id for ref, _, visit_id in sorted(given_up, key=lambda one: one[1:])}.values())


@dataclass(frozen=True, slots=True)
class ProtocolRef:
    id: UUID
    key: str
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class PhaseRow:
    name: str
    planned_sessions: int | None
    exit_review_required: bool
    review_on: date | None


@dataclass(frozen=True, slots=True)
class Gap:
    """One follow-up unit. `due_at` is when it must be met: its window's end, or in the grace the grace's
    end.
    """

    id: UUID
    version: int
    status: str
    severity: str
    flagged: bool
    unit: str
    needed: int
    window: Window
    due_at: datetime | None
    time_zone: str
    patient: Named
    site: Named
    course_id: UUID
    protocol_name: str
    doses: tuple[UUID, ...]
    visits: tuple[UUID, ...]
    late: bool
    booked_late: bool
    attendance_unrecorded: bool
    review_needed: bool
    attended_after: datetime | None
    assignee: Named | None
    owner: Named | None
    escalated_at: datetime | None
    snoozed_until: datetime | None
    waived_at: datetime | None
    reason: str
    next_change_at: datetime | None
    updated_at: datetime


# R-20, 42 CFR 2.32(a)(2): what goes with whatever of such a course is printed or handed to a program.
REDISCLOSURE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."


@dataclass(frozen=True, slots=True)
class Course:
    """A course without its visits: one line of a list."""

    id: UUID
    version: int
    status: str
    patient: Named
    site: Named
    time_zone: str
    protocol: ProtocolRef
    responsible_clinician: Named | None
    start_on_or_after: date
    through_phase: str
    preferences: dict[str, Any]
    phases: tuple[PhaseRow, ...]
    # 42 CFR 2.32, where it tells of substance-use treatment; else blank.
    redisclosure: str
    created_at: datetime
    updated_at: datetime

    @property
    def allowed(self) -> tuple[str, ...]:
        return states.allowed(machine=states.COURSE, state=self.status)


@dataclass(frozen=True, slots=True)
class Review:
    """What was decided about a course at the end of a phase, or on its review date."""

    phase: str | None
    decision: str
    next_phase: str | None
    reason: str
    decided_at: datetime
    decided_by: str


@dataclass(frozen=True, slots=True)
class WholeCourse:
    """A course with its visits in the order of time, its follow-up units, overrides and reviews."""

    course: Course
    visits: tuple[Visit, ...]
    gaps: tuple[Gap, ...]
    overrides: tuple[Override, ...]
    reviews: tuple[Review, ...]

    @property
    def to_replan(self) -> tuple[UUID, ...]:
        """The visits that the course gave up when it paused or stopped and that are not back."""
        live = {one.ref for one in self.visits if one.status not in states.UNATTENDED}
        lost = [
            (one.ref, one.given_up_at(), one.id)
            for one in self.visits
            if one.status == "cancelled" and one.cancel_code in reasons.OF_THE_COURSE and one.ref not in live
        ]
        last = last_of_each_name(lost)
        return tuple(visit_id for _, _, visit_id in lost if visit_id in last)

    @property
    def hold_expires_at(self) -> datetime | None:
        """When the hold of a draft ends; None for a course that is booked, or over."""
        ends = [one.hold_expires_at for one in self.visits if one.hold_expires_at is not None]
        return min(ends) if ends and self.course.status == "draft" else None


@dataclass(frozen=True, slots=True)
class TrailRow:
    """One line of a course's story."""

    at: datetime
    actor: str
    verb: str
    subject_kind: str
    subject_id: UUID
    reason: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """A place offered to somebody who waits: the visit that is held for them, until `expires_at`."""

    appointment_id: UUID
    state: str
    start: datetime
    end: datetime
    offered_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry of the waitlist with its latest offer."""

    id: UUID
    version: int
    status: str
    patient: Named
    site: Named
    time_zone: str
    kind: str
    mode: str
    course_id: UUID | None
    follows: UUID | None
    earliest: datetime
    latest: datetime
    practitioners: tuple[UUID, ...]
    weekdays: tuple[int, ...]
    time_of_day: str
    priority: int
    offer: Offer | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WaitlistFit:
    """Somebody whom a free place fits: when, with whom and where, and which of their wishes it meets."""

    entry: Waiting
    start: datetime
    end: datetime
    practitioners: tuple[UUID, ...]
    room: UUID | None
    meets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class FreeTime:
    """The stretches in which everybody and everything asked for is free, at one site."""

    site: Named
    time_zone: str
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a follow-up unit is in its state. `slots_left` counts the starts that still fit its window, at
    most 100.
    """

    gap: Gap
    because: str
    doses: tuple[Visit, ...]
    visits: tuple[Visit, ...]
    slots_left: int


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One person's day: when they work, and their visits in order."""

    practitioner: Named
    on_shift: tuple[Interval, ...]
    visits: tuple[Visit, ...]
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoomLine:
    """One room's day: when it is open."""

    room: Place
    open: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class RosterDay:
    """One local day of a site, or of a person (then `site` is None and `time_zone` that of their home site).

    `visits` are all of the day by start, whatever their state; a line has those of one person.
    """

    day: date
    time_zone: str
    site: Named | None
    lines: tuple[RosterLine, ...]
    visits: tuple[Visit, ...]
    closures: tuple[Interval, ...]
    rooms: tuple[RoomLine, ...] = ()
