"""Reading the place and its people. Every function sees one practice only: the actor's."""

import hashlib
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import Closure, Practice, Room, Site, StaffMember

DEFAULT_REGION = "US"
Row = TypeVar("Row", bound=Model)


def actor_of(*, staff: StaffMember) -> Actor:
    """The actor that a signed-in member of staff is. Raises NotFound for a user without a practice, who
    sees nothing.
    """
    if staff.practice_id is None or not staff.is_active:
        raise NotFound()
    return Actor(
        practice_id=staff.practice_id,
        kind="staff",
        id=staff.pk,
        roles=frozenset(staff.roles),
        label=staff.display_name,
    )


def practice(*, actor: Actor, lock: bool = False) -> Practice:
    """The actor's practice; raises NotFound."""
    return _one(Practice.objects.filter(pk=actor.practice_id), lock)


def practice_tag(*, practice: Practice) -> str:
    """A practice has no version number; this short hash of its values changes when one of them does."""
    told = repr((practice.name, practice.message_name, practice.phone, sorted(practice.settings.items())))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def region(*, practice: Practice) -> str:
    """The country whose phone numbers need no country code: the practice's setting `region`, else US."""
    return str(practice.settings.get("region", DEFAULT_REGION))


def sites(*, actor: Actor) -> QuerySet[Site]:
    return Site.objects.filter(practice_id=actor.practice_id).order_by("id")


def site(*, actor: Actor, site_id: UUID | str, lock: bool = False) -> Site:
    """One site; raises NotFound, also for a site of another practice."""
    return _one(Site.objects.filter(practice_id=actor.practice_id, pk=_uuid(site_id)), lock)


def rooms(*, actor: Actor) -> QuerySet[Room]:
    return Room.objects.filter(site__practice_id=actor.practice_id).select_related("site").order_by("id")


def room(*, actor: Actor, room_id: UUID | str, lock: bool = False) -> Room:
    """One room; raises NotFound, also for a room of another practice."""
    rows = Room.objects.filter(site__practice_id=actor.practice_id, pk=_uuid(room_id)).select_related("site")
    return _one(rows, lock)


def practitioners(*, actor: Actor) -> QuerySet[StaffMember]:
    rows = StaffMember.objects.filter(practice_id=actor.practice_id)
    return rows.select_related("home_site").order_by("id")


def practitioner(*, actor: Actor, staff_id: UUID | str, lock: bool = False) -> StaffMember:
    """One member of staff; raises NotFound, also for one of another practice."""
    return _one(StaffMember.objects.filter(practice_id=actor.practice_id, pk=_uuid(staff_id)), lock)


def closures(*, actor: Actor) -> QuerySet[Closure]:
    rows = Closure.objects.filter(site__practice_id=actor.practice_id)
    return rows.select_related("site", "room").order_by("id")


def closure(*, actor: Actor, closure_id: UUID | str, lock: bool = False) -> Closure:
    """One closure; raises NotFound, also for a closure of another practice."""
    rows = Closure.objects.filter(site__practice_id=actor.practice_id, pk=_uuid(closure_id))
    return _one(rows.select_related("site"), lock)


def _uuid(value: UUID | str) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise NotFound() from None


def _one(rows: QuerySet[Row], lock: bool) -> Row:
    if lock:
        # Not the key: rows that only point here may be written meanwhile.
        rows = rows.select_for_update(of=("self",), no_key=True)
    found = rows.first()
    if found is None:
        raise NotFound()
    return found
