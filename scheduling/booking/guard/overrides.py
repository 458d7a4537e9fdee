"""Breaking a rule on purpose: by someone permitted, with a reason, kept for ever and shown with the visit."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from scheduling.booking.guard import rulebook
from scheduling.models import Appointment, RuleOverride, TreatmentCourse


def matches(*, violation: dict[str, Any], asked: dict[str, Any]) -> bool:
    """An override names the rule, and the visit or none (then all visits)."""
    return asked.get("rule_id") == violation["rule_id"] and asked.get("visit") in (
        None,
        "",
        violation["visit"],
    )


def remaining(
    *, actor: Actor, violations: Iterable[dict[str, Any]], asked: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Split violations into those that still stand, each with the roles that may break its rule, and the
    overrides that were used.

    Raises Invalid for an override without a reason; NotAllowed when the actor may not break that rule.
    """
    if any(not str(one.get("reason") or "").strip() for one in asked):
        raise Invalid({"overrides": ["Each override needs a reason."]})
    left, used = [], []
    for violation in map(rulebook.told, violations):
        if violation["severity"] != rulebook.ERROR:
            continue
        match = next((one for one in asked if matches(violation=violation, asked=one)), None)
        if match is None or not violation["overridable"]:
            left.append(violation)
        elif match not in used:
            used.append(match)
    for one in used:
        rulebook.check(actor=actor, rule_id=one["rule_id"])
    return left, used


def rows(
    *,
    actor: Actor,
    used: Iterable[dict[str, Any]],
    course: TreatmentCourse,
    now: datetime,
    appointment: Appointment | None = None,
    visits: Mapping[str, Appointment] | None = None,
) -> list[RuleOverride]:
    """The rows of these overrides. Each belongs to `appointment`, or to that of `visits` (by ref) which it
    names, so that it is shown wherever that visit is; one that names none is the whole course's."""
    named = visits or {}
    return [
        RuleOverride(
            course=course,
            appointment=appointment or named.get(one.get("visit") or ""),
            rule_id=one["rule_id"],
            visit_ref=one.get("visit") or (appointment.ref if appointment else ""),
            value=one.get("value") or {},
            reason=str(one["reason"]).strip(),
            author=actor.ref,
            at=now,
        )
        for one in used
    ]


def apply(
    *,
    actor: Actor,
    violations: Iterable[dict[str, Any]],
    asked: Sequence[dict[str, Any]],
    course: TreatmentCourse | None,
    appointment: Appointment | None,
    now: datetime,
) -> list[dict[str, Any]]:
    """Store the overrides that are used; returns the violations that still stand."""
    left, used = remaining(actor=actor, violations=violations, asked=asked)
    if not left and course is not None:
        RuleOverride.objects.bulk_create(
            rows(actor=actor, used=used, course=course, appointment=appointment, now=now)
        )
    return left
