"""Addresses that are not written to, and who takes one off the list."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from clinic.practice.models import TrailEntry
from notifications.models import Suppression
from patients.models import MessagingConsent
from tests import factories
from tests.web.conftest import ROLES, World, signed_in


def opted_out(world: World) -> Suppression:
    number = world.clinic.patient.contact_points.get(channel="sms").value
    return factories.refused(world.clinic, timezone.now(), value=number, reason="opted_out")


def lift(client: Client, row: Suppression, reason: str = "It works again") -> tuple[int, str]:
    answer = client.post(f"/messages/refused/{row.uid}/lift/", {"reason": reason})
    return answer.status_code, answer.content.decode()


def test_each_is_listed_with_why_since_and_whose_it_is(world: World, desk: Client) -> None:
    row = opted_out(world)
    told = desk.get("/messages/refused/").content.decode()
    assert row.value in told
    assert world.clinic.patient.family_name in told
    assert "The address opted out" in told
    assert "Nobody&#x27;s here" in told or "Nobody's here" in told
    assert "Write to it again" not in told
    assert row.value not in desk.get("/messages/refused/?channel=email").content.decode()


def test_an_address_that_was_mended_is_written_to_again(world: World, lead: Client) -> None:
    row = world.refused
    assert lift(lead, row, "")[0] == 422
    assert lift(lead, row)[0] == 303
    assert not Suppression.objects.filter(pk=row.pk).exists()
    entry = TrailEntry.objects.get(verb="suppression.lifted")
    assert (entry.subject_id, entry.reason) == (row.uid, "It works again")
    assert row.value not in str(entry.data)
    assert lift(lead, row)[0] == 404


def test_an_opt_out_is_taken_back_by_a_new_consent_alone(world: World, lead: Client) -> None:
    """R-07: staff do not decide it."""
    row = opted_out(world)
    status, told = lift(lead, row)
    assert status == 409
    assert "only its owner takes that back" in told
    assert Suppression.objects.filter(pk=row.pk).exists()
    given = MessagingConsent.objects.filter(patient=world.clinic.patient, channel="sms").latest("decided_at")
    MessagingConsent.objects.filter(pk=given.pk).update(decided_at=row.since + timedelta(minutes=1))
    assert lift(lead, row)[0] == 303


def test_who_may_not_lift_is_refused_and_another_practice_sees_none(world: World, desk: Client) -> None:
    assert lift(desk, world.refused)[0] == 403
    outsider = signed_in(factories.staff(factories.site(factories.practice()), *ROLES))
    assert world.refused.value not in outsider.get("/messages/refused/").content.decode()
    assert lift(outsider, world.refused)[0] == 404


def test_the_list_comes_in_pages(world: World, desk: Client) -> None:
    for number in range(105):
        factories.refused(world.clinic, timezone.now(), value=f"+1303555{number:04}")
    first = desk.get("/messages/refused/").content.decode()
    assert first.count('<th scope="row">') == 100
    assert "The next ones" in first
    after = Suppression.objects.order_by("-pk")[99].pk
    assert desk.get(f"/messages/refused/?after={after}").content.decode().count('<th scope="row">') == 6
    assert desk.get("/messages/refused/?after=x").status_code == 404
    assert desk.get("/messages/refused/?channel=fax").status_code == 404
