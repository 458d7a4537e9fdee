"""Rows to facts: what the pure rules need to know about a course, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from scheduling.followups import units
from scheduling.followups.rules import SeverityHours
from scheduling.followups.units import Acceptance, DoseFact, VisitFact
from scheduling.models import (
    Appointment,
    ExternalVisit,
    FollowUpGap,
    ProtocolVersion,
    RuleOverride,
    TreatmentCourse,
)
from scheduling.planning import protocol as protocols
from scheduling.planning import windows
from scheduling.planning.protocol import Protocol
from scheduling.planning.values import WindowOverride

_VISIT_FIELDS = (
    "id",
    "course_id",
    "kind",
    "ref",
    "sequence",
    "phase__name",
    "status",
    "start",
    "end",
    "arrived_at",
    "discharged_at",
    "hold_expires_at",
    "accepted_unit",
    "window_opens_at",
    "window_closes_at",
)


@lru_cache(maxsize=512)
def protocol_of(version_id: UUID) -> Protocol:
    """The parsed protocol of a version. Versions never change, so a parsed one never goes stale."""
    return protocols.parse(ProtocolVersion.objects.values_list("document", flat=True).get(id=version_id))


@lru_cache(maxsize=512)
def version_of(version_id: UUID) -> ProtocolVersion:
    """The version itself, without its document; shared by threads, nobody changes it."""
    return ProtocolVersion.objects.select_related("template").defer("document").get(id=version_id)


@lru_cache(maxsize=512)
def is_sensitive(version_id: UUID) -> bool:
    """Whether its document marks substance-use treatment (42 CFR Part 2)."""
    document = ProtocolVersion.objects.values_list("document", flat=True).get(id=version_id)
    return bool(document.get("part2_flag"))


@dataclass(slots=True)
class CourseFacts:
    """One course as the rules see it."""

    course: TreatmentCourse
    protocol: Protocol
    doses: list[DoseFact] = field(default_factory=list)
    visits: list[VisitFact] = field(default_factory=list)
    gaps: dict[str, FollowUpGap] = field(default_factory=dict)
    overrides: dict[str, WindowOverride] = field(default_factory=dict)
    hours: SeverityHours = field(default_factory=SeverityHours)

    @property
    def waived(self) -> frozenset[str]:
        return frozenset(key for key, gap in self.gaps.items() if gap.waived_at is not None)


def load(*, course_ids: Collection[UUID]) -> list[CourseFacts]:
    """The facts of these courses, in the order of their ids."""
    if not course_ids:
        return []
    courses = (
        TreatmentCourse.objects.filter(id__in=course_ids).select_related("site", "practice").order_by("id")
    )
    found = {course.id: CourseFacts(course, protocol_of(course.protocol_version_id)) for course in courses}
    for gap in FollowUpGap.objects.filter(course_id__in=found).prefetch_related("doses", "visits"):
        found[gap.course_id].gaps[gap.unit_key] = gap
    outside = ExternalVisit.objects.filter(gap__course_id__in=found).select_related("gap")
    for visit in outside:
        found[visit.gap.course_id].visits.append(_outside_fact(visit))
    _add_stored(found)
    return list(found.values())


def of_new(*, course: TreatmentCourse) -> CourseFacts:
    """The facts of a course that this transaction has just written: it has no records and no outside visits
    yet."""
    facts = CourseFacts(course, protocol_of(course.protocol_version_id))
    _add_stored({course.id: facts})
    return facts


def _add_stored(found: Mapping[UUID, CourseFacts]) -> None:
    """The visits and the overrides of these courses."""
    rows: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in Appointment.objects.filter(course_id__in=found).values(*_VISIT_FIELDS):
        rows[row["course_id"]].append(row)
    overrides = RuleOverride.objects.filter(course_id__in=found, rule_id="window").order_by("at", "id")
    for course_id, facts in found.items():
        facts.hours = SeverityHours(**facts.course.practice.settings.get("severity_hours", {}))
        for row in rows[course_id]:
            _add(facts, row)
        doses = {
            row["ref"]: str(row["id"]) for row in rows[course_id] if row["kind"] == facts.protocol.dose_kind
        }
        by_id = {dose.id: dose for dose in facts.doses}
        for override in overrides:
            dose = by_id.get(doses.get(override.visit_ref, ""))
            if override.course_id == course_id and dose and facts.protocol.follow_up:
                key = units.unit_key(
                    rule=facts.protocol.follow_up, zone=facts.course.site.time_zone, dose=dose
                )
                facts.overrides[key] = window_override(override.value)


def window_override(value: Mapping[str, Any]) -> WindowOverride:
    """A stored override's hours; names that the rule does not know are ignored."""
    names = ("min_hours", "ideal_from", "ideal_to", "max_hours", "grace_hours")
    return WindowOverride(**{name: value[name] for name in names if name in value})


def dose_fact(row: Mapping[str, Any]) -> DoseFact:
    """A dose's row (`Appointment.values`) as a fact."""
    return DoseFact(
        id=str(row["id"]),
        phase=row["phase__name"] or "",
        sequence=row["sequence"] or 1,
        start=row["start"],
        planned_end=row["end"],
        status=row["status"],
        discharged_at=row["discharged_at"],
        hold_expires_at=row["hold_expires_at"],
    )


def happened_at(row: Mapping[str, Any], zone: str) -> datetime:
    """When a visit counts: at its planned start, unless the patient is recorded to have come on another day.

    As a dose's window hangs on its recorded discharge, what happened outranks the plan; coming some minutes
    late does not.
    """
    planned: datetime = row["start"]
    arrived: datetime | None = row["arrived_at"]
    if row["status"] != "fulfilled" or arrived is None:
        return planned
    days = {windows.local_day(zone=zone, instant=moment) for moment in (planned, arrived)}
    return planned if len(days) == 1 else arrived


def _add(facts: CourseFacts, row: dict[str, Any]) -> None:
    if row["kind"] == facts.protocol.dose_kind:
        facts.doses.append(dose_fact(row))
        return
    accepted = None
    if row["accepted_unit"] and row["window_opens_at"] and row["window_closes_at"]:
        accepted = Acceptance(row["accepted_unit"], row["window_opens_at"], row["window_closes_at"])
    start = happened_at(row, facts.course.site.time_zone)
    facts.visits.append(
        VisitFact(
            id=str(row["id"]),
            kind=row["kind"],
            start=start,
            end=start + (row["end"] - row["start"]),
            status=row["status"],
            hold_expires_at=row["hold_expires_at"],
            accepted=accepted,
        )
    )


def _outside_fact(visit: ExternalVisit) -> VisitFact:
    return VisitFact(
        id=f"external:{visit.id}",
        kind="integration",
        start=visit.attended_at,
        end=visit.attended_at,
        status="fulfilled",
        external_unit=visit.gap.unit_key,
    )
