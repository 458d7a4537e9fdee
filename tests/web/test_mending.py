"""Putting a visit right from its page: back, corrected, or never meant."""

import re
from datetime import timedelta
from typing import Any

import time_machine
from django.test import Client

from clinic.practice.web import times
from scheduling.models import Appointment
from tests.scheduling.booking import booked
from tests.web.conftest import World, signed_in
from tests.web.patient.conftest import text_of


def do(client: Client, visit: Appointment, verb: str, **form: Any) -> Any:
    return client.post(f"/visits/{visit.pk}/{verb}/", form)


def page_of(client: Client, visit: Appointment) -> str:
    return client.get(f"/visits/{visit.pk}/").content.decode()


def status(visit: Appointment) -> str:
    return Appointment.objects.get(pk=visit.pk).status


def test_a_visit_takes_place_after_all(world: World, desk: Client) -> None:
    visit = world.visit("integration-2")
    assert "Takes place after all" not in page_of(desk, visit)
    do(desk, visit, "cancel", reason_code="cost")
    assert "Takes place after all" in page_of(desk, visit)
    refused = do(desk, visit, "reinstate", reason="")
    assert refused.status_code == 422
    assert 'id="do-reinstate" open' in refused.content.decode()
    assert do(desk, visit, "reinstate", reason="The patient comes after all").status_code == 303
    assert status(visit) == "booked"


def test_a_record_is_corrected_and_only_what_was_touched(world: World, desk: Client) -> None:
    booked.give(world.clinic, world.dose)
    dose = Appointment.objects.get(pk=world.dose.pk)
    assert dose.arrived_at is not None
    with time_machine.travel(dose.end + timedelta(hours=1)):
        page = page_of(desk, dose)
        fields = dict(
            re.findall(r'name="(arrived|started|administration_ended|discharged)"[^>]*value="([^"]*)"', page)
        )
        assert set(fields) == {"arrived", "started", "administration_ended", "discharged"}
        earlier = dose.arrived_at - timedelta(minutes=10)
        fields["arrived"] = times.wall(earlier, dose.time_zone)
        answer = do(desk, dose, "correct", status="fulfilled", reason="Wrong time", **fields)
        assert answer.status_code == 303, text_of(answer)
    fresh = Appointment.objects.get(pk=dose.pk)
    assert fresh.arrived_at == earlier
    assert (fresh.started_at, fresh.discharged_at) == (dose.started_at, dose.discharged_at)
    assert "record corrected" in text_of(desk.get(f"/courses/{world.course.pk}/"))


def test_a_correction_that_cannot_be_keeps_what_was_typed(world: World, desk: Client) -> None:
    booked.give(world.clinic, world.dose)
    with time_machine.travel(world.dose.end + timedelta(hours=1)):
        late = times.wall(world.dose.end + timedelta(minutes=30), world.dose.time_zone)
        answer = do(desk, world.dose, "correct", status="fulfilled", arrived=late, reason="Wrong time")
        page = answer.content.decode()
        assert answer.status_code == 422
        assert re.search(r'id="do-correct" open', page)
        assert f'value="{late}"' in page
        assert 'value="Wrong time"' in page
        assert "cannot be before" in page


def test_a_visit_that_should_not_be_is_entered_in_error(world: World, desk: Client) -> None:
    visit = world.visit("integration-2")
    assert do(desk, visit, "enter_in_error", reason="Booked twice").status_code == 303
    assert status(visit) == "entered_in_error"
    assert "Entered in error…" not in page_of(desk, visit)


def test_two_people_are_told(world: World, desk: Client) -> None:
    visit = world.visit("integration-2")
    version = visit.version
    booked.move(world.clinic, visit.pk, "confirm", now=world.now)
    answer = do(desk, visit, "enter_in_error", reason="Booked twice", version=version)
    assert answer.status_code == 409
    assert "changed since this page was opened" in text_of(answer)
    assert status(visit) == "confirmed"


def test_only_who_may_is_offered_to(world: World) -> None:
    operator = signed_in(world.staff("operator"))
    visit = world.visit("integration-2")
    assert "Entered in error…" not in page_of(operator, visit)
    assert do(operator, visit, "enter_in_error", reason="x").status_code == 403
    assert status(visit) == "booked"


def test_a_follow_up_met_elsewhere_is_recorded(world: World) -> None:
    booked.give(world.clinic, world.visit("dose-1"))
    gap = booked.gap_of(world.course, "dose-1")
    at = f"/follow-ups/{gap.pk}/attest/"
    with time_machine.travel(world.dose.end + timedelta(days=2)):
        desk = signed_in(world.clinic.front_desk)
        refused = desk.post(at, {"attended_on": "", "provider": "Dr. <b>"})
        assert refused.status_code == 422
        assert "Dr. &lt;b&gt;" in refused.content.decode()
        assert desk.post(at, {"attended_on": "2999-01-01"}).status_code == 422
        day = (world.dose.local_date + timedelta(days=1)).isoformat()
        assert desk.post(at, {"attended_on": day, "provider": "A counsellor"}).status_code == 303
    gap.refresh_from_db()
    assert gap.status == "closed"
