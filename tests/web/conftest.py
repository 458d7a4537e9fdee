"""A small clinic with one course under way, seen through the pages by the people who work there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from clinic.practice import work
from clinic.practice.models import Closure, StaffMember, WorkItem
from notifications.models import Message, Suppression, Thread
from patients.models import Patient
from scheduling.booking.waiting import waitlist
from scheduling.booking.waiting.waitlist import Wish
from scheduling.models import (
    Absence,
    Appointment,
    FollowUpGap,
    ProtocolTemplate,
    TreatmentCourse,
    WaitlistEntry,
)
from tests import factories
from tests.scheduling.booking import booked

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
ROLES = ("front_desk", "prescriber", "monitor", "therapist", "operator", "clinical_lead", "practice_admin")


@dataclass
class World:
    """The clinic at the moment at which its first dose is due; the third follow-up was never booked."""

    clinic: factories.Clinic
    course: TreatmentCourse
    dose: Appointment
    gap: FollowUpGap
    task: WorkItem
    absence: Absence
    closure: Closure
    refused: Suppression
    entry: WaitlistEntry
    now: datetime

    def visit(self, ref: str) -> Appointment:
        return booked.visit(self.course, ref)

    @property
    def patient(self) -> Patient:
        return self.clinic.patient

    @property
    def message(self) -> Message:
        """The first that is planned for the course."""
        return Message.objects.filter(course_id=self.course.pk).earliest("due_at", "pk")

    @property
    def thread(self) -> Thread:
        """What the patient and the practice wrote each other."""
        return Thread.objects.get(practice=self.clinic.practice)

    @property
    def day_waited_for(self) -> date:
        """A working day on which the patient who waits could come."""
        first = self.entry.earliest.date() + timedelta(days=1)
        return first + timedelta(days=max(0, 8 - first.isoweekday()) if first.isoweekday() > 5 else 0)

    @property
    def protocol(self) -> ProtocolTemplate:
        return self.course.protocol_version.template

    def staff(self, *roles: str) -> StaffMember:
        return factories.staff(self.clinic.site, *roles)


def signed_in(staff: StaffMember, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(staff, backend=BACKEND)
    return client


def build() -> World:
    clinic = factories.small_clinic()
    course = booked.book(clinic, skip=("integration-3",))
    dose = booked.visit(course, "dose-1")
    gap = booked.gap_of(course, "dose-3")
    work.raise_item(
        practice_id=clinic.practice.pk,
        kind="missed_dose",
        dedupe_key="a task of this world",
        subject_kind="appointment",
        subject_id=dose.pk,
        patient_id=clinic.patient.pk,
        role="prescriber",
        due_at=dose.start + timedelta(days=1),
    )
    task = WorkItem.objects.get(practice=clinic.practice)
    factories.thread(clinic)
    # Long after everything else: in nobody's way.
    late = dose.start + timedelta(days=400)
    shut = Closure.objects.create(site=clinic.site, starts_at=late, ends_at=late + timedelta(days=1))
    away = factories.absence(clinic.therapists[0], late, late + timedelta(days=1))
    refused = factories.refused(clinic, late)
    # In a week in which nothing else is.
    wish = Wish(
        clinic.patient.pk, "therapy", late - timedelta(days=9), late - timedelta(days=2), mode="video"
    )
    entry = waitlist.add(actor=clinic.admin, wish=wish, now=dose.start - timedelta(days=1))
    waits = WaitlistEntry.objects.get(pk=entry)
    return World(
        clinic, course, dose, gap, task, away, shut, refused, waits, now=dose.start - timedelta(minutes=5)
    )


@pytest.fixture
def world(db: None) -> Iterator[World]:
    made = build()
    with time_machine.travel(made.now):
        yield made


@pytest.fixture
def desk(world: World) -> Client:
    return signed_in(world.clinic.front_desk)


@pytest.fixture
def lead(world: World) -> Client:
    return signed_in(world.staff("clinical_lead"))
