"""The tracking board: everybody of the day in the lane of their state, and the clock of a dose."""

import re
from datetime import timedelta

import time_machine
from django.test import Client

from patients.models import Patient
from tests.web.conftest import World, signed_in

POLL = {"headers": {"HX-Request": "true"}}


def lane(client: Client, name: str) -> str:
    page = client.get("/board/").content.decode()
    return next(part for part in page.split('<section class="lane"') if f">{name} <span" in part)


def step(client: Client, world: World, *verbs: str) -> None:
    for verb in verbs:
        done = client.post(f"/visits/{world.dose.pk}/{verb}/", {"back": "/board/"})
        assert done.status_code == 303, verb


def test_whoever_is_expected_is_checked_in_with_one_click(world: World, desk: Client) -> None:
    here = lane(desk, "Expected")
    assert str(world.clinic.patient) in here
    assert "in 5 min" in here
    assert f'formaction="/visits/{world.dose.pk}/check_in/"' in here
    step(desk, world, "check_in")
    assert str(world.clinic.patient) not in lane(desk, "Expected")
    assert str(world.clinic.patient) in lane(desk, "Here")


def test_who_is_late_stands_out(world: World, desk: Client) -> None:
    with time_machine.travel(world.dose.start + timedelta(minutes=20)):
        here = lane(signed_in(world.clinic.front_desk), "Expected")
    assert "20 min late" in here
    assert "is-late" in here


def test_minutes_in_a_state_are_counted(world: World, desk: Client) -> None:
    step(desk, world, "check_in")
    with time_machine.travel(world.now + timedelta(minutes=12)):
        assert "for 12 min" in lane(desk, "Here")


def test_the_observation_runs_before_a_discharge_is_offered(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    step(client, world, "check_in", "start", "end_administration")
    discharge = f'formaction="/visits/{world.dose.pk}/discharge/"'
    with time_machine.travel(world.now + timedelta(minutes=30)):
        early = lane(signed_in(world.clinic.monitor), "In treatment")
    assert "30 of " in early
    assert "may leave at" in early
    assert discharge not in early
    assert "Discharge early…" in early
    with time_machine.travel(world.now + timedelta(hours=3)):
        done = lane(signed_in(world.clinic.monitor), "In treatment")
    assert "May leave since" in done
    assert discharge in done


def test_an_early_discharge_asks_for_a_reason(world: World, lead: Client) -> None:
    step(lead, world, "check_in", "start", "end_administration")
    # It asks at once, and a press without a reason keeps asking.
    asked = lead.get(f"/visits/{world.dose.pk}/").content.decode()
    refused = lead.post(f"/visits/{world.dose.pk}/discharge/", {"back": "/board/"})
    assert refused.status_code == 422
    for page in (asked, refused.content.decode()):
        assert 'name="rule" value="S-09"' in page
        assert re.search(r'name="override_reason"[^>]* required', page)
    others = signed_in(world.clinic.monitor).get(f"/visits/{world.dose.pk}/").content.decode()
    assert "a prescriber or a clinical lead may do it, with a reason" in others
    assert f'action="/visits/{world.dose.pk}/discharge/"' not in others
    done = lead.post(
        f"/visits/{world.dose.pk}/discharge/",
        {"back": "/board/", "rule": "S-09", "override_reason": "Taken over by the hospital"},
    )
    assert done.status_code == 303
    assert str(world.clinic.patient) in lane(lead, "Gone")


def test_a_board_that_stands_open_hears_of_changes_and_of_minutes(world: World, desk: Client) -> None:
    page = desk.get("/board/").content.decode()
    poll = re.search(r'hx-get="([^"]+)"', page)
    assert poll
    address = poll[1].replace("&amp;", "&")
    assert desk.get(address, **POLL).status_code == 204
    with time_machine.travel(world.now + timedelta(minutes=1)):
        assert desk.get(address, **POLL).status_code == 200
    step(desk, world, "check_in")
    changed = desk.get(address, **POLL)
    assert changed.status_code == 200
    assert "<html" not in changed.content.decode()


def test_names_are_shown_as_text_and_lead_back(world: World, desk: Client) -> None:
    Patient.objects.filter(pk=world.clinic.patient.pk).update(family_name='<img src="x">')
    page = desk.get("/board/").content.decode()
    assert '<img src="x">' not in page
    assert "&lt;img src=&quot;x&quot;&gt;" in page
    assert f'href="/visits/{world.dose.pk}/?back=/board/%3Fsite%3D{world.clinic.site.pk}"' in page
