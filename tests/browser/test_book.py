"""Booking a course and a missing follow-up at the screen: by mouse, by keys, on a phone, without scripts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from clinic.practice.models import StaffMember
from patients.models import Patient
from scheduling.booking.course import courses
from scheduling.models import Appointment, FollowUpGap, Shift, TreatmentCourse
from tests import factories
from tests.browser.conftest import Screens
from tests.browser.test_journeys import tab_to
from tests.web.conftest import World

BOOKED = "Booked for Test Newcomer"


@pytest.fixture
def somebody(world: World) -> Iterator[Patient]:
    """A known patient without a course."""
    yield factories.patient(world.clinic.site, family_name="Newcomer")


@dataclass
class Mouse:
    """Clicks, counted."""

    clicks: list[str] = field(default_factory=list)

    def click(self, what: Locator) -> None:
        self.clicks.append(what.first.inner_text() or what.first.get_attribute("name") or "")
        what.first.click()


def course_of(patient: Patient) -> TreatmentCourse:
    return TreatmentCourse.objects.get(patient=patient)


def plan(page: Page) -> Locator:
    """The plan that is shown."""
    return page.locator(".plan:visible")


def row(page: Page, title: str) -> Locator:
    """The row of one visit in the plan that is shown; until the style sheet has come, all of them are."""
    expect(plan(page)).to_have_count(1)
    return plan(page).locator("tbody tr", has=page.get_by_role("rowheader", name=title, exact=True))


def test_six_and_six_in_five_clicks_and_a_confirmation(
    world: World, screens: Screens, desk: StaffMember, somebody: Patient
) -> None:
    screen, mouse = screens.open(viewport={"width": 1366, "height": 768}), Mouse()
    page = screen.page
    screen.sign_in(desk)
    mouse.click(page.get_by_label("Find a patient by name"))
    page.keyboard.type("Newc")
    mouse.click(page.get_by_role("link", name="Book a course for Test Newcomer"))
    mouse.click(page.get_by_role("button", name="Show the plans"))
    mouse.click(page.locator(".way").nth(1))
    expect(plan(page)).to_have_count(1)
    assert len(mouse.clicks) <= 5
    shown = plan(page).locator("tbody time").first.get_attribute("datetime")
    page.get_by_role("button", name="Book these 30 visits").locator("visible=true").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(BOOKED)
    visits = Appointment.objects.filter(course=course_of(somebody), status="booked").order_by("start")
    kinds = list(visits.values_list("kind", flat=True))
    assert (kinds.count("dosing"), kinds.count("integration")) == (6, 6)
    first = visits.first()
    assert first is not None
    assert shown == page.locator("article time").first.get_attribute("datetime")
    assert not FollowUpGap.objects.filter(course=course_of(somebody)).exclude(status="covered").exists()


def test_a_click_on_a_protocol_leads_to_its_plans(
    world: World, screens: Screens, desk: StaffMember, somebody: Patient
) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 420})
    page = screen.page
    screen.sign_in(desk, f"/book/?patient={somebody.pk}")
    protocol = page.locator("[name=protocol]").first
    protocol.evaluate("one => { one.checked = false; }")
    protocol.click()
    expect(plan(page)).to_have_count(1)
    expect(page.locator(".way").first).to_be_in_viewport()


def test_a_row_is_put_elsewhere_the_rest_follows_and_back_books_no_second(
    world: World, screens: Screens, desk: StaffMember, somebody: Patient
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, f"/book/?patient={somebody.pk}")
    page.get_by_role("button", name="Show the plans").click()
    row(page, "Dose 2 of 6").get_by_role("button", name="Other times").click()
    choice = plan(page).locator(".times button").first
    wanted = choice.get_attribute("value")
    choice.click()
    expect(plan(page)).to_contain_text("What you fixed stays")
    expect(row(page, "Dose 2 of 6").get_by_role("button", name="Let it go")).to_be_visible()
    page.get_by_role("button", name="Book these 30 visits").locator("visible=true").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text(BOOKED)
    dose = Appointment.objects.get(course=course_of(somebody), ref="dose-2")
    assert wanted == f"dose-2|{dose.start.isoformat()}"


def test_the_row_that_is_asked_about_stays_under_the_eyes(
    world: World, screens: Screens, desk: StaffMember, somebody: Patient
) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 768})
    page = screen.page
    screen.sign_in(desk, f"/book/?patient={somebody.pk}")
    page.get_by_role("button", name="Show the plans").click()
    # Below the first one asked about, which closes as the second opens.
    for title in ("Dose 2 of 6", "Integration 4"):
        button = row(page, title).get_by_role("button", name="Other times")
        button.scroll_into_view_if_needed()
        before = button.bounding_box()
        button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        after = button.bounding_box()
        assert before
        assert after
        assert abs(after["y"] - before["y"]) < 2, title
    plan(page).locator(".times button").first.click()
    expect(row(page, "Integration 4").get_by_role("button", name="Let it go")).to_be_in_viewport()


def test_who_comes_second_sees_at_once_that_somebody_was_faster(
    world: World, screens: Screens, desk: StaffMember, somebody: Patient
) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 768})
    page = screen.page
    screen.sign_in(desk, f"/book/?patient={somebody.pk}")
    page.get_by_role("button", name="Show the plans").click()
    expect(plan(page)).to_have_count(1)
    asked = date.fromisoformat(page.get_by_label("First dose on or after").input_value())
    actor, now = world.clinic.admin, timezone.now()
    template, other = world.clinic.version.template_id, factories.patient(world.clinic.site)
    faster = courses.propose(
        actor=actor,
        now=now,
        patient_id=other.pk,
        protocol_id=template,
        start_on_or_after=asked,
        preferences={"notice_minutes": 120},
    )
    courses.book(actor=actor, now=now, proposal=faster[0].token)
    page.get_by_role("button", name="Book these 30 visits").locator("visible=true").click()
    expect(page.get_by_text("Somebody was faster")).to_be_in_viewport()
    screen.forgive(409)


def test_a_course_is_booked_by_keys_alone(
    world: World, screens: Screens, desk: StaffMember, somebody: Patient
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk)
    tab_to(page, "Find a patient by name", "searchbox")
    page.keyboard.type("Newc")
    expect(page.get_by_role("link", name="Book a course for Test Newcomer")).to_be_visible()
    tab_to(page, "Book a course for Test Newcomer", "link")
    page.keyboard.press("Enter")
    tab_to(page, "Show the plans")
    page.keyboard.press("Enter")
    expect(plan(page)).to_have_count(1)
    tab_to(page, "Book these 30 visits")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(BOOKED)
    assert course_of(somebody).status == "active"


def test_a_course_is_booked_without_scripts_for_somebody_new(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open(java_script_enabled=False)
    page = screen.page
    screen.sign_in(desk, "/book/")
    page.get_by_text("Somebody new").click()
    page.get_by_label("Given name").fill("Test")
    page.get_by_label("Family name").fill("Newcomer")
    page.get_by_label("Birth date").fill("1990-04-02")
    page.get_by_label("E-mail", exact=True).fill("newcomer@example.com")
    page.get_by_role("button", name="Write down and go on").click()
    page.get_by_role("button", name="Show the plans").click()
    row(page, "Dose 3 of 6").get_by_role("button", name="Other times").click()
    page.locator(".times button").first.click()
    expect(plan(page)).to_contain_text("What you fixed stays")
    page.get_by_role("button", name="Book these 30 visits").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(BOOKED)
    page.get_by_role("button", name="Mail it").click()
    expect(page.get_by_role("status").first).to_contain_text("on its way")


def test_a_missing_follow_up_is_booked_with_one_click_and_taken_back(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, "/follow-ups/?show=unbooked")
    expect(page.locator(".gap-fit")).to_contain_text("fit")
    page.get_by_role("button", name="Book the next best").click()
    expect(page.locator("#undo")).to_contain_text(f"Booked for {world.clinic.patient}")
    assert FollowUpGap.objects.get(pk=world.gap.pk).status == "covered"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").first).to_contain_text("Taken back")
    assert FollowUpGap.objects.get(pk=world.gap.pk).status == "prospective"


def test_a_follow_up_for_which_nothing_is_left_offers_no_empty_promise(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    Shift.objects.all().delete()
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, "/follow-ups/?show=unbooked")
    expect(page.locator(".gap-fit")).to_contain_text("no time is left")
    expect(page.get_by_role("button", name="Book the next best")).to_have_count(0)
    page.get_by_role("link", name="Why?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(world.clinic.patient))


def test_from_the_course_it_takes_two_clicks(world: World, screens: Screens, desk: StaffMember) -> None:
    screen, mouse = screens.open(), Mouse()
    page = screen.page
    screen.sign_in(desk, f"/courses/{world.course.pk}/")
    mouse.click(page.locator("#follow-ups ~ ul").get_by_role("link", name="Book it"))
    mouse.click(page.locator(".slots button"))
    expect(page.locator("#undo")).to_contain_text("Booked for")
    assert len(mouse.clicks) == 2
    assert FollowUpGap.objects.get(pk=world.gap.pk).status == "covered"


def test_why_not_opens_over_the_page(world: World, screens: Screens, desk: StaffMember) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, f"/follow-ups/{world.gap.pk}/")
    page.get_by_role("link", name="Why not at the best time?").click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("on shift")
    assert screen.violations() == []
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_what_the_patient_keeps_prints_on_one_page(
    world: World, screens: Screens, desk: StaffMember, paper: str
) -> None:
    screen = screens.open()
    screen.sign_in(desk, f"/courses/{world.course.pk}/booked/")
    assert world.course.appointments.count() == 29
    assert len(re.findall(rb"/Type\s*/Page\b", screen.page.pdf(format=paper))) == 1
