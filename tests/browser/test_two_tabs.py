"""Two people, or one with two tabs, at the same thing: the second is told, nothing is overwritten, and what
they typed stands there still.
"""

from datetime import timedelta

import time_machine
from playwright.sync_api import Locator, Page, expect

from clinic.practice.models import StaffMember
from patients.models import Patient
from scheduling.models import Appointment, FollowUpGap, ProtocolVersion
from tests.browser.conftest import Screens, everybody
from tests.browser.test_patient import BORN, PHONE, path_of
from tests.web.conftest import World

CHANGED = "It was changed since this page was opened."


def send(page: Page, button: Locator) -> None:
    with page.expect_navigation():
        button.click()


def test_a_visit_that_the_first_moved_on(world: World, screens: Screens, desk: StaffMember) -> None:
    screen = screens.open()
    page, path = screen.page, f"/visits/{world.dose.pk}/"
    screen.sign_in(desk, path)
    other = screen.tab(f"{path}cancel/")
    form = other.locator("#do-cancel")
    kept, cancel = form.get_by_label("Keep it", exact=True), form.get_by_role("button", name="Cancel")
    form.get_by_label("In words").fill("A cold that came overnight")
    kept.check()
    send(page, page.get_by_role("button", name="Confirm", exact=True))
    send(other, cancel)
    expect(other.get_by_role("alert").first).to_contain_text(CHANGED)
    expect(form.get_by_label("In words")).to_have_value("A cold that came overnight")
    expect(kept).to_be_checked()
    assert Appointment.objects.get(pk=world.dose.pk).status == "confirmed"
    send(other, cancel)
    expect(other.get_by_role("status").first).to_contain_text("cancelled")
    screen.forgive(409)


def test_a_follow_up_that_the_first_booked(
    world: World, screens: Screens, desk: StaffMember, lead: StaffMember
) -> None:
    first, second = screens.open(), screens.open()
    path = f"/follow-ups/{world.gap.pk}/"
    first.sign_in(desk, path)
    second.sign_in(lead, path)
    other = second.tab(path)
    send(first.page, first.page.locator(".slots button").first)
    expect(first.page.locator("#undo")).to_contain_text("Booked for")
    send(second.page, second.page.locator(".slots button").nth(1))
    expect(second.page.get_by_role("status").first).to_contain_text("Not booked.")
    assert Appointment.objects.filter(course=world.course, kind="integration").count() == 6
    send(other, other.get_by_role("button", name="Take it"))
    expect(other.get_by_role("alert").first).to_contain_text(CHANGED)
    assert FollowUpGap.objects.get(pk=world.gap.pk).assignee_id is None
    second.forgive(409)


def test_a_room_that_the_first_renamed(world: World, screens: Screens) -> None:
    screen = screens.open()
    page, room = screen.page, world.clinic.chairs[0]
    screen.sign_in(everybody(world), f"/set-up/rooms/{room.pk}/")
    other = screen.tab(f"/set-up/rooms/{room.pk}/")
    for tab, name in ((page, "First"), (other, "Second")):
        tab.get_by_label("Name", exact=True).fill(name)
        send(tab, tab.get_by_role("button", name="Save"))
    expect(other.get_by_role("main")).to_contain_text(CHANGED)
    expect(other.get_by_label("Name", exact=True)).to_have_value("Second")
    room.refresh_from_db()
    assert room.name == "First"
    screen.forgive(422)


def test_a_protocol_that_the_first_changed(world: World, screens: Screens) -> None:
    screen = screens.open()
    path = f"/set-up/protocols/{world.protocol.pk}/"
    screen.sign_in(everybody(world), path)
    other = screen.tab(path)
    for tab, minutes in ((screen.page, "50"), (other, "55")):
        tab.get_by_label("Minutes of the dose").fill(minutes)
        send(tab, tab.get_by_role("button", name="Save as the next version"))
    expect(other.get_by_role("main")).to_contain_text(CHANGED)
    expect(other.get_by_label("Minutes of the dose")).to_have_value("55")
    assert ProtocolVersion.objects.filter(template=world.protocol).count() == 2
    screen.forgive(422)


def test_a_patient_s_visit_that_the_desk_moved_meanwhile(world: World, screens: Screens) -> None:
    visit = world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    with time_machine.travel(visit.start - timedelta(days=2)):
        screen = screens.open(**PHONE)
        page = screen.page
        screen.open(path_of(visit))
        page.get_by_label("Your date of birth").fill(BORN)
        page.get_by_role("button", name="Continue").tap()
        page.get_by_role("link", name="Another time").tap()
        page.get_by_role("radio").nth(1).tap()
        chosen = page.get_by_role("radio", checked=True).get_attribute("value")
        Appointment.objects.filter(pk=visit.pk).update(version=visit.version + 5)
        page.get_by_role("button", name="Move my visit").tap()
        expect(page.get_by_role("alert")).to_contain_text("Something has changed meanwhile.")
        assert page.get_by_role("radio", checked=True).get_attribute("value") == chosen
        assert Appointment.objects.get(pk=visit.pk).start == visit.start
        screen.forgive(409)
