"""The measures that a patient is asked for by the link of a visit: which are due, kept as they go, sent once.

One is due in the three days before a dose, until the dose begins, unless it was sent for that time already;
after the last dose, in the same way before a visit of the course (see `planning.measures`). Any live link of
the patient leads to it: what was saved by one link is there by the next.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery

from clinic.practice import work
from clinic.practice.errors import Conflict
from clinic.practice.models import StaffMember
from clinic.practice.models.staff import Role
from notifications.models import Message
from notifications.planning.kinds import Kind
from notifications.planning.ports import Facts, Silence, Source
from patients import answers, instruments
from patients import queries as patients
from patients.answers import Unit
from patients.instruments import Instrument
from patients.models import MeasureForm
from scheduling import states
from scheduling.booking.guard import locks
from scheduling.booking.writing import message_facts
from scheduling.booking.writing.links import Link
from scheduling.booking.writing.worlds import DATABASE, World
from scheduling.models import Appointment
from scheduling.models.appointment import ENDED_UNATTENDED, Status
from scheduling.planning import measures

# The first reminder goes out then, and carries the link.
OPENS = timedelta(hours=72)
NOT_BEGUN = (Status.BOOKED, Status.CONFIRMED, Status.ARRIVED)
HARM_ITEM = "harm_item"
# Who is asked: the first of these whom the practice has. Somebody always is.
ASKED = (Role.PRESCRIBER, Role.CLINICAL_LEAD, Role.THERAPIST, Role.MONITOR, Role.OPERATOR)
# When nobody has looked, the clinical lead is asked too.
LEAD_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Due:
    """One measure: `answers` has a place for each item, empty while it is not answered."""

    instrument: Instrument
    unit: Unit
    answers: tuple[int | None, ...]
    sent: bool

    @property
    def answered(self) -> int:
        return sum(given is not None for given in self.answers)


@dataclass(frozen=True, slots=True)
class Asking:
    """A visit that may ask for measures: `last_dose` is the day of its course's last dose."""

    visit_id: UUID
    course_id: UUID
    kind: str
    day: date
    last_dose: date
    asked: measures.Asked


def due(*, link: Link, now: datetime) -> tuple[Due, ...]:
    """What the patient is asked for now, and what of it is sent; two queries."""
    return _due_of(link.visit.patient_id, now)


def sources() -> dict[str, Source]:
    """Who answers for the message that asks."""
    return {Kind.MEASURE_DUE: message_facts.wanted(facts)}


def facts(
    message: Message,
    also: Sequence[Message],
    now: datetime,
    world: World = DATABASE,
    asks: Callable[[UUID, datetime], bool] | None = None,
) -> Facts | Silence:
    """The visit before which something is asked; silent once all is sent, or where no link leads there.
    `asks` says whether a patient is still asked for something then, unless the database does."""
    found = message_facts.at_its_time(message, (), now, world)
    if isinstance(found, Silence):
        return found
    assert message.patient_id is not None
    if not (asks or _asks)(message.patient_id, now):
        return Silence("nothing_asked")
    return found if found.link else Silence("no_link")


def _asks(patient_id: UUID, now: datetime) -> bool:
    return not all(one.sent for one in _due_of(patient_id, now))


def _due_of(patient_id: UUID, now: datetime) -> tuple[Due, ...]:
    asked = _asked(patient_id, now)
    held: dict[tuple[UUID, str], MeasureForm] = {}
    if asked:
        units = [(unit.course_id, unit.day) for _, unit in asked]
        found = answers.forms(patient_id=patient_id, units=units)
        held = {(form.course_id, f"{form.code} {form.unit}"): form for form in found}
    return tuple(
        _due(instrument, unit, held.get((unit.course_id, f"{instrument.code} {unit.day}")))
        for instrument, unit in asked
    )


def save(
    *, link: Link, number: int, given: Mapping[int, int], language: str, send: bool, now: datetime
) -> tuple[int, ...]:
    """Keep answers, by item from 1, and `send` them when none is missing. Returns the items that are missing;
    none after a sending, also a second one, which changes nothing.

    S-22: whoever gives an answer above 0 to the item about self-harm is before a clinician in the same
    transaction, whatever becomes of the rest: when it is only kept, when other answers are missing, when the
    measure was sent by another tab already, and when it is not asked for any more. Raises Conflict for the
    last, Invalid.
    """
    with locks.unit_of_work():
        patients.patient(actor=link.actor, patient_id=link.visit.patient_id, lock=True)
        found = next((one for one in due(link=link, now=now) if one.instrument.number == number), None)
        form = _keep(link, found, given, language, now) if found else None
        _look_at(link, number, form, given, now)
        if found and form and send and form.sent_at is None and not answers.missing(form):
            answers.send(actor=link.actor, instrument=found.instrument, form=form, now=now)
    if form is None:
        # After the commit: what was said of self-harm stays said.
        raise Conflict("This is not asked for any more.")
    return answers.missing(form)


