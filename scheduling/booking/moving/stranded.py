"""What stands where nobody, or nothing, is any more: visits in the time of a closure or an absence.

Neither moves a visit by itself; people find each another place: each is a task of the front desk until it has
one, or nothing hits it any more.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from clinic.practice import queries as places
from clinic.practice import work
from clinic.practice.actor import Actor
from clinic.practice.models import Closure
from clinic.practice.ports import Shut
from scheduling.booking.guard import access
from scheduling.booking.reading import queries, rows
from scheduling.booking.writing import releasing
from scheduling.models import Absence, Appointment
from scheduling.roster import shifts

CAPABILITY = "appointments.read"
# From these a visit is still to be given.
STATES = ("booked", "confirmed", "arrived")
ABSENT = "Somebody who takes part will not be there: find another person or another time."
SHUT = "It is shut there then: find another room or another time."


def by_absence(*, actor: Actor, absence: Absence, now: datetime) -> tuple[rows.Visit, ...]:
    """The person's visits in the span that are still to come, by start."""
    found = _standing(absence.starts_at, absence.ends_at, now).filter(_of_person(absence.staff_id))
    return _rows(actor, found)


def by_closure(*, actor: Actor, closure: Closure, now: datetime) -> tuple[rows.Visit, ...]:
    """Those at the site, or in its one room, in the span that are still to come, by start."""
    shut = Shut(closure.site_id, closure.room_id, closure.starts_at, closure.ends_at)
    return _rows(actor, _in_shut(shut, now))


def absences(*, actor: Actor, now: datetime) -> QuerySet[Absence]:
    """Those that are not over, soonest first, each with how many visits stand in it (`stranded`)."""
    mine = _standing(OuterRef("starts_at"), OuterRef("ends_at"), now).filter(_of_person(OuterRef("staff_id")))
    found = shifts.absences(actor=actor).filter(ends_at__gt=now).order_by("starts_at", "id")
    return found.annotate(stranded=_count(mine))


def closures(*, actor: Actor, now: datetime) -> QuerySet[Closure]:
    """The same of closures."""
    there = _standing(OuterRef("starts_at"), OuterRef("ends_at"), now).filter(site_id=OuterRef("site_id"))
    found = places.closures(actor=actor).filter(ends_at__gt=now).order_by("starts_at", "id")
    whole, room = _count(there), _count(there.filter(_in_room(OuterRef("room_id"))))
    return found.annotate(stranded=Case(When(room__isnull=True, then=whole), default=room))


# --- asking people --------------------------------------------------------------------------------------
def in_shut(*, actor: Actor, shut: Shut, now: datetime) -> list[Appointment]:
    """The visits that a closure hits and that are not over, by start, with all that a write reads."""
    ids = _in_shut(shut, now).filter(practice_id=actor.practice_id).values_list("pk", flat=True)
    return access.visits_by_start(appointment_ids=set(ids))


def ask_about(*, actor: Actor, visits: Collection[Appointment], capability: str, now: datetime) -> None:
    """`ask_for_place` of each that is still hit. They are locked first: one that is just being given away
    must not become a task."""
    ids = [visit.pk for visit in visits]
    locked = access.visits_for_update(actor=actor, appointment_ids=ids, capability=capability).values()
    ask_about_locked(actor=actor, visits=list(locked), now=now)


def ask_about_locked(*, actor: Actor, visits: Collection[Appointment], now: datetime) -> None:
    """`ask_for_place` of each of these locked visits that is hit."""
    hit = reasons(visits=visits)
    for visit in visits:
        if visit.status in STATES and visit.pk in hit:
            ask_for_place(
                actor=actor,
                visit_id=visit.pk,
                version=visit.version,
                patient_id=visit.patient_id,
                start=visit.start,
                why=hit[visit.pk],
                now=now,
            )


def ask_for_place(
    *, actor: Actor, visit_id: UUID, version: int, patient_id: UUID, start: datetime, why: str, now: datetime
) -> None:
    """Put it before the front desk that this visit cannot stay as it is, unless it is before them already.

    With the visit locked. What has happened to it since makes it another task: one that was done is not the
    one that it needs now.
    """
    if work.is_asked(practice_id=actor.practice_id, subject_id=visit_id, kind=releasing.NEW_PLACE_ITEM):
        return
    work.raise_item(
        practice_id=actor.practice_id,
        kind=releasing.NEW_PLACE_ITEM,
        dedupe_key=f"{releasing.NEW_PLACE_ITEM}:{visit_id}:{version}",
        subject_kind="appointment",
        subject_id=visit_id,
        patient_id=patient_id,
        role="front_desk",
        reason=why,
        due_at=min(start, now + timedelta(days=1)),
    )


def ask_no_more(*, actor: Actor, visits: Collection[Appointment], now: datetime) -> None:
    """Settle the tasks of those visits that nothing hits any more."""
    hit = reasons(visits=visits)
    work.settle(
        practice_id=actor.practice_id,
        subject_ids=[visit.pk for visit in visits if visit.pk not in hit],
        kinds=[releasing.NEW_PLACE_ITEM],
        by=actor.ref,
        now=now,
    )


def reasons(*, visits: Collection[Appointment]) -> dict[UUID, str]:
    """Why each of the visits that somebody's absence or a closure hits cannot stay where it stands."""
    then = {"starts_at__lt": OuterRef("end"), "ends_at__gt": OuterRef("start")}
    theirs = Q(staff__staffing__appointment=OuterRef("pk"))
    theirs |= Q(staff__group_sessions=OuterRef("group_session_id"))
    there = Q(room=None) | Q(room=OuterRef("room_id")) | Q(room__group_sessions=OuterRef("group_session_id"))
    rows = Appointment.objects.filter(pk__in={visit.pk for visit in visits}).annotate(
        absent=Exists(Absence.objects.filter(theirs, **then)),
        shut=Exists(Closure.objects.filter(there, site_id=OuterRef("site_id"), **then)),
    )
    hit = rows.filter(Q(absent=True) | Q(shut=True))
    return {pk: ABSENT if absent else SHUT for pk, absent in hit.values_list("pk", "absent")}


# --- finding them ---------------------------------------------------------------------------------------
def _in_shut(shut: Shut, now: datetime) -> QuerySet[Appointment]:
    found = _standing(shut.starts_at, shut.ends_at, now).filter(site_id=shut.site_id)
    return found.filter(_in_room(shut.room_id)) if shut.room_id else found


def _standing(starts_at: Any, ends_at: Any, now: datetime) -> QuerySet[Appointment]:
    return Appointment.objects.filter(status__in=STATES, start__lt=ends_at, end__gt=starts_at).filter(
        end__gt=now
    )


def _of_person(staff_id: Any) -> Q:
    # A group's visits have no staff of their own: the session owns them.
    return Q(staffing__staff_id=staff_id) | Q(group_session__staff=staff_id)


def _in_room(room_id: Any) -> Q:
    return Q(room_id=room_id) | Q(group_session__room_id=room_id)


def _count(found: QuerySet[Appointment]) -> Coalesce:
    counted = found.order_by().values("practice_id").annotate(n=Count("pk", distinct=True)).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _rows(actor: Actor, found: QuerySet[Appointment]) -> tuple[rows.Visit, ...]:
    ids = found.filter(practice_id=actor.practice_id).values_list("pk", flat=True)
    return queries.visits_named(actor=actor, ids=set(ids), capability=CAPABILITY)
