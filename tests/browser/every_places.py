"""The screens of places that become free, or that nobody keeps, state by state."""

import re
from collections.abc import Iterator

from playwright.sync_api import expect

from clinic.practice.models import Closure
from tests import factories
from tests.browser.conftest import Screen, everybody, press
from tests.web.conftest import World


def somebody_away(screen: Screen, world: World) -> Iterator[str]:
    page, site = screen.page, world.clinic.site
    screen.sign_in(everybody(world), "/set-up/absences/")
    for who, state in ((world.clinic.monitor, "full"), (world.clinic.prescriber, "nobody else")):
        if state == "full":
            factories.worker(site, "monitor")
        row = factories.absence(who, world.dose.start, world.dose.end)
        screen.open(f"/set-up/absences/{row.pk}/")
        yield f"setup-thing: {state}"
        page.get_by_role("link", name="See who else can take").click()
        yield f"absence-give: {state}"
        if state == "full":
            stale = screen.tab(f"/set-up/absences/{row.pk}/give/")
            press(screen, "Give it away")
            yield "setup-thing: given"
            with stale.expect_navigation():
                stale.get_by_role("button", name="Give it away").click()
            stale.close()
            screen.open(f"/set-up/absences/{row.pk}/give/")
            yield "absence-give: nothing left"
    dose = world.visit("dose-1")
    shut = Closure.objects.create(site=site, room=dose.room, starts_at=dose.start, ends_at=dose.end)
    screen.open(f"/set-up/closures/{shut.pk}/rooms/")
    expect(page.get_by_role("button", name=re.compile("^Give"))).to_be_visible()
    yield "closure-rooms: full"


def who_waits(screen: Screen, world: World) -> Iterator[str]:
    page, site = screen.page, world.clinic.site
    screen.sign_in(everybody(world), "/waitlist/")
    yield "waitlist: full"
    day = world.day_waited_for
    screen.open(f"/waitlist/?site={site.pk}&start={day}T10:00&until={day}T09:00")
    yield "waitlist: refused"
    page.get_by_label("Free from").fill(f"{day}T10:00")
    page.get_by_label("Until").fill(f"{day}T12:00")
    press(screen, "Show whom it suits")
    expect(page.get_by_role("button", name=re.compile("^Offer it"))).to_be_visible()
    yield "waitlist: suits"
    press(screen, "Offer it")
    expect(page.get_by_role("button", name=re.compile("^Take it back"))).to_be_visible()
    yield "waitlist: offered"
    press(screen, "Take it back")
    yield "waitlist: taken back"


def who_is_put_on_the_list(screen: Screen, world: World) -> Iterator[str]:
    page = screen.page
    screen.sign_in(everybody(world), "/waitlist/")
    page.get_by_role("link", name="Put somebody on the list").click()
    yield "waitlist-add: empty"
    press(screen, "Find")
    page.get_by_label("Patient", exact=True).fill(world.patient.family_name)
    page.get_by_role("radio").first.check()
    page.get_by_label("Until", exact=True).fill("2026-01-01")
    press(screen, "Put them on the list")
    yield "waitlist-add: refused"
    page.get_by_label("Until", exact=True).fill(f"{world.day_waited_for}")
    press(screen, "Put them on the list")
    yield "waitlist: put on"
    page.get_by_role("link", name=re.compile("^Change")).first.click()
    yield "waitlist-entry: full"
    press(screen, "Take off the list")
    screen.open(f"/waitlist/{world.entry.pk}/")
    yield "waitlist-entry: as it is"


AWAY = {
    "setup-thing: full",
    "setup-thing: given",
    "setup-thing: nobody else",
    "absence-give: full",
    "absence-give: nobody else",
    "absence-give: nothing left",
    "closure-rooms: full",
}
WAITS = {
    "waitlist: full",
    "waitlist: refused",
    "waitlist: suits",
    "waitlist: offered",
    "waitlist: taken back",
}
PUT_ON = {
    "waitlist-add: empty",
    "waitlist-add: refused",
    "waitlist: put on",
    "waitlist-entry: full",
    "waitlist-entry: as it is",
}
