"""A protocol as the planner reads it, parsed and checked from a document's `phases` and `plan`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from scheduling.planning import reading
from scheduling.planning.reading import InvalidProtocol, NotPlannable

__all__ = ["InvalidProtocol", "NotPlannable", "Protocol", "parse"]

ROOM_SERVES_AS: Mapping[str, tuple[str, ...]] = {
    "therapy_room_recliner": ("therapy_room",),
    "infusion_room": ("therapy_room",),
}
"""Kinds that also serve as another kind, beside their own."""

REVIEW_ROOMS = ("consult_room", "therapy_room")
DEFAULT_MODES = ("in_person", "video")


def room_kinds_of(kind: str) -> tuple[str, ...]:
    """Every kind that a room of this kind may be used as, its own first."""
    return (kind, *ROOM_SERVES_AS.get(kind, ()))


class Presence(StrEnum):
    """How a person is needed: occupied, shared by several patients, or only on site."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"
    ON_SITE = "on_site"


class Coverage(StrEnum):
    """What one follow-up obligation covers."""

    EACH_DOSING = "each_dosing"
    EACH_N = "each_n"
    WEEKLY = "weekly"
    GROUP = "group"
    SERIES = "series"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StaffNeed:
    """One person at a dose; `doses` limits the need to those ordinals of the course."""

    role: str
    presence: Presence
    patients: int = 1
    doses: tuple[int, ...] | None = None

    @property
    def seats(self) -> int:
        """Seats of the person's 12 that one patient takes."""
        if self.presence is Presence.ON_SITE:
            return 0
        return 12 if self.presence is Presence.EXCLUSIVE else 12 // self.patients


@dataclass(frozen=True, slots=True)
class Phase:
    """Doses with one rhythm, in the site's calendar days from start to start; sessions None is open-ended."""

    name: str
    sessions: int | None
    interval_min_days: int | None
    interval_ideal_days: int | None
    interval_max_days: int | None
    max_per_rolling_7_days: int | None
    exit_review_required: bool
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Minutes of a dose's parts; the patient is there for their sum."""

    check_in: int
    administration: int
    monitoring: int
    discharge: int

    @property
    def minutes(self) -> int:
        """The whole block, without turnover."""
        return self.check_in + self.administration + self.monitoring + self.discharge


@dataclass(frozen=True, slots=True)
class FollowUpRule:
    """What follows a dose and when: elapsed hours from its end, from its start where they are negative."""

    coverage: Coverage
    n: int
    visits_per_unit: int
    min_hours: float
    ideal_from: float
    ideal_to: float
    max_hours: float
    grace_hours: float
    minutes: int
    not_same_day: bool
    before_next_dosing: bool
    outside_visit_counts: bool
    role: str
    room_kinds: tuple[str, ...]
    modes: tuple[str, ...]
    max_per_day: int
    one_visit_may_serve_all: bool

    @property
    def is_before(self) -> bool:
        """Whether the window lies before the dose."""
        return self.min_hours < 0


@dataclass(frozen=True, slots=True)
class Preparation:
    """Visits before the first dose, which each start between (least, most) hours before it."""

    count: int
    minutes: int
    before_hours: tuple[int, int]
    role: str
    room_kinds: tuple[str, ...]
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Therapy or group visits with a rhythm of their own: (min, ideal, max) days."""

    kind: str
    count: int
    minutes: int
    interval_days: tuple[int, int, int]
    starts: str
    phase: str | None
    days_before: int | None
    role: str
    room_kinds: tuple[str, ...]
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """A prescriber's visit; the last three fields say when a medication review is due."""

    minutes: int
    role: str
    modes: tuple[str, ...]
    room_kinds: tuple[str, ...] = REVIEW_ROOMS
    every_doses: int | None = None
    after_doses: tuple[int, ...] = ()
    every_days: int | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """A treatment's rhythm and needs; a running course keeps the version that it began with."""

    key: str
    name: str
    dose_kind: str
    phases: tuple[Phase, ...]
    room_kinds: tuple[str, ...]
    block: Block
    turnover_minutes: int
    staff: tuple[StaffNeed, ...]
    preparation: Preparation | None = None
    follow_up: FollowUpRule | None = None
    series: tuple[Series, ...] = ()
    plan_review: Review | None = None
    medication_review: Review | None = None
    group_places: int | None = None
    peer_monitor: bool = False


