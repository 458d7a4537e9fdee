"""Screens outside the shell of the staff's pages, state by state: signing in, one's account, and the own page
of a patient in both languages.
"""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import time_machine
from django.db import transaction
from django.utils import timezone

from patients.models import Patient
from scheduling.booking.waiting import waitlist
from scheduling.booking.waiting.waitlist import Place, Wish
from scheduling.booking.writing import inviting, links
from scheduling.models import Appointment, Shift
from scheduling.models.patient_link import Purpose
from tests.browser.conftest import PASSWORD, Screen, everybody, go, press
from tests.browser.test_patient import BORN
from tests.web.conftest import World

# A state is named after the address of its screen.
ACCOUNTS = {
    "account_login: empty",
    "account_login: refused",
    "account_change_password: refused",
    "mfa_activate_totp: refused",
    "mfa_index: empty",
    "mfa_activate_totp: empty",
    "mfa_list_webauthn: empty",
    "own-mails: full",
    "people: full",
    "account_logout: empty",
    "account_change_password: empty",
}
OWN = {
    "own-visit: front",
    "own-visit: cannot come",
    "own-visit: refused",
    "own-visit: open",
    "own-visit-questions: full",
    "own-visit-questions: refused",
    "own-visit-times: full",
    "own-visit-times: refused",
    "own-visit: cancelled",
    "own-visit: gone",
    "own-visit: sent",
    "own-next: front",
    "own-next: refused",
    "own-next: full",
    "own-next: empty",
    "own-offer: front",
    "own-offer: refused",
    "own-offer: over",
}


def accounts(screen: Screen, world: World) -> Iterator[str]:
    page, staff = screen.page, everybody(world)
    screen.open("/accounts/sign-in/")
    yield "account_login: empty"
    page.get_by_label("Username").fill(staff.username)
    page.get_by_label("Password").fill("not this one")
    press(screen, "Sign in", "body")
    yield "account_login: refused"
    page.get_by_label("Username").fill(staff.username)
    page.get_by_label("Password").fill(PASSWORD)
    press(screen, "Sign in", "body")
    paths = {
        "mfa_index: empty": "/accounts/factors/",
        "mfa_activate_totp: empty": "/accounts/factors/app/add/",
        "mfa_list_webauthn: empty": "/accounts/factors/passkeys/",
        "own-mails: full": "/accounts/mails/",
        "people: full": "/accounts/people/",
        "account_logout: empty": "/accounts/sign-out/",
        "account_change_password: empty": "/accounts/password/",
    }
    for state, path in paths.items():
        screen.open(path)
        yield state
    for field in page.locator("main input[type=password]").all():
        field.fill("short")
    go(screen, "main form button[type=submit]")
    yield "account_change_password: refused"
    screen.open("/accounts/factors/app/add/")
    page.locator("main input:not([type=hidden])").first.fill("000000")
    go(screen, "main form button[type=submit]")
    yield "mfa_activate_totp: refused"


def a_patient(screen: Screen, world: World) -> Iterator[str]:
    yield from _a_patient(screen, world, "en")


def a_patient_in_spanish(screen: Screen, world: World) -> Iterator[str]:
    yield from _a_patient(screen, world, "es")


def _a_patient(screen: Screen, world: World, language: str) -> Iterator[str]:
    page, visit = screen.page, world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    yield from _choosing(screen, world, language)
    yield from _offered(screen, world, language)
    with time_machine.travel(visit.start - timedelta(days=2)):
        path = "/v/" + links.address(visit_id=visit.pk).rpartition("/")[2]
        screen.open(f"{path}?lang={language}")
        yield "own-visit: front"
        go(screen, "form[action*='cannot-come'] button")
        yield "own-visit: cannot come"
        for born, state in (("1990-01-01", "refused"), (BORN, "open")):
            page.locator("#birth_date").fill(born)
            go(screen, "form[action*='open'] button")
            yield f"own-visit: {state}"
        go(screen, "#questions a.button")
        yield "own-visit-questions: full"
        page.locator("#q1-2").check()
        page.locator("form.stack").first.evaluate("form => { form.noValidate = true }")
        go(screen, "form.stack button")
        yield "own-visit-questions: refused"
        screen.open(f"{path}/times?lang={language}")
        yield "own-visit-times: full"
        page.locator("input[type=radio]").first.check()
        Shift.objects.all().delete()
        go(screen, "form[action*='move'] button")
        yield "own-visit-times: refused"
        screen.open(f"{path}?lang={language}")
        page.locator("details summary").first.click()
        go(screen, "form[action*='cancel'] button")
        yield "own-visit: cancelled"
        screen.open("/v/" + "x" * 22)
        yield "own-visit: gone"
        go(screen, "form button")
        yield "own-visit: sent"


def _choosing(screen: Screen, world: World, language: str) -> Iterator[str]:
    """The page on which the time of a visit that is not booked is chosen."""
    page, dose = screen.page, world.visit("dose-3")
    kept = list(Shift.objects.all())
    with transaction.atomic():
        inviting.invite(dose=dose, now=timezone.now())
    with time_machine.travel(dose.end):
        path = urlsplit(links.address(visit_id=dose.pk, purpose=Purpose.NEXT)).path
        screen.open(f"{path}?lang={language}")
        yield "own-next: front"
        for born, state in (("1990-01-01", "refused"), (BORN, "full")):
            page.locator("#birth_date").fill(born)
            go(screen, "form[action*='open'] button")
            yield f"own-next: {state}"
        page.locator("input[type=radio]").first.check()
        Shift.objects.all().delete()
        go(screen, "form[action*='book'] button")
        yield "own-next: empty"
    Shift.objects.bulk_create(kept)


def _offered(screen: Screen, world: World, language: str) -> Iterator[str]:
    """The page on which a place that is kept is taken or left."""
    clinic, now = world.clinic, timezone.now()
    wish = Wish(clinic.patient.pk, "therapy", now, now + timedelta(days=60), mode="video")
    entry = waitlist.add(actor=clinic.admin, wish=wish, now=now)
    place = Place(world.visit("dose-3").start + timedelta(days=21))
    waitlist.offer(actor=clinic.admin, entry_id=entry, place=place, now=now)
    held = Appointment.objects.get(patient=clinic.patient, status="held")
    path = urlsplit(links.address(visit_id=held.pk, purpose=Purpose.OFFER)).path
    screen.open(f"{path}?lang={language}")
    yield "own-offer: front"
    screen.page.locator("#birth_date").fill("1990-01-01")
    go(screen, "form[action*='take'] button")
    yield "own-offer: refused"
    go(screen, "form[action*='leave'] button")
    yield "own-offer: over"
