"""One message: what is known of it, and what a person says of one in doubt."""

import re
from typing import Any

from django.test import Client
from django.utils import timezone

from clinic.practice.ids import new_id
from clinic.practice.models import TrailEntry
from notifications.models import Attempt, Message
from tests.web.conftest import World, signed_in
from tests.web.messages.test_listing import said


def handed_over(world: World, *, state: str, attempt: dict[str, Any], **values: Any) -> Message:
    """A message with one try."""
    row = said(world, state=state, current_attempt=(pk := new_id()), attempts=1, **values)
    Attempt.objects.create(id=pk, message=row, number=1, begun_at=timezone.now(), **attempt)
    return row


def page(client: Client, row: Message) -> str:
    answer = client.get(f"/messages/{row.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_try_is_told_with_its_answer_and_what_the_provider_reported(world: World, desk: Client) -> None:
    at = timezone.now().isoformat()
    reports = [
        {"status": "sent", "code": "", "at": at},
        {"status": "undelivered", "code": "30003", "at": at},
    ]
    row = handed_over(
        world,
        state="undelivered",
        state_reason="undelivered:30003",
        sent_body="Clinic: see you tomorrow.",
        attempt={"outcome": "accepted", "provider_id": "SM77", "reports": reports, "segments": 1},
    )
    told = page(desk, row)
    assert "SM77" in told
    assert "handed to the network" in told
    assert "did not arrive: the phone was off or out of reach (the provider says 30003)" in told
    assert "25 characters, plain letters (GSM-7): 1 part to pay for" in told


def test_a_text_outside_the_plain_letters_says_what_it_costs(world: World, desk: Client) -> None:
    body = "Clínica: le esperamos el miércoles. " * 3
    row = handed_over(world, state="accepted", sent_body=body, attempt={"outcome": "accepted"})
    assert "108 characters, all letters (UCS-2): 2 parts to pay for" in page(desk, row)


def test_what_is_planned_says_both_clocks_and_can_be_withdrawn(world: World, desk: Client) -> None:
    patient = world.clinic.patient
    type(patient).objects.filter(pk=patient.pk).update(time_zone="America/Los_Angeles")
    row = world.message
    told = page(desk, row)
    assert "where the patient is: Los Angeles time" in told
    answer = desk.post(f"/messages/{row.pk}/withdraw/", {"reason": "Asked by phone"})
    assert answer.status_code == 303
    row.refresh_from_db()
    assert (row.state, row.state_reason) == ("cancelled", "withdrawn")
    told = page(desk, row)
    assert "Somebody here withdrew it" in told
    assert "Asked by phone" in told


def test_a_doubt_is_settled_with_a_reason_and_once(world: World, desk: Client) -> None:
    row = handed_over(world, state="in_doubt", state_reason="lease_expired", attempt={"outcome": "in_doubt"})
    told = page(desk, row)
    assert "it broke off while it was handed over" in told
    assert "never sent again by itself" in told
    form = {"attempt": str(row.current_attempt), "key": re.findall(r'name="key" value="(\w+)"', told)[0]}
    assert desk.post(f"/messages/{row.pk}/sent/", form).status_code == 422
    form["reason"] = "The patient has it"
    for _ in range(2):
        assert desk.post(f"/messages/{row.pk}/sent/", form).status_code == 303
    row.refresh_from_db()
    assert row.state == "accepted"
    [entry] = TrailEntry.objects.filter(verb="message.resolve_sent", subject_id=row.pk)
    assert (entry.reason, entry.actor_ref) == ("The patient has it", f"staff:{world.clinic.front_desk.pk}")


def test_an_answer_to_an_older_doubt_is_not_taken(world: World, desk: Client) -> None:
    row = handed_over(world, state="in_doubt", attempt={"outcome": "in_doubt"})
    form = {"attempt": str(new_id()), "reason": "Not there"}
    answer = desk.post(f"/messages/{row.pk}/not-sent/", form)
    assert answer.status_code == 409
    assert "Not there" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == "in_doubt"


def test_who_may_not_work_with_messages_sees_and_cannot_settle(world: World) -> None:
    row = handed_over(world, state="in_doubt", attempt={"outcome": "in_doubt"})
    monitor = signed_in(world.clinic.monitor)
    assert "It was not sent" not in page(monitor, row)
    form = {"attempt": str(row.current_attempt), "reason": "x"}
    assert monitor.post(f"/messages/{row.pk}/sent/", form).status_code == 403
