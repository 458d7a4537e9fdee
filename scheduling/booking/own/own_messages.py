"""What a patient would get, and when: of what is planned, of a course that is only proposed, and of a sample
course by what a practice is about to say of its messages. One path: `notifications.reading.ahead` walks the
messages, and asks `_Imagined` what it will ask of visits. Nothing is written and nothing is planned; what is
asked of the database does not grow with the visits.

A course that is not booked yet is supposed to take place as planned.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from clinic.practice import fields, permissions, practice_settings, queries
from clinic.practice.actor import Actor
from clinic.practice.ids import new_id
from clinic.practice.models import Site
from notifications.planning import practice_terms, recipients
from notifications.planning.preferences import PREFERENCE
from notifications.planning.recipients import Address
from notifications.planning.terms import Terms
from notifications.reading import ahead as looking
from notifications.reading.ahead import Foreseen, Known
from notifications.wording import wordings
from patients.models import Patient
from scheduling.booking.guard import access
from scheduling.booking.own import imagined
from scheduling.booking.own.imagined import Course, Imagined
from scheduling.booking.protocol import protocols
from scheduling.booking.wanted import proposals
from scheduling.booking.writing import ahead, visits
from scheduling.booking.writing.ahead import Asks
from scheduling.booking.writing.drafts import People
from scheduling.booking.writing.visits import Placement
from scheduling.models import TreatmentCourse
from scheduling.planning.values import NoPlan, PlannedVisit

# Where the messages of the sample go: nobody's.
ADDRESSES = {"sms": "+12025550100", "email": "sample@example.com"}
BORN = date(1980, 1, 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """A course that nobody has, and what its patient would get; `none` says why there is no course."""

    zone: str = "UTC"
    seen: tuple[Foreseen, ...] = ()
    none: tuple[str, ...] = ()


def of_patient(*, actor: Actor, patient_id: UUID, now: datetime) -> list[Foreseen]:
    """What is planned for a patient of the practice, the first `MOST` of it, in the order in which it would
    go. Raises NotAllowed.
    """
    planned = looking.planned(actor=actor, patient_id=patient_id)
    if not planned:
        return []
    patient = access.patient(actor=actor, patient_id=patient_id)
    world = imagined.standing(patient=patient, people=People({patient_id: patient}, channels={}), now=now)
    known = looking.known(patient=patient, messages=planned, facts=world.facts, now=now)
    return looking.walk(messages=planned, known=known, now=now)


def of_proposal(*, actor: Actor, token: str, now: datetime) -> list[Foreseen]:
    """What a patient would get of a proposal if it were booked now, among what is planned for them already.

    Raises NotAllowed, NotFound, ProposalExpired.
    """
    permissions.check(actor=actor, capability="courses.book")
    contents = proposals.read(actor=actor, token=token, now=now)
    patient_id = UUID(contents.order.patient)
    planned = looking.planned(actor=actor, patient_id=patient_id)
    patient = access.patient(actor=actor, patient_id=patient_id)
    people = People({patient_id: patient})
    placement = Placement(
        actor=actor,
        patient=patient,
        site=access.site(actor=actor, site_id=UUID(contents.order.site)),
        now=now,
    )
    asks = ahead.asks_of_version(version_id=UUID(contents.order.version))
    course = _supposed(placement, contents.visits, asks, people)
    world = imagined.standing(patient=patient, people=people, now=now)
    world.suppose(course)
    messages = [*planned, *looking.drafted(drafts=course.drafts, patient=patient)]
    known = looking.known(patient=patient, messages=messages, facts=world.facts, now=now)
    seen = looking.walk(messages=messages, known=known, now=now)
    its_own = {one.course_id for one in course.visits}
    return _in_order(
        [*(one for one in seen if one.message.course_id in its_own), *course.unsaid(patient=patient)]
    )


def of_sample(
    *,
    actor: Actor,
    protocol_id: UUID,
    now: datetime,
    said: Terms | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> Sample:
    """What somebody with every channel would get of a course of this protocol where nothing is in the way, if
    the practice said this of each message, and had `chosen` this for all of them; what is not given is as the
    practice has it.

    Raises NotAllowed, NotFound, and Invalid for what may not be said (by `kind.field`) or chosen.
    """
    held = practice_terms.held(actor=actor).terms
    practice_terms.check(said=said or {})
    document = protocols.protocol(actor=actor, protocol_id=protocol_id).document
    site = _site(actor, chosen)
    if site is None:
        return Sample(none=("There is no site yet.",))
    found = protocols.attempt(actor=actor, document=document, zone=site.time_zone, now=now)
    if found is None:
        return Sample(none=("Groups meet in sessions that are made by hand, so there is no sample course.",))
    if isinstance(found, NoPlan):
        return Sample(none=tuple(rule.message for rule in found.rules))
    patient = Patient(practice=site.practice, site=site, time_zone=site.time_zone, birth_date=BORN)
    people = People(
        {patient.pk: patient},
        said={site.practice_id: held if said is None else said},
        channels=dict.fromkeys(((patient.pk, sort) for sort in recipients.SORTS), PREFERENCE),
    )
    placement = Placement(actor=actor, patient=patient, site=site, now=now)
    course = _supposed(placement, found.visits, ahead.asks_of(document=document), people)
    world = Imagined(people)
    world.suppose(course)
    known = Known(
        facts=world.facts,
        address=lambda message: Address(ADDRESSES[message.channel]),
        words=wordings.in_use(practice=site.practice, language=patient.language),
    )
    messages = looking.drafted(drafts=course.drafts, patient=patient)
    seen = looking.walk(messages=messages, known=known, now=now)
    return Sample(site.time_zone, tuple(_in_order([*seen, *course.unsaid(patient=patient)])))


def _supposed(placement: Placement, planned: Sequence[PlannedVisit], asks: Asks, people: People) -> Course:
    """The rows that a booking would write; who and which room does not matter to messages."""
    placement.course = TreatmentCourse(
        id=new_id(), practice_id=placement.actor.practice_id, patient=placement.patient
    )
    bare = [replace(one, staffing=(), room=None, group_session=None) for one in planned]
    rows = visits.rows(placement, bare)
    return imagined.course_of(
        course=placement.course, visits=rows, asks=asks, people=people, now=placement.now
    )


def _site(actor: Actor, chosen: Mapping[str, Any] | None) -> Site | None:
    """The practice's first site, of a practice that has `chosen` this; raises Invalid for what it may not."""
    site = queries.sites(actor=actor).select_related("practice").first()
    if site is None or chosen is None:
        return site
    practice = copy.copy(site.practice)
    practice.settings = {**practice.settings, "messages": chosen}
    problems = fields.Problems()
    practice_settings.check(problems, "settings", practice.settings)
    problems.raise_if_any()
    site.practice = practice
    return site


def _in_order(seen: Iterable[Foreseen]) -> list[Foreseen]:
    return sorted(seen, key=lambda one: (one.at, one.message.due_at, one.message.pk))
