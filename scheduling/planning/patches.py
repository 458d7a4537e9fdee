"""Changes to a request or its calendar that may make a plan possible: as data, so that they can be shown and
applied."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from scheduling.planning.standing import RepairRequest
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


def apply_repair_patch(
    *, request: RepairRequest, availability: Availability, patch: Mapping[str, Any]
) -> tuple[RepairRequest, Availability]:
    """The same of a repair; `unpin` names the refs of pinned visits that may move."""
    plan, availability = apply_patch(request=request.plan, availability=availability, patch=patch)
    free = set(patch.get("unpin", ()))
    standing = tuple(
        replace(one, pinned=one.pinned and one.visit.ref not in free) for one in request.standing
    )
    return replace(request, plan=plan, standing=standing), availability


def _without(limits: HardLimits, dropped: Mapping[str, Any]) -> HardLimits:
    weekdays: tuple[int, ...] = () if dropped.get("weekdays_never") else limits.weekdays_never
    earliest: time | None = None if dropped.get("not_before") else limits.not_before
    latest: time | None = None if dropped.get("not_after") else limits.not_after
    return HardLimits(weekdays, earliest, latest)


def _spans(entry: Mapping[str, Any]) -> tuple[Span, ...]:
    return tuple(
        Span(datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"]))
        for span in entry["spans"]
    )


def _with_person(availability: Availability, entry: Mapping[str, Any]) -> Availability:
    spans, role = _spans(entry), entry["role"]
    name = f"{EXTRA}-{role}-{entry['spans'][0]['start']}-{len(spans)}"
    person = Practitioner(name, f"another {role}", frozenset({role}), spans)
    return replace(availability, practitioners=(*availability.practitioners, person))


def _with_room(availability: Availability, entry: Mapping[str, Any]) -> Availability:
    spans, kind = _spans(entry), entry["kind"]
    room = Room(f"{EXTRA}-{kind}-{entry['spans'][0]['start']}-{len(spans)}", f"another {kind}", kind, spans)
    return replace(availability, rooms=(*availability.rooms, room))
