"""One key, one effect: repeated, reused, missing, and sent while the first is still running."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from clinic.practice.models import IdempotencyKey
from patients.models import Patient
from scheduling.models import TreatmentCourse
from tests import factories
from tests.api import database
from tests.api.conftest import Api, program


def token(api: Api, clinic: factories.Clinic) -> str:
    body = {
        "patient": str(clinic.patient.pk),
        "protocol": factories.IV,
        "start_on_or_after": (timezone.now() + timedelta(days=7)).date().isoformat(),
    }
    return str(api.post("courses/propose/", body).json()["proposals"][0]["token"])


@pytest.mark.django_db
def test_the_same_key_and_body_give_the_same_course(api: Api, clinic: factories.Clinic) -> None:
    body = {"proposal": token(api, clinic)}
    first = api.post("courses/", body, idempotency_key="one")
    second = api.post("courses/", body, idempotency_key="one")
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert first["ETag"] == second["ETag"]
    assert TreatmentCourse.objects.count() == 1


@pytest.mark.django_db
def test_order_and_space_of_the_body_make_no_difference(api: Api) -> None:
    first = api.send("POST", "sites/", raw=b'{"name":"A","time_zone":"UTC"}', idempotency_key="k")
    second = api.send("POST", "sites/", raw=b'{ "time_zone": "UTC",\n "name": "A" }', idempotency_key="k")
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()


@pytest.mark.django_db
def test_the_same_key_with_another_body_or_address_is_refused(api: Api, clinic: factories.Clinic) -> None:
    body = {"name": "A", "time_zone": "UTC"}
    assert api.post("sites/", body, idempotency_key="k").status_code == 201
    before = database.counts()
    other = api.post("sites/", {**body, "name": "B"}, idempotency_key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    room = {"site": str(clinic.site.pk), "name": "A", "kind": "therapy_room"}
    assert api.post("rooms/", room, idempotency_key="k").json()["code"] == "idempotency_key_reused"
    assert database.counts() == before


@pytest.mark.django_db
def test_a_course_needs_a_key(api: Api, clinic: factories.Clinic) -> None:
    refused = api.post("courses/", {"proposal": token(api, clinic)})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert list(refused.json()["fields"]) == ["Idempotency-Key"]


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "with space", "k" * 256, "nul\x00", "é"])
def test_what_is_no_key_is_refused(api: Api, key: str) -> None:
    refused = api.post("sites/", {"name": "A", "time_zone": "UTC"}, idempotency_key=key)
    assert refused.status_code == 400
    assert list(refused.json()["fields"]) == ["Idempotency-Key"]


@pytest.mark.django_db
def test_a_refused_request_leaves_its_key_free(api: Api) -> None:
    assert (
        api.post("sites/", {"name": "A", "time_zone": "Nowhere/Land"}, idempotency_key="k").status_code == 400
    )
    assert IdempotencyKey.objects.count() == 0
    assert api.post("sites/", {"name": "A", "time_zone": "UTC"}, idempotency_key="k").status_code == 201


@pytest.mark.django_db
def test_keys_of_two_programs_do_not_meet(api: Api, clinic: factories.Clinic) -> None:
    other = program(clinic.practice)
    assert api.post("sites/", {"name": "A", "time_zone": "UTC"}, idempotency_key="k").status_code == 201
    assert other.post("sites/", {"name": "B", "time_zone": "UTC"}, idempotency_key="k").status_code == 201


@pytest.mark.django_db
def test_the_other_writes_honour_a_key_too(api: Api, clinic: factories.Clinic) -> None:
    """A transition repeated with its key is no second transition, where without one it is refused."""
    booked = api.post("courses/", {"proposal": token(api, clinic)}, idempotency_key="book").json()
    visit = f"appointments/{booked['visits'][0]['id']}"
    first = api.post(f"{visit}/cancel/", {"reason": "Ill."}, idempotency_key="cancel")
    assert first.status_code == 200, first.content
    assert api.post(f"{visit}/cancel/", {"reason": "Ill."}, idempotency_key="cancel").json() == first.json()
    assert api.post(f"{visit}/cancel/", {"reason": "Ill."}).status_code == 409
    assert api.post(f"{visit}/cancel/", {"reason": "No."}, idempotency_key="cancel").status_code == 422
    gap = f"gaps/{booked['gaps'][-1]['id']}"
    for verb, body in (
        ("assign", {"assignee": str(clinic.therapists[0].pk)}),
        ("snooze", {"until": (timezone.now() + timedelta(days=1)).isoformat()}),
        ("attest", {"attended_on": "2020-02-01"}),
        ("waive", {"reason": "Seen elsewhere."}),
        ("unwaive", {"reason": "A mistake."}),
    ):
        before: Any = None
        for _ in range(2):
            answer = api.post(f"{gap}/{verb}/", body, idempotency_key=f"gap-{verb}")
            assert answer.status_code == 200, (verb, answer.content)
            assert before in (None, answer.json())
            before = answer.json()
    course = f"courses/{booked['id']}/cancel/"
    stopped = api.post(course, {"reason": "Moved."}, idempotency_key="stop")
    assert api.post(course, {"reason": "Moved."}, idempotency_key="stop").json() == stopped.json()


@pytest.mark.django_db
def test_the_key_is_kept_without_the_body(api: Api, clinic: factories.Clinic) -> None:
    body = {
        "given_name": "Wilhelmina",
        "family_name": "Testcase",
        "birth_date": "1990-01-01",
        "site": str(clinic.site.pk),
    }
    assert api.post("patients/", body, idempotency_key="k").status_code == 201
    row = next(row for table, row in database.texts() if table == "practice_idempotencykey")
    assert "Wilhelmina" not in row
    assert "1990" not in row


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_running_the_second_is_told_so(settings: Any) -> None:
    settings.LOCK_TIMEOUT_MS = 200
    clinic = factories.small_clinic()
    api = program(clinic.practice)
    body = {"proposal": token(api, clinic)}
    assert api.post("courses/", body, idempotency_key="probe").status_code == 201
    scope = IdempotencyKey.objects.get().scope
    body = {"proposal": token(api, clinic)}
    other = connections["default"].copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "INSERT INTO practice_idempotencykey"
                " (scope, key, fingerprint, status_code, object_kind, object_id, created_at)"
                " VALUES (%s, 'k', 'x', 201, 'course', gen_random_uuid(), now())",
                [scope],
            )
        busy = api.post("courses/", body, idempotency_key="k")
        assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_in_flight")
        assert busy["Retry-After"] == "1"
        other.rollback()
    finally:
        other.close()
    assert api.post("courses/", body, idempotency_key="k").status_code == 201


@pytest.mark.django_db
def test_a_patient_is_made_once(api: Api, clinic: factories.Clinic) -> None:
    body = {"given_name": "A", "family_name": "B", "birth_date": "1990-01-01", "site": str(clinic.site.pk)}
    before = Patient.objects.count()
    answers = [api.post("patients/", body, idempotency_key="k").json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert Patient.objects.count() == before + 1


@pytest.mark.django_db
def test_the_key_of_what_was_deleted_since_says_so(api: Api, clinic: factories.Clinic) -> None:
    starts = timezone.now() + timedelta(days=7)
    body = {
        "site": str(clinic.site.pk),
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=2)).isoformat(),
    }
    made = api.post("closures/", body, idempotency_key="one")
    api.send("DELETE", f"closures/{made.json()['id']}/", if_match=made["ETag"])
    again = api.post("closures/", body, idempotency_key="one")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "deleted since" in again.json()["detail"]
