"""The practice's administrator: from nothing to the first booked course, and what changes later."""

import re
from dataclasses import dataclass, field
from typing import Literal

from allauth.mfa.models import Authenticator
from playwright.sync_api import Locator, expect

from clinic.practice import founding
from clinic.practice.models import Room
from scheduling.models import Shift, TreatmentCourse
from tests.browser.conftest import PASSWORD, Screen, Screens
from tests.browser.test_journeys import tab_to
from tests.web.conftest import World

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
ROLES = ("Prescriber", "Monitor", "Therapist")
# What a page says; nobody reads all choices of a list.
WORDS = """() => {
    const copy = document.querySelector('main').cloneNode(true);
    copy.querySelectorAll('select').forEach(one => one.remove());
    return copy.textContent;
}"""


def new_practice(world: World, screens: Screens) -> Screen:
    founded = founding.found(
        practice={"name": "New Leaf", "message_name": "New Leaf"},
        site={"name": "Main street", "time_zone": "America/New_York"},
        username="head",
        password=PASSWORD,
        now=world.now,
    )
    screen = screens.open(viewport={"width": 1366, "height": 768})
    screen.sign_in(founded.admin, "/")
    return screen


@dataclass
class Hand:
    """One hand at the mouse and the keys, and what it did: clicks, choices from a list, fields and signs
    typed, and the words of the pages that it came to, each page once.
    """

    screen: Screen
    clicks: int = 0
    choices: int = 0
    fields: int = 0
    signs: int = 0
    read: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        page = self.screen.page
        path = re.sub(r"[0-9a-f-]{36}", "", page.url.removeprefix(self.screen.url).partition("?")[0])
        self.read.setdefault(path, len(page.evaluate(WORDS).split()))

    def click(self, what: Locator) -> None:
        self.clicks += 1
        what.locator("visible=true").first.click()

    def press(self, name: str | re.Pattern[str], role: Literal["button", "link"] = "button") -> None:
        with self.screen.page.expect_navigation():
            self.click(self.screen.page.get_by_role("main").get_by_role(role, name=name))
        self.look()

    def type(self, label: str, text: str) -> None:
        self.fields += 1
        self.signs += len(text)
        named = re.compile(rf"^{label}( \(may be blank\))?$")
        self.screen.page.get_by_label(named).locator("visible=true").first.fill(text)

    def choose(self, label: str, option: str) -> None:
        self.choices += 1
        self.screen.page.get_by_label(label).select_option(label=option)

    def tick(self, label: str) -> None:
        self.clicks += 1
        self.screen.page.get_by_label(label, exact=True).check()

    @property
    def minutes(self) -> float:
        """How long a practised hand takes that reads every page once: the keystroke-level model of Card,
        Moran and Newell (a thought 1.35 s, pointing 1.1 s, a press 0.2 s, a hand to the keys 0.4 s, a sign
        0.28 s), and 238 words a minute (Brysbaert 2019).
        """
        aim = 1.35 + 1.1 + 0.2
        hands = (self.clicks + 2 * self.choices + self.fields) * aim + self.fields * 0.4 + self.signs * 0.28
        return hands / 60 + sum(self.read.values()) / 238


def site_and_rooms(hand: Hand) -> None:
    hand.press("Practice", "link")
    hand.type("Phone", "+12025550100")
    hand.press("Save")
    hand.press("Sites", "link")
    hand.press("Main street", "link")
    for day in DAYS:
        hand.type(f"{day} opens", "08:00")
        hand.type(f"{day} closes", "18:00")
    hand.press("Save")
    hand.press("Set-up", "link")
    hand.press("Rooms and chairs", "link")
    for name, kind in (("Chair 1", "Infusion chair"), ("Room 2", "Therapy room")):
        hand.choose("Site", "Main street")
        hand.type("Name", name)
        hand.choose("Kind", kind)
        hand.press(re.compile("Add the room"))
    hand.press("Set-up", "link")


def people_and_shifts(hand: Hand) -> None:
    """Three people, called after their roles, who are there on five days."""
    hand.press("People", "link")
    for role in ROLES:
        hand.type("Given name", "Test")
        hand.type("Family name", role)
        hand.type("Username", role.lower())
        hand.tick(role)
        hand.press("Add the person")
    hand.press("Set-up", "link")
    hand.press("Shifts", "link")
    for role in ROLES:
        hand.choose("Who", f"Test {role}")
        hand.choose("Where", "Main street")
        for day in DAYS:
            hand.tick(day[:3])
        hand.type("First day", "2026-05-04")
        hand.press("Add the shift")
    hand.press("Set-up", "link")


def first_course(hand: Hand) -> None:
    hand.press("First course", "link")
    hand.click(hand.screen.page.get_by_text("Somebody new"))
    hand.type("Given name", "Test")
    hand.type("Family name", "Newcomer")
    hand.type("Birth date", "1990-04-02")
    hand.press("Write down and go on")
    hand.click(hand.screen.page.get_by_role("button", name="Show the plans"))
    with hand.screen.page.expect_navigation():
        hand.click(hand.screen.page.get_by_role("button", name=re.compile("Book these")))


def test_from_nothing_to_the_first_booked_course(world: World, screens: Screens) -> None:
    hand = Hand(new_practice(world, screens))
    page = hand.screen.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Set-up")
    hand.look()
    site_and_rooms(hand)
    people_and_shifts(hand)
    hand.press("Protocols", "link")
    hand.press(re.compile("Take it.*6 infusions over 3 weeks"))
    hand.press("Set-up", "link")
    expect(page.get_by_role("main")).to_contain_text("None booked yet")
    first_course(hand)
    expect(page.get_by_role("heading", level=1)).to_have_text("Booked for Test Newcomer")
    assert TreatmentCourse.objects.exclude(pk=world.course.pk).get().status == "active"
    assert Shift.objects.filter(site__name="Main street").count() == 3
    # The guide says so: its figures are these.
    assert (hand.clicks, hand.choices, hand.fields) == (46, 10, 28)
    assert hand.minutes < 15


def test_a_room_is_added_by_keys_alone_and_without_scripts(world: World, screens: Screens) -> None:
    admin = world.staff("practice_admin")
    screen = screens.open(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = screen.page
    screen.sign_in(admin, "/set-up/rooms/")
    tab_to(page, "Site", "combobox")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Name", "textbox")
    page.keyboard.type("Blue")
    tab_to(page, "Kind", "combobox")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Add the room")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Added.")
    assert Room.objects.filter(name="Blue").exists()


def test_a_lost_telephone_is_put_right(world: World, screens: Screens) -> None:
    admin = world.staff("practice_admin")
    lost = world.clinic.front_desk
    Authenticator.objects.create(user=lost, type="totp", data={"secret": "x"})
    screen = screens.open(viewport={"width": 1366, "height": 768})
    page = screen.page
    screen.sign_in(admin, "/accounts/people/")
    tab_to(page, "Reset")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Their second factor is removed")
    assert not Authenticator.objects.filter(user=lost).exists()
