"""Is the patient ready? Shown from the booking on, and checked at confirm, check-in and start.

S-01: an eligibility decision by a qualified clinician before the first dose (ASKP, Basics of Administration).
S-02: informed consent to this protocol and version; a change of either asks for a new one.
S-09: the observation time runs in full before a discharge (label; the clock starts at the first
administration).
"""

from datetime import datetime, timedelta
from typing import Any

from clinic.practice.actor import Actor
from patients import queries as patients
from scheduling import states
from scheduling.booking import overrides
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
    """What a dose still lacks, as violations; other kinds of visit need nothing."""
    if appointment.kind not in states.MONITORED or appointment.course is None:
        return []
    version = appointment.course.protocol_version
    key = version.template.key
    found = []
    if reason := patients.why_not_eligible(patient_id=appointment.patient_id, protocol_key=key, now=now):
        found.append(violation("S-01", appointment, reason))
    consented = patients.has_consent(
        patient_id=appointment.patient_id, protocol_key=key, protocol_version=version.version, now=now
    )
    if not consented:
        found.append(violation("S-02", appointment, "No consent to this protocol and version is on file."))
    return found


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
