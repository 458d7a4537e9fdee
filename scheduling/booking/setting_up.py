"""What a practice still lacks before it can book its first course."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from scheduling.booking import protocols
from scheduling.followups import facts
from scheduling.models import TreatmentCourse
from scheduling.planning import needs
from scheduling.planning.needs import Lacking
from scheduling.roster import rosters


@dataclass(frozen=True, slots=True)
class Offer:
    """A protocol at a site, and what the site lacks for it."""

    protocol_id: UUID
    protocol: str
    site: str
    lacking: Lacking


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the set-up has come. `offers` are the protocols in use, at each site that has a room or a
    person of its own.
    """

    message_name: str
    phone: str
    sites: int
    without_hours: tuple[str, ...]
    rooms: int
    people: int
    without_shift: tuple[str, ...]
    protocols: int
    offers: tuple[Offer, ...]
    courses: bool

    @property
    def plannable(self) -> tuple[Offer, ...]:
        """The offers of which nothing is lacking."""
        return tuple(one for one in self.offers if one.lacking.nothing)


def progress(*, actor: Actor, now: datetime) -> Progress:
    """Read what there is and compare it with what the protocols in use ask for."""
    permissions.check(actor=actor, capability="practices.read")
    practice = places.practice(actor=actor)
    roster = rosters.of(practice_id=actor.practice_id)
    day = now.date()
    working: dict[UUID, set[UUID]] = {
        site: {one.staff_id for one in rows if one.valid_until is None or one.valid_until >= day}
        for site, rows in roster.shifts.items()
    }
    at_work = set().union(*working.values())
    clinicians = [one for one in roster.people.values() if set(one.roles) & permissions.CLINICIANS]
    found = [one for one in protocols.protocols(actor=actor) if one.template.is_active and one.is_plannable]
    offers = []
    for site in roster.sites.values():
        kinds = {room.kind for room in roster.rooms.values() if room.site_id == site.pk}
        roles = {
            role
            for one in working.get(site.pk, ())
            if one in roster.people
            for role in roster.people[one].roles
        }
        for one in found:
            lack = needs.lacking(protocol=facts.protocol_of(one.pk), room_kinds=kinds, roles=roles)
            offers.append(Offer(one.template_id, one.name, site.name, lack))
    return Progress(
        message_name=practice.message_name,
        phone=practice.phone,
        sites=len(roster.sites),
        without_hours=tuple(site.name for site in roster.sites.values() if not roster.hours.get(site.pk)),
        rooms=len(roster.rooms),
        people=len(roster.people),
        without_shift=tuple(sorted(one.display_name for one in clinicians if one.pk not in at_work)),
        protocols=len(found),
        offers=tuple(offers),
        courses=TreatmentCourse.objects.filter(practice_id=actor.practice_id).exists(),
    )
