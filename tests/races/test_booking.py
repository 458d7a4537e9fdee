"""Sixty at once: exactly as many win as there are places, nobody gets an error, nothing is half booked.

The last test is the control: with the constraint dropped and the lock off, the same race must go wrong.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from patients.models import Patient
from scheduling.booking.course import courses
from scheduling.booking.guard import locks
from scheduling.booking.visit import single
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from tests import factories
from tests.races import race
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 60
NOW = factories.NOW
TEN = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def patients(clinic: factories.Clinic, count: int = CLIENTS) -> list[Patient]:
    return [factories.patient(clinic.site, consents=False) for _ in range(count)]


def visit_job(clinic: factories.Clinic, patient: Patient, start: datetime) -> Callable[[], object]:
    wanted = single.Visit(
        patient_id=patient.pk,
        kind="therapy",
        start=start,
        practitioner_ids=(clinic.therapists[0].pk,),
        mode="video",
    )
    return lambda: single.book(actor=clinic.admin, now=NOW, visit=wanted)


def nothing_went_wrong(outcome: race.Outcome, deadlocks_before: int) -> None:
    assert outcome.broken == []
    assert race.overlaps() == 0
    assert race.half_booked() == 0
    assert race.deadlocks() == deadlocks_before


def test_one_slot_has_one_winner(clinic: factories.Clinic) -> None:
    before = race.deadlocks()
    outcome = race.run([visit_job(clinic, patient, TEN) for patient in patients(clinic)])
    nothing_went_wrong(outcome, before)
    assert outcome.counts == {"won": 1, "SlotTaken": CLIENTS - 1}
    assert all(one.alternative for one in outcome.results if isinstance(one, race.SlotTaken))


def test_partly_overlapping_slots_leave_no_free_place_refused(clinic: factories.Clinic) -> None:
    before = race.deadlocks()
    starts = [TEN + timedelta(minutes=15 * (number % 12)) for number in range(CLIENTS)]
    jobs = [
        visit_job(clinic, patient, start) for patient, start in zip(patients(clinic), starts, strict=True)
    ]
    outcome = race.run(jobs)
    nothing_went_wrong(outcome, before)
    taken = list(Appointment.objects.values_list("start", "end"))
    assert 2 <= len(taken) <= 4
    for start in set(starts):
        end = start + timedelta(hours=1)
        assert any(a < end and start < b for a, b in taken), f"{start} is free, yet somebody was refused"


def test_whole_courses_race_for_the_same_places(clinic: factories.Clinic) -> None:
    before = race.deadlocks()
    tokens = []
    for patient in patients(clinic):
        factories.ready(patient, clinic.version)
        clinic.patient = patient
        tokens.append(booked.propose(clinic, alternatives=1)[0].token)
    outcome = race.run(
        [lambda token=token: courses.book(actor=clinic.admin, now=NOW, proposal=token) for token in tokens]  # type: ignore[misc]
    )
    nothing_went_wrong(outcome, before)
    assert len(outcome.won) == 1, "all wanted the same best plan"
    assert outcome.counts["SlotTaken"] + outcome.counts["Busy"] == CLIENTS - 1
    course = TreatmentCourse.objects.get()
    assert Appointment.objects.filter(course=course, kind="dosing").count() == 6
    assert FollowUpGap.objects.filter(course=course, status="covered").count() == 6
    best = [one.alternative for one in outcome.results if isinstance(one, race.SlotTaken)]
    assert all(best), "each loser is shown another plan"


def test_courses_for_different_places_are_all_booked(clinic: factories.Clinic) -> None:
    """No needless refusal: plans that do not touch each other all win, although they share the monitor."""
    clinics = [factories.small_clinic() for _ in range(6)]
    tokens = [(one, booked.propose(one, alternatives=1)[0].token) for one in clinics]
    before = race.deadlocks()
    outcome = race.run(
        [
            lambda one=one, token=token: courses.book(actor=one.admin, now=NOW, proposal=token)
            for one, token in tokens
        ]  # type: ignore[misc]
    )
    nothing_went_wrong(outcome, before)
    assert outcome.counts == {"won": 6}


@contextmanager
def unprotected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(locks, "lock_resources", lambda resource_ids: None)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE scheduling_occupancy DROP CONSTRAINT occupancy_no_overlap")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM scheduling_occupancy")
            cursor.execute(
                """
                ALTER TABLE scheduling_occupancy ADD CONSTRAINT occupancy_no_overlap
                EXCLUDE USING gist (resource_id WITH =, seats WITH &&, during WITH &&)
                """
            )


def test_control_without_lock_and_constraint_the_race_goes_wrong(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unprotected(monkeypatch):
        outcome = race.run([visit_job(clinic, patient, TEN) for patient in patients(clinic)])
        assert len(outcome.won) > 1
        assert race.overlaps() > 0


def test_control_without_the_lock_the_constraint_still_holds(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "lock_resources", lambda resource_ids: None)
    outcome = race.run([visit_job(clinic, patient, TEN) for patient in patients(clinic)])
    assert len(outcome.won) == 1
    assert race.overlaps() == 0
