"""Therapists and prescribers at their work: on a telephone, by keys, and where a rule stands in the way."""

from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import expect

from clinic.practice.models import StaffMember
from patients.models import EligibilityDecision
from scheduling.models import Appointment, FollowUpGap, RuleOverride
from tests.browser.conftest import Screens, press
from tests.browser.test_journeys import tab_onto, tab_to
from tests.scheduling.booking import booked
from tests.web.conftest import World

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def therapist(world: World) -> StaffMember:
    return world.clinic.therapists[0]


def test_a_therapist_reads_the_day_and_gives_a_session_on_a_telephone(world: World, screens: Screens) -> None:
    visit = world.visit("integration-1")
    staff = visit.practitioners.get()
    with time_machine.travel(visit.start):
        screen = screens.open(**PHONE)
        page = screen.page
        screen.sign_in(staff, "/")
        card = page.locator(f"#visit-{visit.pk}")
        expect(card).to_contain_text(str(world.clinic.patient))
        card.get_by_role("button", name="Check in").tap()
        expect(card).to_contain_text("Here")
        card.get_by_role("button", name="Start").tap()
        expect(card).to_contain_text("In treatment")
        card.get_by_role("link", name=str(world.clinic.patient)).first.tap()
        expect(page.get_by_role("heading", level=1)).to_have_text(str(world.clinic.patient))
        page.get_by_role("button", name="Complete").tap()
        expect(page.get_by_role("status").first).to_contain_text("Completed.")
    assert Appointment.objects.get(pk=visit.pk).status == "fulfilled"


def test_a_therapist_takes_a_follow_up_and_puts_it_off_by_keys_alone(
    world: World, screens: Screens, therapist: StaffMember
) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 768})
    page = screen.page
    screen.sign_in(therapist, "/board/")
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/follow-ups/")
    tab_to(page, "Everything not booked", "link")
    page.keyboard.press("Enter")
    tab_to(page, "Take it")
    page.keyboard.press("Enter")
    expect(page.locator(f"#gap-{world.gap.pk}")).to_contain_text("Yours")
    tab_onto(page, page.locator(f"#gap-{world.gap.pk} summary"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Put it off")).to_be_visible()
    tab_to(page, "Put it off", "combobox")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Put off")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Put off")
    gap = FollowUpGap.objects.get(pk=world.gap.pk)
    assert (gap.assignee_id, gap.snoozed_until is not None) == (therapist.pk, True)


def test_a_prescriber_lets_a_dose_begin_in_spite_of_a_rule_by_keys_alone(
    world: World, screens: Screens
) -> None:
    EligibilityDecision.objects.all().delete()
    screen = screens.open(viewport={"width": 1366, "height": 768})
    page = screen.page
    screen.sign_in(world.clinic.prescriber, f"/visits/{world.dose.pk}/")
    tab_to(page, "Check in")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("Check in: not done.")
    tab_to(page, "Why is it right all the same?", "textbox")
    page.keyboard.type("Decided by phone, the record follows")
    tab_to(page, "Check in")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Checked in.")
    assert RuleOverride.objects.get().reason == "Decided by phone, the record follows"
    screen.forgive(422)


def test_a_prescriber_reads_a_course_and_waives_a_follow_up_on_a_telephone_without_scripts(
    world: World, screens: Screens
) -> None:
    screen = screens.open(**PHONE, java_script_enabled=False)
    page = screen.page
    screen.sign_in(world.clinic.prescriber, f"/courses/{world.course.pk}/")
    expect(page.get_by_role("img", name="Timeline:")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("dose 6 of 6")
    screen.open(f"/follow-ups/{world.gap.pk}/")
    page.get_by_label("Why is no follow-up needed?").fill("Sees somebody elsewhere")
    page.get_by_role("button", name="Waive it").tap()
    expect(page.get_by_role("main")).to_contain_text("Waived")
    assert FollowUpGap.objects.get(pk=world.gap.pk).waived_at is not None


def test_a_prescriber_draws_a_longer_dose_and_saves_it(world: World, screens: Screens) -> None:
    screen = screens.open(viewport={"width": 1366, "height": 768})
    page = screen.page
    screen.sign_in(world.clinic.prescriber, f"/set-up/protocols/{world.protocol.pk}/")
    page.get_by_label("Hours from the dose's end, at least").fill("90")
    press(screen, "Draw it")
    expect(page.get_by_role("alert").first).to_be_visible()
    page.get_by_label("Hours from the dose's end, at least").fill("20")
    press(screen, "Draw it")
    expect(page.get_by_role("heading", name="What you typed")).to_be_visible()
    assert world.protocol.versions.count() == 1
    press(screen, "Save as the next version")
    assert world.protocol.versions.count() == 2
    screen.forgive(422)


def test_monitoring_runs_out_before_the_patient_leaves(world: World, screens: Screens) -> None:
    """The prescriber is asked at once why it is so early."""
    for verb in ("check_in", "start", "end_administration"):
        booked.move(world.clinic, world.dose.pk, verb, now=world.now)
    with time_machine.travel(world.now + timedelta(minutes=5)):
        screen = screens.open(**PHONE)
        screen.sign_in(world.clinic.prescriber, f"/visits/{world.dose.pk}/")
        screen.page.get_by_role("button", name="Discharge early").tap()
        assert Appointment.objects.get(pk=world.dose.pk).discharged_at is None
        screen.page.get_by_label("Why before").fill("Taken over by the hospital")
        screen.page.get_by_role("button", name="Discharge early").tap()
        expect(screen.page.get_by_role("status").first).to_contain_text("Discharged.")
    assert Appointment.objects.get(pk=world.dose.pk).discharged_at is not None
