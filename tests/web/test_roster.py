"""The day's roster, and a visit's way through its day by the buttons."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import time_machine
from django.test import Client

from patients import decisions
from patients.models import EligibilityDecision, Escort, TreatmentConsent
from scheduling.models import Appointment, AppointmentPractitioner, RuleOverride
from tests.scheduling.booking import booked
from tests.web.conftest import World, signed_in

BACK = "/roster/"
ZONE = ZoneInfo("America/New_York")


def status(world: World) -> str:
    return Appointment.objects.get(pk=world.dose.pk).status


def step(client: Client, world: World, verb: str, **typed: str) -> object:
    return client.post(f"/visits/{world.dose.pk}/{verb}/", {"back": BACK, **typed})


def test_the_roster_tells_who_comes_for_what(world: World, desk: Client) -> None:
    page = desk.get("/roster/").content.decode()
    start = world.dose.start.astimezone().strftime
    assert str(world.clinic.patient) in page
    assert "dose 1 of 6" in page
    assert world.clinic.chairs[0].name in page or world.clinic.chairs[1].name in page
    assert "Follow-up booked" in page
    assert "Eligibility" in page
    assert "Consent" in page
    assert f"{world.dose.local_time:%H:%M}" in page
    assert "New York time (EDT)" in page
    assert start("%Y")


def test_a_dose_without_its_follow_up_says_so(world: World, desk: Client) -> None:
    day = world.visit("dose-3").local_date
    assert "No follow-up yet" in desk.get(f"/roster/?date={day}").content.decode()


def test_what_is_not_on_file_is_seen_before_the_patient_comes(world: World, desk: Client) -> None:
    TreatmentConsent.objects.all().delete()
    page = desk.get("/roster/").content.decode()
    assert "No consent" in page
    assert "No eligibility" not in page


def test_the_days_around_it_are_a_click_away(world: World, desk: Client) -> None:
    day = world.dose.local_date
    page = desk.get("/roster/").content.decode()
    for other in (day - timedelta(days=1), day + timedelta(days=1)):
        assert f"date={other}" in page


def test_an_empty_day_says_what_to_do(world: World, desk: Client) -> None:
    page = desk.get("/roster/?date=2026-05-10").content.decode()
    assert "No visits" in page
    assert "day after" in page


def test_one_persons_day_can_be_looked_at(world: World, desk: Client) -> None:
    page = desk.get(f"/roster/?who={world.clinic.front_desk.pk}").content.decode()
    assert str(world.clinic.patient) not in page


def test_a_dose_goes_through_its_day_by_the_buttons(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    assert ">Check in<" in client.get("/roster/").content.decode()
    for verb, after in (
        ("check_in", "arrived"),
        ("start", "in_progress"),
        ("end_administration", "monitoring"),
    ):
        answer = step(client, world, verb)
        assert (answer.status_code, answer["Location"]) == (303, f"{BACK}#visit-{world.dose.pk}")
        assert status(world) == after
    assert "May leave at" in client.get("/roster/").content.decode()
    with time_machine.travel(world.now + timedelta(minutes=10)):
        early = step(client, world, "discharge")
    assert early.status_code == 422
    assert status(world) == "monitoring"


def test_what_is_done_is_said(world: World, desk: Client) -> None:
    step(desk, world, "check_in")
    assert "Checked in." in desk.get(BACK).content.decode()


def test_who_may_not_discharge_has_no_button_for_it(world: World, desk: Client) -> None:
    for verb in ("check_in", "start", "end_administration"):
        step(desk, world, verb)
    assert "/discharge/" not in desk.get("/roster/").content.decode()
    assert step(desk, world, "discharge").status_code == 403
    assert status(world) == "monitoring"


def test_who_is_not_ready_is_not_checked_in_and_the_reason_is_said(world: World, desk: Client) -> None:
    EligibilityDecision.objects.all().delete()
    answer = step(desk, world, "check_in")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "No eligibility decision is on file." in page
    assert "override_reason" not in page
    assert status(world) == "booked"


def test_a_lead_may_override_with_a_reason_that_is_kept(world: World, lead: Client) -> None:
    EligibilityDecision.objects.all().delete()
    page = step(lead, world, "check_in").content.decode()
    assert 'name="override_reason"' in page
    assert 'name="rule" value="S-01"' in page
    without = step(lead, world, "check_in", rule="S-01", override_reason="  ")
    assert without.status_code == 422
    done = step(lead, world, "check_in", rule="S-01", override_reason="Decided by phone, record follows")
    assert done.status_code == 303
    assert status(world) == "arrived"
    assert RuleOverride.objects.get().reason == "Decided by phone, record follows"


def test_a_late_entry_is_the_sites_local_time(world: World, desk: Client) -> None:
    with time_machine.travel(world.now + timedelta(minutes=45)):
        local = world.dose.local_time
        done = step(desk, world, "check_in", at=f"{world.dose.local_date}T{local:%H:%M}")
    assert done.status_code == 303
    assert Appointment.objects.get(pk=world.dose.pk).arrived_at == world.dose.start


def test_a_time_that_cannot_be_is_refused_and_shown_again(world: World, desk: Client) -> None:
    for typed in ("2026-03-08T02:30", "soon", "1800-01-01T00:00", f"{world.dose.local_date}T23:59"):
        answer = step(desk, world, "check_in", at=typed)
        assert answer.status_code == 422, typed
        assert f'value="{typed}"' in answer.content.decode()
    assert status(world) == "booked"


def test_an_hour_that_comes_twice_is_asked_about(world: World, desk: Client) -> None:
    page = step(desk, world, "check_in", at="2025-11-02T01:30").content.decode()
    assert "The clocks show that time twice" in page
    assert 'name="fold"' in page


def test_cancelling_needs_a_reason_and_keeps_what_was_typed(world: World, desk: Client) -> None:
    assert step(desk, world, "cancel", reason=" ").status_code == 422
    stale = step(desk, world, "cancel", reason="Patient called in sick", version="999")
    assert stale.status_code == 409
    assert 'value="Patient called in sick"' in stale.content.decode()
    assert status(world) == "booked"
    assert step(desk, world, "cancel", reason="Patient called in sick").status_code == 303
    assert status(world) == "cancelled"


def test_a_step_that_the_state_does_not_allow_is_refused_in_words(world: World, desk: Client) -> None:
    answer = step(desk, world, "start")
    assert answer.status_code == 409
    assert "not done" in answer.content.decode()


def test_an_unknown_step_is_not_found(world: World, desk: Client) -> None:
    for verb in ("displace", "move", "explode"):
        assert step(desk, world, verb).status_code == 404


def test_tomorrows_patients_cannot_be_checked_in_by_a_slip(world: World, desk: Client) -> None:
    day = world.visit("dose-2").local_date
    page = desk.get(f"/roster/?date={day}").content.decode()
    assert "/check_in/" not in page
    assert "/no_show/" not in page
    assert "/confirm/" in page


def test_a_visit_that_nobody_recorded_stands_out(world: World, desk: Client) -> None:
    with time_machine.travel(world.dose.end + timedelta(hours=1)):
        assert "Booked, not recorded" in desk.get("/roster/").content.decode()


def test_the_visit_tells_who_did_what(world: World, desk: Client) -> None:
    step(desk, world, "check_in")
    page = desk.get(f"/visits/{world.dose.pk}/").content.decode()
    assert "Arrived" in page
    assert world.clinic.front_desk.display_name in page


def test_readiness_on_the_page_is_the_one_that_decides(world: World, lead: Client) -> None:
    decision = EligibilityDecision.objects.get()
    EligibilityDecision.objects.filter(pk=decision.pk).update(expires_on=world.dose.local_date)
    assert "No eligibility" not in lead.get("/roster/").content.decode()
    EligibilityDecision.objects.filter(pk=decision.pk).update(
        expires_on=world.dose.local_date - timedelta(days=1)
    )
    assert "No eligibility" in lead.get("/roster/").content.decode()
    assert step(lead, world, "check_in").status_code == 422
    assert booked.visit(world.course, "dose-1").status == "booked"


def test_a_visit_that_is_over_asks_when_it_happened(world: World, desk: Client) -> None:
    planned = f"{world.dose.local_date}T{world.dose.local_time:%H:%M}"
    with time_machine.travel(world.dose.end + timedelta(days=1)):
        client = signed_in(world.clinic.front_desk)
        roster = client.get(f"/roster/?date={world.dose.local_date}").content.decode()
        assert f'action="/visits/{world.dose.pk}/check_in/"' not in roster
        assert f"/visits/{world.dose.pk}/?back=" in roster
        page = client.get(f"/visits/{world.dose.pk}/").content.decode()
        assert f"Planned for Mon 11 May, {world.dose.local_time:%H:%M}: when did it happen?" in page
        assert f'required max="2026-05-12T{world.dose.end.astimezone(ZONE):%H:%M}"' in page
        assert f'value="{planned}"' in page
        # A roster that was opened in the morning still has the button.
        refused = step(client, world, "check_in")
        assert refused.status_code == 422
        assert "say when it happened" in refused.content.decode()
        assert step(client, world, "check_in", at=planned).status_code == 303
        page = client.get(f"/visits/{world.dose.pk}/").content.decode()
        assert f">Mon 11 May, {world.dose.local_time:%H:%M}</time>" in page
        assert ", entered <time" in page
        assert "Start: when?" in page
    assert Appointment.objects.get(pk=world.dose.pk).arrived_at == world.dose.start


def test_a_dose_that_runs_over_its_time_is_ended_at_once(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    for verb in ("check_in", "start", "end_administration"):
        step(client, world, verb)
    with time_machine.travel(world.dose.end + timedelta(minutes=20)):
        client = signed_in(world.clinic.monitor)
        assert f'action="/visits/{world.dose.pk}/discharge/"' in client.get("/roster/").content.decode()
        assert step(client, world, "discharge").status_code == 303


def test_the_time_asked_for_is_never_before_what_is_on_record(world: World) -> None:
    late = world.dose.end + timedelta(hours=3, seconds=30)
    with time_machine.travel(late):
        booked.move(world.clinic, world.dose.pk, "check_in", now=late)
    with time_machine.travel(late + timedelta(hours=1)):
        client = signed_in(world.clinic.monitor)
        asked = (late + timedelta(seconds=30)).astimezone(ZONE)
        assert f'value="{asked:%Y-%m-%dT%H:%M}"' in client.get(f"/visits/{world.dose.pk}/").content.decode()
        assert step(client, world, "start", at=f"{asked:%Y-%m-%dT%H:%M}").status_code == 303


def test_an_earlier_time_is_offered_only_where_one_can_be_recorded(world: World, desk: Client) -> None:
    assert "Record an earlier time…" in desk.get("/roster/").content.decode()
    ahead = desk.get(f"/roster/?date={world.visit('dose-2').local_date}").content.decode()
    assert ">More<" in ahead
    assert "earlier time" not in ahead


def test_what_a_done_visit_lacks_was_not_recorded(world: World, desk: Client) -> None:
    Appointment.objects.filter(pk=world.dose.pk).update(room=None)
    AppointmentPractitioner.objects.filter(appointment=world.dose).delete()
    assert "Nobody yet" in desk.get("/roster/").content.decode()
    booked.give(world.clinic, world.dose)
    page = desk.get("/roster/").content.decode()
    assert page.count("Not recorded") == 2
    assert "Nobody yet" not in page


def test_the_last_score_is_told_with_its_change(world: World, desk: Client) -> None:
    def measured(code: str, score: int, days: int) -> None:
        decisions.record_measure(
            actor=world.clinic.admin,
            patient_id=world.clinic.patient.pk,
            code=code,
            score=Decimal(score),
            at=world.now - timedelta(days=days),
            now=world.now,
        )

    assert "PHQ-9" not in desk.get("/roster/").content.decode()
    measured("PHQ-9", 19, 20)
    assert "PHQ-9 19 (Tue 21 Apr)" in desk.get("/roster/").content.decode()
    measured("GAD-7", 8, 15)
    measured("PHQ-9", 14, 6)
    assert "PHQ-9 14, 5 less than before" in desk.get("/roster/").content.decode()
    measured("PHQ-9", 15, 1)
    assert "PHQ-9 15, 1 more than before" in desk.get("/roster/").content.decode()


def test_the_ride_home_is_told_where_it_is_known(world: World, desk: Client) -> None:
    Escort.objects.create(patient=world.clinic.patient, name="A friend")
    assert "Home with A friend (not sure yet)" in desk.get("/roster/").content.decode()
    Escort.objects.create(
        patient=world.clinic.patient,
        appointment_id=world.dose.pk,
        name="A <b>sister</b>",
        confirmed_at=world.now,
    )
    page = desk.get("/roster/").content.decode()
    assert "Home with A &lt;b&gt;sister&lt;/b&gt;<" in page
    assert "A friend" not in page


def test_the_last_follow_up_stands_beside_the_next_dose(world: World) -> None:
    visit, dose = world.visit("integration-1"), world.visit("dose-2")
    booked.give(world.clinic, world.dose)
    for verb in ("check_in", "complete"):
        booked.move(world.clinic, visit.pk, verb, now=visit.end)
    with time_machine.travel(dose.start):
        client = signed_in(world.clinic.front_desk)
        page = client.get(f"/roster/?date={dose.local_date}").content.decode()
    assert f"last follow-up {visit.local_date:%a} {visit.local_date.day}" in page
