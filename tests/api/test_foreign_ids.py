"""Another practice's ids, inside bodies and queries, are as ids of nothing; and no column is open that is
not asked for."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from tests import factories
from tests.api import database
from tests.api.conftest import Api
from tests.api.test_bad_input import patient_body, refused
from tests.api.test_courses import book

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs() -> factories.Clinic:
    """Another practice, as whole as ours."""
    return factories.small_clinic()


def test_another_practice_s_ids_in_a_body_are_as_missing_ones(
    api: Api, clinic: factories.Clinic, theirs: factories.Clinic
) -> None:
    soon = (timezone.now() + timedelta(days=8)).replace(microsecond=0).isoformat()
    course = book(api, clinic).json()
    visit = {"patient": str(clinic.patient.pk), "kind": "screening", "start": soon}
    shift = {
        "practitioner": str(clinic.monitor.pk),
        "site": str(clinic.site.pk),
        "weekdays": [1],
        "starts": "09:00",
        "ends": "12:00",
        "valid_from": "2026-01-05",
    }
    span = {"starts_at": soon, "ends_at": "2090-01-01T00:00:00Z"}
    closure = {"site": str(clinic.site.pk), **span}
    dose = {"kind": "dosing", "start": soon}
    planned = {"patient": visit["patient"], "protocol": factories.IV, "visits": [dose]}
    cases: list[tuple[str, dict[str, Any], str, Any]] = [
        ("rooms/", {"name": "A", "kind": "therapy_room"}, "site", theirs.site.pk),
        ("patients/", patient_body(clinic), "site", theirs.site.pk),
        ("closures/", closure, "site", theirs.site.pk),
        ("closures/", closure, "room", theirs.chairs[0].pk),
        ("shifts/", shift, "practitioner", theirs.monitor.pk),
        ("shifts/", shift, "site", theirs.site.pk),
        ("absences/", span, "practitioner", theirs.monitor.pk),
        ("appointments/", visit, "patient", theirs.patient.pk),
        ("appointments/", visit, "site", theirs.site.pk),
        ("appointments/", {**visit, "kind": "integration"}, "course", theirs.patient.pk),
        ("courses/", planned, "patient", theirs.patient.pk),
        ("courses/", planned, "protocol", theirs.version.template_id),
        ("courses/", planned, "site", theirs.site.pk),
        (f"gaps/{course['gaps'][0]['id']}/assign/", {}, "assignee", theirs.therapists[0].pk),
        (
            "practitioners/",
            {"username": "x", "given_name": "A", "family_name": "B", "roles": ["monitor"]},
            "home_site",
            theirs.site.pk,
        ),
    ]
    before = database.counts()
    for address, body, field, foreign in cases:
        answers = [
            api.post(address, {**body, field: str(value)}, idempotency_key=str(uuid4()))
            for value in (foreign, uuid4())
        ]
        for answer in answers:
            refused(answer, field)
        assert answers[0].content == answers[1].content, (address, field)
    for field, foreign in (("room", theirs.chairs[0].pk), ("practitioners", theirs.monitor.pk)):
        for value in (foreign, uuid4()):
            wrapped: Any = [str(value)] if field == "practitioners" else str(value)
            dose = {**planned["visits"][0], field: wrapped}
            answer = api.post("courses/", {**planned, "visits": [dose]}, idempotency_key=str(uuid4()))
            assert 400 <= answer.status_code < 500, answer.content
            answer = api.post("appointments/", {**visit, field: wrapped}, idempotency_key=str(uuid4()))
            assert 400 <= answer.status_code < 500, answer.content
    assert database.counts() == before


def test_another_practice_s_ids_in_a_query_find_nothing(
    api: Api, clinic: factories.Clinic, theirs: factories.Clinic
) -> None:
    for address in (
        f"courses/?patient={theirs.patient.pk}",
        f"appointments/?practitioner={theirs.monitor.pk}",
        f"appointments/?site={theirs.site.pk}",
        f"gaps/?patient={theirs.patient.pk}",
        f"messages/?patient={theirs.patient.pk}",
        f"rooms/?site={theirs.site.pk}",
        f"shifts/?practitioner={theirs.monitor.pk}",
        f"closures/?site={theirs.site.pk}",
    ):
        assert api.get(address).json()["results"] == []
    span = "start_from=2026-12-01T00:00:00Z&start_before=2026-12-02T00:00:00Z"
    for field, foreign in (
        ("site", theirs.site.pk),
        ("room", theirs.chairs[0].pk),
        ("practitioner", theirs.monitor.pk),
        ("patient", theirs.patient.pk),
    ):
        found = [api.get(f"availability/?{field}={value}&{span}") for value in (foreign, uuid4())]
        for answer in found:
            refused(answer, field)
        assert found[0].content == found[1].content
    refused(api.get(f"roster/?site={theirs.site.pk}"), "site")
    refused(api.get(f"roster/?practitioner={theirs.monitor.pk}"), "practitioner")


def test_a_program_cannot_write_what_it_is_not_asked_for(api: Api, clinic: factories.Clinic) -> None:
    """Mass assignment: every column of the row, offered to the address that makes it, is refused by name."""
    for field in ("practice", "practice_id", "resource", "version", "id", "created_at", "updated_at"):
        refused(api.post("patients/", patient_body(clinic, **{field: str(uuid4())})), field)
        etag = api.get(f"patients/{clinic.patient.pk}/")["ETag"]
        refused(api.patch(f"patients/{clinic.patient.pk}/", {field: 1}, if_match=etag), field)
    for field in ("is_staff", "is_superuser", "password", "practice"):
        person = {"username": "x", "given_name": "A", "family_name": "B", "roles": ["monitor"], field: True}
        refused(api.post("practitioners/", person), field)
