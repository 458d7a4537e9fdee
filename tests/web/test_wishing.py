"""Somebody is put on the waitlist at the desk, and what they wish is changed and ended."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from scheduling.booking.visit import single
from scheduling.models import Appointment, WaitlistEntry
from tests import factories
from tests.web import breaking, reading, states
from tests.web.conftest import World, signed_in
from tests.web.reading import Form

AT = "/waitlist/add/"
WISH = {
    "kind": "therapy",
    "mode": "video",
    "from": "2026-06-01",
    "until": "2026-06-12",
    "day": ["1", "3"],
    "time_of_day": "morning",
    "priority": "6",
}


def made(world: World) -> WaitlistEntry:
    return WaitlistEntry.objects.exclude(pk=world.entry.pk).get()


def put_on(client: Client, address: str) -> Form:
    """The form at this address as it stands, without the button that looks for a patient."""
    found = reading.forms(client.get(address).content.decode(), at=address)
    return next(one for one in found if one.action == AT and "find" not in one.names)


def at(moment: datetime, world: World) -> str:
    return f"{moment.astimezone(ZoneInfo(world.clinic.site.time_zone)):%Y-%m-%d %H:%M}"


def test_the_patient_is_found_by_name_and_put_on_the_list_without_a_script(
    world: World, desk: Client
) -> None:
    somebody = factories.patient(world.clinic.site, family_name="Waitwell")
    assert f'href="{AT}?site=' in desk.get("/waitlist/").content.decode()
    page = desk.post(AT, {**WISH, "name": "Waitw", "find": "1"}).content.decode()
    assert f'name="patient" value="{somebody.pk}"' in page
    # What was typed meanwhile is still there.
    assert 'id="day-3" type="checkbox" name="day" value="3" checked' in page
    assert 'value="2026-06-12"' in page
    therapist = world.clinic.therapists[0]
    page = desk.post(
        AT, {**WISH, "patient": str(somebody.pk), "who": [str(therapist.pk)]}, follow=True
    ).content.decode()
    assert "On the waitlist" in page
    assert f"with {therapist.display_name}; Mon or Wed; in the morning; urgency 6 of 9" in page
    entry = made(world)
    assert (entry.patient_id, entry.kind, entry.mode) == (somebody.pk, "therapy", "video")
    # From the first minute of the one day to the last of the other, by the site's clock.
    assert at(entry.earliest, world) == "2026-06-01 00:00"
    assert at(entry.latest, world) == "2026-06-12 23:59"


def test_a_form_that_is_sent_twice_puts_them_on_once(world: World, desk: Client) -> None:
    form = put_on(desk, f"{AT}?patient={world.patient.pk}")
    for _ in range(2):
        assert desk.post(form.action, breaking.filled(form)).status_code == 303
    assert made(world)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"patient": ""}, "Find the patient"),
        ({"until": "2026-05-31"}, "must not be before the first one"),
        ({"from": "2026-05-01", "until": "2026-05-10"}, "must be in the future"),
        ({"until": "soon"}, "A date"),
        ({"priority": "10"}, "From 0 to 9"),
        ({"kind": "dosing"}, "Choose one of the list"),
    ],
)
def test_what_is_refused_keeps_what_was_typed(
    world: World, desk: Client, wrong: dict[str, str], told: str
) -> None:
    answer = desk.post(AT, {**WISH, "patient": str(world.patient.pk), **wrong})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert told in page
    assert 'name="day" value="1" checked' in page
    assert '<option value="morning" selected>' in page
    assert WaitlistEntry.objects.count() == 1


def test_a_visit_begins_the_form_of_who_wants_something_earlier(world: World, desk: Client) -> None:
    start = world.dose.start + timedelta(days=16, hours=7)
    visit_id = single.book(
        actor=world.clinic.admin,
        now=world.now,
        visit=single.Visit(patient_id=world.patient.pk, kind="therapy", start=start, mode="video"),
    )
    address = f"{AT}?visit={visit_id}"
    assert address in desk.get(f"/visits/{visit_id}/").content.decode().replace("&amp;", "&")
    assert "stays as it is until you cancel it" in desk.get(address).content.decode()
    form = put_on(desk, address)
    assert desk.post(form.action, breaking.filled(form))["Location"] == "/waitlist/?site=" + str(
        world.clinic.site.pk
    )
    entry = made(world)
    day_before = date.fromisoformat(at(start, world)[:10]) - timedelta(days=1)
    assert (entry.patient_id, entry.kind, entry.mode) == (world.patient.pk, "therapy", "video")
    assert at(entry.latest, world) == f"{day_before} 23:59"
    assert Appointment.objects.get(pk=visit_id).status == "booked"


def test_a_dose_is_not_waited_for(world: World, desk: Client) -> None:
    assert AT not in desk.get(f"/visits/{world.dose.pk}/").content.decode()


def test_a_follow_up_that_finds_no_time_is_waited_for_until_its_window_is_over(
    world: World, desk: Client
) -> None:
    assert f"{AT}?gap={world.gap.pk}" in desk.get(f"/follow-ups/{world.gap.pk}/").content.decode()
    form = put_on(desk, f"{AT}?gap={world.gap.pk}")
    assert desk.post(form.action, breaking.filled(form)).status_code == 303
    entry = made(world)
    assert (entry.course_id, entry.kind) == (world.course.pk, "integration")
    assert entry.follows_id == world.visit("dose-3").pk


def test_a_wish_is_changed_and_ended(world: World, desk: Client) -> None:
    entry = world.entry
    page = states.look(desk, f"/waitlist/{entry.pk}/")
    states.press(desk, page, "waitlist-entry", time_of_day="evening", priority="3")
    entry.refresh_from_db()
    assert (entry.time_of_day, entry.priority) == ("evening", 3)
    # What was not touched is as it was, to the minute.
    assert (entry.earliest, entry.latest) == (world.entry.earliest, world.entry.latest)
    stale = desk.post(f"/waitlist/{entry.pk}/", {**WISH, "version": "1"})
    assert stale.status_code == 409
    assert "changed since this page was opened" in stale.content.decode()
    states.press(desk, states.look(desk, f"/waitlist/{entry.pk}/"), "waitlist-work", "withdraw")
    entry.refresh_from_db()
    assert entry.status == "withdrawn"
    page = states.look(desk, f"/waitlist/{entry.pk}/")
    assert "do not wait any more" in page[1]
    assert "Take off the list" not in page[1]


def test_who_only_looks_changes_nothing(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    assert client.get(AT).status_code == 403
    page = client.get(f"/waitlist/{world.entry.pk}/").content.decode()
    assert "Save" not in page
    assert client.post(f"/waitlist/{world.entry.pk}/", WISH).status_code == 403
    elsewhere = signed_in(factories.small_clinic().front_desk)
    assert elsewhere.get(f"/waitlist/{world.entry.pk}/").status_code == 404
