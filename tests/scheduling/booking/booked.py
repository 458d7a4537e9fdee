"""A booked course for tests, by the same calls as everybody else's."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from scheduling.booking.course import courses
from scheduling.booking.visit import appointments
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from tests import factories

NOW = factories.NOW
START = date(2026, 5, 11)
DOSE_MOVES = ("check_in", "start", "end_administration", "discharge")


def propose(clinic: factories.Clinic, **changes: Any) -> list[courses.Proposal]:
    asked = {
        "patient_id": clinic.patient.pk,
        "protocol_id": clinic.version.template_id,
        "start_on_or_after": START,
    }
    return courses.propose(actor=clinic.admin, now=NOW, **{**asked, **changes})


def book(clinic: factories.Clinic, *, skip: tuple[str, ...] = (), **changes: Any) -> TreatmentCourse:
    # The best is the same whether others are looked for or not, and those take twice its time.
    [best] = propose(clinic, **{"alternatives": 1, **changes})
    course_id = courses.book(actor=clinic.admin, now=NOW, proposal=best.token, skip=skip)
    return TreatmentCourse.objects.get(pk=course_id)


def visit(course: TreatmentCourse, ref: str) -> Appointment:
    return Appointment.objects.get(course=course, ref=ref)


def gap_of(course: TreatmentCourse, ref: str) -> FollowUpGap:
    return FollowUpGap.objects.get(course=course, doses__appointment__ref=ref)


def give(clinic: factories.Clinic, dose: Appointment, *, discharged: datetime | None = None) -> None:
    """Take a dose through its day, each step recorded when it happened; discharged at its planned end unless
    told."""
    end = discharged or dose.end
    times = (dose.start, dose.start + timedelta(minutes=20), dose.start + timedelta(minutes=60), end)
    for verb, at in zip(DOSE_MOVES, times, strict=True):
        move(clinic, dose.pk, verb, now=end, at=at)


def move(clinic: factories.Clinic, visit_id: UUID, verb: str, *, now: datetime, **extra: Any) -> Appointment:
    return appointments.transition(actor=clinic.admin, appointment_id=visit_id, verb=verb, now=now, **extra)
