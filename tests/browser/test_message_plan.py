"""An administrator chooses which messages go and when, and is told beside the field what cannot be."""

from playwright.sync_api import expect

from notifications.models import KindTerm
from tests import factories
from tests.browser.conftest import PASSWORD, Screens, press
from tests.web.conftest import World

PAGE = "/set-up/messages/plan/"


def test_hours_are_refused_mended_and_kept_with_the_keys_and_on_a_telephone(
    world: World, screens: Screens
) -> None:
    admin = factories.staff(world.clinic.site, "practice_admin", username="admin", password=PASSWORD)
    screen = screens.open(viewport={"width": 390, "height": 844})
    page = screen.page
    screen.sign_in(admin, PAGE)
    assert screen.violations() == []
    hours = page.get_by_label("Hours before the visit: How to prepare")
    hours.fill("24")
    press(screen, "Save each message")
    expect(hours).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Must be from 96 to 336.").first).to_be_visible()
    screen.forgive(422)
    assert screen.violations() == []
    hours.fill("120")
    page.get_by_label("Goes: How are you?").select_option("off")
    hours.press("Enter")
    expect(page.get_by_text("Saved. What is planned follows")).to_be_visible()
    assert set(KindTerm.objects.exclude(hours=None, is_on=None).values_list("kind", "hours", "is_on")) == {
        ("preparation", 120, None),
        ("check_in", None, False),
    }
