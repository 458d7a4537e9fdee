"""The protocols of a practice as somebody who books reads them, and whether a site can hold them."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F

from clinic.practice import permissions
from clinic.practice.actor import Actor
from scheduling.followups import facts
from scheduling.models import ProtocolVersion
from scheduling.planning import protocol as protocols
from scheduling.planning.protocol import Protocol
from scheduling.roster import rosters
from scheduling.roster.rosters import Roster


@dataclass(frozen=True, slots=True)
class Offered:
    """A protocol at a site. `lacks` are the roles and kinds of room that the site does not have; with any of
    them it cannot be planned there."""

    id: UUID
    key: str
    name: str
    protocol: Protocol
    lacks: tuple[str, ...]


def at_site(*, actor: Actor, site_id: UUID) -> tuple[Offered, ...]:
    """Every active protocol that can be planned at all, by name; raises NotFound for another's site."""
    permissions.check(actor=actor, capability="protocols.read")
    roster = rosters.of(practice_id=actor.practice_id)
    roster.site(site_id)
    current = ProtocolVersion.objects.filter(
        template__practice_id=actor.practice_id,
        template__is_active=True,
        version=F("template__current_version"),
        is_plannable=True,
    )
    found = []
    for row in current.select_related("template").defer("document").order_by("name", "id"):
        protocol = facts.protocol_of(row.pk)
        lacks = tuple(dict.fromkeys(_lacking(roster, site_id, protocol)))
        found.append(Offered(row.template_id, row.template.key, row.name, protocol, lacks))
    return tuple(found)


def _lacking(roster: Roster, site_id: UUID, protocol: Protocol) -> Iterator[str]:
    at_work = {shift.staff_id for shift in roster.shifts.get(site_id, ())}
    roles = {role for one in at_work if one in roster.people for role in roster.people[one].roles}
    kinds = {
        kind
        for room in roster.rooms.values()
        if room.site_id == site_id
        for kind in protocols.room_kinds_of(room.kind)
    }
    steps = [protocol.follow_up, protocol.preparation, protocol.plan_review, protocol.medication_review]
    needed = [need.role for need in protocol.staff] + [step.role for step in steps if step is not None]
    yield from (role for role in needed if role not in roles)
    if protocol.room_kinds and not kinds.intersection(protocol.room_kinds):
        yield protocol.room_kinds[0]
