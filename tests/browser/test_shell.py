"""What every page shares: keys, the search above, and a session that ends under a form that stands open."""

from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from clinic.practice.models import StaffMember
from scheduling.models import Appointment
from tests.browser.conftest import PASSWORD, Screens
from tests.web.conftest import World


def cancel_form(page: Page) -> None:
    form = page.locator("#do-cancel")
    form.get_by_label("Keep it", exact=True).check()
    form.get_by_label("In words").fill("A cold that came overnight")
    form.get_by_role("button", name="Cancel the visit").click()


def sign_in_over_it(page: Page, staff: StaffMember) -> None:
    over = page.get_by_role("dialog", name="Sign in to go on")
    over.get_by_label("Username").fill(staff.username)
    over.get_by_label("Password").fill(PASSWORD)
    over.get_by_role("button", name="Sign in").click()


def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, f"/visits/{world.dose.pk}/cancel/")
    Session.objects.all().delete()
    cancel_form(page)
    over = page.get_by_role("dialog", name="Sign in to go on")
    expect(over.get_by_label("Username")).to_be_focused()
    assert screen.violations() == []
    over.get_by_label("Username").fill(desk.username)
    over.get_by_label("Password").fill("not this one")
    over.get_by_role("button", name="Sign in").click()
    expect(over).to_contain_text("not correct")
    sign_in_over_it(page, desk)
    expect(page.get_by_role("status").first).to_contain_text("The visit is cancelled.")
    dose = Appointment.objects.get(pk=world.dose.pk)
    assert (dose.status, dose.cancel_reason) == ("cancelled", "A cold that came overnight")


def test_somebody_else_who_signs_in_there_does_not_send_it(
    world: World, screens: Screens, desk: StaffMember, lead: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, f"/visits/{world.dose.pk}/cancel/")
    Session.objects.all().delete()
    cancel_form(page)
    sign_in_over_it(page, lead)
    expect(page.get_by_role("alert")).to_contain_text("Somebody else signed in here.")
    assert Appointment.objects.get(pk=world.dose.pk).status == "booked"


def test_a_form_that_was_open_before_another_tab_signed_in_again_is_sent(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, f"/visits/{world.dose.pk}/cancel/")
    Session.objects.all().delete()
    other = page.context.new_page()
    other.goto(screen.url + "/overview/")
    other.get_by_label("Username").fill(desk.username)
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    other.wait_for_url(screen.url + "/overview/")
    cancel_form(page)
    expect(page.get_by_role("status").first).to_contain_text("The visit is cancelled.")


def test_keys_lead_everywhere_and_can_be_switched_off(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk)
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/follow-ups/")
    page.keyboard.press("/")
    page.keyboard.type("g r?")
    expect(page.get_by_label("Find a patient by name")).to_have_value("g r?")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_contain_text("Roster")
    assert screen.violations() == []
    sheet.get_by_label("Use these keys on this computer").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.keyboard.press("?")
    expect(sheet).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("Follow-ups")


def test_the_search_above_finds_patients_courses_and_visits(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, "/follow-ups/")
    page.keyboard.press("/")
    page.keyboard.type(world.clinic.patient.family_name[:6])
    found = page.locator("#finds")
    expect(found).to_contain_text(str(world.clinic.patient))
    expect(found.get_by_role("link", name="IV racemic ketamine")).to_be_visible()
    assert screen.violations() == []
    page.keyboard.press("Tab")
    found.get_by_role("link", name="11 May").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(world.clinic.patient))
