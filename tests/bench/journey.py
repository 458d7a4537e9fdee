"""`./dev bench journey`: how long the pages keep somebody waiting who books a 6+6 course at the screen.

In Chromium before the product's own web process, at a site with thirty visits a workday: from the first paint
of the overview to the first paint of the booked course, each step taken as soon as the page lets it. Nobody
thinks, so this is the product's own time, with the delay before a search. The first course is to warm up;
there is no chance in it, so it has no seed.
"""

import argparse
import os
import platform
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.test import Client  # noqa: E402  after django.setup
from django.utils import timezone  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

from clinic.practice.models import StaffMember  # noqa: E402
from patients.models import Patient  # noqa: E402
from scheduling.models import Appointment, TreatmentCourse  # noqa: E402
from tests import factories  # noqa: E402
from tests.bench import _server, _years  # noqa: E402
from tests.browser import installed  # noqa: E402

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
GOAL = 3.0
# The wall clock, in milliseconds, of the page's first paint; none until there is one.
PAINTED = """() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    return paint ? performance.timeOrigin + paint.startTime : 0;
}"""
NOW = "performance.timeOrigin + performance.now()"


def fill() -> tuple[StaffMember, Any]:
    """A site with its years of visits, and who sits at its front desk."""
    now = timezone.now()
    ours = factories.practice("Journey")
    version = factories.protocol(ours)
    place = _years.place(ours)
    first_day = (now - timedelta(days=_years.PAST)).replace(hour=14, minute=0, second=0, microsecond=0)
    _years.fill(places=[place], of=_years.pattern(_years.place(ours), version, now), first_day=first_day)
    return factories.staff(place.site, "front_desk"), version


def newcomer(desk: StaffMember, version: Any, number: int) -> Patient:
    assert desk.home_site is not None
    made = factories.patient(desk.home_site, family_name=f"Newcomer{chr(97 + number)}")
    factories.ready(made, version, now=timezone.now())
    return made


def painted(page: Page) -> float:
    page.wait_for_function(PAINTED)
    return float(page.evaluate(PAINTED))


def booked(browser: Browser, url: str, cookie: str, who: Patient) -> list[float]:
    """Seconds since the first paint at which the patient was found, the plans were there, another one of them
    was chosen, and the booked course was painted.
    """
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies([{"name": "session", "value": cookie, "url": url, "httpOnly": True}])
    page = context.new_page()
    page.goto(f"{url}/overview/")
    began, at = painted(page), []
    page.get_by_label("Find a patient by name").fill(who.family_name)
    page.get_by_role("link", name=f"Book a course for {who}").click()
    at.append(painted(page))
    page.get_by_role("button", name="Show the plans").click()
    page.locator(".way").nth(1).wait_for()
    at.append(page.evaluate(NOW))
    page.locator(".way").nth(1).click()
    page.locator(".plan:visible").wait_for()
    at.append(page.evaluate(NOW))
    page.get_by_role("button", name="Book these").locator("visible=true").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Booked for {who}", timeout=30_000)
    at.append(painted(page))
    context.close()
    return [(one - began) / 1000 for one in at]


def worked(port: int) -> float:
    """Seconds for which the web processes have had a processor: the part that other work cannot stretch."""
    ticks = 0
    for process in _server.workers(port):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=11)
    times = parser.parse_args().times
    desk, version = fill()
    client = Client()
    client.force_login(desk, backend=BACKEND)
    cookie = client.cookies["session"].value
    people = [newcomer(desk, version, number) for number in range(times + 1)]
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; ", end="")
    print(f"{Appointment.objects.count()} visits; no seed")
    with _server.web() as port, sync_playwright() as playwright:
        path = installed.chromium()
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        booked(browser, f"http://127.0.0.1:{port}", cookie, people[0])
        before = worked(port)
        taken = [booked(browser, f"http://127.0.0.1:{port}", cookie, who) for who in people[1:]]
        server = (worked(port) - before) / times
        browser.close()
    assert TreatmentCourse.objects.filter(patient__in=people, status="active").count() == len(people)
    print(f"{'s after the first paint':32}{'fastest':>9}{'p50':>8}{'slowest':>9}")
    for step, column in zip(
        ("patient found, form painted", "plans shown", "another plan chosen", "booked, and painted"),
        zip(*taken, strict=True),
        strict=True,
    ):
        ordered = sorted(column)
        print(f"{step:32}{ordered[0]:9.2f}{ordered[len(ordered) // 2]:8.2f}{ordered[-1]:9.2f}")
    print(f"the web processes worked {server:.2f} s of processor a course; load {os.getloadavg()[0]:.1f}")
    ends = sorted(one[-1] for one in taken)
    print(f"ratio: {ends[len(ends) // 2] / GOAL:.2f} of the goal of {GOAL:.0f} s (goal <= 1)")


if __name__ == "__main__":
    main()
