"""Second factors in a real browser: a passkey that Chromium itself makes, by keyboard alone."""

import re

from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from clinic.practice.models import StaffMember
from tests.browser.conftest import PASSWORD, Screen, Screens
from tests.browser.test_journeys import tab_to
from tests.web.conftest import World


def passkeys(page: Page) -> None:
    """A key in this browser that says yes by itself, as a finger would."""
    wire = page.context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    wire.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def out_and_in(screen: Screen, staff: StaffMember) -> None:
    """Sign out, then give the password again."""
    screen.open("/accounts/sign-out/")
    screen.page.get_by_role("button", name="Sign out").click()
    screen.open("/")
    screen.page.get_by_label("Username").fill(staff.username)
    screen.page.get_by_label("Password").fill(PASSWORD)
    screen.page.get_by_role("button", name="Sign in").click()
    expect(screen.page.get_by_role("heading", level=1)).to_have_text("Second factor")


def test_a_passkey_is_added_and_lets_in_by_keyboard_alone(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    screen = screens.open()
    page = screen.page
    passkeys(page)
    screen.sign_in_by_hand(desk)
    screen.open("/accounts/factors/")
    assert screen.violations() == []
    tab_to(page, "Add a passkey", "link")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a passkey")
    assert screen.violations() == []
    tab_to(page, "Add this passkey")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    assert screen.violations() == []
    assert Authenticator.objects.filter(user=desk, type="webauthn").count() == 1
    out_and_in(screen, desk)
    assert screen.violations() == []
    tab_to(page, "Use a passkey")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{screen.url}/day/")
    screen.open("/accounts/factors/")
    page.get_by_role("link", name=re.compile("^Remove")).first.click()
    assert screen.violations() == []
    page.get_by_role("button", name="Remove it").click()
    page.wait_for_url("**/factors/**")
    assert not Authenticator.objects.filter(user=desk).exists()
