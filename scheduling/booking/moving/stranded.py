"""What stands where nobody, or nothing, is any more: visits in the time of a closure or an absence.

Neither moves a visit by itself; people find each another place.
"""

from datetime import datetime
from typing import Any

from django.db.models import Case, Count, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.models import Closure
from scheduling.booking.moving.reassignments import STATES
from scheduling.booking.reading import queries, rows
from scheduling.models import Absence, Appointment
from scheduling.roster import shifts

CAPABILITY = "appointments.read"


def by_absence(*, actor: Actor, absence: Absence, now: datetime) -> tuple[rows.Visit, ...]:
    """The person's visits in the span that are still to come, by start."""
    found = _standing(absence.starts_at, absence.ends_at, now).filter(_of_person(absence.staff_id))
    return _rows(actor, found)


def by_closure(*, actor: Actor, closure: Closure, now: datetime) -> tuple[rows.Visit, ...]:
    """Those at the site, or in its one room, in the span that are still to come, by start."""
    found = _standing(closure.starts_at, closure.ends_at, now).filter(site_id=closure.site_id)
    if closure.room_id:
        found = found.filter(_in_room(closure.room_id))
    return _rows(actor, found)


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
