"""Visits that are read once, or that nobody has booked yet, for whoever looks ahead at the messages about
them: what `message_facts` asks of the database when a message goes is answered from memory here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from notifications.models import Message
from notifications.planning import ports, terms
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.ports import Facts, Silence
from notifications.planning.terms import Level, Settled
from notifications.reading import ahead as looking
from notifications.reading.ahead import Foreseen
from notifications.wording import samples
from patients import answers, own
from patients.models import Patient
from scheduling import states
from scheduling.booking.own import own_measures
from scheduling.booking.own.own_measures import Asking
from scheduling.booking.writing import ahead, drafts, links, message_facts, reminders
from scheduling.booking.writing.ahead import Asks, Whole
from scheduling.booking.writing.drafts import EXPECTED, People
from scheduling.booking.writing.worlds import Linked
from scheduling.models import Appointment, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED


@dataclass(frozen=True, slots=True)
class Course:
    """A course that nobody has booked: supposed to take place as planned. `drafts` are what would be planned,
    `silent` what would be but for whoever has it switched off."""

    visits: tuple[Appointment, ...]
    whole: Whole
    drafts: tuple[Draft, ...]
    silent: tuple[tuple[Draft, Settled], ...]

    def unsaid(self, *, patient: Patient) -> list[Foreseen]:
        """What is switched off, at the time at which it would go."""
        rows = looking.drafted(drafts=[draft for draft, _ in self.silent], patient=patient)
        return [
            Foreseen(row, row.due_at, row.due_at, message_facts.off(by=settled.by))
            for row, (_, settled) in zip(rows, self.silent, strict=True)
        ]


def course_of(
    *, course: TreatmentCourse, visits: Sequence[Appointment], asks: Asks, people: People, now: datetime
) -> Course:
    """What booking these visits would plan, and the word after each dose. Pure, but for what people want."""
    whole = ahead.whole_of(asks=asks, visits=visits)
    coming = drafts.still_to_come(visits, now)
    if not coming:
        return Course(tuple(visits), whole, (), ())
    confirmed = reminders.confirmation(course=course, coming=coming, people=people, now=now)
    before = ahead.within(coming=coming, courses={course.pk: whole}, people=people, now=now)
    after = (reminders.check_in(dose=one, people=people, protocol=asks.terms) for one in coming)
    each = [*before, *chain.from_iterable(after)]
    return Course(
        tuple(visits),
        whole,
        (*confirmed, *(draft for draft, settled in each if settled.on)),
        tuple(one for one in each if not one[1].on),
    )


@dataclass(slots=True)
class Imagined:
    """The visits of one patient, as `worlds.World` has them: those that there are, and a `course` that there
    is not. `sent` are the measures that were sent (course, time, code)."""

    people: People
    visits: dict[UUID, Appointment] = field(default_factory=dict)
    courses: dict[UUID, Whole] = field(default_factory=dict)
    links: Mapping[UUID, str] = field(default_factory=dict)
    rides: Collection[UUID | None] = ()
    sent: Collection[tuple[UUID, object, str]] = ()
    supposed: Collection[UUID] = ()

    def suppose(self, course: Course) -> None:
        """Have this course among what is booked."""
        self.visits |= {one.pk: one for one in course.visits}
        self.courses |= {one.course_id: course.whole for one in course.visits if one.course_id}
        self.supposed = {one.pk for one in course.visits}

    def facts(self, message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
        """As the source of its kind says it. What is not among these visits is asked of the database."""
        rule = message_facts.RULES.get(message.kind)
        if message.kind == Kind.MEASURE_DUE:
            rule = partial(own_measures.facts, asks=self.asks)
        if rule is None or not self._knows(message):
            return ports.facts(message=message, also=also, now=now)
        silent = (
            message_facts.unwanted(message=message, world=self) if message.kind in terms.CHOICES else None
        )
        return silent or rule(message, also, now, self)

    def _knows(self, message: Message) -> bool:
        if message.subject_kind == "course":
            return message.subject_id in self.courses
        # How a dose went that is over is known to its record alone.
        known = self.supposed if message.kind == Kind.CHECK_IN else self.visits
        return message.subject_id in known

    def off(self, *, message: Message) -> Level | None:
        whole = self.courses.get(message.course_id, Whole()) if message.course_id else Whole()
        settled = terms.settle(
            kind=message.kind, protocol=whole.asks.terms, practice=self.people.said(message.practice_id)
        )
        return None if settled.on else settled.by

    def linked(self, *, visit_ids: Collection[UUID]) -> Mapping[UUID, Linked]:
        return {
            one: Linked(self.visits[one], partial(self.link, visit_id=one))
            for one in visit_ids
            if one in self.visits
        }

    def coming(self, *, message: Message, now: datetime) -> list[Appointment]:
        coming = [one for one in self._in_order() if one.status in EXPECTED and one.start > now]
        if message.subject_kind == "course":
            return [one for one in coming if one.course_id == message.subject_id]
        itself = self.visits[message.subject_id]
        together = message.subject_version <= 1
        return [
            one for one in coming if one.pk == itself.pk or (together and one.created_at == itself.created_at)
        ]

    def visit(self, *, visit_id: UUID) -> Appointment | None:
        return self.visits.get(visit_id)

    def given(self, *, visit_id: UUID) -> Appointment | None:
        return self.visits[visit_id] if visit_id in self.supposed else None

    def after(self, *, dose: Appointment, now: datetime) -> Appointment | None:
        return next(
            (
                one
                for one in self._in_order()
                if one.start > dose.start
                and one.status not in ENDED_UNATTENDED
                and not (one.hold_expires_at and one.hold_expires_at <= now)
            ),
            None,
        )

    def choice(self, *, dose: Appointment) -> str:
        # Only what is supposed is asked about, and of that nothing is missing.
        return ""

    def link(self, *, visit_id: UUID) -> str:
        # What is not booked has no link yet: as long a one, which opens nothing.
        made_up = f"{settings.PUBLIC_URL}/v/{samples.TOKEN}" if visit_id in self.supposed else ""
        return self.links.get(visit_id, made_up)

    def needs_ride(self, *, visit: Appointment) -> bool:
        return ahead.ride(visit, self._whole(visit))

    def has_ride(self, *, visit: Appointment) -> bool:
        return visit.pk in self.rides

    def is_first_dose(self, *, visit: Appointment) -> bool:
        return ahead.first_dose(visit, self._whole(visit))

    def asks(self, patient_id: UUID, now: datetime) -> bool:
        """Whether the patient is asked for a measure then that was not sent."""
        asked = own_measures.asked_of(coming=[one for one in map(self._asking, self._due(now)) if one])
        return any((unit.course_id, unit.day, one.code) not in self.sent for one, unit in asked)

    def _due(self, now: datetime) -> list[Appointment]:
        return [
            one
            for one in self._in_order()
            if one.status in own_measures.NOT_BEGUN
            and one.start <= now + own_measures.OPENS
            and one.end > now
        ]

    def _asking(self, visit: Appointment) -> Asking | None:
        whole = self._whole(visit)
        last = whole.last_dose
        if visit.course_id is None or last is None:
            return None
        if visit.kind not in states.DOSES and visit.start <= last:
            return None
        day = last.astimezone(ZoneInfo(visit.time_zone)).date()
        return Asking(visit.pk, visit.course_id, visit.kind, visit.local_date, day, whole.asks.measures)

    def _whole(self, visit: Appointment) -> Whole:
        return self.courses.get(visit.course_id, Whole()) if visit.course_id else Whole()

    def _in_order(self) -> list[Appointment]:
        return sorted(self.visits.values(), key=lambda one: (one.start, one.pk))


def standing(*, patient: Patient, people: People, now: datetime) -> Imagined:
    """What a patient has booked, in five queries."""
    rows = Appointment.objects.select_related("site").filter(patient=patient, start__gt=now)
    found = {one.pk: one for one in rows}
    courses = dict(
        ahead.courses_of(visits=[one for one in found.values() if one.status not in ENDED_UNATTENDED])
    )
    return Imagined(
        people=people,
        visits=found,
        courses=courses,
        links=links.addresses(visit_ids=found.keys()),
        rides=own.rides(patient_id=patient.pk, visit_ids=found.keys()),
        sent=answers.sent(patient_id=patient.pk, course_ids=courses.keys()),
    )
