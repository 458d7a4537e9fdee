"""Set-up by hand: what is chosen can be chosen, and a morning's sick call leads to what repairs it."""

import re

from playwright.sync_api import expect

from clinic.practice.models import Room, StaffMember
from scheduling.models import Absence, Shift
from tests import factories
from tests.browser.conftest import PASSWORD, Screens, press
from tests.web.conftest import World


def test_a_room_a_person_and_a_shift_are_added_from_the_lists(world: World, screens: Screens) -> None:
    admin = factories.staff(world.clinic.site, "practice_admin", username="admin", password=PASSWORD)
    site = world.clinic.site.name
    screen = screens.open(viewport={"width": 1366, "height": 900})
    page = screen.page
    screen.sign_in(admin, "/set-up/")
    page.get_by_role("link", name="Rooms and chairs").click()
    page.get_by_label("Site").select_option(label=site)
    page.get_by_label("Name", exact=True).fill("Quiet room")
    page.get_by_label("Kind").select_option(label="Therapy room")
    page.get_by_role("button", name="Add the room or chair").click()
    expect(page.get_by_role("status").first).to_contain_text("Added.")
    screen.open("/set-up/people/")
    page.get_by_label("Given name").fill("Robin")
    page.get_by_label("Family name").fill("Example")
    page.get_by_label("Username").fill("robin")
    page.get_by_label("Therapist").check()
    page.get_by_role("button", name="Add the person").click()
    expect(page.get_by_role("status").first).to_contain_text("Added.")
    screen.open("/set-up/shifts/")
    page.get_by_label("Who").select_option(label="Robin Example")
    page.get_by_label("Where").select_option(label=site)
    page.get_by_label("Tue").check()
    page.get_by_label("First day").fill("2026-05-04")
    assert screen.violations() == []
    page.get_by_role("button", name="Add the shift").click()
    expect(page.get_by_role("link", name="Robin Example")).to_be_visible()
    assert Room.objects.filter(name="Quiet room", site=world.clinic.site).exists()
    assert Shift.objects.get(staff__username="robin").weekdays == [2]


def test_who_calls_in_sick_leaves_visits_that_the_desk_can_move(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    who = world.clinic.monitor
    screen = screens.open(viewport={"width": 360, "height": 800})
    page = screen.page
    screen.sign_in(desk, "/set-up/absences/")
    page.get_by_label("Who").select_option(label=who.display_name)
    page.get_by_label("First day").fill(world.dose.local_date.isoformat())
    page.get_by_role("button", name="Add the absence").click()
    expect(page.get_by_role("heading", name="1 visit cannot stay")).to_be_visible()
    assert screen.violations() == []
    page.get_by_role("link", name=re.compile("^Move it")).click()
    expect(page.get_by_role("heading", name=re.compile("^Move "))).to_be_visible()
    page.get_by_role("link", name="Back, and leave it as it is").click()
    page.get_by_text("Remove the absence").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status").first).to_contain_text("Removed.")
    assert not Absence.objects.filter(staff=who).exists()


def test_the_visits_of_who_is_away_are_given_to_somebody_else(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    who, other = world.clinic.monitor, factories.worker(world.clinic.site, "monitor")
    screen = screens.open(viewport={"width": 360, "height": 800})
    page = screen.page
    screen.sign_in(desk, "/set-up/absences/")
    page.get_by_label("Who").select_option(label=who.display_name)
    page.get_by_label("First day").fill(world.dose.local_date.isoformat())
    press(screen, "Add the absence")
    page.get_by_role("link", name="See who else can take it").click()
    expect(page.get_by_role("heading", name="1 visit can be given away")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(other.display_name)
    assert world.dose.staffing.filter(staff=who).exists()
    press(screen, "Give it away")
    expect(page.get_by_role("status").first).to_contain_text("1 visit is given to others")
    expect(page.get_by_role("heading", name="cannot stay")).to_have_count(0)
    assert world.dose.staffing.filter(staff=other).exists()
    assert not world.dose.staffing.filter(staff=who).exists()
    assert world.visit("dose-1").start == world.dose.start
