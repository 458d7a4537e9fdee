"""What is asked of visits before a message says something of them (`message_facts`): of the database when it
is to go, of visits that are read once, or only imagined, where somebody looks ahead
(`booking.own.own_messages`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from django.db.models import Q

from clinic.practice import prepared
from clinic.practice.joined import Joined
from notifications.models import Message
from notifications.planning import terms
from notifications.planning.terms import Level, Term
from patients import own
from scheduling.booking.writing import ahead, inviting, links
from scheduling.booking.writing.drafts import EXPECTED
from scheduling.models import Appointment
from scheduling.models.appointment import ENDED_UNATTENDED, Status

# Whether the practice has a kind of message switched off, and the protocol that is asked the same.
_TERMS = (
    "(SELECT is_on FROM notifications_kindterm WHERE practice_id = %s AND kind = %s)",
    "(SELECT protocol_version_id FROM scheduling_treatmentcourse WHERE id = %s)",
)
_VISITS = Joined(Appointment, "site", asking=[links.ASKED])
_TOLD = Joined(Appointment, "site", asking=[links.ASKED, *_TERMS])


@dataclass(frozen=True, slots=True)
class Linked:
    """A visit with its site, and its link, which is worked out when it is said."""

    visit: Appointment
    link: Callable[[], str]


class World(Protocol):
    """Whoever knows the visits that messages are about."""

    def off(self, *, message: Message) -> Level | None:
        """Who has its kind switched off; None where nobody has."""

    def linked(self, *, visit_ids: Collection[UUID]) -> Mapping[UUID, Linked]:
        """Those of these visits that there are."""

    def coming(self, *, message: Message, now: datetime) -> list[Appointment]:
        """What of a booking is still to come, in its order, with the site."""

    def visit(self, *, visit_id: UUID) -> Appointment | None:
        """One visit."""

    def given(self, *, visit_id: UUID) -> Appointment | None:
        """One dose with its site, if it was given."""

    def after(self, *, dose: Appointment, now: datetime) -> Appointment | None:
        """The first visit that stands after a dose, with its site."""

    def choice(self, *, dose: Appointment) -> str:
        """The link by which the patient chooses the time of what is missing after a dose; blank where nothing
        is."""

    def link(self, *, visit_id: UUID) -> str:
        """The link of a visit; blank where there is none."""

    def needs_ride(self, *, visit: Appointment) -> bool:
        """Whether somebody has to take the patient home (S-11)."""

    def has_ride(self, *, visit: Appointment) -> bool:
        """Whether somebody is named who does."""

    def is_first_dose(self, *, visit: Appointment) -> bool:
        """Whether no dose of its course comes before it."""


class Database:
    """The visits as they are now."""

    def off(self, *, message: Message) -> Level | None:
        [(is_on, version_id)] = prepared.fetch(f"SELECT {', '.join(_TERMS)}", _terms_of(message))
        return _off(message, is_on, version_id)

    def linked(self, *, visit_ids: Collection[UUID]) -> Mapping[UUID, Linked]:
        visits = _VISITS.fetch_asking("WHERE one.id = ANY(%s::uuid[])", [list(visit_ids)])
        return {visit.pk: _linked(visit, link) for visit, [link] in visits}

    def coming(self, *, message: Message, now: datetime) -> list[Appointment]:
        coming = Appointment.objects.select_related("site").filter(
            practice_id=message.practice_id, status__in=EXPECTED, start__gt=now
        )
        if message.subject_kind == "course":
            coming = coming.filter(course_id=message.subject_id)
        else:
            coming = coming.filter(_with(message))
        return list(coming.order_by("start", "pk"))

    def visit(self, *, visit_id: UUID) -> Appointment | None:
        return Appointment.objects.filter(pk=visit_id).first()

    def given(self, *, visit_id: UUID) -> Appointment | None:
        doses = Appointment.objects.select_related("site").filter(status=Status.FULFILLED)
        return doses.filter(pk=visit_id).first()

    def after(self, *, dose: Appointment, now: datetime) -> Appointment | None:
        since = Appointment.objects.filter(patient_id=dose.patient_id, start__gt=dose.start)
        standing = since.exclude(status__in=ENDED_UNATTENDED).exclude(hold_expires_at__lte=now)
        return standing.select_related("site").order_by("start", "pk").first()

    def choice(self, *, dose: Appointment) -> str:
        return inviting.choice(dose=dose)

    def link(self, *, visit_id: UUID) -> str:
        return links.address(visit_id=visit_id)

    def needs_ride(self, *, visit: Appointment) -> bool:
        return ahead.needs_ride(visit=visit)

    def has_ride(self, *, visit: Appointment) -> bool:
        return own.ride(patient_id=visit.patient_id, visit_id=visit.pk) is not None

    def is_first_dose(self, *, visit: Appointment) -> bool:
        return ahead.is_first_dose(visit=visit)


DATABASE = Database()


class Told(Database):
    """The same for one message: the visits that it and `also` are about are read together with who has its
    kind switched off, in one statement, because every reminder asks both. It knows no other links.
    """

    def __init__(self, message: Message, also: Sequence[Message]) -> None:
        # One by itself, so that its plan is made once: PostgreSQL guesses that a list holds ten.
        ending = "WHERE one.id = ANY(%s::uuid[])" if also else "WHERE one.id = %s"
        which = [one.subject_id for one in (message, *also)] if also else message.subject_id
        self._visits = _TOLD.fetch_asking(ending, [*_terms_of(message), which])

    def off(self, *, message: Message) -> Level | None:
        if not self._visits:
            return super().off(message=message)
        _, [_, is_on, version_id] = self._visits[0]
        return _off(message, is_on, version_id)

    def linked(self, *, visit_ids: Collection[UUID]) -> Mapping[UUID, Linked]:
        read = {visit.pk: _linked(visit, link) for visit, [link, *_] in self._visits}
        return {pk: one for pk, one in read.items() if pk in visit_ids}


def _terms_of(message: Message) -> list[object]:
    return [message.practice_id, message.kind, message.course_id]


def _off(message: Message, is_on: bool | None, version_id: UUID | None) -> Level | None:
    settled = terms.settle(
        kind=message.kind,
        protocol=ahead.terms_of(version_id=version_id),
        practice={message.kind: Term(is_on)},
    )
    return None if settled.on else settled.by


def _linked(visit: Appointment, link: Sequence[str] | None) -> Linked:
    return Linked(visit, partial(links.said, asked=link))


def _with(message: Message) -> Q:
    """The visit itself; when it is new, also those that were booked in the same act, which have no message of
    their own.
    """
    itself = Q(pk=message.subject_id)
    if message.subject_version > 1:
        return itself
    act = Appointment.objects.filter(itself).values("created_at")
    return itself | Q(patient_id=message.patient_id, created_at__in=act)