def _keep(link: Link, found: Due, given: Mapping[int, int], language: str, now: datetime) -> MeasureForm:
    return answers.save(
        actor=link.actor,
        instrument=found.instrument,
        unit=found.unit,
        answers=given,
        language=language,
        now=now,
    )


def _asked(patient_id: UUID, now: datetime) -> list[tuple[Instrument, Unit]]:
    """Each measure before the first of the coming doses, or visits after the last, that asks for it."""
    ended = Q(status__in=ENDED_UNATTENDED)
    doses = Appointment.objects.filter(~ended, course=OuterRef("course"), kind__in=states.DOSES)
    last = doses.order_by("-start")[:1]
    coming = Appointment.objects.filter(
        patient_id=patient_id,
        course__isnull=False,
        status__in=NOT_BEGUN,
        # Many begin later than planned, and who waits for one has time to answer.
        end__gt=now,
        start__lte=now + OPENS,
    )
    rows = (
        coming.filter(Q(kind__in=states.DOSES) | Q(start__gt=Subquery(last.values("start"))))
        .order_by("start", "pk")
        .annotate(last_dose=Subquery(last.values("local_date")))
        .values_list(
            "pk",
            "course_id",
            "kind",
            "local_date",
            "last_dose",
            "course__protocol_version__document__measures",
        )
    )
    return asked_of(
        coming=[
            Asking(visit, course, kind, day, last, measures.asked(measures=told, known=instruments.BY_CODE))
            for visit, course, kind, day, last, told in rows
            if course is not None
        ]
    )


def asked_of(*, coming: Iterable[Asking]) -> list[tuple[Instrument, Unit]]:
    """What these visits, in their order, ask for: each measure before the first that asks for it. Pure."""
    found: dict[tuple[str, UUID, object], tuple[Instrument, Unit]] = {}
    for one in coming:
        time = (
            measures.unit(day=one.day, each_dose=one.asked.each_dose)
            if one.kind in states.DOSES
            else measures.unit_after(last=one.last_dose, day=one.day)
        )
        if time is None:
            continue
        unit = Unit(one.course_id, time, one.visit_id)
        for code in one.asked.codes:
            found.setdefault((code, one.course_id, time), (instruments.BY_CODE[code], unit))
    first: dict[str, tuple[Instrument, Unit]] = {}
    for instrument, unit in found.values():
        # One of each kind at a time: what it asks is the same whichever course asks it.
        first.setdefault(instrument.code, (instrument, unit))
    return sorted(first.values(), key=lambda one: one[0].number)


def _due(instrument: Instrument, unit: Unit, form: MeasureForm | None) -> Due:
    if form is None:
        return Due(instrument, unit, (None,) * instrument.length, sent=False)
    return Due(instrument, unit, tuple(form.answers), sent=form.sent_at is not None)


def _look_at(
    link: Link, number: int, form: MeasureForm | None, given: Mapping[int, int], now: datetime
) -> None:
    """Ask clinicians for what this form says of self-harm, kept or not; once for each answer above 0."""
    instrument = instruments.BY_NUMBER.get(number)
    if instrument is None:
        return
    kept = dict(enumerate(form.answers, start=1)) if form else {}
    worst = max(instrument.harm_in(given), instrument.harm_in(kept))
    course_id = form.course_id if form else _last_course(link, now)
    if worst and course_id:
        _ask_clinicians(link, f"{HARM_ITEM}:{form.pk if form else link.visit.pk}:{worst}", course_id, now)


def _last_course(link: Link, now: datetime) -> UUID | None:
    """The course of whichever dose was the last to be asked about."""
    found = Appointment.objects.filter(
        patient_id=link.visit.patient_id,
        course__isnull=False,
        kind__in=states.DOSES,
        start__lte=now + OPENS,
    )
    return found.order_by("-start", "pk").values_list("course_id", flat=True).first()


def _ask_clinicians(link: Link, key: str, course_id: UUID, now: datetime) -> None:
    """S-22: before everybody who prescribes at once, whoever is there; an hour later before the lead too."""
    visit = link.visit
    staff = StaffMember.objects.filter(practice_id=visit.practice_id, is_active=True)
    there = {role for roles in staff.values_list("roles", flat=True) for role in roles}
    first = next((role for role in ASKED if role in there), Role.PRACTICE_ADMIN)
    asked = [(key, first, now), (f"{key}{work.AGAIN}", Role.CLINICAL_LEAD, now + LEAD_AFTER)]
    for dedupe_key, role, due_at in asked if first == Role.PRESCRIBER else asked[:1]:
        work.raise_item(
            practice_id=visit.practice_id,
            kind=HARM_ITEM,
            dedupe_key=dedupe_key,
            subject_kind="course",
            subject_id=course_id,
            patient_id=visit.patient_id,
            role=role,
            reason="The question about self-harm was answered above 0: see or call the patient today, with a "
            "structured tool such as the C-SSRS.",
            due_at=due_at,
        )
