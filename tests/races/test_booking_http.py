"""The same race through the product's own web process: what sixty programs see."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from patients.models import Patient
from scheduling.models import Appointment, TreatmentCourse
from tests import factories
from tests.bench import _server
from tests.races import firing, race

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 60
# The web process reads the real clock.
MONDAY = datetime.now(ZoneInfo(factories.NEW_YORK)).replace(hour=10, minute=0, second=0, microsecond=0)
MONDAY += timedelta(days=14 - MONDAY.weekday())


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """One web process for the file, with as many connections as programs: one more would wait until another's
    is given up, 75 seconds later.
    """
    with _server.web(threads=16) as port:
        yield port


def test_sixty_programs_want_one_slot_and_see_no_error_of_ours(port: int) -> None:
    clinic = factories.small_clinic()
    client_id = firing.program(clinic.practice)
    patients = [factories.patient(clinic.site, consents=False) for _ in range(CLIENTS)]
    before = race.deadlocks()
    bearer = _server.token(port, client_id, firing.SECRET)

    def book(client: _server.Client, patient: Patient) -> tuple[int, Any]:
        body = {
            "patient": str(patient.pk),
            "kind": "therapy",
            "mode": "video",
            "start": MONDAY.isoformat(),
            "practitioners": [str(clinic.therapists[0].pk)],
        }
        return client.post("/api/v1/appointments/", body, key=f"race-{patient.pk}")

    with _server.clients(port, bearer, CLIENTS) as clients:
        pairs = zip(clients, patients, strict=True)
        outcome = race.run([partial(book, client, patient) for client, patient in pairs])
        again, _ = clients[0].post("/api/v1/appointments/", {}, key="race-nothing")
    assert outcome.broken == []
    statuses = Counter(status for status, _ in outcome.results)
    assert statuses == {201: 1, 409: CLIENTS - 1}
    losers = [answer for status, answer in outcome.results if status == 409]
    assert {answer["code"] for answer in losers} <= {"slot_taken", "busy"}
    assert all(answer["alternative"]["start"] for answer in losers if answer["code"] == "slot_taken")
    assert again == 400
    assert Appointment.objects.count() == 1
    assert race.overlaps() == 0
    assert race.deadlocks() == before


def test_a_key_sent_by_twenty_at_once_books_one_course(port: int) -> None:
    clinic = factories.small_clinic()
    client_id = firing.program(clinic.practice)
    bearer = _server.token(port, client_id, firing.SECRET)
    asked = {
        "patient": str(clinic.patient.pk),
        "protocol": clinic.version.template.key,
        "start_on_or_after": MONDAY.date().isoformat(),
    }
    with _server.clients(port, bearer, 20) as clients:
        status, answer = clients[0].post("/api/v1/courses/propose/", asked)
        assert status == 200, answer
        body = {"proposal": answer["proposals"][0]["token"]}
        send = [partial(one.post, "/api/v1/courses/", body, key="the-same") for one in clients]
        outcome = race.run(send)
    assert outcome.broken == []
    booked = {answer["id"] for status, answer in outcome.results if status == 201}
    assert {status for status, _ in outcome.results} <= {201, 409}
    # Without their key they would clash with the course, and be refused their places.
    refused = {answer["code"] for status, answer in outcome.results if status == 409}
    assert refused <= {"idempotency_in_flight", "busy"}
    assert booked == {str(TreatmentCourse.objects.get().pk)}
