"""`./dev screenshots`: every screen with the demo's clinic in it, at one moment, as a picture."""

import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django

django.setup()

from django.core.management import call_command  # noqa: E402  after django.setup
from django.db import transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from clinic.practice.models import Practice, Site, StaffMember  # noqa: E402
from notifications.inbox import inbound  # noqa: E402
from notifications.models import Message, Thread  # noqa: E402
from patients.models import Patient  # noqa: E402
from scheduling.booking.writing import links  # noqa: E402
from scheduling.models import Appointment, FollowUpGap, ProtocolTemplate  # noqa: E402
from tests.bench import _server  # noqa: E402
from tests.browser import installed  # noqa: E402
from tests.screenshots import moment  # noqa: E402

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
BORN = "1980-05-04"
DESK, PHONE = (1366, 900), (390, 844)


@dataclass(frozen=True)
class Shot:
    """One picture: who looks at what, on which screen; no role: a patient. `path` may ask the database for an
    id, `then` does something before the picture is taken.
    """

    name: str
    path: str | Callable[[], str]
    role: str = "front_desk"
    size: tuple[int, int] = DESK
    scheme: str = "light"
    whole: bool = False
    then: Callable[[Page], None] = lambda page: None


def ours() -> Practice:
    """The demo's first practice, which has something of everything."""
    return Practice.objects.order_by("id")[0]


def course() -> str:
    """A course in its middle, with a follow-up that is missing."""
    owed = (
        FollowUpGap.objects.filter(practice=ours(), flagged=True, course__status="active")
        .order_by("closes_at")
        .first()
    )
    assert owed is not None
    return f"/courses/{owed.course_id}/"


def today() -> str:
    """The day at the demo's first site."""
    site = Site.objects.filter(practice=ours()).order_by("id")[0]
    return f"?site={site.pk}"


def moved() -> str:
    """A dose to come, in the middle of its course."""
    dose = Appointment.objects.filter(
        practice=ours(),
        kind="dosing",
        mode="in_person",
        status__in=("booked", "confirmed"),
        start__gt=timezone.now(),
    )
    found = dose.order_by("start").first()
    assert found is not None
    return f"/moves/{found.pk}/"


def newcomer() -> str:
    """Somebody for whom nothing is booked yet."""
    found = Patient.objects.filter(practice=ours(), courses__isnull=True).order_by("family_name").first()
    assert found is not None
    return f"/book/?patient={found.pk}"


def protocol() -> str:
    found = ProtocolTemplate.objects.get(practice=ours(), key="iv_ketamine_2x_3wk_cbt")
    return f"/set-up/protocols/{found.pk}/"


def answered() -> str:
    """The texts with somebody who answers what they were sent last."""
    told = Message.objects.filter(practice=ours(), channel="sms", kind="reminder_24h", state="accepted")
    number = told.order_by("-due_at").values_list("sent_to", flat=True)[0]
    text = inbound.Text(
        provider="twilio",
        provider_id="SM" + "0" * 32,
        sender=number,
        receiver="+15005550006",
        body="Is there a place to park?",
    )
    inbound.take(text=text, now=timezone.now())
    return f"/inbox/{Thread.objects.get(practice=ours(), number=number).pk}/"


def see_the_last(page: Page) -> None:
    page.locator("#answer").evaluate("node => node.parentElement.scrollIntoView({block: 'end'})")


def choose_protocol(page: Page) -> None:
    page.get_by_text("6 infusions over 3 weeks").first.click()
    page.get_by_role("button", name=re.compile("Book these")).first.wait_for()
    page.locator("#plans").evaluate("node => node.scrollIntoView()")


def choose_time(page: Page) -> None:
    """A day later, so that what follows the dose has to move as well."""
    wished = page.get_by_label("When?", exact=True)
    later = datetime.fromisoformat(wished.input_value()) + timedelta(days=1)
    wished.fill(later.isoformat(timespec="minutes"))
    page.get_by_role("button", name="See what follows").first.click()
    page.get_by_role("heading", name=re.compile("visits? (would )?moves?")).wait_for()


def say_otherwise(page: Page) -> None:
    """Words that a patient could read, and one that others must not."""
    text = page.get_by_label("Text")
    text.fill("{clinic}: until {times}! Your infusion awaits.[ More: {link}][ Call {phone}.] {stop}")
    page.get_by_text(re.compile("tells what the visit is for")).wait_for()


def call_in_sick(page: Page) -> None:
    """Whoever has most to do from today to the end of the week is away."""
    today = timezone.localdate()
    friday = today + timedelta(days=4)
    busiest = Counter(
        StaffMember.objects.filter(
            practice=ours(),
            staffing__appointment__local_date__range=(today, friday),
            staffing__appointment__status__in=("booked", "confirmed"),
        ).values_list("pk", flat=True)
    )
    page.get_by_label("Who").select_option(str(busiest.most_common(1)[0][0]))
    page.get_by_label("First day").fill(today.isoformat())
    page.get_by_label("Last day").fill(friday.isoformat())
    page.get_by_role("button", name="Add the absence").click()
    page.get_by_role("heading", name=re.compile("cannot stay")).wait_for()


