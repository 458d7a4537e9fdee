"""Is the patient ready? Shown from the booking on, and checked at confirm, check-in and start.

S-01: an eligibility decision by a qualified clinician before the first dose (ASKP, Basics of Administration).
S-02: informed consent to this protocol and version; a change of either asks for a new one.
S-17: a phase that ends in a review is reviewed before a dose of the next one (label: end of induction).
S-09: the observation time runs in full before a discharge (label; the clock starts at the first
administration).
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clinic.practice.actor import Actor
from patients import queries as patients
from patients.queries import Papers
from scheduling import states
from scheduling.booking.guard import overrides
from scheduling.booking.reading import progress
from scheduling.errors import RuleViolation
from scheduling.followups import facts
from scheduling.models import Appointment

CHECKED_AT = ("confirm", "check_in", "start")


def violation(rule_id: str, appointment: Appointment, message: str) -> dict[str, Any]:
    return {
        "rule_id": rule_id,
        "severity": "error",
        "overridable": True,
        "visit": appointment.ref or str(appointment.id),
        "message": message,
    }


def missing(*, appointment: Appointment, now: datetime) -> list[dict[str, Any]]:
    """What a dose still lacks, as violations; other visits need nothing, a device session no papers."""
    if appointment.course is None:
        return []
    found = _unreviewed(appointment, now)
    if appointment.kind not in states.MONITORED:
        return found
    version = appointment.course.protocol_version
    key = version.template.key
    papers = patients.papers(patient_ids=[appointment.patient_id], protocol_keys=[key], now=now)
    lacking = unmet(
        papers=papers, patient_id=appointment.patient_id, key=key, version=version.version, at=now
    )
    return [*(violation(rule, appointment, why) for rule, why in lacking.items()), *found]


def unmet(*, papers: Papers, patient_id: UUID, key: str, version: int, at: datetime) -> dict[str, str]:
    """The papers that a dose of this protocol and version lacks at a time: rule and words. What a page shows
    beside a visit and what stops it are this one answer."""
    lacking = {}
    if reason := papers.why_not_eligible(patient_id=patient_id, protocol_key=key, at=at):
        lacking["S-01"] = reason
    if not papers.has_consent(patient_id=patient_id, protocol_key=key, protocol_version=version):
        lacking["S-02"] = "No consent to this protocol and version is on file."
    return lacking


def _unreviewed(appointment: Appointment, now: datetime) -> list[dict[str, Any]]:
    """A dose of a later phase than one that waits for its review."""
    course, phase = appointment.course, appointment.phase
    if course is None or phase is None or appointment.kind not in states.DOSES:
        return []
    if course.status != "review_due":
        return []
    due = [one for one in progress.unreviewed(course=course, now=now) if one.position < phase.position]
    return [
        violation("S-17", appointment, f"The review of the phase {one.name} has not been held.")
        for one in due[:1]
    ]


def observation_ends_at(*, appointment: Appointment) -> datetime | None:
    """When the observation time of a started dose has run; None for what is not observed or has not
    started."""
    if (
        appointment.kind not in states.MONITORED
        or appointment.course is None
        or appointment.started_at is None
    ):
        return None
    block = facts.protocol_of(appointment.course.protocol_version_id).block
    return appointment.started_at + timedelta(minutes=block.monitoring)


def check(
    *,
    actor: Actor,
    appointment: Appointment,
    verb: str,
    at: datetime,
    asked: list[dict[str, Any]],
    now: datetime,
) -> None:
    """Raise RuleViolation unless the patient is ready for this transition, or someone permitted overrides
    with a reason."""
    found: list[dict[str, Any]] = []
    if verb in CHECKED_AT:
        # As of now, also for a late entry: papers that reached the file since then count, and carry their own
        # dates.
        found = missing(appointment=appointment, now=now)
    if verb == "discharge":
        ends = observation_ends_at(appointment=appointment)
        if ends is not None and at < ends:
            found = [violation("S-09", appointment, f"The observation time runs until {ends.isoformat()}.")]
    left = overrides.apply(
        actor=actor,
        violations=found,
        asked=asked,
        course=appointment.course,
        appointment=appointment,
        now=now,
    )
    if left:
        raise RuleViolation(violations=left)
