"""Sessions for several patients: a session owns its staff and its room, each patient's visit owns the
patient's place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from clinic.practice import fields, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.ids import new_id
from clinic.practice.models import Resource, Room, StaffMember
from clinic.practice.models.place import SEATS
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.guard import access, locks
from scheduling.booking.writing import seats
from scheduling.booking.writing.seats import Need
from scheduling.models import GroupSession
from scheduling.models.appointment import Kind

KINDS = (Kind.GROUP_INTEGRATION.value, Kind.THERAPY.value)


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as a day shows it: when, whose, where, and how many of its places are taken."""

    id: UUID
    start: datetime
    end: datetime
    places: int
    taken: int
    staff: frozenset[UUID]
    room: UUID | None


def between(*, actor: Actor, site_id: UUID, start: datetime, end: datetime) -> list[Standing]:
    """The sessions of a site in a span, by start; they take people and rooms whether anybody joined."""
    permissions.check(actor=actor, capability="roster.read")
    joined = Count("appointments", filter=Q(appointments__status__in=states.LIVE | states.ATTENDED))
    found = GroupSession.objects.filter(
        practice_id=actor.practice_id, site_id=site_id, start__lt=end, end__gt=start
    )
    return [
        Standing(
            id=one.pk,
            start=one.start,
            end=one.end,
            places=one.places,
            taken=one.taken,
            staff=frozenset(person.pk for person in one.staff.all()),
            room=one.room_id,
        )
        for one in found.annotate(taken=joined).prefetch_related("staff").order_by("start", "pk")
    ]


def schedule(
    *,
    actor: Actor,
    site_id: UUID,
    start: datetime,
    end: datetime,
    places: int,
    staff_ids: Sequence[UUID],
    now: datetime,
    room_id: UUID | None = None,
    kind: str = Kind.GROUP_INTEGRATION,
) -> UUID:
    """Open a session that up to `places` patients may join; returns its id.

    Raises NotAllowed, NotFound, Invalid, SlotTaken when somebody of the staff or the room is taken.
    """
    permissions.check(actor=actor, capability="appointments.book")
    problems = fields.Problems()
    first, last = fields.span(problems, ("start", start), ("end", end))
    fields.integer(problems, "places", places, least=1, most=60)
    fields.choice(problems, "kind", kind, KINDS)
    problems.raise_if_any()
    with locks.unit_of_work():
        site = access.site(actor=actor, site_id=site_id)
        staff = list(
            StaffMember.objects.filter(practice_id=actor.practice_id, is_active=True, id__in=staff_ids)
        )
        if not staff or len(staff) < len(set(staff_ids)):
            raise Invalid({"practitioners": ["Active members of this practice, at least one."]})
        room = Room.objects.filter(site=site, is_active=True, id=room_id).first() if room_id else None
        if room_id and room is None:
            raise Invalid({"room": ["An active room of the site."]})
        session = GroupSession.objects.create(
            id=new_id(),
            practice_id=actor.practice_id,
            site=site,
            kind=kind,
            start=first,
            end=last,
            places=places,
            room=room,
        )
        session.staff.set(staff)
        owned: list[Resource | None] = [person.resource for person in staff]
        owned += [room.resource] if room else []
        needs = [
            Need(resource.pk, SEATS, first, last, group_session_id=session.pk, label="group_session")
            for resource in owned
            if resource is not None
        ]
        locks.lock_resources(need.resource_id for need in needs)
        seats.take(practice_id=actor.practice_id, needs=needs, now=now)
        step = Step("group_session.scheduled", "group_session", session.pk, data={"start": first.isoformat()})
        trail.record(actor=actor, at=now, steps=[step])
        return session.pk
