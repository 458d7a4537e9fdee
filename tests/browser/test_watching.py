"""The watchers of every journey notice what they watch for."""

from playwright.sync_api import Page

from clinic.practice.models import StaffMember
from tests.browser.conftest import Screens
from tests.web.conftest import World


def at_home(screens: Screens, desk: StaffMember) -> Page:
    screens.open().sign_in(desk)
    return screens.opened[0].page


PLANTED = {
    "localStorage.setItem('patient', 'x')": "local: patient",
    "sessionStorage.setItem('visit', 'x')": "session: visit",
    """new Promise(done => {
        const one = indexedDB.open('people');
        one.onsuccess = () => { one.result.close(); done() };
    })""": "databases: people",
    "caches.open('pages')": "caches: pages",
    "document.cookie = 'who=x'": "cookie: who, httpOnly False",
}
TIDIED = """async () => {
    localStorage.clear();
    sessionStorage.clear();
    await new Promise(done => { indexedDB.deleteDatabase('people').onsuccess = done });
    await caches.delete('pages');
}"""


def test_what_a_page_keeps_is_found(world: World, screens: Screens, desk: StaffMember) -> None:
    page, screen = at_home(screens, desk), screens.opened[0]
    assert screen.kept() == []
    for does, told in PLANTED.items():
        page.evaluate(f"async () => {{ await ({does}) }}")
        assert screen.kept() == [told]
        page.context.clear_cookies(name="who")
        page.evaluate(TIDIED)


def test_a_cookie_that_scripts_may_read_is_found(world: World, screens: Screens, desk: StaffMember) -> None:
    page = at_home(screens, desk)
    [session] = [one for one in page.context.cookies() if one["name"] == "session"]
    page.context.clear_cookies(name="session")
    page.context.add_cookies(
        [{"name": "session", "value": session["value"], "url": screens.opened[0].url, "httpOnly": False}]
    )
    assert screens.opened[0].kept() == ["cookie: session, httpOnly False"]
    page.context.clear_cookies(name="session")


def test_errors_reports_and_requests_to_others_are_found(
    world: World, screens: Screens, desk: StaffMember
) -> None:
    page, screen = at_home(screens, desk), screens.opened[0]
    page.evaluate("console.error('a fault')")
    page.evaluate("setTimeout(() => { throw new Error('another') })")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("fetch('http://elsewhere.example/').catch(() => 0)")
    page.wait_for_function("true")
    told = " ".join(screen.complaints)
    for part in ("a fault", "another", "Content Security Policy"):
        assert part in told
    assert "elsewhere.example" in told
    # The policy stops what a page asks for; where somebody is led is counted too.
    other = page.context.new_page()
    other.route("http://elsewhere.example/", lambda route: route.fulfill(body="x"))
    other.goto("http://elsewhere.example/")
    assert screen.elsewhere == ["http://elsewhere.example/"]
    screen.complaints.clear()
    screen.elsewhere.clear()


def test_axe_sees_a_fault_in_the_dark(world: World, screens: Screens, desk: StaffMember) -> None:
    page, screen = at_home(screens, desk), screens.opened[0]
    assert screen.violations() == []
    page.evaluate(
        """() => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync('@media (prefers-color-scheme: dark) { h1 { color: #333 } }');
            document.adoptedStyleSheets = [sheet];
        }"""
    )
    assert [one.partition(": <")[0] for one in screen.violations()] == ["dark: color-contrast"]
