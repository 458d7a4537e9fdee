"""Rows to facts: what the pure rules need to know about a course, in a constant number of queries.

Every act on a course reads them, so each is planned once a connection.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from clinic.practice import prepared
from clinic.practice.joined import Joined
from scheduling.followups import units
from scheduling.followups.rules import SeverityHours
from scheduling.followups.units import Acceptance, DoseFact, VisitFact
from scheduling.models import (
    ExternalVisit,
    FollowUpGap,
    GapDose,
    GapVisit,
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
_VISITS = f"""
    SELECT {", ".join(f'visit."{name}"' for name in _VISIT_FIELDS)}, phase.name
    FROM scheduling_appointment visit LEFT JOIN scheduling_coursephase phase ON phase.id = visit.phase_id
    WHERE visit.course_id = ANY(%s::uuid[])"""
_COURSES = Joined(TreatmentCourse, "site", "practice")
_GAPS, _GAP_DOSES, _GAP_VISITS = Joined(FollowUpGap), Joined(GapDose), Joined(GapVisit)
_OF_GAPS = "WHERE one.gap_id = ANY(%s::uuid[])"
_OUTSIDE, _OVERRIDES = Joined(ExternalVisit), Joined(RuleOverride)


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
    # What ties doses and visits to these records now.
    gap_doses: list[GapDose] = field(default_factory=list)
    gap_visits: list[GapVisit] = field(default_factory=list)
    overrides: dict[str, WindowOverride] = field(default_factory=dict)
    hours: SeverityHours = field(default_factory=SeverityHours)

    @property
    def waived(self) -> frozenset[str]:
        return frozenset(key for key, gap in self.gaps.items() if gap.waived_at is not None)


def load(*, course_ids: Collection[UUID]) -> list[CourseFacts]:
    """The facts of these courses, in the order of their ids."""
    if not course_ids:
        return []
    ids = [list(course_ids)]
    courses = _COURSES.fetch("WHERE one.id = ANY(%s::uuid[]) ORDER BY one.id", ids)
    found = {course.id: CourseFacts(course, protocol_of(course.protocol_version_id)) for course in courses}
    gaps = {gap.id: gap for gap in _GAPS.fetch("WHERE one.course_id = ANY(%s::uuid[])", ids)}
    of_gap = {key: found[gap.course_id] for key, gap in gaps.items()}
    for key, gap in gaps.items():
        of_gap[key].gaps[gap.unit_key] = gap
    for dose in _GAP_DOSES.fetch(_OF_GAPS, [list(gaps)]):
        of_gap[dose.gap_id].gap_doses.append(dose)
    for counting in _GAP_VISITS.fetch(_OF_GAPS, [list(gaps)]):
        of_gap[counting.gap_id].gap_visits.append(counting)
    for visit in _OUTSIDE.fetch(_OF_GAPS, [list(gaps)]):
        of_gap[visit.gap_id].visits.append(_outside_fact(visit, gaps[visit.gap_id].unit_key))
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
    ids = [list(found)]
    for values in prepared.fetch(_VISITS, ids):
        row = dict(zip((*_VISIT_FIELDS, "phase__name"), values, strict=True))
        rows[row["course_id"]].append(row)
    overrides = _OVERRIDES.fetch(
        "WHERE one.course_id = ANY(%s::uuid[]) AND one.rule_id = 'window' ORDER BY one.at, one.id", ids
    )
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
    """A dose's row as a fact."""
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


def _outside_fact(visit: ExternalVisit, unit_key: str) -> VisitFact:
    return VisitFact(
        id=f"external:{visit.id}",
        kind="integration",
        start=visit.attended_at,
        end=visit.attended_at,
        status="fulfilled",
        external_unit=unit_key,
    )
