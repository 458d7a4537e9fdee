"""Which messages reached the patients, and whom to call instead."""

import html
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifications.models import Message
from tests import factories
from tests.web.conftest import ROLES, World, signed_in


def said(world: World, **values: Any) -> Message:
    """One message about the dose, due an hour ago."""
    due = timezone.now() - timedelta(hours=1)
    row = {
        "practice": world.clinic.practice,
        "patient": world.clinic.patient,
        "kind": "reminder_24h",
        "channel": "sms",
        "dedupe_key": f"test {Message.objects.count()}",
        "subject_kind": "appointment",
        "subject_id": world.dose.pk,
        "due_at": due,
        "useful_until": due + timedelta(days=1),
        "created_at": due,
        "updated_at": due,
    }
    return Message.objects.create(**{**row, **values})


def page(client: Client, **query: str) -> str:
    answer = client.get("/messages/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_did_not_arrive_is_shown_first_with_why_and_whom_to_call(world: World, desk: Client) -> None:
    assert "Everything arrived" in page(desk)
    said(world, state="failed_final", state_reason="no_such_address")
    said(world, state="delivered", kind="visit_moved")
    told = page(desk)
    number = world.clinic.patient.contact_points.get(channel="sms").value
    assert "the address does not exist" in told
    assert f'href="tel:{number}"' in told
    assert f"/visits/{world.dose.pk}/" in told
    assert "New times</a>" not in told
    assert "New times</a>" in page(desk, show="sent")


def test_what_became_untrue_is_no_failure(world: World, desk: Client) -> None:
    said(world, state="suppressed", state_reason="visit_moved")
    assert "Everything arrived" in page(desk)
    assert "the visit was moved" in page(desk, show="all")
    said(world, state="undelivered", state_reason="30005")
    assert "the provider says 30005" in page(desk)


def test_filters_stay_in_the_address_and_narrow_the_list(world: World, desk: Client) -> None:
    said(world, state="suppressed", state_reason="no_consent", channel="email")
    said(world, state="suppressed", state_reason="over_cap")
    told = page(desk, channel="email")
    assert "no consent for this channel" in told
    assert "enough messages" not in told
    assert '<option value="email" selected>' in told
    assert "Nothing here" in page(desk, show="sent", kind="no_show")
    early = (timezone.now() - timedelta(days=30)).date().isoformat()
    assert "Everything arrived" in page(desk, **{"from": early, "to": early})


@pytest.mark.parametrize(
    "query",
    ["show=x", "channel=fax", "kind=%3Cscript%3E", "from=tomorrow", "to=9999-12-31", "after=x", "patient=x"],
)
def test_an_address_that_means_nothing_is_not_found(desk: Client, query: str) -> None:
    assert desk.get(f"/messages/?{query}").status_code == 404


def test_another_practice_sees_none_of_it(world: World) -> None:
    said(world, state="failed_final")
    outsider = signed_in(factories.staff(factories.site(factories.practice()), *ROLES))
    assert world.clinic.patient.family_name not in page(outsider, show="all")


def test_the_list_is_bounded_and_its_queries_do_not_grow(world: World, desk: Client) -> None:
    said(world, state="failed_final")
    page(desk)
    with CaptureQueriesContext(connection) as few:
        page(desk)
    for _ in range(110):
        said(
            world,
            state="failed_final",
            patient=factories.patient(world.clinic.site) if _ < 5 else world.clinic.patient,
        )
    with CaptureQueriesContext(connection) as many:
        told = page(desk)
    assert told.count('<th scope="row">') == 100
    assert "The next ones" in told
    assert len(many) == len(few)


def test_the_pages_hold_each_message_once_and_keep_the_filters(world: World, desk: Client) -> None:
    due = timezone.now() - timedelta(hours=3)
    ids = {said(world, state="failed_final", due_at=due).pk for _ in range(130)}
    seen: list[str] = []
    path = "/messages/?channel=sms"
    while path:
        told = desk.get(path).content.decode()
        seen += re.findall(r'href="/messages/([0-9a-f-]{36})/', told)
        following = re.search(r'href="(\?[^"]*after=[^"]*)"', told)
        path = f"/messages/{html.unescape(following[1])}" if following else ""
        assert not path or "channel=sms" in path
    assert sorted(seen) == sorted(map(str, ids))


def test_one_patient_is_looked_at_alone(world: World, desk: Client) -> None:
    somebody = factories.patient(world.clinic.site, family_name="Elsewhere")
    said(world, state="failed_final")
    said(world, state="failed_final", patient=somebody)
    told = page(desk, patient=str(somebody.pk))
    assert "Only messages to" in told
    assert told.count('<th scope="row">') == 1
    other = factories.patient(factories.site(factories.practice()))
    assert desk.get("/messages/", {"patient": str(other.pk)}).status_code == 404


def test_doubt_and_delay_stand_above_the_list(world: World, desk: Client) -> None:
    said(world, state="in_doubt", current_attempt=uuid.uuid4(), state_reason="ReadTimeout")
    said(world, state="planned")
    told = page(desk)
    assert "Of 1 message nobody knows whether it was sent" in told
    assert re.search(r"\d+ messages? (is|are) late by more than five minutes", told)
    assert "the connection broke off (ReadTimeout)" in page(desk, show="doubt")
