"""What follows from a visit's move, in the same transaction: freed places, messages, and questions for
people."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from clinic.practice import work
from clinic.practice.actor import Actor
from scheduling import states
from scheduling.booking.reading import progress
from scheduling.booking.writing import cancellations, releasing, reminders, seats
from scheduling.models import Appointment, TreatmentCourse


def follow(*, verb: str, actor: Actor, appointment: Appointment, now: datetime, ask: bool = True) -> None:
    """Do what this move implies; most moves imply nothing beyond the visit and its follow-up record.

    `ask`: people are asked about the follow-ups of a dose that does not happen, because nobody said yet.
    """
    if verb in _AFTER:
        _AFTER[verb](actor, appointment, now, ask)


def _after_cancel(actor: Actor, appointment: Appointment, now: datetime, ask: bool) -> None:
    after_loss(actor=actor, appointment=appointment, now=now)
    cancellations.on_cancelled(actor=actor, appointments=[appointment], now=now)
    if ask:
        _ask_about_follow_ups(appointment)
    if actor.kind == "patient":
        _tell_desk(appointment, now)


def _after_confirm(actor: Actor, appointment: Appointment, now: datetime, ask: bool) -> None:
    releasing.comes_after_all(actor=actor, visits=[appointment], now=now)


def _tell_desk(appointment: Appointment, now: datetime) -> None:
    """Nobody was at the desk when the patient cancelled: somebody offers another time, and the place to
    others."""
    work.raise_item(
        practice_id=appointment.practice_id,
        kind=releasing.CANCELLED_ITEM,
        dedupe_key=f"{releasing.CANCELLED_ITEM}:{appointment.id}:{appointment.version}",
        subject_kind="appointment",
        subject_id=appointment.id,
        patient_id=appointment.patient_id,
        role="front_desk",
        reason="The patient cancelled by their link: offer another time, and the place to somebody else.",
        due_at=now,
    )


def _after_no_show(actor: Actor, appointment: Appointment, now: datetime, ask: bool) -> None:
    after_loss(actor=actor, appointment=appointment, now=now)
    reminders.on_no_show(appointment=appointment, now=now)
    if appointment.kind in states.DOSES:
        # S-19: a missed dose is for the prescriber to decide on (J&J Medical Connect, 10/2025).
        work.raise_item(
            practice_id=appointment.practice_id,
            kind="missed_dose",
            # With the version: a no-show that is taken back and recorded again is told again.
            dedupe_key=f"missed_dose:{appointment.id}:{appointment.version}",
            subject_kind="appointment",
            subject_id=appointment.id,
            patient_id=appointment.patient_id,
            role="prescriber",
            reason="A dose was missed: decide whether the schedule goes on as planned.",
            due_at=now + timedelta(days=1),
        )
        _ask_about_follow_ups(appointment)


def after_loss(*, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """A visit that does not take place: nothing is occupied, and nothing is asked about it any more."""
    seats.release(appointment_ids=[appointment.id])
    releasing.settle(actor=actor, visits=[appointment], now=now)


def _ask_about_follow_ups(appointment: Appointment) -> None:
    """A dose that does not happen leaves its follow-up without a purpose: keep it as therapy or cancel it, a
    person decides."""
    for orphan in releasing.followers(dose=appointment):
        work.raise_item(
            practice_id=appointment.practice_id,
            kind="orphaned_follow_up",
            dedupe_key=f"orphaned_follow_up:{orphan.id}:{appointment.version}",
            subject_kind="appointment",
            subject_id=orphan.id,
            patient_id=appointment.patient_id,
            role="front_desk",
            reason="The dose before this visit does not happen: keep the visit or cancel it.",
            due_at=orphan.start,
        )


def ask_about_kept(*, course: TreatmentCourse, kept: Iterable[Appointment], now: datetime) -> None:
    """A stopped course still owes the follow-ups of the doses given: they stay, and a person asks the
    patient."""
    for visit in kept:
        work.raise_item(
            practice_id=course.practice_id,
            kind="kept_follow_up",
            dedupe_key=f"kept_follow_up:{visit.id}:{visit.version}",
            subject_kind="appointment",
            subject_id=visit.id,
            patient_id=course.patient_id,
            role="front_desk",
            reason="The course was stopped; this follow-up of a dose that was given stays: ask the patient.",
            due_at=min(now + timedelta(days=1), visit.start),
        )


def after_return(*, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """A visit that takes place after all: what was asked about it, and about what follows it, is answered."""
    about = [appointment, *releasing.followers(dose=appointment)]
    releasing.settle(actor=actor, visits=about, now=now)


def after_error(*, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """A visit that should never have been written: what followed from it has no ground any more."""
    after_loss(actor=actor, appointment=appointment, now=now)
    _ask_about_follow_ups(appointment)
    if appointment.course is not None:
        progress.judge(actor=actor, course=appointment.course, now=now)


def after_attendance(*, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """The patient was treated: the word about a missing follow-up, and the course's state."""
    releasing.settle(actor=actor, visits=[appointment], now=now)
    if appointment.kind in states.DOSES:
        reminders.on_discharged(appointment=appointment, now=now)
    if appointment.course is not None:
        progress.judge(actor=actor, course=appointment.course, now=now)


def _after_attendance(actor: Actor, appointment: Appointment, now: datetime, ask: bool) -> None:
    after_attendance(actor=actor, appointment=appointment, now=now)


_AFTER: dict[str, Callable[[Actor, Appointment, datetime, bool], None]] = {
    "confirm": _after_confirm,
    "cancel": _after_cancel,
    "no_show": _after_no_show,
    "discharge": _after_attendance,
    "complete": _after_attendance,
}