def parse(document: Mapping[str, Any]) -> Protocol:
    """The protocol in a document; raises NotPlannable without a `plan`, InvalidProtocol(path, message) for a
    bad field."""
    if not isinstance(document, Mapping):
        raise InvalidProtocol("", "an object is needed")
    if document.get("plan") is None:
        raise NotPlannable("The document has no plan block; it is not plannable until mapped.")
    plan = reading.section(document, "plan", "")
    dose_kind = reading.text(plan, "dose_kind", "plan.", "dosing")
    if dose_kind not in ("dosing", "device"):
        raise InvalidProtocol("plan.dose_kind", "dosing or device is needed")
    phases = _phases(document)
    reviews = reading.optional_section(plan, "reviews", "plan.") or {}
    group = reading.optional_section(plan, "group", "plan.")
    return Protocol(
        key=reading.text(document, "key", ""),
        name=reading.text(document, "name", ""),
        dose_kind=dose_kind,
        phases=phases,
        room_kinds=reading.texts(plan, "room_kinds", "plan."),
        block=_block(plan),
        turnover_minutes=reading.whole(plan, "turnover_minutes", "plan.", 0, 480, 0),
        staff=tuple(_need(doc, path) for path, doc in reading.objects(plan, "staff", "plan.", most=8)),
        preparation=_preparation(reading.optional_section(plan, "preparation", "plan.")),
        follow_up=_follow_up(reading.optional_section(plan, "follow_up", "plan.")),
        series=tuple(
            _series(doc, path, phases) for path, doc in reading.objects(plan, "series", "plan.", most=8)
        ),
        plan_review=_review(reviews, "plan_review"),
        medication_review=_review(reviews, "medication_review"),
        group_places=reading.whole(group, "places", "plan.group.", 1, 60) if group else None,
        peer_monitor=reading.flag(plan, "peer_monitor", "plan.", False),
    )


def _phases(document: Mapping[str, Any]) -> tuple[Phase, ...]:
    found = reading.objects(document, "phases", "", most=12, least=1)
    phases = tuple(_phase(doc, path, first=index == 0) for index, (path, doc) in enumerate(found))
    names = [phase.name for phase in phases]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidProtocol(f"phases[{index}].name", "two phases have the same name")
    return phases


def _phase(doc: Mapping[str, Any], path: str, *, first: bool) -> Phase:
    sessions = reading.optional_whole(doc, "sessions", path, 1, 120)
    low = reading.optional_whole(doc, "interval_min_days", path, 1, 182)
    ideal = reading.optional_whole(doc, "interval_ideal_days", path, 1, 182)
    high = reading.optional_whole(doc, "interval_max_days", path, 1, 182)
    cap = reading.optional_whole(doc, "max_per_rolling_7_days", path, 1, 7)
    if None in (low, ideal, high) and not (first and sessions == 1):
        raise InvalidProtocol(
            f"{path}interval_ideal_days", "min, ideal and max days between doses are needed"
        )
    if low and ideal and high and not low <= ideal <= high:
        raise InvalidProtocol(f"{path}interval_min_days", "min <= ideal <= max is needed")
    if cap and high and cap * high < 7 and (sessions is None or sessions > cap):
        raise InvalidProtocol(f"{path}max_per_rolling_7_days", "the longest spacing cannot keep this cap")
    return Phase(
        name=reading.text(doc, "name", path),
        sessions=sessions,
        interval_min_days=low,
        interval_ideal_days=ideal,
        interval_max_days=high,
        max_per_rolling_7_days=cap,
        exit_review_required=reading.flag(doc, "exit_review_required", path, False),
        minutes=reading.optional_whole(doc, "minutes", path, 1, 1440),
    )


