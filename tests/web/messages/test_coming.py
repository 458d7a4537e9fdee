"""What a patient would get, and when, as somebody at the desk reads it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.models import Message
from notifications.reading import ahead
from patients.models import MessagingConsent, Patient
from tests.web.conftest import World

# What one message asks at most: its facts, its address, its words.
EACH = 16
ONCE = 40


def page(client: Client, world: World) -> str:
    answer = client.get(f"/courses/{world.course.pk}/messages/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_message_to_come_stands_with_its_text_and_its_time(world: World, desk: Client) -> None:
    told = page(desk, world)
    assert "Reminder, 1 day before" in told
    assert "STOP to opt out." in told
    assert f"{world.clinic.practice.message_name}: see you" in told
    # A link opens a patient's record: it is for the patient alone.
    assert "/v/..." in told or "/v/" not in told


def test_why_one_would_stay_silent_is_said(world: World, desk: Client) -> None:
    MessagingConsent.objects.filter(patient=world.clinic.patient, channel="sms").update(decision="revoked")
    told = page(desk, world)
    assert "The consent was revoked" in told
    assert "E-mail" in told


def test_the_patients_clock_is_told_beside_the_sites(world: World, desk: Client) -> None:
    Patient.objects.filter(pk=world.clinic.patient.pk).update(time_zone="Pacific/Honolulu")
    assert "for the patient" in page(desk, world)


def test_nothing_planned_says_where_the_rest_is(world: World, desk: Client) -> None:
    Message.objects.update(state="cancelled")
    assert "Nothing is planned" in page(desk, world)


def test_what_it_asks_is_bounded(world: World, desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "MOST", 5)
    page(desk, world)
    with CaptureQueriesContext(connection) as asked:
        told = page(desk, world)
    assert "Only the next 5 are looked at" in told
    assert len(asked) <= ONCE + EACH * ahead.MOST
