"""A single visit booked from the day grid: found, booked once, refused in words, nothing typed lost."""

import html
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from scheduling.models import Appointment
from tests import factories
from tests.web.conftest import World, signed_in

ZONE = ZoneInfo("America/New_York")
PATH = "/day/book/"


def wall(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M}"


def form(world: World, **changes: str) -> dict[str, str]:
    return {
        "site": str(world.clinic.site.pk),
        "back": "/day/",
        "once": "a-form",
        "start": wall(world.now + timedelta(minutes=65)),
        "kind": "therapy",
        "mode": "in_person",
        "patient": str(factories.patient(world.clinic.site).pk),
        **changes,
    }


def count() -> int:
    return Appointment.objects.count()


def test_a_click_on_a_place_begins_the_form_there(world: World, desk: Client) -> None:
    therapist = world.clinic.therapists[0]
    page = desk.get(f"{PATH}?start=2026-05-11T15:15&who={therapist.pk}").content.decode()
    assert 'value="2026-05-11T15:15"' in page
    assert f'<option value="{therapist.pk}" selected>' in page


def test_it_begins_at_the_next_start_of_today_or_with_the_day_that_is_shown(
    world: World, desk: Client
) -> None:
    assert world.now.astimezone(ZONE).strftime("%H:%M") == "07:55"
    assert 'name="start" required value="2026-05-11T08:00"' in desk.get(PATH).content.decode()
    for shown, begins in (("2026-05-11", "2026-05-11T08:00"), ("2026-05-13", "2026-05-13T08:00")):
        grid = desk.get(f"/day/?date={shown}").content.decode()
        way = re.search(r'href="(/day/book/[^"]+)"[^>]*>Book a visit', grid)
        assert way
        assert f'value="{begins}"' in desk.get(html.unescape(way[1])).content.decode()


def test_from_the_search_the_patient_is_chosen_already(world: World, desk: Client) -> None:
    patient = world.clinic.patient
    page = desk.post("/patients/", {"name": patient.family_name}).content.decode()
    assert f'href="{PATH}?patient={patient.pk}"' in page
    assert (
        f'value="{patient.pk}" required checked' in desk.get(f"{PATH}?patient={patient.pk}").content.decode()
    )
    monitor = signed_in(world.staff("monitor"))
    assert f"{PATH}?patient=" not in monitor.post("/patients/", {"name": "Test"}).content.decode()


def test_who_has_no_part_in_a_visit_is_told_who_has(world: World, desk: Client) -> None:
    typed = form(world, kind="plan_review", who=str(world.clinic.therapists[0].pk))
    page = desk.post(PATH, typed).content.decode()
    assert "Somebody here has no part in such a visit, which needs: prescriber." in page
    assert "Why not?</a>" not in page


