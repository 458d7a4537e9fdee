"""What follows from a visit's move, in the same transaction: freed places, messages, and questions for
people."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from clinic.practice import trail, work
from clinic.practice.actor import Actor
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking import access, reminders, seats
from scheduling.models import Appointment, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED, Status


def follow(*, verb: str, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """Do what this move implies; most moves imply nothing beyond the visit and its follow-up record."""
    if verb in _AFTER:
        _AFTER[verb](actor, appointment, now)


def _after_cancel(actor: Actor, appointment: Appointment, now: datetime) -> None:
    seats.release(appointment_ids=[appointment.id])
    reminders.on_cancelled(appointments=[appointment], now=now)
    _ask_about_follow_ups(actor, appointment, now)


def _after_no_show(actor: Actor, appointment: Appointment, now: datetime) -> None:
    seats.release(appointment_ids=[appointment.id])
    reminders.on_no_show(appointment=appointment, now=now)
    if appointment.kind in states.DOSES:
        # S-19: a missed dose is for the prescriber to decide on (J&J Medical Connect, 10/2025).
        work.raise_item(
            practice_id=appointment.practice_id,
            kind="missed_dose",
            dedupe_key=f"missed_dose:{appointment.id}",
            subject_kind="appointment",
            subject_id=appointment.id,
            patient_id=appointment.patient_id,
            role="prescriber",
            reason="A dose was missed: decide whether the schedule goes on as planned.",
            due_at=now + timedelta(days=1),
        )
        _ask_about_follow_ups(actor, appointment, now)


def _ask_about_follow_ups(actor: Actor, appointment: Appointment, now: datetime) -> None:
    """A dose that does not happen leaves its follow-up without a purpose: keep it as therapy or cancel it, a
    person decides."""
    if appointment.kind not in states.DOSES:
        return
    orphans = appointment.followed_by.exclude(status__in=[*ENDED_UNATTENDED, Status.FULFILLED])
    for orphan in orphans:
        work.raise_item(
            practice_id=appointment.practice_id,
            kind="orphaned_follow_up",
            dedupe_key=f"orphaned_follow_up:{orphan.id}",
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
            dedupe_key=f"kept_follow_up:{visit.id}",
            subject_kind="appointment",
            subject_id=visit.id,
            patient_id=course.patient_id,
            role="front_desk",
            reason="The course was stopped; this follow-up of a dose that was given stays: ask the patient.",
            due_at=min(now + timedelta(days=1), visit.start),
        )


def _after_attendance(actor: Actor, appointment: Appointment, now: datetime) -> None:
    if appointment.kind in states.DOSES:
        reminders.on_discharged(appointment=appointment, now=now)
        ask_for_review(actor=actor, appointment=appointment, now=now)


def ask_for_review(*, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """S-17: the last dose of a phase that ends in a review makes the course's review due (label: end of
    induction)."""
    course, phase = appointment.course, appointment.phase
    if course is None or phase is None or not phase.exit_review_required or course.status != "active":
        return
    waiting = Appointment.objects.filter(
        course=course, phase=phase, kind__in=states.DOSES, status__in=states.LIVE
    )
    if waiting.exists():
        return
    status = states.move(machine=states.COURSE, state=course.status, verb="ask_review")
    TreatmentCourse.objects.filter(id=course.id).update(status=status, **access.touched())
    step = Step(
        "course.review_due", "course", course.id, course.id, course.patient_id, data={"phase": phase.name}
    )
    trail.record(actor=actor, at=now, steps=[step])


_AFTER: dict[str, Callable[[Actor, Appointment, datetime], None]] = {
    "cancel": _after_cancel,
    "no_show": _after_no_show,
    "discharge": _after_attendance,
    "complete": _after_attendance,
}
