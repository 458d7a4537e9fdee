"""What stands in the way of a visit: the visits and group sessions that hold its people or its room, and what
else the patient has then."""

from uuid import UUID

from django.db.models import Q

from clinic.practice.actor import Actor
from scheduling import states
from scheduling.booking.reading import fetched, rows
from scheduling.booking.visit import group_sessions
from scheduling.booking.visit.group_sessions import Standing
from scheduling.booking.wanted.nearest import Wanted
from scheduling.models import Appointment

MOST = 5


def visits(*, actor: Actor, wanted: Wanted, visit: Appointment | None) -> tuple[rows.Visit, ...]:
    """The live visits in the way, by start; at most a few."""
    people, rooms = _holders(wanted, visit)
    held = Q(staffing__staff_id__in=people) | Q(room_id__in=rooms) | Q(patient_id=wanted.patient_id)
    live = Appointment.objects.filter(
        held,
        practice_id=actor.practice_id,
        status__in=states.LIVE,
        start__lt=wanted.start + wanted.length + wanted.turnover,
        end__gt=wanted.start,
    ).exclude(pk__in=wanted.ignoring)
    ids = list(live.order_by("start", "pk").values_list("pk", flat=True).distinct()[:MOST])
    return fetched.visits(actor=actor, ids=ids)


def groups(*, actor: Actor, wanted: Wanted, visit: Appointment | None) -> tuple[Standing, ...]:
    """The group sessions in the way, by start: they hold their people and room whether anybody joined."""
    people, rooms = _holders(wanted, visit)
    end = wanted.start + wanted.length + wanted.turnover
    found = group_sessions.between(actor=actor, site_id=wanted.site_id, start=wanted.start, end=end)
    mine = visit.group_session_id if visit else None
    return tuple(one for one in found if one.id != mine and (people & one.staff or one.room in rooms))


def _holders(wanted: Wanted, visit: Appointment | None) -> tuple[set[UUID], set[UUID]]:
    """Whose time and which room it would take: those that are named, else those that the visit has."""
    people = set(wanted.people)
    rooms = {wanted.room_id} if wanted.room_id else set()
    if visit:
        people = people or {one.staff_id for one in visit.staffing.all()}
        rooms = rooms or ({visit.room_id} if visit.room_id else set())
    return people, rooms
