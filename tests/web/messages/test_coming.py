"""What a patient would get, and when, as somebody at the desk reads it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from notifications.models import Message
from notifications.reading import ahead
from patients.models import MessagingConsent, Patient
from tests.web.conftest import World


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


def test_what_it_asks_does_not_grow_with_the_messages(
    world: World, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for most in (5, 60):
        monkeypatch.setattr(ahead, "MOST", most)
        page(desk, world)
        with CaptureQueriesContext(connection) as seen:
            told = page(desk, world)
        assert f"Only the next {most} are looked at" in told
        assert told.count("<tr>") > most
        asked.append(len(seen))
    # One for each channel and sort of message, of which there are more among sixty.
    assert asked[1] <= asked[0] + 3
