"""The waitlist at the desk: whom a free place suits, one click that offers it, and the answer."""

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice.models import WorkItem
from notifications.models import Message
from scheduling.booking.visit import single
from scheduling.booking.waiting import waitlist
from scheduling.booking.waiting.waitlist import Wish
from scheduling.booking.writing import releasing
from scheduling.models import Appointment, WaitlistEntry, WaitlistOffer
from tests import factories
from tests.scheduling.booking import booked
from tests.web import breaking, states
from tests.web.conftest import BACKEND, World, signed_in

AT = "/waitlist/"


def waits(world: World, name: str, **wishes: object) -> WaitlistEntry:
    """Somebody else who could come on the same days."""
    somebody = factories.patient(world.clinic.site, family_name=name)
    entry = world.entry
    asked = {"kind": "therapy", "mode": "video", "earliest": entry.earliest, "latest": entry.latest}
    wish = Wish(patient_id=somebody.pk, **{**asked, **wishes})  # type: ignore[arg-type]
    made = waitlist.add(actor=world.clinic.admin, wish=wish, now=timezone.now())
    return WaitlistEntry.objects.get(pk=made)


def place(world: World, clock: str = "10:00") -> str:
    return f"{AT}?site={world.clinic.site.pk}&start={world.day_waited_for}T{clock}"


def offer(client: Client, path: str) -> states.Page:
    """The first one whom it suits is offered the place."""
    return states.press(client, states.look(client, path), "waitlist-work", "offer")


def test_the_most_urgent_comes_first_and_the_page_says_why(world: World, desk: Client) -> None:
    waits(world, "Urgent", priority=7)
    waits(world, "Wishes", time_of_day="morning", weekdays=[world.day_waited_for.isoweekday()])
    page = desk.get(place(world)).content.decode()
    assert page.index("Urgent") < page.index("Wishes") < page.index(world.clinic.patient.family_name)
    assert "Best: urgency 7 of 9; has waited" in page
    assert "on a day they asked for; at the time of day they asked for" in page


def test_one_click_offers_the_place_and_a_second_one_does_nothing(world: World, desk: Client) -> None:
    page = states.look(desk, place(world))
    form = states.form_on(page, "waitlist-work", "offer")
    for _ in range(2):
        assert desk.post(form.action, breaking.filled(form)).status_code == 303
    made = WaitlistOffer.objects.get()
    local = made.appointment.start.astimezone(ZoneInfo(world.clinic.site.time_zone))
    assert (made.appointment.status, f"{local:%H:%M}") == ("held", "10:00")
    assert Message.objects.filter(kind="waitlist_offer").count() == 1
    told = desk.get(AT).content.decode()
    assert "Kept until" in told
    assert "Will be sent" in told
    assert "Whom would a free place suit?" in told


def test_whom_no_message_reaches_is_to_be_called(world: World, desk: Client) -> None:
    with time_machine.travel(world.now.replace(hour=3)):
        desk.force_login(world.clinic.front_desk, backend=BACKEND)
        _, told = offer(desk, place(world))
        told = desk.get(AT).content.decode()
    assert not Message.objects.filter(kind="waitlist_offer").exists()
    assert "No message goes: call them" in told
    assert "+1202555" in told


@pytest.mark.parametrize(
    ("verb", "status", "state", "words"),
    [
        ("accept", "booked", "accepted", "Taken"),
        ("decline", "waiting", "declined", "Not taken"),
        ("retract", "waiting", "retracted", "Taken back by us"),
    ],
)
def test_what_was_answered_is_seen(
    world: World, desk: Client, verb: str, status: str, state: str, words: str
) -> None:
    offer(desk, place(world))
    _, page = states.press(desk, states.look(desk, AT), "waitlist-work", verb)
    world.entry.refresh_from_db()
    made = WaitlistOffer.objects.get()
    assert (world.entry.status, made.state) == (status, state)
    assert words in page
    assert made.appointment.status == ("booked" if verb == "accept" else "cancelled")
    message = Message.objects.get(kind="waitlist_offer")
    assert message.state == "cancelled"


