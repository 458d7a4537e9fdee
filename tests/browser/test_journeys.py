"""What people do at the screen, in a real browser."""

from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Locator, Page, Route, expect

from clinic.practice.models import StaffMember
from scheduling.models import Appointment
from tests.browser.conftest import PASSWORD, Screens
from tests.web.conftest import World


def tab_to(page: Page, name: str, role: str = "button") -> None:
    """Press Tab until the control of this name has the focus."""
    tab_onto(page, page.get_by_role(role, name=name).first)


def tab_onto(page: Page, wanted: Locator) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"no way by Tab to {wanted}")


def test_the_desk_checks_a_patient_in_by_keyboard_alone(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.open("/roster/")
    tab_to(page, "Username", "textbox")
    page.keyboard.type(desk.username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Monday 11 May 2026")
    tab_to(page, f"Check in {world.clinic.patient}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Checked in.")
    expect(page.locator(f"#visit-{world.dose.pk}")).to_contain_text("Here")
    assert Appointment.objects.get(pk=world.dose.pk).status == "arrived"


def test_a_therapist_takes_and_waives_a_follow_up(world: World, screens: Screens, lead: StaffMember) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(lead, "/follow-ups/?show=unbooked")
    held: list[Route] = []
    page.route("**/next/", lambda route: held.append(route))
    with page.expect_request("**/next/"):
        page.get_by_role("button", name="Take it").click()
    row = page.locator(f"#gap-{world.gap.pk}")
    expect(row).to_contain_text("Yours")
    more, fit = row.get_by_text("More"), row.locator(".gap-fit")
    expect(fit).to_be_empty()
    before = more.bounding_box()
    held[-1].continue_()
    expect(fit).to_contain_text("fit")
    assert more.bounding_box() == before, "what comes later moved the button away"
    more.click()
    page.get_by_label("Why is no follow-up needed?").fill("Sees somebody elsewhere")
    page.get_by_role("button", name="Waive it").click()
    expect(page.get_by_role("status").first).to_contain_text("Waived.")
    expect(page.get_by_role("main")).not_to_contain_text("Follow-up after dose 3")


def test_a_patient_is_found_while_the_name_is_typed(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk)
    page.get_by_label("Find a patient by name").press_sequentially(world.clinic.patient.family_name[:6])
    page.get_by_role("link", name="IV racemic ketamine").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(world.clinic.patient))
    expect(page.get_by_role("img", name="Timeline:")).to_be_visible()


def test_everything_works_without_scripts(world: World, screens: Screens, desk: StaffMember) -> None:
    screen = screens.open(java_script_enabled=False)
    page = screen.page
    screen.sign_in(desk, "/roster/")
    page.get_by_role("button", name="Check in").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Checked in.")
    screen.open("/patients/")
    page.get_by_label("Find a patient by name").fill(world.clinic.patient.family_name)
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("main")).to_contain_text(str(world.clinic.patient))


def test_nothing_of_a_patient_stays_in_the_browser(world: World, screens: Screens, desk: StaffMember) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk)
    page.get_by_label("Find a patient by name").press_sequentially("Test")
    page.get_by_role("link", name="IV racemic ketamine").first.click()
    screen.open(f"/courses/{world.course.pk}/")
    kept = page.evaluate("[{...localStorage}, {...sessionStorage}]")
    assert kept == [{}, {}]
    page.get_by_role("button", name="Sign out").click()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_visit_of_yesterday_is_written_down_with_its_time(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    with time_machine.travel(world.dose.end + timedelta(days=1)):
        screen = screens.open(java_script_enabled=False)
        page = screen.page
        screen.sign_in(desk, f"/roster/?date={world.dose.local_date}")
        page.get_by_role("link", name="Check in…").click()
        expect(page.get_by_role("main")).to_contain_text("when did it happen?")
        expect(page.get_by_label("Check in: when?")).to_have_value(
            f"{world.dose.local_date}T{world.dose.local_time:%H:%M}"
        )
        page.get_by_role("button", name="Check in").click()
        expect(page.get_by_role("status").first).to_contain_text("Checked in.")
    assert Appointment.objects.get(pk=world.dose.pk).arrived_at == world.dose.start


def test_the_timeline_leads_to_now_on_a_phone(world: World, screens: Screens, desk: StaffMember) -> None:
    now = world.visit("dose-5").start - timedelta(minutes=5)
    with time_machine.travel(now):
        screen = screens.open(viewport={"width": 360, "height": 740}, has_touch=True)
        page = screen.page
        screen.sign_in(desk, f"/courses/{world.course.pk}/")
        lane = page.get_by_role("region", name="Timeline, scrolls sideways")
        expect(page.locator(".now line")).to_be_in_viewport()
        lane.evaluate("node => { node.scrollLeft = node.scrollWidth }")
        expect(page.locator(".now line")).not_to_be_in_viewport()
        page.get_by_role("link", name="jump to now").click()
        expect(page.locator(".now line")).to_be_in_viewport()