def _block(plan: Mapping[str, Any]) -> Block:
    doc = reading.section(plan, "block_minutes", "plan.")
    parts = [
        reading.whole(doc, name, "plan.block_minutes.", 0, 1440, 0)
        for name in ("check_in", "administration", "monitoring", "discharge")
    ]
    if not 0 < sum(parts) <= 1440:
        raise InvalidProtocol("plan.block_minutes", "the parts must add up to 1 to 1440 minutes")
    return Block(*parts)


def _need(doc: Mapping[str, Any], path: str) -> StaffNeed:
    presence = reading.text(doc, "presence", path)
    if presence not in tuple(Presence):
        raise InvalidProtocol(f"{path}presence", "exclusive, shared or on_site is needed")
    patients = reading.whole(doc, "patients", path, 1, 12, 1)
    if 12 % patients:
        raise InvalidProtocol(f"{path}patients", "patients at once must be 1, 2, 3, 4, 6 or 12")
    if patients > 1 and presence != Presence.SHARED:
        raise InvalidProtocol(f"{path}patients", "only a shared person has several patients at once")
    doses: tuple[int, ...] | None = None
    if doc.get("doses") is not None:
        listed = reading.items(doc, "doses", path, most=120, least=1)
        doses = tuple(
            sorted(reading.check_whole(v, f"{path}doses[{i}]", 1, 1000) for i, v in enumerate(listed))
        )
    return StaffNeed(reading.text(doc, "role", path), Presence(presence), patients, doses)


def _preparation(doc: Mapping[str, Any] | None) -> Preparation | None:
    if doc is None:
        return None
    path = "plan.preparation."
    listed = reading.items(doc, "window_before_hours", path, most=2, least=2)
    least, most = (
        reading.check_whole(value, f"{path}window_before_hours[{i}]", 0, 4368)
        for i, value in enumerate(listed)
    )
    if least > most:
        raise InvalidProtocol(f"{path}window_before_hours", "the fewest hours come first")
    return Preparation(
        count=reading.whole(doc, "count", path, 0, 6, 1),
        minutes=reading.whole(doc, "minutes", path, 1, 480),
        before_hours=(least, most),
        role=reading.text(doc, "role", path, "therapist"),
        room_kinds=reading.texts(doc, "room_kinds", path, ("therapy_room",)),
        modes=reading.modes(doc, path, DEFAULT_MODES),
    )


def _follow_up(doc: Mapping[str, Any] | None) -> FollowUpRule | None:
    if doc is None:
        return None
    path = "plan.follow_up."
    coverage = reading.text(doc, "coverage", path)
    if coverage not in tuple(Coverage):
        raise InvalidProtocol(f"{path}coverage", f"one of {', '.join(Coverage)} is needed")
    window = reading.section(doc, "window_hours", path)
    edges = [reading.hours(window, name, f"{path}window_hours.") for name in WINDOW_EDGES]
    _check_window(edges, Coverage(coverage))
    return FollowUpRule(
        coverage=Coverage(coverage),
        n=reading.whole(doc, "n", path, 1, 60, None if coverage == Coverage.EACH_N else 1),
        visits_per_unit=reading.whole(doc, "visits_per_unit", path, 1, 4, 1),
        min_hours=edges[0],
        ideal_from=edges[1],
        ideal_to=edges[2],
        max_hours=edges[3],
        grace_hours=edges[4],
        minutes=reading.whole(doc, "minutes", path, 1, 480),
        not_same_day=reading.flag(doc, "not_same_day", path, edges[0] > 0),
        before_next_dosing=reading.flag(doc, "before_next_dosing", path, True),
        outside_visit_counts=reading.flag(doc, "outside_visit_counts", path, True),
        role=reading.text(doc, "role", path, "therapist"),
        room_kinds=reading.texts(doc, "room_kinds", path, ("therapy_room",)),
        modes=reading.modes(doc, path, DEFAULT_MODES),
        max_per_day=reading.whole(doc, "max_per_day", path, 1, 4, 1),
        one_visit_may_serve_all=reading.flag(doc, "one_visit_may_serve_all", path, False),
    )


