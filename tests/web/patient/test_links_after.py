"""What follows a dose and a missed visit says where to choose a time, as long as there is one to choose."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from notifications.models import Message
from notifications.planning import ports
from notifications.planning.ports import Facts
from notifications.sending import decision
from notifications.sending.decision import Send
from patients.models import Patient
from scheduling.booking.openings import slots
from scheduling.booking.waiting import waitlist
from scheduling.booking.waiting.waitlist import Place
from scheduling.booking.writing import links
from scheduling.models import Appointment
from scheduling.models.patient_link import Purpose
from tests import factories
from tests.scheduling.booking import booked
from tests.web.conftest import World
from tests.web.patient.test_choosing import self_booking


def of(kind: str, visit: Appointment) -> Message:
    return Message.objects.select_related("practice", "patient").get(kind=kind, subject_id=visit.pk)


def facts(kind: str, visit: Appointment) -> Any:
    return ports.facts(message=of(kind, visit), also=(), now=timezone.now())


def text(kind: str, visit: Appointment) -> str:
    message = of(kind, visit)
    Message.objects.filter(patient=message.patient).exclude(pk=message.pk).update(state="cancelled")
    made = decision.decide(message=message, now=timezone.now())
    assert isinstance(made, Send)
    return made.rendered.text


def choose(dose: Appointment) -> str:
    return urlsplit(links.address(visit_id=dose.pk, purpose=Purpose.NEXT)).path


@pytest.fixture
def given(world: World) -> Iterator[Appointment]:
    """The third dose, the morning after; its follow-up was never booked."""
    dose = world.visit("dose-3")
    booked.give(world.clinic, dose)
    with time_machine.travel(of("check_in", dose).due_at, tick=False):
        yield dose


@pytest.fixture
def missed(world: World) -> Iterator[Appointment]:
    """The talk after the first dose, on the morning after nobody came to it."""
    dose, talk = world.visit("dose-1"), world.visit("integration-1")
    booked.give(world.clinic, dose)
    booked.move(world.clinic, talk.pk, "no_show", now=talk.end)
    with time_machine.travel(of("no_show", talk).due_at, tick=False):
        yield talk


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_word_after_a_dose_has_the_link(world: World, given: Appointment, language: str) -> None:
    Patient.objects.update(language=language)
    told = text("check_in", given)
    assert choose(given) in told
    assert len(told) <= 160


def test_a_follow_up_that_is_booked_needs_no_link_to_choose(world: World, given: Appointment) -> None:
    slots.book(actor=world.clinic.admin, gap_id=world.gap.pk, now=timezone.now())
    found = facts("check_in", given)
    assert not isinstance(found, Facts) or "/n/" not in found.link


def test_where_patients_are_to_call_the_next_visit_is_told(world: World, given: Appointment) -> None:
    self_booking(world, on=False)
    found = facts("check_in", given)
    assert isinstance(found, Facts)
    assert "/n/" not in found.link
    assert found.visits


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_missed_follow_up_has_the_link(world: World, missed: Appointment, language: str) -> None:
    Patient.objects.update(language=language)
    told = text("no_show", missed)
    assert choose(world.visit("dose-1")) in told
    assert len(told) <= 160


def test_whoever_is_to_call_is_told_so(world: World, missed: Appointment) -> None:
    self_booking(world, on=False)
    told = text("no_show", missed)
    assert "when you are ready, call" in told


def test_a_missed_dose_is_booked_by_people(world: World) -> None:
    dose = world.visit("dose-1")
    booked.move(world.clinic, dose.pk, "no_show", now=dose.end)
    with time_machine.travel(of("no_show", dose).due_at, tick=False):
        assert facts("no_show", dose).link == ""


@pytest.mark.parametrize("by", ["practice", "nobody"])
def test_a_practice_that_would_rather_call_sends_no_offer(world: World, by: str) -> None:
    clinic, now = world.clinic, world.now.replace(hour=16)
    if by == "practice":
        clinic.practice.message_terms.create(kind="waitlist_offer", is_on=False)
    at = datetime.combine(world.day_waited_for, time(10), ZoneInfo(factories.NEW_YORK))
    waitlist.offer(actor=clinic.admin, entry_id=world.entry.pk, place=Place(at), now=now)
    assert Message.objects.filter(kind="waitlist_offer").exists() == (by == "nobody")
