"""C, R and whatever is not clear: an answer acts on the one visit that was asked about, while it is so."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from clinic.practice.errors import Busy
from clinic.practice.models import TrailEntry, WorkItem
from notifications.inbox import inbound
from notifications.models import Inbound, Message
from notifications.planning import ports
from patients.models import Patient
from scheduling.booking.own import own_replies
from scheduling.models import Appointment
from tests import factories
from tests.notifications import making
from tests.notifications.inbox.texting import asked, number_of, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient() -> Patient:
    return making.patient()


def soon(patient: Patient, *, days: float = 1, **fields: Any) -> Appointment:
    start = (timezone.now() + timedelta(days=days)).replace(microsecond=0)
    return making.visit(patient, start, **fields)


def status(visit: Appointment) -> str:
    visit.refresh_from_db()
    return visit.status


def outcome() -> tuple[str, list[str], list[str]]:
    """What became of the last text, what people are asked, and what the patient is sent."""
    kept = Inbound.objects.latest("received_at")
    assert kept.settled_at is not None
    items = sorted(WorkItem.objects.filter(done_at=None).values_list("kind", flat=True))
    sent = sorted(Message.objects.filter(state="planned").values_list("kind", flat=True))
    return kept.outcome, items, sent


@pytest.mark.parametrize("word", ["C", " c. ", "yes", "Sí", "Confirmo"])
def test_c_confirms_the_visit_of_the_last_message(client: Client, patient: Patient, word: str) -> None:
    visit = soon(patient)
    asked(visit)
    text(client, number_of(patient), word, sid="SM1")
    text(client, number_of(patient), word, sid="SM1")
    assert status(visit) == "confirmed"
    assert outcome() == ("confirmed", [], ["visit_confirmed"])
    told = TrailEntry.objects.get(verb="appointment.confirm")
    assert (told.actor_ref, told.actor_label) == (f"patient:{patient.pk}", "the patient, by text")


def test_c_a_second_time_changes_nothing(client: Client, patient: Patient) -> None:
    visit = soon(patient)
    asked(visit)
    for _ in range(3):
        text(client, number_of(patient), "C")
    assert (status(visit), outcome()) == ("confirmed", ("confirmed", [], ["visit_confirmed"]))


def test_c_to_a_time_that_has_changed_confirms_nothing_and_says_what_is(
    client: Client, patient: Patient
) -> None:
    visit = soon(patient)
    asked(visit)
    Appointment.objects.filter(pk=visit.pk).update(start=visit.start + timedelta(hours=1), version=2)
    text(client, number_of(patient), "C")
    assert status(visit) == "booked"
    assert outcome() == ("link", [], ["visit_link"])


@pytest.mark.parametrize("state", ["cancelled", "no_show"])
def test_c_to_what_is_no_more_is_asked_by_a_person(client: Client, patient: Patient, state: str) -> None:
    visit = soon(patient)
    asked(visit)
    fact = {"cancelled": "cancelled", "no_show": "no_show"}[state]
    Appointment.objects.filter(pk=visit.pk).update(
        status=state, **{f"{fact}_at": timezone.now(), f"{fact}_by": "test"}
    )
    text(client, number_of(patient), "C")
    assert outcome() == ("nothing", ["patient_text_unclear"], [])


def test_c_when_the_visit_is_over_leads_to_the_next_one(client: Client, patient: Patient) -> None:
    over, following = soon(patient, days=-1), soon(patient, days=3)
    asked(over)
    text(client, number_of(patient), "C")
    assert (status(over), status(following)) == ("booked", "booked")
    assert outcome() == ("link", [], ["visit_link"])
    assert Inbound.objects.get().visit_id == following.pk


def test_c_to_several_visits_at_once_confirms_none(client: Client, patient: Patient) -> None:
    visits = [soon(patient), soon(patient, days=2)]
    sent = asked(visits[0])
    sent.attempt_rows.update(covers=[asked(visits[1], state="cancelled", sent_to="").pk])
    text(client, number_of(patient), "C")
    assert [status(one) for one in visits] == ["booked", "booked"]
    assert outcome() == ("link", ["patient_text_unclear"], ["visit_link"])


def test_c_before_papers_are_there_is_a_task_as_at_the_link(client: Client, patient: Patient) -> None:
    clinic = factories.small_clinic()
    course = making.course(clinic.patient)
    dose = soon(clinic.patient, kind="dosing", course=course)
    asked(dose)
    text(client, number_of(clinic.patient), "C")
    assert status(dose) == "booked"
    assert outcome() == ("not_ready", ["patient_wants_to_come"], ["visit_link"])


def shared(patient: Patient) -> Patient:
    other = factories.patient(patient.site)
    other.contact_points.filter(channel="sms").update(value=number_of(patient))
    return other


@pytest.mark.parametrize("word", ["C", "R"])
def test_of_two_patients_who_were_asked_nobody_is_taken_for_the_other(
    client: Client, patient: Patient, word: str
) -> None:
    other = shared(patient)
    visits = [soon(patient), soon(other)]
    for one in visits:
        asked(one)
    text(client, number_of(patient), word)
    assert [status(one) for one in visits] == ["booked", "booked"]
    kind = {"C": "patient_text_unclear", "R": "patient_asks_change"}[word]
    assert outcome() == ("unclear", [kind], [])
    assert Inbound.objects.get().patient is None


def test_of_two_patients_the_one_who_was_asked_confirms(client: Client, patient: Patient) -> None:
    other = shared(patient)
    mine, theirs = soon(patient), soon(other)
    asked(theirs, due_at=timezone.now() - timedelta(days=8))
    asked(mine)
    text(client, number_of(patient), "C")
    assert (status(mine), status(theirs)) == ("confirmed", "booked")


def test_c_that_answers_nothing_is_asked_by_a_person(client: Client, patient: Patient) -> None:
    visit = soon(patient)
    text(client, number_of(patient), "C")
    assert status(visit) == "booked"
    assert outcome() == ("unclear", ["patient_text_unclear"], [])


def test_r_makes_a_task_and_sends_the_link(client: Client, patient: Patient) -> None:
    visit = soon(patient)
    asked(visit)
    text(client, number_of(patient), "R")
    assert status(visit) == "booked"
    assert outcome() == ("link", ["patient_asks_change"], ["visit_link"])
    assert WorkItem.objects.get().patient_id == patient.pk


def test_what_a_lock_or_a_crash_has_left_is_done_by_the_sweep_once(
    client: Client, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = soon(patient)
    asked(visit)

    def busy(**_: object) -> None:
        raise Busy

    with monkeypatch.context() as away:
        away.setattr(own_replies, "confirm", busy)
        assert text(client, number_of(patient), "C", sid="SM1").status_code == 200
        assert text(client, number_of(patient), "C", sid="SM1").status_code == 200
        # However often somebody is at the visit: no person is asked for that.
        for minute in range(1, 8):
            assert inbound.sweep(now=timezone.now() + timedelta(minutes=minute)) == 1
    assert status(visit) == "booked"
    assert inbound.sweep(now=timezone.now()) == 0
    assert inbound.sweep(now=timezone.now() + timedelta(minutes=8)) == 1
    assert status(visit) == "confirmed"
    assert inbound.sweep(now=timezone.now() + timedelta(minutes=9)) == 0


def test_what_fails_again_and_again_comes_before_a_person(
    client: Client, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(soon(patient))
    monkeypatch.setattr(ports, "visits", lambda: None)
    text(client, number_of(patient), "C")
    for minute in range(1, 10):
        inbound.sweep(now=timezone.now() + timedelta(minutes=minute))
    assert outcome() == ("failed", ["patient_text_unclear"], [])