def own_link() -> str:
    """The page of a patient whose visit is to come."""
    coming = Appointment.objects.filter(
        practice=ours(), status__in=("booked", "confirmed"), start__gt=timezone.now()
    )
    found = coming.order_by("start").first()
    assert found is not None
    return _link_to(found)


def _link_to(visit: Appointment) -> str:
    with transaction.atomic():
        links.make(visits=[(visit.practice_id, visit.pk)], now=timezone.now())
    return urlsplit(links.address(visit_id=visit.pk)).path


def answer_questions(page: Page) -> None:
    """After the date of birth: the first answers of the questions."""
    page.locator("#birth_date").fill(BORN)
    page.locator("form[action$='/open'] button").click()
    page.locator("#questions a.button").first.click()
    for item, answer in ((1, 1), (2, 2), (3, 0)):
        page.locator(f"#q{item}-{answer}").check()
    page.locator("#question-2").evaluate("node => node.scrollIntoView()")


def asked_link() -> str:
    """The page of a patient with questions to answer."""
    coming = Appointment.objects.filter(
        practice=ours(),
        kind="dosing",
        course__protocol_version__document__measures__baseline__icontains="PHQ-9",
        status__in=("booked", "confirmed"),
        start__gt=timezone.now(),
    )
    found = coming.order_by("start").first()
    assert found is not None
    Patient.objects.filter(pk=found.patient_id).update(birth_date=BORN)
    return _link_to(found)


SHOTS = (
    Shot("overview", "/overview/"),
    Shot("day", lambda: f"/day/{today()}"),
    Shot("day-dark", lambda: f"/day/{today()}", scheme="dark"),
    Shot("day-phone", lambda: f"/day/{today()}", size=PHONE),
    Shot("board", lambda: f"/board/{today()}"),
    Shot("move", moved),
    Shot("cascade", moved, then=choose_time),
    Shot("book-patient", "/book/"),
    Shot("book", newcomer, then=choose_protocol),
    Shot("messages", "/messages/?show=all"),
    Shot("messages-of-a-course", lambda: f"{course()}messages/"),
    Shot("messages-report", "/messages/report/"),
    Shot("inbox", answered, then=see_the_last),
    Shot("set-up", "/set-up/", role="practice_admin"),
    Shot("patient-phone", own_link, role="", size=PHONE),
    Shot("patient-questions", asked_link, role="", size=PHONE, then=answer_questions),
    Shot("set-up-protocol", protocol, role="practice_admin", whole=True),
    Shot("set-up-shifts", "/set-up/shifts/", role="practice_admin"),
    Shot(
        "set-up-wording",
        "/set-up/messages/reminder_24h/en/sms/",
        role="practice_admin",
        whole=True,
        then=say_otherwise,
    ),
    Shot("roster", "/roster/", role="therapist"),
    Shot("roster-phone", "/roster/", role="therapist", size=PHONE),
    Shot("worklist", "/follow-ups/"),
    Shot("worklist-dark", "/follow-ups/", scheme="dark"),
    Shot("course-page", course),
    Shot("components", "/design/", role="practice_admin", whole=True),
    # The last: from here on somebody is away.
    Shot("set-up-absence", "/set-up/absences/", then=call_in_sick, whole=True),
)


def cookies(role: str) -> list[tuple[str, str]]:
    """Those of somebody who is signed in with this role; none without one."""
    if not role:
        return []
    staff = StaffMember.objects.filter(practice=ours(), roles__contains=[role]).order_by("username")[0]
    signed_in = Client()
    signed_in.force_login(staff, backend=BACKEND)
    return [(name, one.value) for name, one in signed_in.cookies.items()]


def take(browser: Browser, url: str, shot: Shot) -> None:
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if shot.scheme == "dark" else "light"
    )
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies(shot.role)])
    page = context.new_page()
    path = shot.path if isinstance(shot.path, str) else shot.path()
    answer = page.goto(url + path)
    assert answer is not None and answer.ok, (shot.name, path)
    page.wait_for_load_state("networkidle")
    shot.then(page)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{shot.name}.png", full_page=shot.whole)
    context.close()
    print(f"{shot.name}.png  {path}")


def main() -> None:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with tempfile.TemporaryDirectory() as folder:
        call_command("load_demo", credentials_file=Path(folder) / "credentials.json")
    chromium = installed.chromium()
    with _server.web(application=f"{moment.__name__}:application") as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        wanted = sys.argv[1:]
        for shot in (one for one in SHOTS if not wanted or one.name in wanted):
            take(browser, f"http://127.0.0.1:{port}", shot)
        browser.close()


if __name__ == "__main__":
    main()
