"""A real browser before a real server: Debian's Chromium, where `installed` finds it.

After every test each screen is asked what it kept: nothing of a patient, nothing that a script may read.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from clinic.practice.models import StaffMember
from tests import factories
from tests.browser import installed
from tests.web import conftest as web
from tests.web.conftest import World

PASSWORD = "a quiet harbour at dawn"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
AXE = Axe().axe_script
# The names under which a page may keep something, and whether its scripts may read it: one switch, for the
# keys of this computer, and the token of the forms.
KEPT = {"keys"}
COOKIES = {"session": True, "csrftoken": False, "messages": True}
# The rules whose answer depends on the colours.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
STORED = """async () => ({
    local: Object.keys(localStorage),
    session: Object.keys(sessionStorage),
    databases: (await indexedDB.databases()).map(one => one.name),
    caches: self.caches ? await caches.keys() : [],
    workers: navigator.serviceWorker
        ? (await navigator.serviceWorker.getRegistrations()).map(one => one.scope) : [],
})"""


def chromium() -> str:
    """The browser's path. In CI a missing browser is a failure; elsewhere one loud line tells of it."""
    if path := installed.chromium():
        return path
    told = "NO BROWSER: the pages were not tested (apt-get install chromium-headless-shell, or set CHROMIUM)"
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's loop runs in this thread; Django would take the tests' queries for asynchronous ones.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            # A container gives Chromium neither a sandbox of its own nor a large /dev/shm.
            found = playwright.chromium.launch(
                executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            yield found
            found.close()


@pytest.fixture
def world(browser: Browser, live_server: LiveServer) -> Iterator[World]:
    made = web.build()
    with time_machine.travel(made.now):
        yield made


@dataclass
class Screen:
    """One person at one browser. Whatever the browser complains of, or asks of another host, is kept."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # All tabs of this person.
        self.page.context.on("console", self._heard)
        self.page.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page.context.on("request", self._asked)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        where = urlsplit(request.url)
        if where.scheme != "data" and where.netloc != urlsplit(self.url).netloc:
            self.elsewhere.append(request.url)

    def tab(self, path: str) -> Page:
        """The same person, in another tab."""
        page = self.page.context.new_page()
        page.goto(self.url + path)
        return page

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, staff: StaffMember, path: str = "/overview/") -> None:
        """Be signed in already, and open the page."""
        client = Client()
        client.force_login(staff, backend=BACKEND)
        kept = client.cookies["session"].value
        self.page.context.add_cookies([{"name": "session", "value": kept, "url": self.url, "httpOnly": True}])
        self.open(path)

    def sign_in_by_hand(self, staff: StaffMember, path: str = "/overview/") -> None:
        self.open(path)
        self.page.get_by_label("Username").fill(staff.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(self.url + path)

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it stands, light and dark."""
        self.page.evaluate(f"() => {{ if (!window.axe) {{ {AXE} }} }}")
        found = []
        for scheme, only in (("light", None), ("dark", OF_COLOURS)):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            options = {"resultTypes": ["violations"]} | ({"runOnly": only} if only else {})
            answer = self.page.evaluate("options => axe.run(document, options)", options)
            found += [
                f"{scheme}: {one['id']}: {node['html'][:200]}"
                for one in answer["violations"]
                for node in one["nodes"]
            ]
        self.page.emulate_media(color_scheme="null")
        return found

    def forgive(self, *statuses: int) -> None:
        """To be refused is an error to the browser's console; here it was meant to be one."""
        self.complaints = [
            one for one in self.complaints if not any(f"status of {status} " in one for status in statuses)
        ]

    def kept(self) -> list[str]:
        """What this browser keeps that it may not."""
        self.page.wait_for_load_state()
        kinds = self.page.evaluate(STORED) if self.page.url.startswith(self.url) else {}
        found = [f"{kind}: {name}" for kind, names in kinds.items() for name in names if name not in KEPT]
        for cookie in self.page.context.cookies():
            if COOKIES.get(cookie["name"]) is not cookie["httpOnly"]:
                found.append(f"cookie: {cookie['name']}, httpOnly {cookie['httpOnly']}")
        return found


def press(screen: Screen, name: str, within: str = "main") -> None:
    """A button that leads to another page, or to the same one anew."""
    with screen.page.expect_navigation():
        screen.page.locator(within).get_by_role("button", name=name).locator("visible=true").first.click()


def go(screen: Screen, place: str) -> None:
    """A button, found by where it stands, that leads to another page."""
    with screen.page.expect_navigation():
        screen.page.locator(place).locator("visible=true").first.click()


class Screens:
    """Screens of this test's server; all are closed at its end, and none may have complained."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self.opened: list[Screen] = []

    def open(self, **context: Any) -> Screen:
        page = self._browser.new_context(**context).new_page()
        screen = Screen(page=page, url=self._url)
        self.opened.append(screen)
        return screen

    def close(self) -> None:
        for screen in self.opened:
            screen.page.context.close()


@pytest.fixture
def screens(browser: Browser, live_server: LiveServer, world: World) -> Iterator[Screens]:
    made = Screens(browser, live_server.url)
    yield made
    kept = [screen.kept() for screen in made.opened]
    made.close()
    for screen in made.opened:
        assert screen.complaints == []
        assert screen.elsewhere == []
    assert kept == [[] for _ in made.opened]


def everybody(world: World) -> StaffMember:
    """One person who may do everything."""
    return factories.staff(world.clinic.site, *web.ROLES, username="all", password=PASSWORD)


@pytest.fixture
def lead(world: World) -> StaffMember:
    return factories.staff(world.clinic.site, "clinical_lead", username="lead", password=PASSWORD)


@pytest.fixture
def desk(world: World) -> StaffMember:
    return factories.staff(world.clinic.site, "front_desk", username="desk", password=PASSWORD)
