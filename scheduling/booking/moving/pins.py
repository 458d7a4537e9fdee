"""Pins: a person fixes a visit where it is, and every cascade plans around it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from scheduling import states
from scheduling.booking.guard import access, locks
from scheduling.booking.visit import appointments
from scheduling.models import Appointment

CAPABILITY = "appointments.book"
# What is over, or has no place, cannot be fixed in it.
PINNABLE = states.LIVE


def pin(
    *,
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    reason: str = "",
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Fix a visit: only a person moves it from now on, by moving it itself. Pinning it again changes nothing.

    Raises NotFound, NotAllowed, Stale, InvalidTransition for a visit that is over.
    """
    _set(actor, appointment_id, "pin", {"pinned_at": now, "pinned_by": actor.ref}, now, reason, version, key)


def unpin(
    *,
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    reason: str = "",
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Let a visit move with the others again. Raises NotFound, NotAllowed, Stale, InvalidTransition."""
    _set(actor, appointment_id, "unpin", {"pinned_at": None, "pinned_by": None}, now, reason, version, key)


def _set(
    actor: Actor,
    appointment_id: UUID,
    verb: str,
    values: dict[str, Any],
    now: datetime,
    reason: str,
    version: int | None,
    key: idempotency.Key | None,
) -> None:
    permissions.check(actor=actor, capability=CAPABILITY)
    with locks.unit_of_work():
        if idempotency.claim(
            key=key, now=now, status_code=200, object_kind="appointment", object_id=appointment_id
        ):
            return
        visit = access.appointment_for_update(
            actor=actor, appointment_id=appointment_id, capability=CAPABILITY, version=version
        )
        if visit.status not in PINNABLE:
            raise states.InvalidTransition(
                machine=states.APPOINTMENT.name, state=visit.status, verb=verb, allowed=()
            )
        if (visit.pinned_at is None) == (values["pinned_at"] is None):
            return
        Appointment.objects.filter(pk=visit.pk).update(**values, **access.touched())
        appointments.record(actor=actor, appointment=visit, verb=verb, now=now, moment=now, reason=reason)
