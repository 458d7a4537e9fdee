"""A course's page in a browser: what a colleague does is told, and what is decided is done by keyboard."""

from playwright.sync_api import expect

from clinic.practice.models import StaffMember
from scheduling.booking.course import pauses
from scheduling.models import TreatmentCourse
from tests import factories
from tests.browser.conftest import Screens
from tests.web.conftest import World


def test_a_change_by_somebody_else_is_told_and_takes_nothing_away(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    screen.sign_in(desk, f"/courses/{world.course.pk}/")
    page.get_by_text("Cancel the course…").click()
    page.get_by_label("In words").fill("The patient moves away")
    lead = factories.actor(world.clinic.practice, "clinical_lead")
    pauses.pause(actor=lead, course_id=world.course.pk, reason="Tests are needed first", now=world.now)
    expect(page.get_by_text("Changed meanwhile by")).to_be_visible(timeout=15_000)
    expect(page.get_by_label("In words")).to_have_value("The patient moves away")
    page.get_by_role("button", name="Cancel the course").click()
    expect(page.get_by_text("changed since this page was opened")).to_be_visible()
    expect(page.get_by_label("In words")).to_have_value("The patient moves away")
    page.get_by_role("button", name="Cancel the course").click()
    expect(page.get_by_text("The course is cancelled.")).to_be_visible()
    assert TreatmentCourse.objects.get(pk=world.course.pk).status == "stopped"
    # The first, refused sending is an error to the console, and meant to be one.
    screen.forgive(409)
