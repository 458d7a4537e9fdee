"""What a practice still lacks before it can book its first course."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from notifications.wording import wordings
from scheduling.booking.protocol import catalogue
from scheduling.booking.protocol.catalogue import Offered
from scheduling.models import TreatmentCourse
from scheduling.roster import rosters, shifts


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the set-up has come. `offers` are the protocols in use, with each site's name; closures and
    absences are those that are not over.
    """

    message_name: str
    phone: str
    sites: int
    without_hours: tuple[str, ...]
    rooms: int
    people: int
    without_shift: tuple[str, ...]
    protocols: int
    offers: tuple[tuple[str, Offered], ...]
    courses: bool
    own_wordings: int
    refused_wordings: int
    closures: int
    absences: int

    @property
    def plannable(self) -> frozenset[UUID]:
        """The protocols for which some site lacks nothing."""
        return frozenset(one.id for _, one in self.offers if one.lacking.nothing)


def begun(*, actor: Actor) -> bool:
    """Whether the practice has ever booked a course: until then it is being set up."""
    return TreatmentCourse.objects.filter(practice_id=actor.practice_id).exists()


def progress(*, actor: Actor, now: datetime) -> Progress:
    """Read what there is and compare it with what the protocols in use ask for."""
    permissions.check(actor=actor, capability="practices.read")
    practice = places.practice(actor=actor)
    roster = rosters.of(practice_id=actor.practice_id)
    today = now.date()
    at_work = {
        shift.staff_id
        for theirs in roster.shifts.values()
        for shift in theirs
        if shift.valid_until is None or shift.valid_until >= today
    }
    clinicians = [one for one in roster.people.values() if set(one.roles) & permissions.CLINICIANS]
    offers = tuple(
        (roster.sites[site_id].name, one)
        for site_id, offered in catalogue.everywhere(actor=actor, now=now).items()
        for one in offered
    )
    said = wordings.listing(actor=actor)
    return Progress(
        message_name=practice.message_name,
        phone=practice.phone,
        sites=len(roster.sites),
        without_hours=tuple(site.name for site in roster.sites.values() if not roster.hours.get(site.pk)),
        rooms=len(roster.rooms),
        people=len(roster.people),
        without_shift=tuple(sorted(one.display_name for one in clinicians if one.pk not in at_work)),
        protocols=len({one.id for _, one in offers}),
        offers=offers,
        courses=begun(actor=actor),
        own_wordings=sum(one.own for one in said),
        refused_wordings=sum(one.refused for one in said),
        closures=places.closures(actor=actor).filter(ends_at__gt=now).count(),
        absences=shifts.absences(actor=actor).filter(ends_at__gt=now).count(),
    )
