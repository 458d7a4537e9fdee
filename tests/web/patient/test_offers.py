"""A place that is kept for somebody who waits: told once, taken or left by the link, free again by itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from notifications.planning import ports
from notifications.planning.ports import Facts, Silence
from patients.models import Patient
from scheduling.booking.waiting import holds, waitlist
from scheduling.booking.waiting.waitlist import Place, Wish
from scheduling.booking.writing import links
from scheduling.models import Appointment, WaitlistEntry, WaitlistOffer
from scheduling.models.patient_link import Purpose
from tests import factories
from tests.web.patient.conftest import BORN, post, text_of
from tests.web.test_every_page import rows

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=ZoneInfo(factories.NEW_YORK))
TEN = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))


@pytest.fixture
def clinic(db: None) -> Iterator[factories.Clinic]:
    made = factories.small_clinic()
    Patient.objects.filter(pk=made.patient.pk).update(birth_date=BORN)
    with time_machine.travel(NOW, tick=False):
        yield made


@pytest.fixture
def entry(clinic: factories.Clinic) -> WaitlistEntry:
    wish = Wish(clinic.patient.pk, "therapy", NOW, NOW + timedelta(days=30), mode="video")
    return WaitlistEntry.objects.get(pk=waitlist.add(actor=clinic.admin, wish=wish, now=NOW))


def offered(clinic: factories.Clinic, entry: WaitlistEntry, start: datetime = TEN) -> WaitlistOffer:
    place = Place(start, practitioner_ids=(clinic.therapists[0].pk,))
    waitlist.offer(actor=clinic.admin, entry_id=entry.pk, place=place, now=timezone.now())
    return WaitlistOffer.objects.select_related("appointment").get(entry=entry, state="pending")


@pytest.fixture
def offer(clinic: factories.Clinic, entry: WaitlistEntry) -> WaitlistOffer:
    return offered(clinic, entry)


def path_of(offer: WaitlistOffer) -> str:
    return urlsplit(links.address(visit_id=offer.appointment_id, purpose=Purpose.OFFER)).path


@pytest.fixture
def path(offer: WaitlistOffer) -> str:
    return path_of(offer)


@pytest.fixture
def http() -> Client:
    return Client()


def visit_of(offer: WaitlistOffer) -> Appointment:
    return Appointment.objects.get(pk=offer.appointment_id)


def told(offer: WaitlistOffer) -> Facts | Silence:
    message = Message.objects.get(kind="waitlist_offer", subject_id=offer.appointment_id)
    return ports.facts(message=message, also=(), now=timezone.now())


# --- the message ----------------------------------------------------------------------------------------
def test_an_offer_is_told_once_at_once_by_one_channel(offer: WaitlistOffer, path: str) -> None:
    message = Message.objects.get(kind="waitlist_offer")
    assert (message.subject_id, message.due_at, message.useful_until) == (
        offer.appointment_id,
        NOW,
        offer.expires_at,
    )
    facts = told(offer)
    assert isinstance(facts, Facts)
    assert (facts.visits[0].start, facts.until) == (TEN, offer.expires_at)
    assert urlsplit(facts.link).path == path


@pytest.mark.parametrize("how", ["expired", "released", "declined", "taken"])
def test_it_is_silent_once_nothing_is_kept(
    clinic: factories.Clinic, entry: WaitlistEntry, offer: WaitlistOffer, how: str
) -> None:
    if how == "released":
        holds.release_visit(actor=clinic.admin, appointment_id=offer.appointment_id, now=NOW)
    elif how == "declined":
        waitlist.decline(actor=clinic.admin, entry_id=entry.pk, now=NOW)
    elif how == "taken":
        waitlist.accept(actor=clinic.admin, entry_id=entry.pk, now=NOW)
    with time_machine.travel(offer.expires_at if how == "expired" else NOW, tick=False):
        assert told(offer) == Silence("offer_over")
    if how in ("declined", "taken"):
        assert Message.objects.get(kind="waitlist_offer").state == "cancelled"


def test_in_the_night_nobody_is_told_and_staff_call(clinic: factories.Clinic, entry: WaitlistEntry) -> None:
    with time_machine.travel(NOW + timedelta(hours=13), tick=False):
        offered(clinic, entry)
    assert not Message.objects.filter(kind="waitlist_offer").exists()


# --- looking --------------------------------------------------------------------------------------------
def test_it_shows_the_time_and_by_when_to_answer_and_nobody_s_name(
    clinic: factories.Clinic, http: Client, path: str
) -> None:
    answer = http.get(path)
    page = text_of(answer)
    assert "A time is free" in page
    assert "Monday 11 May 10:00" in page
    assert "Monday 4 May, 11:30" in page
    for private in (clinic.patient.family_name, "1980", "herapy"):
        assert private not in answer.content.decode()
    assert "Hay una hora libre" in text_of(http.get(f"{path}?lang=es"))
    assert answer["Cache-Control"] == "no-store"


def test_looking_changes_nothing(http: Client, path: str) -> None:
    before = rows()
    for ask in (http.get, http.head, http.options):
        for where in (path, f"{path}/take", f"{path}/leave", f"{path}/again"):
            ask(where)
    assert rows() == before


def test_the_link_of_an_offer_opens_nothing_else(http: Client, path: str) -> None:
    token = path.rpartition("/")[2]
    assert http.get(f"/v/{token}").status_code == http.get(f"/n/{token}").status_code == 404


# --- answering ------------------------------------------------------------------------------------------
def test_taking_it_books_the_visit_once(
    http: Client, path: str, entry: WaitlistEntry, offer: WaitlistOffer
) -> None:
    answers = [post(http, path, "take", birth_date=BORN) for _ in range(2)]
    assert [one.status_code for one in answers] == [303, 303]
    assert answers[0]["Location"] == answers[1]["Location"]
    visit = visit_of(offer)
    entry.refresh_from_db()
    offer.refresh_from_db()
    assert (visit.status, visit.start, entry.status) == ("booked", TEN, "booked")
    assert (offer.state, offer.settled_by) == ("accepted", f"patient:{visit.patient_id}")
    assert Message.objects.filter(kind="course_booked", subject_id=visit.pk).exists()
    assert TrailEntry.objects.filter(verb="appointment.booked", subject_id=visit.pk).count() == 1
    assert "Your visit is booked" in text_of(http.get(answers[0]["Location"]))
    assert "This time is yours" in text_of(http.get(path))


def test_a_wrong_birth_date_takes_nothing_and_five_lock_it(
    http: Client, path: str, offer: WaitlistOffer
) -> None:
    answers = [post(http, path, "take", birth_date="1990-01-01").status_code for _ in range(5)]
    assert answers == [422, 422, 422, 422, 403]
    assert post(http, path, "take", birth_date=BORN).status_code == 403
    assert visit_of(offer).status == "held"
    assert WorkItem.objects.filter(kind="patient_link_locked").count() == 1


def test_leaving_it_frees_the_place_and_the_patient_waits_on(
    http: Client, path: str, entry: WaitlistEntry, offer: WaitlistOffer
) -> None:
    for _ in range(2):
        assert post(http, path, "leave").status_code == 303
    entry.refresh_from_db()
    assert (entry.status, visit_of(offer).status) == ("waiting", "cancelled")
    page = text_of(http.get(path))
    assert "This time is not kept any more" in page
    assert "You stay on the list" in page
    assert post(http, path, "take", birth_date=BORN).status_code == 409
    item = WorkItem.objects.get(kind="waitlist_place_free")
    assert (item.role, item.subject_id) == ("front_desk", offer.appointment_id)


def test_what_nobody_answered_is_free_by_itself_and_the_desk_asks_the_next(
    http: Client, path: str, entry: WaitlistEntry, offer: WaitlistOffer
) -> None:
    with time_machine.travel(offer.expires_at + timedelta(seconds=1), tick=False):
        assert post(http, path, "take", birth_date=BORN).status_code == 409
        assert "not kept any more" in text_of(http.get(path))
        waitlist.expire(now=timezone.now())
        waitlist.expire(now=timezone.now())
    entry.refresh_from_db()
    assert entry.status == "waiting"
    assert WorkItem.objects.filter(kind="waitlist_place_free").count() == 1


def test_an_old_link_does_not_answer_a_new_offer(
    clinic: factories.Clinic, http: Client, path: str, entry: WaitlistEntry, offer: WaitlistOffer
) -> None:
    waitlist.decline(actor=clinic.admin, entry_id=entry.pk, now=NOW)
    other = offered(clinic, entry, start=TEN + timedelta(hours=2))
    assert post(http, path, "take", birth_date=BORN).status_code == 409
    assert post(http, path, "leave").status_code == 409
    assert visit_of(other).status == "held"
    assert post(http, path_of(other), "take", birth_date=BORN).status_code == 303
