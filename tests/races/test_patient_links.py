"""Twenty taps at once on a patient's page: one effect, one page, no error."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.utils import timezone

from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from patients.models import Escort, Measure, MeasureForm, Patient
from scheduling.booking.intake import merging
from scheduling.booking.openings import slots
from scheduling.booking.writing import inviting, links
from scheduling.followups import gaps
from scheduling.models import Appointment, PatientLink
from scheduling.models.patient_link import Purpose
from tests import factories
from tests.races import race
from tests.web import conftest as web

pytestmark = pytest.mark.django_db(transaction=True)
TAPS = 20
BORN = "1980-05-04"


@pytest.fixture
def world() -> web.World:
    made = web.build()
    Patient.objects.filter(pk=made.clinic.patient.pk).update(birth_date=BORN)
    return made


@pytest.fixture
def visit(world: web.World) -> Iterator[Appointment]:
    found = world.visit("dose-2")
    with time_machine.travel(found.start - timedelta(days=2)):
        yield found


def tapped(visit: Appointment, what: str, *, proved: bool = False, **form: Any) -> Counter[int]:
    """The statuses of twenty posts that leave at one moment."""
    path = "/v/" + links.address(visit_id=visit.pk).rpartition("/")[2]

    def job() -> Callable[[], int]:
        client = Client()
        if proved:
            assert client.post(f"{path}/open", {"birth_date": BORN}).status_code == 303
        return lambda: client.post(f"{path}/{what}", form).status_code

    outcome = race.run([job() for _ in range(TAPS)])
    assert not any(isinstance(one, BaseException) for one in outcome.results), outcome.results
    return Counter(outcome.results)


def test_twenty_confirmations_are_one(visit: Appointment) -> None:
    before = race.deadlocks()
    assert tapped(visit, "confirm") == {303: TAPS}
    assert TrailEntry.objects.filter(verb="appointment.confirm", subject_id=visit.pk).count() == 1
    assert race.deadlocks() == before


def test_twenty_times_no_is_one_task(visit: Appointment) -> None:
    assert tapped(visit, "cannot-come") == {303: TAPS}
    assert WorkItem.objects.filter(kind="patient_cannot_come").count() == 1
    assert TrailEntry.objects.filter(verb="appointment.cannot_come").count() == 1


def test_twenty_cancellations_are_one(visit: Appointment) -> None:
    assert tapped(visit, "cancel", proved=True, reason_code="cost") == {303: TAPS}
    assert TrailEntry.objects.filter(verb="appointment.cancel", subject_id=visit.pk).count() == 1
    assert WorkItem.objects.filter(kind="patient_cancelled").count() == 1


def test_twenty_moves_to_one_time_are_one(visit: Appointment) -> None:
    start = visit.start + timedelta(hours=2)
    assert tapped(visit, "move", proved=True, start=start.isoformat()) == {303: TAPS}
    assert TrailEntry.objects.filter(verb="appointment.move", subject_id=visit.pk).count() == 1
    assert Appointment.objects.get(pk=visit.pk).start == start
    assert race.overlaps() == 0


def test_twenty_sendings_of_a_measure_are_one_score_and_one_task(visit: Appointment) -> None:
    answers = {f"q{item}": "1" for item in range(1, 10)}
    assert tapped(visit, "questions/1", proved=True, **answers) == {303: TAPS}
    assert Measure.objects.count() == MeasureForm.objects.count() == 1
    assert WorkItem.objects.filter(kind="harm_item", role="prescriber").count() == 1


def test_of_twenty_guesses_at_once_five_are_looked_at(visit: Appointment) -> None:
    assert tapped(visit, "open", birth_date="1990-01-01") == {422: 4, 403: 16}
    assert PatientLink.objects.get(appointment=visit).wrong_tries == 5
    assert WorkItem.objects.filter(kind="patient_link_locked").count() == 1


def test_a_link_asked_for_by_twenty_at_once_is_sent_a_few_times_at_most(visit: Appointment) -> None:
    assert set(tapped(visit, "again")) <= {200, 429}
    assert 1 <= Message.objects.filter(kind="visit_link").count() <= 3


def test_ten_taps_on_each_of_two_times_book_one_visit(world: web.World) -> None:
    dose, gap = world.visit("dose-3"), world.gap
    with transaction.atomic():
        inviting.invite(dose=dose, now=timezone.now())
    path = urlsplit(links.address(visit_id=dose.pk, purpose=Purpose.NEXT)).path
    with time_machine.travel(dose.end):
        found = slots.ranked(actor=world.clinic.admin, gap_id=gap.pk, now=timezone.now(), limit=2).found

        def job(start: str) -> Callable[[], int]:
            client = Client()
            assert client.post(f"{path}/open", {"birth_date": BORN}).status_code == 303
            return lambda: client.post(f"{path}/book", {"start": start}).status_code

        before = race.deadlocks()
        outcome = race.run([job(one.start.isoformat()) for one in found for _ in range(TAPS // 2)])
    assert {*outcome.results} <= {303, 409}
    assert Appointment.objects.filter(follows=dose).count() == 1
    told = Message.objects.filter(kind="course_booked", subject_kind="appointment")
    assert told.values("subject_id").distinct().count() == 1
    assert race.overlaps() == 0
    assert race.deadlocks() == before


@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("questions/1", {f"q{item}": "1" for item in range(1, 10)}),
        ("ride", {"name": "Sam", "phone": ""}),
        ("confirm", {}),
    ],
)
def test_what_is_sent_while_two_records_become_one_goes_to_the_one_that_is_kept(
    visit: Appointment, what: str, form: dict[str, str]
) -> None:
    kept = factories.patient(visit.site)
    path = "/v/" + links.address(visit_id=visit.pk).rpartition("/")[2]
    client = Client()
    assert client.post(f"{path}/open", {"birth_date": BORN}).status_code == 303

    def merge() -> int:
        merging.merge(
            actor=factories.admin(visit.practice),
            survivor_id=kept.pk,
            duplicate_id=visit.patient_id,
            reason="The same person.",
            now=timezone.now(),
        )
        return 0

    outcome = race.in_turn(
        merge, lambda: client.post(f"{path}/{what}", form).status_code, at=(gaps, "refresh")
    )
    assert sorted(outcome.results) == [0, 303]
    owners = {*Measure.objects.values_list("patient_id", flat=True)}
    owners |= {*Escort.objects.values_list("patient_id", flat=True)}
    owners |= {*WorkItem.objects.filter(kind="harm_item").values_list("patient_id", flat=True)}
    assert owners <= {kept.pk}
    assert bool(owners) == (what != "confirm")
    found = Appointment.objects.get(pk=visit.pk)
    assert found.patient_id == kept.pk
    assert (found.status == "confirmed") == (what == "confirm")
