"""Choosing the time of a visit that is not booked yet: by a link, by the patient, once."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice.models import PatientRead, Practice, TrailEntry, WorkItem
from notifications.models import Message
from notifications.planning import ports
from notifications.planning.ports import Facts
from patients.models import Patient
from scheduling.booking.openings import slots
from scheduling.booking.writing import links
from scheduling.models import Appointment, FollowUpGap, PatientLink, Shift
from scheduling.models.patient_link import Purpose
from tests import factories
from tests.scheduling.booking import booked
from tests.web.conftest import World
from tests.web.patient.conftest import BORN, post, prove, text_of
from tests.web.test_every_page import rows


@pytest.fixture
def path(world: World) -> Iterator[str]:
    """The link of the third dose, whose follow-up was never booked: a few hours after it was given."""
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    for number in (1, 2):
        booked.give(world.clinic, world.visit(f"dose-{number}"))
        talk = world.visit(f"integration-{number}")
        for verb in ("check_in", "start", "complete"):
            booked.move(world.clinic, talk.pk, verb, at=talk.start, now=talk.end)
    dose = world.visit("dose-3")
    booked.give(world.clinic, dose)
    with time_machine.travel(dose.end + timedelta(hours=20)):
        yield path_of(dose)


def path_of(dose: Appointment) -> str:
    return urlsplit(links.address(visit_id=dose.pk, purpose=Purpose.NEXT)).path


@pytest.fixture
def gap(world: World) -> FollowUpGap:
    return world.gap


@pytest.fixture
def http(path: str) -> Client:
    return Client()


def times_on(answer: Any) -> list[str]:
    return re.findall(r'name="start"[^>]*value="([^"]+)"', answer.content.decode())


def labels_on(answer: Any) -> list[tuple[str, str]]:
    return re.findall(
        r'name="start"[^>]*value="([^"]+)"[^>]*><label[^>]*>(.*?)</label>', answer.content.decode()
    )


def told(kind: str, dose: Appointment) -> Any:
    message = Message.objects.filter(kind=kind, subject_id=dose.pk).first()
    assert message is not None
    return ports.facts(message=message, also=(), now=timezone.now())


def self_booking(world: World, on: bool) -> None:
    chosen = {**world.clinic.practice.settings, "follow_ups": {"self_booking": on}}
    Practice.objects.filter(pk=world.clinic.practice.pk).update(settings=chosen)


# --- the message ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["follow_up_missing", "window_half"])
def test_what_asks_for_the_follow_up_carries_the_link(world: World, path: str, kind: str) -> None:
    facts = told(kind, world.visit("dose-3"))
    assert isinstance(facts, Facts)
    assert urlsplit(facts.link).path == path
    self_booking(world, on=False)
    assert told(kind, world.visit("dose-3")).link == ""


def test_a_dose_whose_follow_up_stands_has_no_such_message(world: World, path: str) -> None:
    slots.book(actor=world.clinic.admin, gap_id=world.gap.pk, now=timezone.now())
    assert not isinstance(told("follow_up_missing", world.visit("dose-3")), Facts)


# --- looking --------------------------------------------------------------------------------------------
def test_nothing_personal_and_no_time_before_the_birth_date(world: World, http: Client, path: str) -> None:
    answer = http.get(path)
    page = text_of(answer)
    assert answer.status_code == 200
    assert "Your next visit" in page
    assert "Your date of birth" in page
    assert times_on(answer) == []
    patient = world.clinic.patient
    for private in (patient.given_name, patient.family_name, "1980", "ketamine", "ntegration", "osing"):
        assert private not in answer.content.decode(), private
    assert post(http, path, "book", start=timezone.now().isoformat()).status_code == 403
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"


def test_looking_changes_nothing_however_often(http: Client, path: str) -> None:
    before = rows()
    for ask in (http.get, http.head, http.options):
        for where in (path, f"{path}/again", f"{path}/book", f"{path}/ask"):
            ask(where, headers={"Purpose": "prefetch"})
    assert rows() == before


def test_a_link_opens_only_what_it_is_for(world: World, http: Client, path: str) -> None:
    token = path.rpartition("/")[2]
    assert http.get(f"/v/{token}").status_code == 404
    visit = urlsplit(links.address(visit_id=world.visit("integration-4").pk)).path.rpartition("/")[2]
    assert http.get(f"/n/{visit}").status_code == 404
    assert http.get(f"/n/{'x' * 22}").status_code == 404


def test_five_wrong_dates_lock_it_and_the_desk_is_told(http: Client, path: str) -> None:
    for _ in range(5):
        post(http, path, "open", birth_date="1990-01-01")
    answer = post(http, path, "open", birth_date=BORN)
    assert answer.status_code == 403
    assert "Please call us" in text_of(answer)
    assert WorkItem.objects.filter(kind="patient_link_locked", done_at=None).count() == 1


def test_the_times_are_those_that_staff_are_offered(
    world: World, http: Client, path: str, gap: FollowUpGap
) -> None:
    prove(http, path)
    answer = http.get(path)
    found = [datetime.fromisoformat(one) for one in times_on(answer)]
    every = slots.ranked(
        actor=world.clinic.admin, gap_id=gap.pk, now=timezone.now(), limit=slots.MOST, apart=timedelta()
    )
    assert found
    assert set(found) <= {one.start for one in every.found}
    assert min(found) >= timezone.now() + timedelta(hours=4)
    assert "★" not in text_of(answer), "each is with somebody whom the patient knows"
    assert PatientRead.objects.filter(actor_ref=f"patient:{world.clinic.patient.pk}").exists()


def test_times_with_somebody_known_come_before_all_others_and_are_marked(
    world: World, http: Client, path: str, gap: FollowUpGap
) -> None:
    known = world.visit("integration-2").staffing.get().staff
    # On the first day only others are there.
    factories.absence(known, timezone.now(), timezone.now() + timedelta(hours=12))
    prove(http, path)
    answer = http.get(path)
    marks = {start: "★" in label for start, label in labels_on(answer)}
    every = slots.ranked(
        actor=world.clinic.admin, gap_id=gap.pk, now=timezone.now(), limit=slots.MOST, apart=timedelta()
    )
    familiar = {one.start: one.familiar for one in every.found}
    assert set(marks.values()) == {True, False}
    assert all(familiar[datetime.fromisoformat(start)] is mark for start, mark in marks.items())


def test_it_speaks_both_languages(http: Client, path: str) -> None:
    assert "Su próxima visita" in text_of(http.get(f"{path}?lang=es"))
    prove(http, path)
    assert "Reservar esta hora" in text_of(http.get(f"{path}?lang=es"))


# --- booking --------------------------------------------------------------------------------------------
def test_the_chosen_time_is_booked_as_staff_book_it(
    world: World, http: Client, path: str, gap: FollowUpGap
) -> None:
    prove(http, path)
    start = times_on(http.get(path))[0]
    answer = post(http, path, "book", start=start)
    visit = Appointment.objects.get(counts_for__gap=gap)
    assert answer.status_code == 303
    assert answer["Location"].startswith("/v/")
    assert (visit.start, visit.kind) == (datetime.fromisoformat(start), "integration")
    assert visit.created_by == f"patient:{visit.patient_id}"
    assert visit.follows_id == world.visit("dose-3").pk
    gap.refresh_from_db()
    assert gap.status == "covered"
    assert Message.objects.filter(kind="course_booked", subject_id=visit.pk).exists()
    assert TrailEntry.objects.filter(
        verb="appointment.booked", subject_id=visit.pk, actor_ref=f"patient:{visit.patient_id}"
    ).exists()
    page = text_of(http.get(answer["Location"]))
    assert "Your visit is booked" in page
    assert "Your date of birth" not in page, "who has just proved who they are need not do so again"


def test_a_second_tap_is_the_first(http: Client, path: str, gap: FollowUpGap) -> None:
    prove(http, path)
    start = times_on(http.get(path))[0]
    first = post(http, path, "book", start=start)
    prove(http, path)
    assert post(http, path, "book", start=start)["Location"] == first["Location"]
    assert Appointment.objects.filter(counts_for__gap=gap).count() == 1


def test_another_time_for_what_is_booked_is_refused(http: Client, path: str, gap: FollowUpGap) -> None:
    prove(http, path)
    one, other = times_on(http.get(path))[:2]
    post(http, path, "book", start=one)
    prove(http, path)
    answer = post(http, path, "book", start=other)
    assert answer.status_code == 409
    assert "Your next visit is booked" in text_of(answer)
    assert Appointment.objects.filter(counts_for__gap=gap).count() == 1


def test_a_time_that_somebody_took_is_told_with_fresh_ones(
    world: World, http: Client, path: str, gap: FollowUpGap
) -> None:
    prove(http, path)
    start = times_on(http.get(path))[0]
    taken = datetime.fromisoformat(start)
    for one in world.clinic.therapists:
        factories.absence(one, taken - timedelta(minutes=30), taken + timedelta(minutes=90))
    answer = post(http, path, "book", start=start)
    assert answer.status_code == 409
    assert "choose another" in text_of(answer)
    assert start not in times_on(answer)
    assert times_on(answer)
    assert not Appointment.objects.filter(counts_for__gap=gap).exists()


def test_no_time_chosen_and_no_time_at_all(http: Client, path: str, gap: FollowUpGap) -> None:
    prove(http, path)
    for start in ("", "soon", "2026-05-18T10:00"):
        answer = post(http, path, "book", start=start)
        assert answer.status_code == 422
        assert "choose a time first" in text_of(answer)
    assert gap.closes_at
    late = (gap.closes_at + timedelta(days=90)).isoformat()
    assert post(http, path, "book", start=late).status_code == 409
    assert not Appointment.objects.filter(counts_for__gap=gap).exists()


# --- nothing fits ---------------------------------------------------------------------------------------
def test_where_nothing_fits_the_desk_calls(http: Client, path: str, world: World, gap: FollowUpGap) -> None:
    kept = list(Shift.objects.all())
    Shift.objects.all().delete()
    prove(http, path)
    page = text_of(http.get(path))
    assert "No time fits just now. We will call you" in page
    item = WorkItem.objects.get(kind="patient_finds_no_time")
    assert (item.role, item.subject_id, item.done_at) == ("front_desk", gap.pk, None)
    post(http, path, "ask")
    assert WorkItem.objects.filter(kind="patient_finds_no_time").count() == 1
    Shift.objects.bulk_create(kept)
    slots.book(actor=world.clinic.admin, gap_id=gap.pk, now=timezone.now())
    item.refresh_from_db()
    assert item.done_at is not None


def test_where_the_practice_books_itself_the_page_says_call(world: World, http: Client, path: str) -> None:
    self_booking(world, on=False)
    prove(http, path)
    answer = http.get(path)
    assert "Please call us to choose a time" in text_of(answer)
    assert times_on(answer) == []
    assert post(http, path, "book", start=timezone.now().isoformat()).status_code == 409


# --- its end --------------------------------------------------------------------------------------------
def test_what_is_booked_says_so_and_no_more(world: World, http: Client, path: str, gap: FollowUpGap) -> None:
    visit = slots.book(actor=world.clinic.admin, gap_id=gap.pk, now=timezone.now())
    page = http.get(path)
    assert "Your next visit is booked" in text_of(page)
    assert visit.start.strftime("%H:%M") not in text_of(page)


def test_after_the_window_it_offers_a_new_link(
    world: World, http: Client, path: str, gap: FollowUpGap
) -> None:
    assert gap.grace_until
    with time_machine.travel(gap.grace_until + timedelta(minutes=1)):
        answer = http.get(path)
        assert answer.status_code == 404
        assert "Send me a new link" in text_of(answer)
        assert post(http, path, "again").status_code == 200
    assert not Message.objects.filter(kind="next_link").exists(), "there is nothing left to choose"


def test_whoever_asks_again_gets_the_link_a_few_times_a_day(world: World, http: Client, path: str) -> None:
    dose = world.visit("dose-3")
    PatientLink.objects.filter(appointment=dose, purpose=Purpose.NEXT).update(revoked_at=timezone.now())
    assert http.get(path).status_code == 404
    for _ in range(5):
        assert post(http, path, "again").status_code == 200
    sent = Message.objects.filter(kind="next_link", subject_id=dose.pk)
    assert sent.count() == 3
    fresh = told("next_link", dose)
    assert urlsplit(fresh.link).path != path
    assert http.get(urlsplit(fresh.link).path).status_code == 200
