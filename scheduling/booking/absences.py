"""Somebody will not be there: the span is kept, and what they were to give in it is put before people."""

from datetime import datetime
from uuid import UUID

from clinic.practice import writing
from clinic.practice.actor import Actor
from scheduling.booking import access, reassignments
from scheduling.booking.reassignments import Asked
from scheduling.models import Absence
from scheduling.roster import shifts

CAPABILITY = "shifts.write"


def create(
    *,
    actor: Actor,
    staff_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    reason: str = "",
    key: writing.Key = None,
) -> Absence:
    """A span in which a person does not work, whatever their shifts say.

    Nothing moves by itself. Each of their visits in the span becomes a task of the front desk, in the same
    transaction; the task is done when the visit goes to somebody else or elsewhere, or is cancelled. Raises
    NotAllowed, NotFound, Invalid, Busy.
    """

    def make(absence_id: UUID) -> Absence:
        made = shifts.add_absence(
            actor=actor,
            absence_id=absence_id,
            staff_id=staff_id,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
        )
        _ask_people(actor, Asked(staff_id, made.starts_at, made.ends_at), now)
        return made

    return writing.create(
        actor=actor,
        capability=CAPABILITY,
        key=key,
        now=now,
        kind="absence",
        make=make,
        load=lambda absence_id: shifts.absence(actor=actor, absence_id=absence_id),
    )


def _ask_people(actor: Actor, asked: Asked, now: datetime) -> None:
    ids = [visit.pk for visit in reassignments.visits_of(actor=actor, asked=asked, now=now)]
    # Locked before they are looked at: one that is just being given away must not become a task.
    access.visits_for_update(actor=actor, appointment_ids=ids, capability=CAPABILITY)
    for visit in reassignments.visits_of(actor=actor, asked=asked, now=now):
        reassignments.ask_for_place(
            actor=actor,
            visit_id=visit.pk,
            version=visit.version,
            patient_id=visit.patient_id,
            start=visit.start,
            now=now,
        )
