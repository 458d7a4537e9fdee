"""Every kind of button that writes, on a slow network: it says that it waits, a second click does nothing,
and the way back neither repeats it nor shows what is not so any more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import time_machine
from playwright.sync_api import Locator, Page, Request, expect

from clinic.practice.models import WorkItem
from patients.models import Patient
from tests import factories
from tests.browser.conftest import Screen, Screens, everybody
from tests.browser.test_patient import BORN, PHONE, path_of
from tests.web.conftest import World
from tests.web.test_every_page import rows

# Who is signed in here is asked before a form goes.
QUESTION = "**/accounts/session/"


@dataclass(frozen=True)
class Write:
    """A button: where it stands, what is filled in first, its name, and what the way back shows then."""

    name: str
    path: Callable[[World], str]
    button: str
    fill: Callable[[Page], None] = lambda page: None
    back: Callable[[Page], None] = lambda page: None


def press_twice(screen: Screen, button: Locator) -> None:
    """On a network so slow that the question before every form gets no answer: pressed, seen to wait, pressed
    again in vain, and then answered.
    """
    page, waiting, sent = screen.page, [], []

    def asked(request: Request) -> None:
        if request.method == "POST" and request.is_navigation_request():
            sent.append(request.url)

    page.on("request", asked)
    page.route(QUESTION, lambda route: waiting.append(route))
    button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    button.click()
    expect(page.locator(".notices")).to_contain_text("Sending…")
    with page.expect_navigation():
        waiting[0].continue_()
    page.unroute(QUESTION)
    page.remove_listener("request", asked)
    assert (len(waiting), len(sent)) == (1, 1)


def fill(**typed: str) -> Callable[[Page], None]:
    def do(page: Page) -> None:
        for name, text in typed.items():
            page.locator(f"main [name='{name}']:visible").first.fill(text)

    return do


def shows(text: str) -> Callable[[Page], None]:
    return lambda page: expect(page.get_by_role("main")).to_contain_text(text)


def lacks(button: str) -> Callable[[Page], None]:
    return lambda page: expect(page.get_by_role("main").get_by_role("button", name=button)).to_have_count(0)


def a_visit(ref: str, part: str = "") -> Callable[[World], str]:
    return lambda world: f"/visits/{world.visit(ref).pk}/{part}"


def an_hour_later(ref: str) -> Callable[[World], str]:
    def path(world: World) -> str:
        visit = world.visit(ref)
        later = visit.local_time.replace(hour=visit.local_time.hour + 1)
        return f"/moves/{visit.pk}/?start={visit.local_date}T{later:%H:%M}"

    return path


def called_in(page: Page) -> None:
    page.get_by_label("Keep it", exact=True).check()
    fill(reason="Called in")(page)


def found(page: Page) -> None:
    page.get_by_label("Patient", exact=True).press_sequentially("Passer")
    page.get_by_label("Passer-by").check()


def newcomer(page: Page) -> None:
    page.get_by_text("Somebody new").click()
    fill(given_name="Test", family_name="Newcomer", birth_date="1990-04-02")(page)


def blue_room(page: Page) -> None:
    fill(name="Blue")(page)
    page.get_by_label("Kind").select_option(index=1)
    page.get_by_label("Site").select_option(index=1)


WRITES = (
    Write("check in", lambda world: "/roster/", "Check in", back=shows("Here")),
    Write("send the link", a_visit("dose-2"), "Send the link to the patient"),
    Write(
        "cancel",
        a_visit("dose-6", "cancel/"),
        "Cancel the visit",
        fill=called_in,
        back=lacks("Cancel the visit"),
    ),
    Write("take", lambda world: f"/follow-ups/{world.gap.pk}/", "Take it", back=shows("Give back")),
    Write("book the next best", lambda world: "/follow-ups/?show=unbooked", "Book the next best"),
    Write("mail the list", lambda world: f"/courses/{world.course.pk}/booked/", "Mail it"),
    Write("move", an_hour_later("dose-2"), "Move", back=shows("Not there.")),
    Write("task done", lambda world: "/overview/", "Done", back=lacks("Done")),
    Write("walk-in", lambda world: f"/day/book/?start={world.dose.local_date}T16:00", "Book", fill=found),
    Write("somebody new", lambda world: "/book/", "Write down and go on", fill=newcomer),
    Write("add a room", lambda world: "/set-up/rooms/", "Add the room", fill=blue_room, back=shows("Blue")),
    Write(
        "change a room",
        lambda world: f"/set-up/rooms/{world.clinic.chairs[0].pk}/",
        "Save",
        fill=fill(name="Green"),
        back=lambda page: expect(page.get_by_label("Name", exact=True)).to_have_value("Green"),
    ),
    Write("stop offering", lambda world: "/set-up/protocols/", "Stop offering", back=shows("Offer again")),
)


def test_every_button_that_writes_writes_once(world: World, screens: Screens) -> None:
    factories.patient(world.clinic.site, family_name="Passer-by")
    WorkItem.objects.filter(pk=world.task.pk).update(due_at=world.now)
    screen = screens.open(viewport={"width": 1366, "height": 900})
    page = screen.page
    screen.sign_in(everybody(world))
    for one in WRITES:
        screen.open(one.path(world))
        one.fill(page)
        before = rows()
        press_twice(screen, page.get_by_role("main").get_by_role("button", name=one.button).first)
        after = rows()
        assert after != before, one.name
        page.go_back()
        one.back(page)
        assert rows() == after, one.name
    # Back at what was moved there already.
    screen.forgive(422)


def test_a_patient_taps_twice_and_goes_back(world: World, screens: Screens) -> None:
    """Without a script on the page: it is the server that does a thing once."""
    visit = world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    with time_machine.travel(visit.start - timedelta(days=2)):
        screen = screens.open(**PHONE)
        page = screen.page
        screen.open(path_of(visit))
        page.get_by_role("button", name="I will come").dblclick()
        expect(page.get_by_role("status")).to_be_visible()
        told = rows()
        page.go_back()
        expect(page.get_by_role("button", name="I will come")).to_have_count(0)
        page.get_by_label("Your date of birth").fill(BORN)
        page.get_by_role("button", name="Continue").dblclick()
        page.locator("#ride-name").fill("Robin Example")
        page.locator("form[action*='ride'] button").dblclick()
        expect(page.get_by_role("main")).to_contain_text("Robin Example takes you home.")
        page.get_by_text("Cancel this visit", exact=True).click()
        page.locator("form[action*='cancel'] button").dblclick()
        expect(page.get_by_role("main")).to_contain_text("cancelled")
        once = rows()
        page.go_back()
        expect(page.get_by_role("main")).to_contain_text("cancelled")
        assert rows() == once != told
        # The second of two taps finds what the first has changed.
        screen.forgive(403, 409)
