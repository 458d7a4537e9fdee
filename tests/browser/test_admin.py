"""The practice's administrator: from nothing to the first booked course, and what changes later."""

import re

from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from clinic.practice import founding
from clinic.practice.models import Room
from scheduling.models import Shift, TreatmentCourse
from tests.browser.conftest import PASSWORD, Screen, Screens, press
from tests.browser.test_journeys import tab_to
from tests.web.conftest import World

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
ROLES = ("Prescriber", "Monitor", "Therapist")


def new_practice(world: World, screens: Screens) -> Screen:
    founded = founding.found(
        practice={"name": "New Leaf", "message_name": "New Leaf"},
        site={"name": "Main street", "time_zone": "America/New_York"},
        username="head",
        password=PASSWORD,
        now=world.now,
    )
    screen = screens.open(viewport={"width": 1366, "height": 768})
    screen.sign_in(founded.admin, "/")
    return screen


def hours(page: Page) -> None:
    for day in DAYS:
        page.get_by_label(f"{day} opens").fill("08:00")
        page.get_by_label(f"{day} closes").fill("18:00")


def person(screen: Screen, role: str) -> None:
    """Somebody of this role, called after it, who is there on five days."""
    page = screen.page
    screen.open("/set-up/people/")
    page.get_by_label("Given name").fill("Test")
    page.get_by_label("Family name").fill(role)
    page.get_by_label("Username").fill(role.lower())
    page.get_by_label(role, exact=True).check()
    press(screen, "Add the person")
    screen.open("/set-up/shifts/")
    page.get_by_label("Who").select_option(label=f"Test {role}")
    page.get_by_label("Where").select_option(label="Main street")
    for day in DAYS:
        page.get_by_label(day[:3], exact=True).check()
    page.get_by_label("First day").fill("2026-05-04")
    press(screen, "Add the shift")


def test_from_nothing_to_the_first_booked_course(world: World, screens: Screens) -> None:
    screen = new_practice(world, screens)
    page = screen.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Set-up")
    screen.open("/set-up/sites/")
    page.get_by_role("link", name="Main street").click()
    hours(page)
    press(screen, "Save")
    for name, kind in (("Chair 1", "Infusion chair"), ("Room 2", "Therapy room")):
        screen.open("/set-up/rooms/")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Kind").select_option(label=kind)
        page.get_by_label("Site").select_option(label="Main street")
        press(screen, "Add the room")
    screen.open("/set-up/protocols/")
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("Take it.*6 infusions over 3 weeks")).first.click()
    for role in ROLES:
        person(screen, role)
    screen.open("/set-up/")
    expect(page.get_by_role("main")).to_contain_text("None booked yet")
    screen.open("/book/")
    page.get_by_text("Somebody new").click()
    page.get_by_label("Given name").fill("Test")
    page.get_by_label("Family name").fill("Newcomer")
    page.get_by_label("Birth date").fill("1990-04-02")
    page.get_by_role("button", name="Write down and go on").click()
    page.get_by_role("button", name="Show the plans").click()
    page.get_by_role("button", name=re.compile("Book these")).locator("visible=true").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Booked for Test Newcomer")
    assert TreatmentCourse.objects.exclude(pk=world.course.pk).get().status == "active"
    assert Shift.objects.filter(site__name="Main street").count() == 3


def test_a_room_is_added_by_keys_alone_and_without_scripts(world: World, screens: Screens) -> None:
    admin = world.staff("practice_admin")
    screen = screens.open(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = screen.page
    screen.sign_in(admin, "/set-up/rooms/")
    tab_to(page, "Site", "combobox")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Name", "textbox")
    page.keyboard.type("Blue")
    tab_to(page, "Kind", "combobox")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Add the room")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Added.")
    assert Room.objects.filter(name="Blue").exists()


def test_a_lost_telephone_is_put_right(world: World, screens: Screens) -> None:
    admin = world.staff("practice_admin")
    lost = world.clinic.front_desk
    Authenticator.objects.create(user=lost, type="totp", data={"secret": "x"})
    screen = screens.open(viewport={"width": 1366, "height": 768})
    page = screen.page
    screen.sign_in(admin, "/accounts/people/")
    tab_to(page, "Reset")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Their second factor is removed")
    assert not Authenticator.objects.filter(user=lost).exists()
