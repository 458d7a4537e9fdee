"""Holds among many: one has the place, and whoever holds it books it whole or not at all."""

import threading
from datetime import date, timedelta
from functools import partial

import pytest
from django.db import connections, transaction

from scheduling.booking.course import courses
from scheduling.booking.visit import single
from scheduling.booking.waiting import holds
from scheduling.booking.wanted.holding import Hold
from scheduling.errors import HoldExpired
from scheduling.models import Appointment, TreatmentCourse
from tests import factories
from tests.races import race
from tests.races.test_booking import CLIENTS, NOW, TEN, nothing_went_wrong, patients
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db(transaction=True)
LATER = date(2026, 6, 1)
EXPIRY = NOW + timedelta(minutes=10)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def test_holders_and_bookers_race_for_one_slot(clinic: factories.Clinic) -> None:
    before = race.deadlocks()
    jobs = [
        partial(
            single.book,
            actor=clinic.admin,
            now=NOW,
            visit=single.Visit(
                patient.pk,
                "therapy",
                TEN,
                practitioner_ids=(clinic.therapists[0].pk,),
                mode="video",
                hold=Hold() if number % 2 else None,
            ),
        )
        for number, patient in enumerate(patients(clinic))
    ]
    outcome = race.run(jobs)
    nothing_went_wrong(outcome, before)
    assert outcome.counts == {"won": 1, "SlotTaken": CLIENTS - 1}
    assert Appointment.objects.get().status in ("booked", "held")


def test_a_hold_at_its_expiry_is_booked_whole_or_taken_whole(clinic: factories.Clinic) -> None:
    """Its holder's clock is a moment slower than everybody else's: the lock decides who has the places."""
    before = race.deadlocks()
    token = booked.propose(clinic, start_on_or_after=LATER, alternatives=1)[0].token
    course_id = courses.book(actor=clinic.admin, now=NOW, proposal=token, hold=Hold())
    early = EXPIRY - timedelta(milliseconds=1)
    others = [
        partial(courses.book, actor=clinic.admin, now=EXPIRY, proposal=token) for _ in range(CLIENTS // 2)
    ]
    keep = [
        partial(holds.book_course, actor=clinic.admin, course_id=course_id, now=early)
        for _ in range(CLIENTS // 2)
    ]
    sweeps = [partial(holds.expire, now=EXPIRY)]
    outcome = race.run([*others, *keep, *sweeps])
    assert set(outcome.counts) <= {"won", "SlotTaken", "Busy", "HoldExpired", "InvalidTransition"}
    assert race.overlaps() == race.half_booked() == 0
    assert race.deadlocks() == before
    active = TreatmentCourse.objects.get(status="active")
    assert set(active.appointments.values_list("status", flat=True)) == {"booked"}
    left = Appointment.objects.exclude(course=active).values_list("status", flat=True)
    assert set(left) <= {"held", "cancelled"}
    holds.expire(now=EXPIRY)
    assert not Appointment.objects.filter(status="held").exists()


def test_an_actor_never_has_more_holds_than_allowed(clinic: factories.Clinic) -> None:
    clinic.practice.settings = {"holds": {"per_actor": 5}}
    clinic.practice.save(update_fields=["settings"])
    jobs = [
        partial(
            single.book,
            actor=clinic.admin,
            now=NOW,
            visit=single.Visit(
                patient.pk, "therapy", TEN + timedelta(days=number * 7), mode="video", hold=Hold()
            ),
        )
        for number, patient in enumerate(patients(clinic, 20))
    ]
    outcome = race.run(jobs)
    assert outcome.counts == {"won": 5, "TooManyHolds": 15}
    assert Appointment.objects.filter(status="held").count() == 5


def test_the_sweep_passes_by_what_somebody_is_writing(clinic: factories.Clinic) -> None:
    token = booked.propose(clinic, start_on_or_after=LATER, alternatives=1)[0].token
    course_id = courses.book(actor=clinic.admin, now=NOW, proposal=token, hold=Hold())
    locked, may_go = threading.Event(), threading.Event()

    def writer() -> None:
        try:
            with transaction.atomic():
                TreatmentCourse.objects.select_for_update(no_key=True).get(pk=course_id)
                locked.set()
                assert may_go.wait(30)
        finally:
            connections.close_all()

    thread = threading.Thread(target=writer)
    thread.start()
    assert locked.wait(30)
    holds.expire(now=EXPIRY)
    assert TreatmentCourse.objects.get().status == "draft"
    may_go.set()
    thread.join(30)
    holds.expire(now=EXPIRY)
    assert TreatmentCourse.objects.get().status == "stopped"
    with pytest.raises(HoldExpired):
        holds.book_course(actor=clinic.admin, course_id=course_id, now=NOW)