WINDOW_EDGES = ("min", "ideal_from", "ideal_to", "max", "grace")


def _check_window(edges: list[float], coverage: Coverage) -> None:
    where = "plan.follow_up.window_hours"
    for (low_name, low), (high_name, high) in pairwise(zip(WINDOW_EDGES, edges, strict=True)):
        if low > high:
            raise InvalidProtocol(f"{where}.{high_name}", f"{high_name} must not be below {low_name}")
    if edges[0] < 0 < edges[3]:
        raise InvalidProtocol(f"{where}.min", "a window lies before the dose or after it, not on both sides")
    if edges[0] < 0 and coverage is Coverage.WEEKLY:
        # A weekly unit opens from its first dose and closes from its last: before the dose that order turns
        # around.
        raise InvalidProtocol(f"{where}.min", "a weekly unit cannot have a window before its dose")


def _series(doc: Mapping[str, Any], path: str, phases: tuple[Phase, ...]) -> Series:
    listed = reading.items(doc, "interval_days", path, most=3, least=3)
    low, ideal, high = (
        reading.check_whole(v, f"{path}interval_days[{i}]", 1, 182) for i, v in enumerate(listed)
    )
    if not low <= ideal <= high:
        raise InvalidProtocol(f"{path}interval_days", "min <= ideal <= max is needed")
    kind = reading.text(doc, "kind", path, "therapy")
    if kind not in ("therapy", "group_integration"):
        raise InvalidProtocol(f"{path}kind", "therapy or group_integration is needed")
    starts = reading.text(doc, "starts", path, "course_start")
    if starts not in ("course_start", "before_first_dose", "after_phase"):
        raise InvalidProtocol(f"{path}starts", "course_start, before_first_dose or after_phase is needed")
    phase = reading.text(doc, "phase", path) if starts == "after_phase" else None
    if phase is not None and phase not in [entry.name for entry in phases]:
        raise InvalidProtocol(f"{path}phase", "no phase has this name")
    return Series(
        kind=kind,
        count=reading.whole(doc, "count", path, 1, 60),
        minutes=reading.whole(doc, "minutes", path, 1, 480),
        interval_days=(low, ideal, high),
        starts=starts,
        phase=phase,
        days_before=reading.whole(doc, "days_before", path, 0, 90, 14)
        if starts == "before_first_dose"
        else None,
        role=reading.text(doc, "role", path, "therapist"),
        room_kinds=reading.texts(doc, "room_kinds", path, ("therapy_room",)),
        modes=reading.modes(doc, path, DEFAULT_MODES),
    )


def _review(reviews: Mapping[str, Any], name: str) -> Review | None:
    doc = reading.optional_section(reviews, name, "plan.reviews.")
    if doc is None:
        return None
    path = f"plan.reviews.{name}."
    after = reading.items(doc, "after_doses", path, most=60)
    return Review(
        minutes=reading.whole(doc, "minutes", path, 1, 480),
        role=reading.text(doc, "role", path, "prescriber"),
        modes=reading.modes(doc, path, DEFAULT_MODES),
        room_kinds=reading.texts(doc, "room_kinds", path, REVIEW_ROOMS),
        every_doses=reading.optional_whole(doc, "every_doses", path, 1, 120),
        after_doses=tuple(
            sorted({reading.check_whole(v, f"{path}after_doses[{i}]", 1, 1000) for i, v in enumerate(after)})
        ),
        every_days=reading.optional_whole(doc, "every_days", path, 7, 366),
    )
