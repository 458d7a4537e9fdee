"""A place of the day grid: what is possible there, and for a visit in hand why it cannot go there."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduling.booking.openings import days
from scheduling.booking.visit import group_sessions
from scheduling.models import Appointment
from tests import factories
from tests.web.conftest import World, signed_in

ZONE = ZoneInfo("America/New_York")


def wall(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M}"


def page(client: Client, **asked: object) -> str:
    return client.get("/day/place/", asked).content.decode()


def test_an_empty_place_leads_to_a_booking_there_and_to_a_course_from_that_day(
    world: World, desk: Client
) -> None:
    free = world.clinic.therapists[1]
    told = page(desk, start="2026-07-13T14:00", who=free.pk)
    assert "Nothing stands in the way" in told
    assert f"start=2026-07-13T14%3A00&amp;who={free.pk}" in told
    assert "/book/?start=2026-07-13" in told


def test_outside_a_shift_it_says_so_and_who_may_set_it_aside(world: World, desk: Client) -> None:
    told = page(desk, start="2026-05-13T03:00", who=world.clinic.therapists[0].pk)
    assert "is not on shift then" in told
    assert "it may be set aside by a clinical lead" in told


def test_a_visit_in_hand_is_told_rule_by_rule_with_the_nearest_move(world: World, desk: Client) -> None:
    dose = world.visit("dose-2")
    told = page(desk, start=wall(dose.start - timedelta(days=2)), visit=dose.pk, back="/day/?by=rooms")
    assert "It does not fit" in told
    assert "dose" in told
    assert f'href="/moves/{dose.pk}/?start=' in told
    assert "back=%2Fday%2F%3Fby%3Drooms" in told


def test_the_next_time_it_fits_there_is_a_button(world: World, desk: Client) -> None:
    talk, other = world.visit("integration-1"), world.clinic.therapists[1]
    factories.absence(other, talk.start - timedelta(days=1), talk.start + timedelta(hours=1))
    later = wall(talk.start + timedelta(hours=1)).replace(":", "%3A")
    held = page(desk, start=wall(talk.start), who=other.pk, visit=talk.pk)
    button = re.search(r'<a class="button" href="([^"]+)">Next it fits there: ', held)
    assert button
    path = button[1].replace("&amp;", "&")
    assert path.startswith(f"/moves/{talk.pk}/?start={later}&who={other.pk}")
    assert "broken by this" not in desk.get(path).content.decode()
    empty = page(desk, start=wall(talk.start), who=other.pk)
    assert re.search(
        rf'href="/day/book/[^"]+start={later}&amp;who={other.pk}[^"]+">Next it fits there', empty
    )
    assert "Next it fits there" not in page(
        desk, start=wall(talk.start + timedelta(hours=1)), who=other.pk, visit=talk.pk
    )
    reader = signed_in(world.clinic.monitor)
    assert "Next it fits there" not in page(reader, start=wall(talk.start), who=other.pk)


def test_a_group_session_stands_there_by_its_places(world: World, desk: Client) -> None:
    start, leader = world.dose.start + timedelta(days=1, hours=6), world.clinic.therapists[1]
    mark = days.mark(actor=world.clinic.admin, site_id=world.clinic.site.pk, days=[start.date()])
    group_sessions.schedule(
        actor=world.clinic.admin,
        site_id=world.clinic.site.pk,
        start=start,
        end=start + timedelta(hours=1),
        places=8,
        staff_ids=[leader.pk],
        room_id=world.clinic.therapy_rooms[0].pk,
        now=world.now,
    )
    for asked in ({"who": leader.pk}, {"room": world.clinic.therapy_rooms[0].pk}):
        assert "Group session, 0 of 8 places taken" in page(desk, start=wall(start), **asked)
    elsewhere = page(desk, start=wall(start), room=world.clinic.therapy_rooms[1].pk)
    assert "Group session" not in elsewhere
    # A day that stands open hears of it.
    assert mark != days.mark(actor=world.clinic.admin, site_id=world.clinic.site.pk, days=[start.date()])


def test_who_cannot_play_any_part_in_it_is_named(world: World, desk: Client) -> None:
    talk = world.visit("integration-1")
    monitor = world.clinic.monitor
    told = page(desk, start=wall(talk.start), visit=talk.pk, who=monitor.pk)
    assert f"It needs a therapist, which {monitor.display_name} is not." in told
    assert "Nobody can set this aside" in told


def test_what_stands_there_is_a_click_away_and_leads_back(world: World, desk: Client) -> None:
    talk = world.visit("integration-1")
    told = page(desk, start=wall(talk.start), who=talk.staffing.get().staff_id)
    assert f"/visits/{talk.pk}/?back=" in told


def test_follow_ups_that_nobody_booked_are_offered_where_they_could_begin(world: World, desk: Client) -> None:
    opens = world.gap.opens_at
    assert opens is not None
    assert f"/follow-ups/{world.gap.pk}/" in page(desk, start=wall(opens + timedelta(hours=1)))
    assert f"/follow-ups/{world.gap.pk}/" not in page(desk, start=wall(opens - timedelta(hours=1)))


def test_a_time_that_is_over_is_written_down_late(world: World, desk: Client) -> None:
    told = page(desk, start=wall(world.now - timedelta(hours=1)))
    assert "That time is over" in told
    assert "Write down a visit that took place" in told
    assert "Book a course from this day" not in told


def test_a_time_that_the_clocks_skip_keeps_the_form(world: World, desk: Client) -> None:
    told = page(desk, start="2027-03-14T02:30")
    assert "The clocks skip that time" in told
    assert 'value="2027-03-14T02:30"' in told


def test_a_drawer_gets_the_part_alone_with_its_title(world: World, desk: Client) -> None:
    answer = desk.get("/day/place/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in answer
    assert 'id="why-title" hx-swap-oob="true">What is possible then?' in answer


def test_who_books_nothing_is_offered_no_booking(world: World) -> None:
    told = page(signed_in(world.clinic.monitor), start="2026-07-13T14:00")
    assert "Book a" not in told


@pytest.mark.parametrize(
    "asked", [{"who": "x"}, {"site": "x"}, {"date": "soon"}, {"visit": "0"}, {"room": "1"}]
)
def test_an_address_that_means_nothing_is_not_found(
    world: World, desk: Client, asked: dict[str, str]
) -> None:
    assert desk.get("/day/place/", asked).status_code == 404


def test_nothing_of_another_practice_is_a_place(world: World) -> None:
    outsider = signed_in(factories.staff(factories.site(factories.practice()), "front_desk"))
    for asked in ({"site": world.clinic.site.pk}, {"who": world.clinic.monitor.pk}, {"visit": world.dose.pk}):
        assert outsider.get("/day/place/", asked).status_code == 404


def test_its_queries_do_not_grow_with_the_day(world: World, desk: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as told:
            page(desk, start=wall(world.dose.start + timedelta(hours=6)))
        return len(told)

    page(desk)
    before = asked()
    for _ in range(5):
        person = factories.patient(world.clinic.site)
        copy = Appointment.objects.get(pk=world.dose.pk)
        copy.pk, copy.patient, copy.course, copy.ref, copy.room = None, person, None, "", None
        copy.phase = None
        copy.save(force_insert=True)
    assert asked() <= before


def test_a_course_wanted_from_a_day_begins_with_it_whoever_it_is_for(world: World, desk: Client) -> None:
    who = desk.get("/book/?start=2026-07-13").content.decode()
    assert who.count('name="start" value="2026-07-13"') == 2
    found = desk.post("/patients/", {"name": world.clinic.patient.family_name, "start": "2026-07-13"})
    assert f"patient={world.clinic.patient.pk}&amp;start=2026-07-13" in found.content.decode()
    asked = desk.get(f"/book/?patient={world.clinic.patient.pk}&start=2026-07-13").content.decode()
    assert 'value="2026-07-13"' in asked
    assert desk.get("/book/?start=soon").status_code == 404
