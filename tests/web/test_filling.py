"""Booking a follow-up that is missing, from the list, from the course and from its own page."""

import re
import uuid
from datetime import timedelta
from typing import Any

import time_machine
from django.test import Client

from scheduling.models import Appointment, FollowUpGap
from tests import factories
from tests.web.conftest import World, signed_in

LIST = "/follow-ups/?show=unbooked"


def state(world: World) -> str:
    return FollowUpGap.objects.get(pk=world.gap.pk).status


def book(client: Client, world: World, **sent: str) -> Any:
    return client.post(f"/follow-ups/{world.gap.pk}/book/", {"back": LIST, "key": uuid.uuid4().hex, **sent})


def test_one_click_books_the_next_best_and_offers_to_undo_it(world: World, desk: Client) -> None:
    assert "Book the next best" in desk.get(LIST).content.decode()
    answer = book(desk, world)
    visit = Appointment.objects.get(course=world.course, ref="integration-3")
    assert answer.status_code == 303
    assert answer["Location"] == f"{LIST}&booked={visit.pk}#undo"
    assert state(world) == "covered"
    page = desk.get(answer["Location"].partition("#")[0]).content.decode()
    assert f"Booked for {world.clinic.patient}" in page
    undone = desk.post(f"/visits/{visit.pk}/undo-booking/", {"back": LIST})
    assert undone["Location"] == LIST
    assert "Taken back" in desk.get(LIST).content.decode()
    assert state(world) == "prospective"


def test_the_row_fetches_what_is_left(world: World, desk: Client) -> None:
    assert f'hx-get="/follow-ups/{world.gap.pk}/next/"' in desk.get(LIST).content.decode()
    told = desk.get(f"/follow-ups/{world.gap.pk}/next/").content.decode()
    assert re.search(r"\d+ times (or more )?fit", told)
    assert "<html" not in told


def test_its_page_lists_the_times_that_fit(world: World, desk: Client) -> None:
    page = desk.get(f"/follow-ups/{world.gap.pk}/").content.decode()
    starts = re.findall(r'name="start" value="([^"]+)"', page)
    assert 1 < len(starts) <= 8
    assert book(desk, world, start=starts[-1]).status_code == 303
    assert Appointment.objects.get(ref="integration-3").start.isoformat() == starts[-1]


def test_the_course_leads_there_in_one_click(world: World, desk: Client) -> None:
    page = desk.get(f"/courses/{world.course.pk}/").content.decode()
    assert f'href="/follow-ups/{world.gap.pk}/?back=/courses/{world.course.pk}/#slots"' in page


def test_a_double_click_books_once(world: World, desk: Client) -> None:
    same = uuid.uuid4().hex
    places = {book(desk, world, key=same)["Location"] for _ in range(2)}
    assert len(places) == 1
    assert Appointment.objects.filter(course=world.course, kind="integration").count() == 6


def test_what_cannot_be_booked_leads_to_its_page_with_the_reason(world: World, desk: Client) -> None:
    for start in ("2026-01-01T10:00:00+00:00", "soon", "2026-05-20T10:00"):
        answer = book(desk, world, start=start)
        assert answer["Location"] == f"/follow-ups/{world.gap.pk}/#slots"
        assert "Not booked." in desk.get(f"/follow-ups/{world.gap.pk}/").content.decode()
    assert state(world) == "prospective"


def test_an_undo_comes_to_an_end(world: World, desk: Client) -> None:
    place = book(desk, world)["Location"].partition("#")[0]
    visit = Appointment.objects.get(ref="integration-3")
    with time_machine.travel(world.now + timedelta(minutes=10)):
        client = signed_in(world.clinic.front_desk)
        assert "Undo" not in client.get(place).content.decode()
        client.post(f"/visits/{visit.pk}/undo-booking/", {"back": LIST})
        assert "too late to undo" in client.get(LIST).content.decode()
    assert state(world) == "covered"


def test_who_may_not_book_sees_no_button(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    for path in (LIST, f"/follow-ups/{world.gap.pk}/", f"/courses/{world.course.pk}/"):
        page = client.get(path).content.decode()
        assert f"/follow-ups/{world.gap.pk}/book/" not in page
    assert book(client, world).status_code == 403


def test_another_practice_finds_nothing(world: World) -> None:
    outsider = signed_in(factories.staff(factories.site(factories.practice()), "front_desk"))
    assert book(outsider, world).status_code == 404
    assert outsider.get(f"/follow-ups/{world.gap.pk}/next/").status_code == 404
    visit = world.visit("integration-1")
    assert outsider.post(f"/visits/{visit.pk}/undo-booking/").status_code == 404
    assert outsider.get(f"/follow-ups/?booked={visit.pk}").status_code == 404
