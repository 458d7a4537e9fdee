"""The protocols of a practice as somebody who books reads them, and whether a site can hold them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import F

from clinic.practice import permissions
from clinic.practice.actor import Actor
from scheduling.followups import facts
from scheduling.models import ProtocolVersion
from scheduling.planning import needs
from scheduling.planning.needs import Lacking
from scheduling.planning.protocol import Protocol
from scheduling.roster import rosters
from scheduling.roster.rosters import Roster


@dataclass(frozen=True, slots=True)
class Offered:
    """A protocol at a site, and what the site has not; with anything lacking it cannot be planned there."""

    id: UUID
    key: str
    name: str
    protocol: Protocol
    lacking: Lacking


def at_site(*, actor: Actor, site_id: UUID, now: datetime) -> tuple[Offered, ...]:
    """Every active protocol that can be planned at all, by name; raises NotFound for another's site."""
    permissions.check(actor=actor, capability="protocols.read")
    roster = rosters.of(practice_id=actor.practice_id)
    roster.site(site_id)
    return _offered(roster, site_id, _plannable(actor), now)


def everywhere(*, actor: Actor, now: datetime) -> dict[UUID, tuple[Offered, ...]]:
    """The same for every site of the practice, by its id."""
    permissions.check(actor=actor, capability="protocols.read")
    roster, current = rosters.of(practice_id=actor.practice_id), _plannable(actor)
    return {site_id: _offered(roster, site_id, current, now) for site_id in roster.sites}


def _plannable(actor: Actor) -> list[ProtocolVersion]:
    current = ProtocolVersion.objects.filter(
        template__practice_id=actor.practice_id,
        template__is_active=True,
        version=F("template__current_version"),
        is_plannable=True,
    )
    return list(current.select_related("template").defer("document").order_by("name", "id"))


def _offered(
    roster: Roster, site_id: UUID, current: Iterable[ProtocolVersion], now: datetime
) -> tuple[Offered, ...]:
    found = []
    for row in current:
        protocol = facts.protocol_of(row.pk)
        lacking = _lacking(roster, site_id, protocol, now.date())
        found.append(Offered(row.template_id, row.template.key, row.name, protocol, lacking))
    return tuple(found)


def _lacking(roster: Roster, site_id: UUID, protocol: Protocol, day: date) -> Lacking:
    at_work = {
        shift.staff_id
        for shift in roster.shifts.get(site_id, ())
        if shift.valid_until is None or shift.valid_until >= day
    }
    roles = {role for one in at_work if one in roster.people for role in roster.people[one].roles}
    kinds = {room.kind for room in roster.rooms.values() if room.site_id == site_id}
    return needs.lacking(protocol=protocol, room_kinds=kinds, roles=roles)