def booked_elsewhere(world: World) -> Appointment:
    """A talk of somebody else, at ten on a day that is waited for."""
    start = datetime.combine(world.day_waited_for, time(10), ZoneInfo(world.clinic.site.time_zone))
    visit = single.Visit(factories.patient(world.clinic.site).pk, "therapy", start, mode="video")
    return Appointment.objects.get(pk=single.book(actor=world.clinic.admin, now=world.now, visit=visit))


def test_a_place_that_was_taken_meanwhile_is_refused_in_words(world: World, desk: Client) -> None:
    form = states.form_on(states.look(desk, place(world)), "waitlist-work", "offer")
    offered = breaking.filled(form)
    for _ in world.clinic.therapists:
        booked_elsewhere(world)
    answer = desk.post(form.action, offered)
    assert answer.status_code == 409
    assert "The time is no longer free." in answer.content.decode()
    assert not WaitlistOffer.objects.exists()


def test_a_stale_page_takes_nothing_back(world: World, desk: Client) -> None:
    offer(desk, place(world))
    form = states.form_on(states.look(desk, AT), "waitlist-work", "retract")
    waitlist.accept(actor=world.clinic.admin, entry_id=world.entry.pk, now=timezone.now())
    assert desk.post(form.action, breaking.filled(form)).status_code == 409
    assert WaitlistOffer.objects.get().state == "accepted"


def test_from_a_cancellation_to_whom_its_place_suits(world: World, desk: Client) -> None:
    visit = booked_elsewhere(world)
    page = states.look(desk, f"/visits/{visit.pk}/cancel/")
    states.press(desk, page, "visit-cancel", reason="Ill.")
    there = f"/waitlist/?visit={visit.pk}"
    for path in (f"/day/?cancelled={visit.pk}", f"/visits/{visit.pk}/"):
        assert there in desk.get(path).content.decode()
    offer(desk, there)
    held = Appointment.objects.get(status="held")
    assert (held.patient_id, held.start) == (world.clinic.patient.pk, visit.start)


def test_the_task_of_a_place_not_taken_leads_there_and_is_done_by_the_next_offer(
    world: World, desk: Client
) -> None:
    visit = booked_elsewhere(world)
    booked.move(world.clinic, visit.pk, "cancel", now=world.now, reason="Ill.")
    releasing.ask_for_next(visit=visit, now=world.now)
    there = f"/waitlist/?visit={visit.pk}"
    assert there in desk.get("/overview/").content.decode()
    offer(desk, there)
    task = WorkItem.objects.get(kind=releasing.PLACE_FREE_ITEM)
    assert task.done_at is not None
    assert there not in desk.get("/overview/").content.decode()


def test_an_empty_place_of_the_day_leads_to_the_waitlist(world: World, desk: Client) -> None:
    path = f"/day/place/?site={world.clinic.site.pk}&start={world.day_waited_for}T10:00"
    page = desk.get(path).content.decode()
    assert "Whom of the waitlist would it suit?" in page
    link = re.search(r'href="(/waitlist/[^"]+)"', page)
    assert link
    assert world.clinic.patient.family_name in desk.get(link[1].replace("&amp;", "&")).content.decode()


def test_who_may_not_book_looks_only(world: World) -> None:
    page = signed_in(world.clinic.monitor).get(place(world)).content.decode()
    assert world.clinic.patient.family_name in page
    assert "Offer it" not in page
    assert "Take off the list" not in page


@pytest.mark.parametrize(
    "query", ["start=2026-05-11T10:00&until=2026-05-11T09:00", "start=nonsense", "start=2020-01-01T10:00"]
)
def test_a_place_that_is_none_is_told_in_words(world: World, desk: Client, query: str) -> None:
    answer = desk.get(f"{AT}?{query}")
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_names_stay_on_the_site_that_is_shown(world: World, desk: Client) -> None:
    there = factories.site(world.clinic.practice, name="Harbour")
    assert world.clinic.patient.family_name not in desk.get(f"{AT}?site={there.pk}").content.decode()


def test_it_is_told_when_a_wish_is_over(world: World, desk: Client) -> None:
    with time_machine.travel(world.entry.latest + timedelta(days=1)):
        desk.force_login(world.clinic.front_desk, backend=BACKEND)
        assert "0 visits are waited for" in desk.get(AT).content.decode()
