"""Somebody will not be there: the span is kept, and what they were to give in it is put before people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from clinic.practice import permissions, work, writing
from clinic.practice.actor import Actor
from scheduling.booking.guard import access, locks
from scheduling.booking.moving import reassignments
from scheduling.booking.moving.reassignments import Asked
from scheduling.booking.writing import releasing
from scheduling.models import Absence, Appointment
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


def update(
    *,
    actor: Actor,
    absence_id: UUID,
    changes: Mapping[str, Any],
    now: datetime,
    version: int | None = None,
) -> Absence:
    """Another span, or another reason. Visits that it hits now become tasks; the tasks of those that no
    absence of the person hits any more are done with. Raises NotAllowed, NotFound, Invalid, Stale, Busy.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    with locks.unit_of_work():
        row = shifts.absence(actor=actor, absence_id=absence_id, lock=True)
        writing.fresh(held=row.version, read=version)
        before = _asked(row)
        shifts.change_absence(row=row, changes=changes)
        _ask_people(actor, _asked(row), now)
        _ask_no_more(actor, before, now)
        writing.tell(actor=actor, now=now, verb="update", kind="absence", row_id=row.pk, fields=changes)
    return shifts.absence(actor=actor, absence_id=absence_id)


def delete(*, actor: Actor, absence_id: UUID, now: datetime, version: int | None = None) -> None:
    """The person will be there after all; tasks that came of the absence alone are done with."""
    permissions.check(actor=actor, capability=CAPABILITY)
    with locks.unit_of_work():
        row = shifts.absence(actor=actor, absence_id=absence_id, lock=True)
        writing.fresh(held=row.version, read=version)
        writing.tell(actor=actor, now=now, verb="delete", kind="absence", row_id=row.pk)
        before = _asked(row)
        row.delete()
        _ask_no_more(actor, before, now)


def _asked(row: Absence) -> Asked:
    return Asked(row.staff_id, row.starts_at, row.ends_at)


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


def _ask_no_more(actor: Actor, before: Asked, now: datetime) -> None:
    """Settle the tasks of visits in `before` that nobody's absence hits any more."""
    visits = reassignments.visits_of(actor=actor, asked=before, now=now)
    freed = [visit.pk for visit in visits if not _somebody_away(visit)]
    work.settle(
        practice_id=actor.practice_id,
        subject_ids=freed,
        kinds=[releasing.NEW_PLACE_ITEM],
        by=actor.ref,
        now=now,
    )


def _somebody_away(visit: Appointment) -> bool:
    present = Q(staff__staffing__appointment=visit)
    if visit.group_session_id:
        present |= Q(staff__group_sessions=visit.group_session_id)
    return Absence.objects.filter(present, starts_at__lt=visit.end, ends_at__gt=visit.start).exists()
