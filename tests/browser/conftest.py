"""A real browser before a real server: Debian's Chromium, found at CHROMIUM or /usr/bin/chromium."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from clinic.practice.models import StaffMember
from tests import factories
from tests.web import conftest as web
from tests.web.conftest import World

PASSWORD = "a quiet harbour at dawn"


def chromium() -> str:
    """The browser's path. In CI a missing browser is a failure; elsewhere one loud line tells of it."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if Path(path).exists():
        return path
    told = f"NO BROWSER at {path}: the pages were not tested (apt-get install chromium, or set CHROMIUM)"
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
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        where = urlsplit(request.url)
        if where.scheme != "data" and where.netloc != urlsplit(self.url).netloc:
            self.elsewhere.append(request.url)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, staff: StaffMember, path: str = "/overview/") -> None:
        self.open(path)
        self.page.get_by_label("Username").fill(staff.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(self.url + path)

    def violations(self) -> list[str]:
        """What axe finds wrong with the page as it stands."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


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
    made.close()
    for screen in made.opened:
        assert screen.complaints == []
        assert screen.elsewhere == []


@pytest.fixture
def lead(world: World) -> StaffMember:
    return factories.staff(world.clinic.site, "clinical_lead", username="lead", password=PASSWORD)


@pytest.fixture
def desk(world: World) -> StaffMember:
    return factories.staff(world.clinic.site, "front_desk", username="desk", password=PASSWORD)
