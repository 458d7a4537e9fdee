"""Every screen in every state in which people meet it.

`every_address` opens whatever the table of addresses holds, so that a new page is looked at without being
named here. The others lead from state to state as people come to them, and stop in each for whoever looks:
WALKS has the states of each, and ONE_STATE the screens that always look the same.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import time_machine
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from clinic.practice import founding, work
from patients.models import EligibilityDecision, Measure
from scheduling.models import Appointment
from tests import factories
from tests.browser.conftest import PASSWORD, Screen, everybody, press
from tests.browser.every_messages import (
    ANSWERED,
    IN_DOUBT,
    REACHED,
    STOPPING,
    a_message_in_doubt,
    an_end_of_mails,
    how_a_patient_is_reached,
    what_patients_answer,
)
from tests.browser.every_outside import ACCOUNTS, OWN, a_patient, a_patient_in_spanish, accounts
from tests.browser.every_places import (
    AWAY,
    PUT_ON,
    WAITS,
    somebody_away,
    who_is_put_on_the_list,
    who_waits,
)
from tests.scheduling.booking import booked
from tests.web.conftest import World
from tests.web.test_every_page import PARTS, VERBS, addresses

Walk = Callable[[Screen, World], Iterator[str]]


# --- staff --------------------------------------------------------------------------------------------------
def every_address(screen: Screen, world: World) -> Iterator[str]:
    screen.sign_in(everybody(world))
    for name, path in addresses(world):
        if name not in {*VERBS, *PARTS}:
            screen.open(path)
            yield f"{name}: {path}"


URGENT = {
    "overview: urgent": "/overview/",
    "day: urgent": "/day/",
    "board: urgent": "/board/",
    "roster: urgent": "/roster/",
    "worklist: urgent": "/follow-ups/",
    "book: urgent": "/book/",
}
EMPTY = {
    "overview: empty": "/overview/",
    "day: empty": "/day/",
    "board: empty": "/board/",
    "roster: empty": "/roster/",
    "worklist: empty": "/follow-ups/",
    "messages: empty": "/messages/",
    "setup: to do": "/set-up/",
    "setup-protocols: empty": "/set-up/protocols/",
    "setup-things: empty": "/set-up/rooms/",
}


def a_new_practice(screen: Screen, world: World) -> Iterator[str]:
    site = {"name": "Main street", "time_zone": "America/New_York"}
    practice = {"name": "New Leaf", "message_name": "New Leaf"}
    founded = founding.found(practice=practice, site=site, username="head", password=PASSWORD, now=world.now)
    screen.sign_in(founded.admin)
    for state, path in EMPTY.items():
        screen.open(path)
        yield state


def booking_a_course(screen: Screen, world: World) -> Iterator[str]:
    page = screen.page
    somebody = factories.patient(world.clinic.site, family_name="Newcomer")
    screen.sign_in(everybody(world), "/book/")
    page.get_by_text("Somebody new").click()
    yield "book: somebody new"
    page.locator("form[action='/book/patient/']").evaluate("form => { form.noValidate = true }")
    press(screen, "Write down and go on")
    yield "book: refused"
    screen.open(f"/book/?patient={somebody.pk}")
    yield "book: asked"
    page.get_by_role("button", name="Show the plans").click()
    expect(page.locator(".plan:visible")).to_have_count(1)
    yield "book: preview"
    page.locator(".plan:visible").get_by_role("button", name="What the patient would get").click()
    expect(page.locator(".plan:visible")).to_contain_text("STOP to opt out.")
    yield "book: messages"
    page.locator(".plan:visible button[name=ref][value=dose-1]").click()
    expect(page.locator(".times").first).to_be_visible()
    yield "book: times"
    page.locator(".times button").locator("visible=true").first.click()
    expect(page.locator(".plan:visible")).to_contain_text("What you fixed stays")
    yield "book: pinned"
    # Whom the plan counts on goes on leave.
    for one in world.clinic.therapists:
        factories.absence(one, world.now, world.now + timedelta(days=60))
    press(screen, "Book these 30 visits")
    yield "book: conflict"
    screen.open(f"/book/?patient={somebody.pk}")
    page.get_by_role("button", name="Show the plans").click()
    expect(page.locator("#plans")).to_contain_text("No plan keeps every rule", timeout=20_000)
    yield "book: no plan"
    screen.open(f"/courses/{world.course.pk}/booked/")
    press(screen, "Mail it")
    yield "booked: done"


def a_day_at_the_desk(screen: Screen, world: World) -> Iterator[str]:
    page = screen.page
    world.clinic.patient.refresh_from_db()
    screen.sign_in(everybody(world), "/patients/")
    field = page.get_by_role("main").get_by_label("Find a patient by name")
    for typed, state in (("Test", "found"), ("Nobody of that", "nobody"), ("x", "refused")):
        field.fill(typed)
        press(screen, "Find")
        yield f"search: {state}"
    screen.open("/day/book/")
    page.get_by_label("Patient", exact=True).fill(world.clinic.patient.family_name)
    expect(page.locator("#whom")).to_contain_text("a visit by itself")
    yield "walk-in: found"
    page.get_by_label("a visit by itself").check()
    page.get_by_label("When?").fill(f"{world.dose.local_date + timedelta(days=1)}T03:00")
    press(screen, "Book")
    yield "walk-in: refused"
    screen.open("/roster/")
    press(screen, "Check in")
    yield "roster: done"
    screen.open("/day/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    yield "day: keys open"
    screen.open("/board/")
    yield "board: under way"
    screen.open("/follow-ups/?show=unbooked")
    yield "worklist: full"
    screen.open("/follow-ups/?show=unbooked")
    page.locator(".gap").get_by_text("More").first.click()
    expect(page.get_by_label("Why is no follow-up needed?")).to_be_visible()
    yield "worklist: menu open"
    screen.open(f"/follow-ups/{world.gap.pk}/")
    page.get_by_role("link", name="Why not at the best time?").click()
    expect(page.get_by_role("dialog")).to_contain_text("on shift")
    yield "follow-up: drawer open"
    page.keyboard.press("Escape")
    page.locator("form[action$='/waive/']").evaluate("form => { form.noValidate = true }")
    press(screen, "Waive it")
    yield "follow-up: refused"
    page.get_by_label("Why is no follow-up needed?").fill("Seen elsewhere")
    press(screen, "Waive it")
    screen.open(f"/follow-ups/{world.gap.pk}/")
    yield "follow-up: waived"


def moving(screen: Screen, world: World) -> Iterator[str]:
    dose, last = world.visit("dose-2"), world.visit("dose-6")
    away = last.local_date + timedelta(days=35)
    screen.sign_in(everybody(world), f"/moves/{last.pk}/?start={away}T{last.local_time:%H:%M}")
    yield "move: broken rule"
    later = dose.local_time.replace(hour=dose.local_time.hour + 1)
    screen.open(f"/moves/{dose.pk}/?start={dose.local_date}T{later:%H:%M}")
    yield "move: preview"
    booked.move(world.clinic, dose.pk, "confirm", now=world.now)
    press(screen, "Move")
    yield "move: conflict"
    screen.open("/follow-ups/?show=unbooked")
    press(screen, "Book the next best")
    yield "worklist: done"
    screen.open("/day/")
    press(screen, "Check in")
    yield "day: done"
    screen.open(f"/day/place/?site={world.clinic.site.pk}&start={dose.local_date}T10:00")
    yield "place: asked"


def a_visit(screen: Screen, world: World) -> Iterator[str]:
    page, path, staff = screen.page, f"/visits/{world.dose.pk}/", everybody(world)
    with time_machine.travel(world.dose.end + timedelta(hours=3)):
        screen.sign_in(staff, path)
        yield "visit: late"
    EligibilityDecision.objects.all().delete()
    screen.sign_in(staff, path)
    press(screen, "Check in")
    yield "visit: may be overridden"
    page.locator("#do-check_in textarea").evaluate("field => { field.value = 'x'.repeat(301) }")
    press(screen, "Check in")
    yield "visit: refused"
    screen.open(path)
    Appointment.objects.filter(pk=world.dose.pk).update(version=world.dose.version + 7)
    press(screen, "Confirm")
    yield "visit: conflict"
    Session.objects.all().delete()
    page.get_by_role("main").get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("dialog", name="Sign in to go on").get_by_label("Username")).to_be_visible()
    yield "visit: expired"
    screen.sign_in(staff, f"{path}cancel/")
    Appointment.objects.filter(pk=world.dose.pk).update(version=world.dose.version + 9)
    page.get_by_label("Keep it", exact=True).check()
    page.get_by_label("In words").fill("Called in")
    press(screen, "Cancel the visit")
    yield "visit-cancel: conflict"
    press(screen, "Cancel the visit")
    yield "visit: done"


def setting_up(screen: Screen, world: World) -> Iterator[str]:
    page = screen.page
    screen.sign_in(everybody(world), "/set-up/rooms/")
    press(screen, "Add the room")
    yield "setup-things: refused"
    page.get_by_label("Name", exact=True).fill("Blue")
    page.get_by_label("Kind").select_option(index=1)
    page.get_by_label("Site").select_option(index=1)
    press(screen, "Add the room")
    yield "setup-things: done"
    room = world.clinic.chairs[0]
    screen.open(f"/set-up/rooms/{room.pk}/")
    type(room).objects.filter(pk=room.pk).update(version=room.version + 1)
    press(screen, "Save")
    yield "setup-thing: conflict"
    screen.open("/set-up/practice/")
    page.get_by_label("Name in messages").fill("")
    press(screen, "Save")
    yield "setup-practice: refused"
    screen.open(f"/set-up/protocols/{world.protocol.pk}/")
    page.get_by_label("Minutes of the dose").fill("50")
    press(screen, "Draw it")
    yield "setup-protocol-edit: preview"
    page.get_by_label("Minutes of the dose").fill("some")
    press(screen, "Draw it")
    yield "setup-protocol-edit: refused"
    screen.open("/set-up/messages/reminder_24h/en/sms/")
    page.get_by_label("Text").fill("{clinic}: your infusion is {times}.")
    press(screen, "Save")
    yield "setup-wording: refused"
    screen.open("/set-up/messages/plan/")
    page.get_by_label("Hours before the visit: How to prepare").fill("24")
    press(screen, "Save each message")
    yield "setup-message-plan: refused"
    screen.open("/set-up/messages/plan/")
    page.get_by_role("button", name="Show what a patient would get").first.click()
    expect(page.get_by_role("heading", name="What a patient would get")).to_be_focused()
    yield "setup-message-plan: preview"


def what_cannot_wait(screen: Screen, world: World) -> Iterator[str]:
    """A patient has said something that a person must hear now: it stands above every page."""
    work.raise_item(
        practice_id=world.clinic.practice.pk,
        kind=work.URGENT[0],
        dedupe_key="what cannot wait",
        subject_kind="course",
        subject_id=world.course.pk,
        patient_id=world.clinic.patient.pk,
        role="prescriber",
        due_at=world.now,
        reason="An answer needs somebody at once.",
    )
    told = screen.page.locator(".notice", has_text="An answer needs somebody at once.")
    screen.sign_in(everybody(world))
    for state, path in URGENT.items():
        screen.open(path)
        expect(told.first).to_be_visible()
        yield state
    screen.open(f"/courses/{world.course.pk}/")
    expect(told).to_have_count(1)
    yield "course: urgent"


def a_course(screen: Screen, world: World) -> Iterator[str]:
    staff, path = everybody(world), f"/courses/{world.course.pk}/"
    for score in (20, 9):
        Measure.objects.create(
            patient=world.clinic.patient, code="PHQ-9", score=score, taken_at=world.now, recorded_by="x"
        )
    screen.sign_in(staff, path)
    yield "course: with scores"
    with time_machine.travel(world.visit("dose-6").end + timedelta(days=60)):
        screen.sign_in(staff, path)
        yield "course: over"


# --- the table ----------------------------------------------------------------------------------------------
# A state is named after the address of its screen.
WALKS: dict[Walk, set[str]] = {
    a_new_practice: {*EMPTY},
    booking_a_course: {
        "book: somebody new",
        "book: refused",
        "book: asked",
        "book: preview",
        "book: messages",
        "book: times",
        "book: pinned",
        "book: conflict",
        "book: no plan",
        "booked: done",
    },
    a_day_at_the_desk: {
        "search: found",
        "search: nobody",
        "search: refused",
        "walk-in: found",
        "walk-in: refused",
        "roster: done",
        "day: keys open",
        "board: under way",
        "worklist: full",
        "worklist: menu open",
        "follow-up: drawer open",
        "follow-up: refused",
        "follow-up: waived",
    },
    moving: {
        "move: broken rule",
        "move: preview",
        "move: conflict",
        "worklist: done",
        "day: done",
        "place: asked",
    },
    a_visit: {
        "visit: may be overridden",
        "visit: refused",
        "visit: conflict",
        "visit: expired",
        "visit-cancel: conflict",
        "visit: done",
        "visit: late",
    },
    setting_up: {
        "setup-things: refused",
        "setup-things: done",
        "setup-thing: conflict",
        "setup-practice: refused",
        "setup-protocol-edit: preview",
        "setup-protocol-edit: refused",
        "setup-wording: refused",
        "setup-message-plan: refused",
        "setup-message-plan: preview",
    },
    somebody_away: AWAY,
    who_waits: WAITS,
    who_is_put_on_the_list: PUT_ON,
    how_a_patient_is_reached: REACHED,
    what_cannot_wait: {*URGENT, "course: urgent"},
    a_course: {"course: with scores", "course: over"},
    a_message_in_doubt: IN_DOUBT,
    what_patients_answer: ANSWERED,
    an_end_of_mails: STOPPING,
    accounts: ACCOUNTS,
    a_patient: OWN,
    a_patient_in_spanish: OWN,
}
ONE_STATE = {
    "access-log",
    "course-messages",
    "design",
    "messages-report",
    "setup-register",
    "setup-wordings",
    "why-not",
}
