"""The patient's page on a telephone, with one thumb, in both languages, and before a machine that looks."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from patients.models import Measure, Patient
from scheduling.booking.writing import inviting, links
from scheduling.models import Appointment
from scheduling.models.patient_link import Purpose
from tests.browser.conftest import Screens
from tests.web.conftest import World
from tests.web.test_every_page import rows

BORN = "1980-05-04"
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def visit(world: World) -> Any:
    found = world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    with time_machine.travel(found.start - timedelta(days=2)):
        yield found


def path_of(visit: Appointment) -> str:
    return "/v/" + links.address(visit_id=visit.pk).rpartition("/")[2]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ("I will come", "Your date of birth", "Continue", "Another time", "Move my visit", "new time"),
        ),
        (
            "es",
            (
                "Sí, vendré",
                "Su fecha de nacimiento",
                "Continuar",
                "Otra hora",
                "Cambiar mi visita",
                "otra hora",
            ),
        ),
    ],
)
def test_a_patient_confirms_and_moves_with_one_thumb_and_no_script(
    visit: Appointment, screens: Screens, language: str, words: tuple[str, ...]
) -> None:
    Patient.objects.filter(pk=visit.patient_id).update(language=language)
    yes, born, go_on, another, move, told = words
    screen = screens.open(java_script_enabled=False, **PHONE)
    page = screen.page
    screen.open(path_of(visit))
    page.get_by_role("button", name=yes).tap()
    expect(page.get_by_role("status")).to_be_visible()
    assert Appointment.objects.get(pk=visit.pk).status == "confirmed"
    page.get_by_label(born).fill(BORN)
    page.get_by_role("button", name=go_on).tap()
    page.get_by_role("link", name=another).tap()
    page.get_by_role("radio").first.tap()
    page.get_by_role("button", name=move).tap()
    expect(page.get_by_role("status")).to_contain_text(told)
    assert Appointment.objects.get(pk=visit.pk).start != visit.start


@pytest.mark.parametrize(
    ("language", "born", "go_on", "book", "told"),
    [
        ("en", "Your date of birth", "Continue", "Book this time", "Your visit is booked"),
        ("es", "Su fecha de nacimiento", "Continuar", "Reservar esta hora", "Su visita está reservada"),
    ],
)
def test_a_patient_chooses_a_time_with_one_thumb_and_no_script(
    world: World, screens: Screens, language: str, born: str, go_on: str, book: str, told: str
) -> None:
    dose = world.visit("dose-3")
    Patient.objects.filter(pk=dose.patient_id).update(birth_date=BORN, language=language)
    with transaction.atomic():
        inviting.invite(dose=dose, now=timezone.now())
    with time_machine.travel(dose.end):
        screen = screens.open(java_script_enabled=False, **PHONE)
        page = screen.page
        screen.open(urlsplit(links.address(visit_id=dose.pk, purpose=Purpose.NEXT)).path)
        page.get_by_label(born).fill(BORN)
        page.get_by_role("button", name=go_on).tap()
        page.get_by_role("radio").first.tap()
        page.get_by_role("button", name=book).tap()
        expect(page.get_by_role("status")).to_contain_text(told)
    assert Appointment.objects.filter(follows=dose, status="booked").count() == 1


def test_a_patient_answers_the_questions_with_one_thumb_and_no_script(
    visit: Appointment, screens: Screens
) -> None:
    screen = screens.open(java_script_enabled=False, **PHONE)
    page = screen.page
    screen.open(path_of(visit))
    page.get_by_label("Your date of birth").fill(BORN)
    page.get_by_role("button", name="Continue").tap()
    page.get_by_role("link", name="Answer").tap()
    groups = page.get_by_role("group")
    groups.nth(0).get_by_text("Several days").tap()
    page.get_by_role("button", name="finish later").tap()
    expect(page.get_by_text("1 of 9 answered")).to_be_visible()
    page.get_by_role("link", name="Go on").tap()
    expect(groups.nth(0).get_by_label("Several days")).to_be_checked()
    for number in range(1, 9):
        groups.nth(number).get_by_text("Not at all").tap()
    page.get_by_role("button", name="Send my answers").tap()
    expect(page.get_by_role("status")).to_contain_text("sent")
    page.go_back()
    expect(page.get_by_text("Sent. Thank you.")).to_be_visible()
    assert [f"{one.score:f}" for one in Measure.objects.all()] == ["1.00"]


def test_a_machine_that_opens_every_link_changes_nothing(visit: Appointment, screens: Screens) -> None:
    screen = screens.open()
    page, path = screen.page, path_of(visit)
    before = rows()
    for _ in range(2):
        screen.open(path)
        for href in page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)"):
            if href.startswith("http"):
                page.evaluate(
                    "async href => { await fetch(href); await fetch(href, {method: 'HEAD'}) }", href
                )
    assert rows() == before
    assert Appointment.objects.get(pk=visit.pk).version == visit.version
    page.get_by_role("button", name="I will come").click()
    expect(page.get_by_role("status")).to_be_visible()


def test_the_title_and_the_address_tell_nothing(world: World, visit: Appointment, screens: Screens) -> None:
    screen = screens.open(**PHONE)
    page, path = screen.page, path_of(visit)
    screen.open(path)
    page.get_by_label("Your date of birth").fill(BORN)
    page.get_by_role("button", name="Continue").click()
    told = f"{page.title()} {page.url}".lower()
    for private in (world.clinic.patient.family_name.lower(), "dose", "ketamine", BORN):
        assert private not in told
    assert page.title() == "Your visit"
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert "session" not in page.evaluate("document.cookie")
