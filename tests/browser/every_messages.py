"""The screens of messages and of what patients answer, state by state."""

from collections.abc import Iterator

from django.conf import settings
from playwright.sync_api import expect

from notifications.inbox import inbound
from notifications.models import Attempt, Message, Thread
from notifications.sending import stopping
from tests.browser.conftest import Screen, everybody, go, press
from tests.web.conftest import World

# A state is named after the address of its screen.
IN_DOUBT = {"messages: doubt", "message: doubt", "message: refused", "messages-refused: refused"}
STOPPING = {"stop-mails: asked", "stop-mails: done", "stop-mails: gone"}


def how_a_patient_is_reached(screen: Screen, world: World) -> Iterator[str]:
    page = screen.page
    screen.sign_in(everybody(world), f"/patients/{world.patient.pk}/")
    yield "patient: full"
    page.locator("main details").evaluate_all("found => found.forEach(one => one.open = true)")
    page.get_by_label("What they said, or how").fill("By telephone.")
    press(screen, "Write it down")
    yield "patient: refused"
    mail = world.patient.contact_points.get(channel="email")
    page.get_by_label(mail.value).check()
    press(screen, "Write it down")
    yield "patient: asked"
    press(screen, f"Remove {mail.value}")
    yield "patient: asked for what is gone"


REACHED = {
    "patient: full",
    "patient: refused",
    "patient: asked",
    "patient: asked for what is gone",
}
ANSWERED = {"inbox: waits", "inbox-thread: waits", "inbox-thread: refused"}


def a_message_in_doubt(screen: Screen, world: World) -> Iterator[str]:
    page, row = screen.page, world.message
    attempt = Attempt.objects.create(
        message=row, number=1, begun_at=world.now, outcome="in_doubt", segments=1
    )
    doubt = {"state": "in_doubt", "state_reason": "ReadTimeout", "sent_body": "Clinic: see you."}
    Message.objects.filter(pk=row.pk).update(current_attempt=attempt.pk, due_at=world.now, **doubt)
    screen.sign_in(everybody(world), "/messages/?show=doubt")
    yield "messages: doubt"
    screen.open(f"/messages/{row.pk}/")
    yield "message: doubt"
    page.locator("form[action$='/sent/']").evaluate("form => { form.noValidate = true }")
    press(screen, "It was sent")
    yield "message: refused"
    screen.open("/messages/refused/")
    page.locator("main details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.locator("form[action$='/lift/']").evaluate("form => { form.noValidate = true }")
    press(screen, "Write to it again")
    yield "messages-refused: refused"


def what_patients_answer(screen: Screen, world: World) -> Iterator[str]:
    number = Thread.objects.get().number
    asked = {"provider": "twilio", "provider_id": "SM1", "sender": number, "receiver": "+15005550006"}
    inbound.take(text=inbound.Text(**asked, body="May I bring somebody?"), now=world.now)
    screen.sign_in(everybody(world), "/inbox/")
    yield "inbox: waits"
    screen.page.locator("main table a, main li a").first.click()
    yield "inbox-thread: waits"
    screen.page.get_by_role("textbox").last.fill("Before your ketamine: yes.")
    screen.page.locator("form[action$='/reply/'] button").first.click()
    expect(screen.page.get_by_text("ketamine").first).to_be_visible()
    yield "inbox-thread: refused"


def an_end_of_mails(screen: Screen, world: World) -> Iterator[str]:
    """Behind the link that every e-mail has, as a mail program opens it."""
    attempt = Attempt.objects.create(message=world.message, number=1, begun_at=world.now, segments=1)
    path = stopping.address(attempt_id=attempt.pk).removeprefix(settings.PUBLIC_URL)
    screen.open(path)
    yield "stop-mails: asked"
    go(screen, "form button")
    yield "stop-mails: done"
    screen.open(path[:-1])
    yield "stop-mails: gone"
