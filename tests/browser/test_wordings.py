"""An administrator says a reminder in the practice's own words, and sends one to herself."""

import re

from django.utils import timezone
from playwright.sync_api import expect

from clinic.local.providers import SmsProvider
from notifications.models import Wording
from tests import factories
from tests.browser.conftest import PASSWORD, Screens
from tests.notifications import making
from tests.web.conftest import World

SMS = "/set-up/messages/reminder_24h/en/sms/"


def test_own_words_are_checked_while_they_are_typed_and_tried(
    world: World, screens: Screens, sms_provider: SmsProvider
) -> None:
    admin = factories.staff(world.clinic.site, "practice_admin", username="admin", password=PASSWORD)
    screen = screens.open(viewport={"width": 1366, "height": 900})
    page = screen.page
    screen.sign_in(admin, SMS)
    seen = page.get_by_role("region", name="As it arrives")
    text = page.get_by_label("Text")
    expect(seen).to_contain_text("see you Wed 30 Sep 10:00.")
    assert screen.violations() == []
    text.fill("{clinic}: your infusion is {times}.[ {phone}] {stop}")
    expect(seen).to_contain_text("“infusion” tells what the visit is for")
    text.fill("🙂 {clinic}: until .[ Call {phone}.] {stop}")
    expect(seen).to_contain_text("{times} or {first} is missing")
    text.evaluate("node => node.setSelectionRange(20, 20)")
    page.get_by_role("button", name="{times}").click()
    expect(seen).to_contain_text("slightly smiling face")
    expect(seen).to_contain_text("2 segments, paid as so many messages")
    assert screen.violations() == []
    page.get_by_label("To which number?").fill("303-555-0123")
    page.get_by_role("button", name="Send it there").click()
    expect(page.get_by_role("region", name="Send a test")).to_contain_text("Will be sent")
    making.deliver(timezone.now)
    expect(page.get_by_role("region", name="Send a test")).to_contain_text("Sent", timeout=10_000)
    assert sms_provider.inbox()[-1]["body"].startswith("TEST: 🙂")
    assert not Wording.objects.exists()


def test_without_a_script_and_on_a_telephone(world: World, screens: Screens) -> None:
    admin = factories.staff(world.clinic.site, "practice_admin", username="admin", password=PASSWORD)
    screen = screens.open(viewport={"width": 360, "height": 800}, java_script_enabled=False)
    page = screen.page
    screen.sign_in(admin, "/set-up/messages/")
    page.get_by_role("link", name=re.compile("Text message, English ?: Sorry that")).click()
    page.get_by_label("Text").fill("{clinic}: your dose was missed.[ Call {phone}.] {stop}")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("“dose” tells what the visit is for")).to_be_visible()
    page.get_by_label("Text").fill("{clinic}: sorry to have missed you.[ Call {phone}.] {stop}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The next message says it so.")).to_be_visible()
    assert Wording.objects.get().kind == "no_show"
