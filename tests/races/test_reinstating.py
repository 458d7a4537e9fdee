"""A visit comes back while others book its slot: one has it. A paused course comes back whole or not."""

from collections.abc import Callable

import pytest

from scheduling.booking.course import pauses
from scheduling.booking.visit import reinstating, single
from scheduling.models import Appointment
from tests import factories
from tests.races import race
from tests.races.test_booking import unprotected
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 24
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def book_job(clinic: factories.Clinic, visit: Appointment) -> Callable[[], object]:
    """Somebody else who wants the same therapist at the same time."""
    wanted = single.Visit(
        patient_id=factories.patient(clinic.site, consents=False).pk,
        kind="therapy",
        start=visit.start,
        practitioner_ids=tuple(visit.staffing.values_list("staff_id", flat=True)),
        mode="video",
    )
    return lambda: single.book(actor=clinic.admin, now=NOW, visit=wanted)


def lost_visit(clinic: factories.Clinic) -> Appointment:
    visit = booked.visit(booked.book(clinic), "integration-2")
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason_code="patient_asked")
    return visit


def reinstate_job(clinic: factories.Clinic, visit: Appointment) -> Callable[[], object]:
    return lambda: reinstating.reinstate(
        actor=clinic.admin, appointment_id=visit.pk, reason="can come", now=NOW
    )


def test_a_slot_that_is_wanted_back_has_one_winner(clinic: factories.Clinic) -> None:
    visit, before = lost_visit(clinic), race.deadlocks()
    jobs = [reinstate_job(clinic, visit), *(book_job(clinic, visit) for _ in range(CLIENTS - 1))]
    outcome = race.run(jobs)
    assert outcome.broken == []
    assert len(outcome.won) == 1
    assert (race.overlaps(), race.half_booked(), race.deadlocks()) == (0, 0, before)
    back = Appointment.objects.get(pk=visit.pk).status == "booked"
    assert back != Appointment.objects.filter(kind="therapy", status="booked").exists()


def test_a_visit_comes_back_once(clinic: factories.Clinic) -> None:
    visit = lost_visit(clinic)
    outcome = race.run([reinstate_job(clinic, visit) for _ in range(CLIENTS)])
    assert outcome.counts["won"] == 1
    assert set(outcome.counts) <= {"won", "InvalidTransition", "Busy"}
    assert (race.overlaps(), race.half_booked()) == (0, 0)


def test_a_course_resumes_whole_or_not_at_all(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    pauses.pause(actor=clinic.admin, course_id=course.pk, reason="on holiday", now=NOW)
    wanted = [booked.visit(course, f"integration-{number}") for number in (2, 4, 6)]
    jobs = [book_job(clinic, visit) for visit in wanted for _ in range(4)]
    jobs.append(lambda: pauses.resume(actor=clinic.admin, course_id=course.pk, now=NOW))
    outcome = race.run(jobs)
    assert outcome.broken == []
    assert (race.overlaps(), race.half_booked()) == (0, 0)
    statuses = set(course.appointments.filter(start__gt=NOW).values_list("status", flat=True))
    assert statuses in ({"booked"}, {"cancelled"})


def test_control_without_lock_and_constraint_the_slot_is_taken_twice(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = lost_visit(clinic)
    with unprotected(monkeypatch):
        race.run([reinstate_job(clinic, visit), *(book_job(clinic, visit) for _ in range(CLIENTS - 1))])
        assert race.overlaps() > 0
