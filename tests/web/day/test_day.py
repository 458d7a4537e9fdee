"""The day grid: what stands where, what may be done with it, and how it hears of what others do."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client

from clinic.practice.models import Room
from patients.models import Patient, TreatmentConsent
from scheduling.booking.visit import group_sessions, single
from scheduling.models import Appointment
from scheduling.web.day import grid
from tests import factories
from tests.scheduling.booking import booked
from tests.web.conftest import World, signed_in

POLL = {"headers": {"HX-Request": "true"}}


def page_of(client: Client, path: str = "/day/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def column(page: str, name: str) -> str:
    """The part of the page that is one column, by its heading."""
    parts = re.split(r'(?=<div class="col[ "])', page)
    return next(one for one in parts if re.search(rf"<h2[^>]*>(<a[^>]*>)?{re.escape(name)}", one))


def poll_of(page: str) -> str:
    found = re.search(r'hx-get="([^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def test_a_dose_stands_with_whoever_gives_it(world: World, desk: Client) -> None:
    page = page_of(desk)
    mine = column(page, world.clinic.monitor.display_name)
    assert str(world.clinic.patient) in mine
    assert "Dose 1 of 6" in mine or "dose 1 of 6" in mine
    assert f"{world.dose.local_time:%H:%M}" in mine
    assert "Booked" in mine
    other = column(page, world.clinic.therapists[1].display_name)
    assert f'data-visit="{world.dose.pk}"' not in other


def test_whoever_is_only_in_the_house_is_named_not_filled(world: World, desk: Client) -> None:
    head = column(page_of(desk), world.clinic.prescriber.display_name)
    assert "in the house for 1" in head
    assert f'data-visit="{world.dose.pk}"' not in head


def test_each_room_has_its_column(world: World, desk: Client) -> None:
    page = page_of(desk, "/day/?by=rooms")
    assert world.dose.room is not None
    assert f'data-visit="{world.dose.pk}"' in column(page, world.dose.room.name)
    for room in Room.objects.all():
        assert room.name in page


def test_the_place_in_the_grid_is_the_time(world: World, desk: Client) -> None:
    start = world.dose.local_time
    row = ((start.hour - 8) * 60 + start.minute) // 5 + 1
    rows = (world.dose.end - world.dose.start) // timedelta(minutes=5)
    assert f'class="block r-{row} s-{rows} ' in page_of(desk)


def test_a_dose_without_its_follow_up_says_so(world: World, desk: Client) -> None:
    page = page_of(desk, f"/day/?date={world.visit('dose-3').local_date}")
    assert "No follow-up yet" in page
    assert f"/follow-ups/{world.gap.pk}/" in page
    assert "No follow-up yet" not in page_of(desk)


def test_what_is_not_on_file_is_seen(world: World, desk: Client) -> None:
    TreatmentConsent.objects.all().delete()
    assert "No consent" in page_of(desk)


def test_nobodys_hours_are_hatched(world: World, desk: Client) -> None:
    with_shift = column(page_of(desk), world.clinic.monitor.display_name)
    assert 'class="off' not in with_shift
    factories.absence(world.clinic.monitor, world.now, world.now + timedelta(hours=2))
    assert 'class="off' in column(page_of(desk), world.clinic.monitor.display_name)


def test_check_in_is_one_button_and_leads_back(world: World, desk: Client) -> None:
    page = page_of(desk)
    step = f'formaction="/visits/{world.dose.pk}/check_in/" name="version" value="{world.dose.version}"'
    assert step in page
    done = desk.post(
        f"/visits/{world.dose.pk}/check_in/", {"version": str(world.dose.version), "back": "/day/"}
    )
    assert (done.status_code, done["Location"]) == (303, f"/day/#visit-{world.dose.pk}")
    assert "Here" in page_of(desk)


def test_an_early_discharge_is_asked_about_first(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    for verb in ("check_in", "start", "end_administration"):
        client.post(f"/visits/{world.dose.pk}/{verb}/", {"back": "/day/"})
    page = page_of(client)
    assert "may leave at" in page
    assert f'formaction="/visits/{world.dose.pk}/discharge/"' not in page
    assert "Discharge early…" in page
    assert "#do-discharge" in page
    with time_machine.travel(world.now + timedelta(hours=2, minutes=1)):
        page = page_of(signed_in(world.clinic.monitor))
    assert "may leave since" in page


def test_only_who_books_may_move(world: World, desk: Client) -> None:
    assert f"/moves/{world.dose.pk}/" in page_of(desk)
    assert f"/moves/{world.dose.pk}/" not in page_of(signed_in(world.clinic.monitor))


def test_a_week_is_of_one_column(world: World, desk: Client) -> None:
    page = page_of(desk, f"/day/?view=week&column={world.clinic.monitor.pk}")
    days = re.findall(r'data-day="([\d-]+)"', page)
    monday = world.dose.local_date - timedelta(days=world.dose.local_date.weekday())
    assert days == [str(monday + timedelta(days=count)) for count in range(7)]
    assert f'data-visit="{world.dose.pk}"' in page
    assert f'data-visit="{world.dose.pk}"' not in page_of(
        desk, f"/day/?view=week&column={world.clinic.therapists[1].pk}"
    )


def test_a_week_without_a_column_begins_with_the_first(world: World, desk: Client) -> None:
    assert 'id="grid"' in page_of(desk, "/day/?view=week")
    assert 'id="grid"' in page_of(desk, "/day/?view=week&by=rooms")


def test_a_phone_shows_ones_own_column(world: World) -> None:
    page = page_of(signed_in(world.clinic.therapists[1]))
    chosen = re.search(r'<div class="col[^"]* is-chosen[^"]*"[^>]*data-who="([^"]+)"', page)
    assert chosen
    assert chosen[1] == str(world.clinic.therapists[1].pk)


def test_what_was_cancelled_is_told_beside_the_grid(world: World, desk: Client) -> None:
    booked.move(world.clinic, world.dose.pk, "cancel", now=world.now, reason="Called in sick")
    page = page_of(desk)
    assert "Not in the grid (1)" in page
    assert f'data-visit="{world.dose.pk}"' not in page


def test_visits_at_once_stand_side_by_side(world: World, desk: Client) -> None:
    for _ in range(2):
        someone = factories.patient(world.clinic.site)
        factories.ready(someone, world.clinic.version)
    late = single.book(
        actor=world.clinic.admin,
        now=world.dose.end,
        visit=single.Visit(
            patient_id=someone.pk,
            kind="therapy",
            start=world.dose.start + timedelta(minutes=30),
            end=world.dose.end,
            practitioner_ids=(world.clinic.therapists[0].pk,),
            late_entry_reason="Came by",
        ),
    )
    Appointment.objects.filter(pk=late).update(room=world.dose.room)
    page = page_of(desk, "/day/?by=rooms")
    assert " l-2-1 " in page
    assert " l-2-2 " in page


def test_an_open_grid_hears_only_of_changes(world: World, desk: Client) -> None:
    poll = poll_of(page_of(desk))
    assert desk.get(poll, **POLL).status_code == 204
    booked.move(world.clinic, world.dose.pk, "check_in", now=world.now)
    changed = desk.get(poll, **POLL)
    assert changed.status_code == 200
    assert "<html" not in changed.content.decode()
    assert "Here" in changed.content.decode()
    assert desk.get(poll_of(changed.content.decode()), **POLL).status_code == 204


def test_an_open_grid_keeps_nobody_signed_in(world: World, desk: Client) -> None:
    page = page_of(desk)
    assert """hx-headers='{"X-Background": "1"}'""" in page
    poll = poll_of(page)
    background = {"headers": {"HX-Request": "true", "X-Background": "1"}}
    for minutes in (5, 10, 14):
        with time_machine.travel(world.now + timedelta(minutes=minutes)):
            assert desk.get(poll, **background).status_code in (200, 204)
    with time_machine.travel(world.now + timedelta(minutes=16)):
        assert desk.get("/day/").status_code == 302


def test_an_open_grid_hears_of_shifts_and_of_what_leaves_the_day(world: World, desk: Client) -> None:
    poll = poll_of(page_of(desk))
    factories.worker(world.clinic.site, "therapist")
    again = desk.get(poll, **POLL)
    assert again.status_code == 200
    Appointment.objects.filter(pk=world.dose.pk).update(local_date=world.dose.local_date + timedelta(days=9))
    assert desk.get(poll_of(again.content.decode()), **POLL).status_code == 200


def test_an_empty_site_says_what_makes_columns(world: World) -> None:
    empty = factories.site(world.clinic.practice, name="New place")
    page = page_of(signed_in(world.staff("practice_admin")), f"/day/?site={empty.pk}")
    assert "Nobody works here" in page


def test_names_stay_text(world: World, desk: Client) -> None:
    Patient.objects.filter(pk=world.clinic.patient.pk).update(given_name="<b>x</b>", family_name='"><img>')
    page = page_of(desk)
    assert "<b>x</b>" not in page
    assert "<img>" not in page


@pytest.mark.parametrize("path", ["/day/", "/day/?by=rooms", "/board/", "/roster/"])
def test_more_visits_cost_no_more_queries(
    world: World, desk: Client, django_assert_max_num_queries: object, path: str
) -> None:
    desk.get(path)
    with django_assert_max_num_queries(30) as few:  # type: ignore[operator]
        desk.get(path)
    for count in range(6):
        single.book(
            actor=world.clinic.admin,
            now=world.dose.end,
            visit=single.Visit(
                patient_id=factories.patient(world.clinic.site).pk,
                kind="therapy",
                start=world.dose.start + timedelta(minutes=10 * count),
                end=world.dose.end,
                practitioner_ids=(world.clinic.therapists[count % 2].pk,),
                late_entry_reason="Came by",
            ),
        )
    with django_assert_max_num_queries(len(few.captured_queries)):  # type: ignore[operator]
        page = desk.get(path).content.decode()
    assert page.count("Therapy") >= 6


def test_the_stylesheet_of_places_is_as_it_is_written() -> None:
    path = Path(grid.__file__).parents[2] / "static/scheduling/day-rows.css"
    assert path.read_text(encoding="utf-8") == grid.stylesheet()


def test_a_group_takes_its_people_and_its_room_before_anybody_joins(world: World, desk: Client) -> None:
    clinic = world.clinic
    room = Room.objects.filter(site=clinic.site, kind="therapy_room").first()
    assert room is not None
    start = world.now + timedelta(hours=3)
    group_sessions.schedule(
        actor=clinic.admin,
        site_id=clinic.site.pk,
        start=start,
        end=start + timedelta(minutes=90),
        places=8,
        staff_ids=[clinic.therapists[0].pk],
        room_id=room.pk,
        now=world.now,
    )
    for by in ("people", "rooms"):
        page = desk.get(f"/day/?by={by}").content.decode()
        assert page.count("0 of 8 places taken") == 1, by