def test_the_patient_is_found_by_name_and_never_by_an_address(world: World, desk: Client) -> None:
    name = world.clinic.patient.family_name
    before = count()
    page = desk.post(PATH, {**form(world), "patient": "", "name": name, "find": "1"}).content.decode()
    assert f'value="{world.clinic.patient.pk}"' in page
    assert f'value="{world.clinic.patient.pk}/{world.course.pk}"' in page
    part = desk.post(PATH, {"name": name, "find": "1"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert name in part
    assert count() == before


def test_it_is_booked_once_however_often_it_is_sent(world: World, desk: Client) -> None:
    typed = form(world)
    before = count()
    first, second = desk.post(PATH, typed), desk.post(PATH, typed)
    assert first.status_code == second.status_code == 303
    assert first["Location"] == second["Location"]
    assert first["Location"].startswith("/day/#visit-")
    assert count() == before + 1
    assert "Therapy booked." in desk.get("/day/").content.decode()


def test_a_visit_of_the_past_asks_why_it_is_late(world: World, desk: Client) -> None:
    past = form(world, start=wall(world.now - timedelta(minutes=35)))
    refused = desk.post(PATH, past)
    assert refused.status_code == 422
    assert "That time is past: say why it is entered late." in refused.content.decode()
    assert "Why not?</a>" not in refused.content.decode(), "there is nothing more to tell"
    assert "<details open>" in refused.content.decode()
    done = desk.post(PATH, {**past, "late": "Came without a visit"})
    assert done.status_code == 303
    assert Appointment.objects.get(late_entry_reason="Came without a visit").kind == "therapy"


def test_a_taken_time_is_refused_with_the_nearest_free_one(world: World, desk: Client) -> None:
    for therapist in world.clinic.therapists:
        assert desk.post(PATH, form(world, who=str(therapist.pk), once=str(therapist.pk))).status_code == 303
    before = count()
    refused = desk.post(PATH, form(world, once="another", name="Test"))
    page = refused.content.decode()
    assert refused.status_code == 409
    assert "The nearest free start is" in page
    why = re.search(r'href="(/why-not/[^"]+)"', page)
    assert why
    assert desk.get(why[1].replace("&amp;", "&")).status_code == 200
    assert 'value="Test"' in page
    assert count() == before


@pytest.mark.parametrize(
    "bad",
    [
        {"start": ""},
        {"start": "soon"},
        {"patient": ""},
        {"kind": "party"},
        {"mode": "by post"},
        {"minutes": "-5"},
        {"minutes": "9999"},
        {"kind": "dosing"},
    ],
)
def test_what_cannot_be_is_refused_and_kept(world: World, desk: Client, bad: dict[str, str]) -> None:
    before = count()
    refused = desk.post(PATH, form(world, **{"late": "", "name": "<b>x</b>", **bad}))
    assert refused.status_code == 422
    assert "&lt;b&gt;x&lt;/b&gt;" in refused.content.decode()
    assert count() == before


def test_ids_of_another_practice_book_nothing(world: World, desk: Client) -> None:
    there = factories.small_clinic()
    before = count()
    for name, value in (
        ("patient", there.patient.pk),
        ("site", there.site.pk),
        ("room", there.chairs[0].pk),
        ("who", there.monitor.pk),
    ):
        assert desk.post(PATH, form(world, **{name: str(value), "once": name})).status_code in (404, 422), (
            name
        )
    assert count() == before


def test_who_may_not_book_does_not(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    assert client.get(PATH).status_code == 403
    assert client.post(PATH, form(world)).status_code == 403


def test_the_nearest_free_start_is_one_click_away(world: World, desk: Client) -> None:
    who = str(world.clinic.therapists[0].pk)
    assert desk.post(PATH, form(world, who=who)).status_code == 303
    typed = form(world, who=who, once="another")
    page = desk.post(PATH, typed).content.decode()
    found = re.search(r'name="start" value="([^"]+)">Book [^<]* instead<', page)
    assert found
    assert desk.post(PATH, {**typed, "start": [typed["start"], found[1]]}).status_code == 303
    assert Appointment.objects.filter(staffing__staff_id=who, course=None).count() == 2


def test_somebody_new_is_written_down_on_the_way_and_chosen(world: World, desk: Client) -> None:
    typed = {**form(world), "patient": "", "name": "Nobody Yet", "find": "1"}
    page = desk.post(PATH, typed).content.decode()
    found = re.search(r'form="somebody-new" name="back" value="([^"]+)">', page)
    assert found
    way = {"name": typed["name"], "back": html.unescape(found[1])}
    asked = desk.post("/book/patient/", way).content.decode()
    assert 'value="Nobody"' in asked
    assert 'value="Yet"' in asked
    back = re.search(r'name="back" value="([^"]+)"', asked)
    assert back
    assert "Book a course</h1>" not in asked
    sent = {"given_name": "Robin", "family_name": "Newcomer", "birth_date": "1971-02-03"}
    sent |= {"site": str(world.clinic.site.pk), "back": html.unescape(back[1])}
    onward = desk.post("/book/patient/", sent)["Location"]
    assert onward.startswith(PATH)
    chosen = desk.get(onward).content.decode()
    assert "Robin Newcomer, born 3 Feb 1971" in chosen
    assert " checked>" in chosen
    assert f'value="{typed["start"]}"' in chosen
