"""Changes to a request or its calendar that may make a plan possible: as data, so that they can be shown and
applied."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from scheduling.planning.values import (
    Availability,
    HardLimits,
    PlanRequest,
    Practitioner,
    Room,
    Span,
    WindowOverride,
)

EXTRA = "extra"


def apply_patch(
    *, request: PlanRequest, availability: Availability, patch: Mapping[str, Any]
) -> tuple[PlanRequest, Availability]:
    """The request and availability after a relaxation's patch.

    Keys: `start_on_or_after` (ISO date), `windows` {ordinal: {max_hours, grace_hours}}, `spacing_max`
    {ordinal: days}, `hard_limits` (those to drop), `add_practitioner` {role, start, end} and `add_room`
    {kind, start, end} (UTC, ISO).
    """
    if "start_on_or_after" in patch:
        request = replace(request, start_on_or_after=date.fromisoformat(patch["start_on_or_after"]))
    if "windows" in patch:
        windows = dict(request.windows or {})
        for ordinal, hours in patch["windows"].items():
            windows[int(ordinal)] = replace(windows.get(int(ordinal), WindowOverride()), **hours)
        request = replace(request, windows=windows)
    if "spacing_max" in patch:
        days = {int(ordinal): most for ordinal, most in patch["spacing_max"].items()}
        request = replace(request, spacing_max={**(request.spacing_max or {}), **days})
    if "hard_limits" in patch:
        request = replace(request, hard_limits=_without(request.hard_limits, patch["hard_limits"]))
    if "add_practitioner" in patch:
        availability = _with_person(availability, patch["add_practitioner"])
    if "add_room" in patch:
        availability = _with_room(availability, patch["add_room"])
    return request, availability


def _without(limits: HardLimits, dropped: Mapping[str, Any]) -> HardLimits:
    weekdays: tuple[int, ...] = () if dropped.get("weekdays_never") else limits.weekdays_never
    earliest: time | None = None if dropped.get("not_before") else limits.not_before
    latest: time | None = None if dropped.get("not_after") else limits.not_after
    return HardLimits(weekdays, earliest, latest)


def _span(entry: Mapping[str, str]) -> Span:
    return Span(datetime.fromisoformat(entry["start"]), datetime.fromisoformat(entry["end"]))


def _with_person(availability: Availability, entry: Mapping[str, str]) -> Availability:
    # The whole span is in the id: a calendar remembers what it knows of people and rooms by their ids.
    name = f"{EXTRA}-{entry['role']}-{entry['start']}-{entry['end']}"
    person = Practitioner(name, f"another {entry['role']}", frozenset({entry["role"]}), (_span(entry),))
    return replace(availability, practitioners=(*availability.practitioners, person))


def _with_room(availability: Availability, entry: Mapping[str, str]) -> Availability:
    name = f"{EXTRA}-{entry['kind']}-{entry['start']}-{entry['end']}"
    room = Room(name, f"another {entry['kind']}", entry["kind"], (_span(entry),))
    return replace(availability, rooms=(*availability.rooms, room))
