"""What patients answer to a measure: kept as they go, and a score once it is sent.

The caller's transaction holds the patient's row, so that two tabs write one after the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from clinic.practice import permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.ids import new_id
from patients.instruments import MOST, Instrument
from patients.models import Measure, MeasureForm

CAPABILITY = "own_record.write"


@dataclass(frozen=True, slots=True)
class Unit:
    """Which course asks, for which time, and before which visit."""

    course_id: UUID
    day: date
    visit_id: UUID


def forms(*, patient_id: UUID, units: Sequence[tuple[UUID, date]]) -> list[MeasureForm]:
    """What this patient has begun or sent for these (course, unit); one query."""
    found = MeasureForm.objects.filter(
        patient_id=patient_id,
        course_id__in={course for course, _ in units},
        unit__in={day for _, day in units},
    )
    return list(found.order_by("id"))


def sent(*, patient_id: UUID, course_ids: Collection[UUID]) -> set[tuple[UUID, date, str]]:
    """What this patient has sent of these courses (course, time, code); one query."""
    found = MeasureForm.objects.filter(patient_id=patient_id, course_id__in=course_ids, sent_at__isnull=False)
    return set(found.values_list("course_id", "unit", "code"))


def save(
    *,
    actor: Actor,
    instrument: Instrument,
    unit: Unit,
    answers: Mapping[int, int],
    language: str,
    now: datetime,
) -> MeasureForm:
    """Keep these answers, by item from 1; what is not among them stays as it was. One that is sent already
    stays as it is. Raises NotAllowed, Invalid."""
    permissions.check(actor=actor, capability=CAPABILITY)
    fits = all(1 <= item <= instrument.length and 0 <= given <= MOST for item, given in answers.items())
    if not fits or actor.id is None:
        raise Invalid({"answers": ["Choose one of the answers."]})
    named = {
        "patient_id": actor.id,
        "course_id": unit.course_id,
        "code": instrument.code,
        "unit": unit.day,
    }
    held = MeasureForm.objects.filter(**named).first()
    if held is not None and held.sent_at is not None:
        return held
    before = held.answers if held else [None] * instrument.length
    given = [answers.get(item, before[item - 1]) for item in range(1, instrument.length + 1)]
    if held is None:
        return MeasureForm.objects.create(
            id=new_id(),
            **named,
            asked_before=unit.visit_id,
            answers=given,
            language=language,
            updated_at=now,
        )
    if given != before:
        held.answers, held.language, held.updated_at = given, language, now
        held.save(update_fields=["answers", "language", "updated_at"])
    return held


def missing(form: MeasureForm) -> tuple[int, ...]:
    """The items that are not answered yet, from 1."""
    return tuple(item for item, given in enumerate(form.answers, start=1) if given is None)


def send(*, actor: Actor, instrument: Instrument, form: MeasureForm, now: datetime) -> None:
    """Make a whole form a score; it can be changed no more. Raises NotAllowed, and Invalid for what is
    missing."""
    permissions.check(actor=actor, capability=CAPABILITY)
    given = [one for one in form.answers if one is not None]
    if len(given) < instrument.length:
        raise Invalid({"answers": ["Not everything is answered yet."]})
    form.measure = Measure.objects.create(
        id=new_id(),
        patient_id=form.patient_id,
        code=form.code,
        score=instrument.score(given),
        taken_at=now,
        recorded_by=actor.ref,
    )
    form.sent_at = form.updated_at = now
    form.save(update_fields=["measure", "sent_at", "updated_at"])
    writing.tell(
        actor=actor,
        now=now,
        verb="create",
        kind="measure",
        row_id=form.measure.pk,
        patient_id=form.patient_id,
    )
