"""A synthetic clinic for the planner's tests: generous unless a test takes something away."""

import copy
import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from scheduling.planning import build, course, protocol, rules, windows
from scheduling.planning.values import (
    Availability,
    GroupSession,
    NoPlan,
    Plan,
    PlannedVisit,
    PlanRequest,
    Practitioner,
    Room,
    Severity,
    Span,
)

ZONE = "America/New_York"
MONDAY = date(2026, 6, 1)
DOCUMENTS: dict[str, dict[str, Any]] = {
    entry["key"]: entry
    for entry in json.loads(
        (Path(__file__).parents[3] / "scheduling" / "fixtures" / "protocols.json").read_text()
    )["protocols"]
}
PEOPLE = (
    ("t1", "therapist"),
    ("t2", "therapist"),
    ("p1", "prescriber"),
    ("m1", "monitor"),
    ("o1", "operator"),
)
ROOM_KINDS = (
    "infusion_chair",
    "observation_recliner",
    "therapy_room_recliner",
    "infusion_room",
    "group_room",
    "tms_device",
    "therapy_room",
)


def at(day: date, hour: int, minute: int = 0, *, zone: str = ZONE) -> datetime:
    """A local wall-clock time of the clinic as an instant."""
    return windows.resolve_local(zone=zone, wall=datetime.combine(day, time(hour, minute)), fold=0)


def hours(
    first: date, days: int, *, zone: str = ZONE, opens: int = 8, closes: int = 18, weekends: bool = False
) -> tuple[Span, ...]:
    """Opening hours, Monday to Friday unless weekends are asked for."""
    found = [first + timedelta(days=number) for number in range(days)]
    return tuple(
        Span(at(day, opens, zone=zone), at(day, closes, zone=zone))
        for day in found
        if weekends or day.weekday() < 5
    )


def clinic(
    *, first: date = MONDAY - timedelta(days=35), days: int = 230, zone: str = ZONE, weekends: bool = False
) -> Availability:
    """Every kind of person and room, free in all opening hours, and a group on Wednesday evenings."""
    spans = hours(first, days, zone=zone, weekends=weekends)
    people = tuple(Practitioner(name, name.upper(), frozenset({role}), spans) for name, role in PEOPLE)
    rooms = tuple(Room(f"{kind}-1", kind, kind, spans) for kind in ROOM_KINDS)
    every = [first + timedelta(days=number) for number in range(days)]
    wednesdays = [day for day in every if day.weekday() == 2]
    groups = tuple(
        GroupSession(
            f"group-{day}",
            "group_integration",
            Span(at(day, 18, zone=zone), at(day, 19, 30, zone=zone)),
            3,
            ("t1",),
            "group_room-1",
        )
        for day in wednesdays
    )
    return Availability(people, rooms, (), groups)


def document(key: str = "iv_ketamine_2x_3wk_cbt", **follow_up: Any) -> dict[str, Any]:
    """A protocol's document with changes to its follow-up rule (window_hours by edge)."""
    found = copy.deepcopy(DOCUMENTS[key])
    edges = follow_up.pop("window_hours", {})
    if found["plan"]["follow_up"]:
        found["plan"]["follow_up"]["window_hours"].update(edges)
        found["plan"]["follow_up"].update(follow_up)
    return found


def short(sessions: int = 3, **follow_up: Any) -> dict[str, Any]:
    """A course of few doses without preparation, reviews and series: one thing at a time."""
    found = document(**follow_up)
    found["phases"] = [found["phases"][0] | {"sessions": sessions, "exit_review_required": False}]
    found["plan"] |= {"preparation": None, "series": [], "reviews": {}}
    return found


def request(source: dict[str, Any] | None = None, **changes: Any) -> PlanRequest:
    """A request for a document, beginning on a Monday, known since the Thursday a month before it."""
    start = changes.pop("start_on_or_after", MONDAY)
    zone = changes.get("zone", ZONE)
    values: dict[str, Any] = {
        "zone": zone,
        "not_before": at(start - timedelta(days=32), 8, zone=zone),
        "proposals": 1,
    }
    return PlanRequest(
        protocol=protocol.parse(source or short()), start_on_or_after=start, **(values | changes)
    )


def plans(answer: tuple[Plan, ...] | NoPlan) -> tuple[Plan, ...]:
    """The plans of an answer that must have some."""
    assert not isinstance(answer, NoPlan), answer
    return answer


def best_of(asked: PlanRequest, place: Availability | None = None) -> Plan:
    """The best plan, which must keep the hard rules as `rules.check_visits` sees them."""
    place = place or clinic()
    best = plans(course.plan_course(request=asked, availability=place))[0]
    broken = rules.check_visits(request=asked, availability=place, visits=best.visits)
    assert [one for one in broken if one.severity is Severity.ERROR] == []
    assert sum(best.breakdown.values()) == best.cost
    return best


def doses(plan: Plan) -> list[PlannedVisit]:
    """A plan's doses by start."""
    return build.doses_by_start(plan.visits)


def offsets(plan: Plan, *, zone: str = ZONE) -> list[int]:
    """Days of the doses from the first one."""
    days = [windows.local_day(zone=zone, instant=dose.start) for dose in doses(plan)]
    return [(day - days[0]).days for day in days]


def of_kind(plan: Plan, kind: str) -> list[PlannedVisit]:
    """A plan's visits of a kind, by start."""
    return [visit for visit in plan.visits if visit.kind == kind]
