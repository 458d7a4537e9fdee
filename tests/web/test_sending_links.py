"""The front desk sends a patient the link to choose a time: once, in words where it cannot go."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice.models import Practice, TrailEntry
from notifications.models import Message, Suppression
from notifications.planning import ports
from notifications.planning.ports import Facts, Silence
from notifications.sending.decision import Send
from patients.models import MessagingConsent, Patient
from scheduling.booking.own import own_messages
from scheduling.booking.writing import links
from scheduling.models import PatientLink
from scheduling.models.patient_link import Purpose
from tests.scheduling.booking import booked
from tests.web import breaking, states
from tests.web.conftest import BACKEND, World
from tests.web.test_every_page import rows

KIND = "choose_time"


@pytest.fixture
def noon(world: World) -> Iterator[World]:
    """When texts may go."""
    with time_machine.travel(world.now.replace(hour=16, minute=0), tick=False):
        yield world


@pytest.fixture
def client(noon: World) -> Client:
    made = Client()
    made.force_login(noon.clinic.front_desk, backend=BACKEND)
    return made


def press(client: Client, world: World, part: str = "") -> str:
    """On the page of the follow-up, or in a part of a list that stands open."""
    path = f"/follow-ups/{world.gap.pk}/{part}"
    return states.press(client, states.look(client, path), "follow-up-work", "send-link")[1]


def sent() -> list[Message]:
    return list(Message.objects.filter(kind=KIND).order_by("created_at"))


def said(message: Message) -> Any:
    return ports.facts(message=message, also=(), now=timezone.now())


def foreseen(world: World, message: Message) -> Send:
    found = own_messages.of_patient(
        actor=world.clinic.admin, patient_id=world.clinic.patient.pk, now=timezone.now()
    )
    outcome = next(one.outcome for one in found if one.message.pk == message.pk)
    assert isinstance(outcome, Send)
    return outcome


@pytest.mark.parametrize("part", ["", "more/?back=/follow-ups/%3Fshow%3Dunbooked"])
def test_one_press_sends_one_text_with_the_link(noon: World, client: Client, part: str) -> None:
    assert "The link goes to the patient" in press(client, noon, part)
    (message,) = sent()
    assert (message.channel, message.state, message.due_at) == ("sms", "planned", timezone.now())
    facts = said(message)
    assert isinstance(facts, Facts)
    assert urlsplit(facts.link).path.startswith("/n/")
    text = foreseen(noon, message).rendered.text
    assert facts.link in text
    assert len(text) <= 160
    assert TrailEntry.objects.filter(verb="follow_up.link_sent", subject_id=noon.gap.pk).count() == 1


def test_a_press_that_comes_twice_sends_once(noon: World, client: Client) -> None:
    form = states.form_on(states.look(client, f"/follow-ups/{noon.gap.pk}/"), "follow-up-work", "send-link")
    for _ in range(2):
        assert client.post(form.action, breaking.filled(form)).status_code == 303
    press(client, noon)
    assert len(sent()) == 1


def test_three_a_day_and_then_a_call(noon: World, client: Client) -> None:
    for _ in range(3):
        press(client, noon)
        Message.objects.filter(kind=KIND).update(state="delivered")
    assert "It was sent three times since yesterday: call them." in press(client, noon)
    assert len(sent()) == 3


def test_in_the_night_it_waits_for_the_morning(noon: World, client: Client) -> None:
    with time_machine.travel(noon.now.replace(hour=4), tick=False):
        client.force_login(noon.clinic.front_desk, backend=BACKEND)
        press(client, noon)
    (message,) = sent()
    local = message.due_at.astimezone(ZoneInfo(noon.clinic.patient.time_zone))
    assert local.hour == 9


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda world: MessagingConsent.objects.update(decision="revoked"), "the consent was revoked"),
        (lambda world: MessagingConsent.objects.all().delete(), "no consent for this channel"),
        (lambda world: Patient.objects.update(no_messages=True), "the patient wants no messages"),
        (
            lambda world: [
                Suppression.objects.create(
                    practice=world.clinic.practice,
                    channel=one.channel,
                    value=one.value,
                    reason="opted_out",
                    since=world.now,
                )
                for one in world.clinic.patient.contact_points.all()
            ],
            "the address opted out",
        ),
        (
            lambda world: Practice.objects.update(settings={"follow_ups": {"self_booking": False}}),
            "your practice books them",
        ),
        (
            lambda world: booked.move(
                world.clinic, world.visit("dose-3").pk, "cancel", now=world.now, reason="Ill."
            ),
            "There is nothing to choose",
        ),
    ],
    ids=["revoked", "no consent", "no messages", "opted out", "not here", "no dose"],
)
def test_where_it_cannot_go_the_page_says_why_and_nothing_is_written(
    noon: World, client: Client, spoil: Any, words: str
) -> None:
    page = states.look(client, f"/follow-ups/{noon.gap.pk}/")
    spoil(noon)
    before = rows()
    answer = client.post(
        f"/follow-ups/{noon.gap.pk}/send-link/",
        breaking.filled(states.form_on(page, "follow-up-work", "send-link")),
    )
    assert answer.status_code == 409
    assert words in answer.content.decode()
    assert rows() == before


def test_the_cap_of_the_day_holds_for_it_too(noon: World, client: Client) -> None:
    Practice.objects.update(settings={"messages": {"relies_on_exemption": True}})
    gone = Message.objects.filter(kind="reminder_24h", channel="sms").earliest("due_at")
    Message.objects.filter(pk=gone.pk).update(state="delivered", updated_at=timezone.now())
    assert "enough messages went out that day" in press(client, noon)
    assert sent() == []


def test_it_is_silent_once_the_follow_up_is_booked(noon: World, client: Client) -> None:
    press(client, noon)
    (message,) = sent()
    states.press(client, states.look(client, "/follow-ups/?show=unbooked"), "follow-up-book")
    assert said(message) == Silence("follow_up_covered")


def test_a_locked_link_is_replaced(noon: World, client: Client) -> None:
    press(client, noon)
    dose = noon.visit("dose-3")
    old = links.address(visit_id=dose.pk, purpose=Purpose.NEXT)
    PatientLink.objects.filter(appointment=dose, purpose=Purpose.NEXT).update(wrong_tries=5)
    Message.objects.filter(kind=KIND).update(state="delivered")
    press(client, noon)
    assert links.address(visit_id=dose.pk, purpose=Purpose.NEXT) not in ("", old)


def test_who_may_not_send_messages_has_no_button(noon: World) -> None:
    client = Client()
    client.force_login(noon.clinic.monitor, backend=BACKEND)
    with pytest.raises(AssertionError, match="no form"):
        press(client, noon)
    assert client.post(f"/follow-ups/{noon.gap.pk}/send-link/").status_code == 403


def test_another_day_it_may_be_sent_again(noon: World, client: Client) -> None:
    press(client, noon)
    Message.objects.filter(kind=KIND).update(state="delivered", created_at=timezone.now() - timedelta(days=2))
    press(client, noon)
    assert [one.subject_version for one in sent()] == [1, 2]
