"""Somebody will not be there: the span is kept, and what they were to give in it is put before people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.models import StaffMember
from scheduling.booking.guard import access, locks
from scheduling.booking.moving import reassignments, stranded
from scheduling.booking.moving.reassignments import Asked
from scheduling.models import Absence, GroupSession
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
    access.visits_for_update(actor=actor, appointment_ids=ids, capability=CAPABILITY)
    _lock_person(asked)
    # One that was booked until then is locked out of the usual order: who stands in the way is Busy.
    visits = reassignments.visits_of(actor=actor, asked=asked, now=now)
    stranded.ask_about(actor=actor, visits=visits, capability=CAPABILITY, now=now)


def _lock_person(asked: Asked) -> None:
    """Who books the person, or a place in a group of theirs, comes before this, and their visit is found; or
    after it, and sees the absence.
    """
    groups = GroupSession.objects.filter(
        staff=asked.practitioner_id, start__lt=asked.end, end__gt=asked.start
    )
    list(groups.order_by("id").select_for_update(of=("self",), no_key=True).values_list("id"))
    person = StaffMember.objects.filter(pk=asked.practitioner_id, resource__isnull=False)
    locks.lock_resources(person.values_list("resource_id", flat=True))


def _ask_no_more(actor: Actor, before: Asked, now: datetime) -> None:
    visits = reassignments.visits_of(actor=actor, asked=before, now=now)
    stranded.ask_no_more(actor=actor, visits=visits, now=now)
