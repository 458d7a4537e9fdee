"""Whoever is shown a patient's record is in the log of reads, before they see it, and there for good."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from clinic.practice.models import PatientRead
from tests import factories
from tests.api import access
from tests.api.access import API, World
from tests.api.access_pages import PAGES
from tests.api.conftest import Api, program
from tests.api.matrix import address, browsers, send, undone, visit_page
from tests.api.test_access_matrix import pattern_of

pytestmark = pytest.mark.django_db
# Whom others were shown, told to whom the practice answers for it.
NOT_A_RECORD = {"access-log/"}


@pytest.fixture
def world(db: None) -> World:
    """Whose log is empty: of what was made, one row is a read."""
    made = access.build()
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE practice_patientread; SET CONSTRAINTS ALL DEFERRED"
        )
    return made


def shows(world: World, answer: Any) -> bool:
    """Whether the answer tells of the patient, by name or by id."""
    patient = world.clinic.patient
    text = answer.content.decode()
    return any(one in text for one in (str(patient.pk), str(patient), patient.family_name))


# --- every address -----------------------------------------------------------------------------------------
def test_every_read_of_the_api_that_shows_a_patient_is_logged(world: World) -> None:
    api = program(world.clinic.practice)
    logged = 0
    for row in API:
        if row.method != "GET" or row.route in NOT_A_RECORD:
            continue
        before = set(PatientRead.objects.values_list("pk", flat=True))
        where = address(row, world, world.ids.get)
        answer = send(api, row, where, None)
        assert answer.status_code == 200, row.route
        rows = list(PatientRead.objects.exclude(pk__in=before))
        # A list below a patient names them in its address alone.
        below = str(world.clinic.patient.pk) in where and answer.json().get("results") != []
        assert len(rows) == (below or shows(world, answer)), (row.route, rows)
        for one in rows:
            assert world.clinic.patient.pk in one.patient_ids, row.route
            assert one.route == pattern_of(row)
            assert one.actor_ref.startswith("client:")
            assert one.request_id == answer["X-Request-ID"]
            logged += 1
    assert logged > 10


def test_every_page_that_shows_a_patient_is_logged(world: World) -> None:
    logged = 0
    for role, browser in browsers(world).items():
        for page in PAGES:
            if page.route in NOT_A_RECORD:
                continue
            with undone():
                before = set(PatientRead.objects.values_list("pk", flat=True))
                answer = visit_page(browser, page, world.ids.get(page.kind))
                rows = list(PatientRead.objects.exclude(pk__in=before))
                assert len(rows) == shows(world, answer), (role, page.route, answer.status_code)
                for one in rows:
                    assert one.patient_ids == [world.clinic.patient.pk], page.route
                    assert (one.route, one.request_id) == (page.route, answer["X-Request-ID"])
                    assert one.actor_ref.startswith("staff:")
                    logged += 1
    assert logged > 10


def test_a_search_that_finds_a_patient_is_logged_and_its_words_are_not(world: World) -> None:
    browser = Client()
    browser.force_login(world.clinic.front_desk)
    name = world.clinic.patient.family_name
    browser.post("/patients/", {"name": name})
    browser.post("/patients/", {"name": "nobody-of-this-name"})
    (row,) = PatientRead.objects.all()
    assert row.patient_ids == [world.clinic.patient.pk]
    assert name not in repr(row.__dict__)


def test_one_row_tells_a_whole_list() -> None:
    clinic = factories.small_clinic()
    others = [factories.patient(clinic.site, consents=False).pk for _ in range(4)]
    program(clinic.practice).get("patients/?limit=200")
    (row,) = PatientRead.objects.all()
    assert row.patient_ids == sorted([*others, clinic.patient.pk])


def test_pairs_that_may_be_one_patient_are_logged_both() -> None:
    clinic = factories.small_clinic()
    first = clinic.patient
    twin = factories.patient(
        clinic.site,
        consents=False,
        given_name=first.given_name,
        family_name=first.family_name,
        birth_date=first.birth_date,
    )
    answer = program(clinic.practice).get("patients/duplicates/")
    assert str(twin.pk) in answer.content.decode()
    (row,) = PatientRead.objects.all()
    assert row.patient_ids == sorted([first.pk, twin.pk])


def test_a_read_is_one_statement_more(world: World, django_assert_num_queries: Any) -> None:
    api = program(world.clinic.practice)
    where = f"patients/{world.clinic.patient.pk}/"
    api.get(where)
    with django_assert_num_queries(5) as asked:
        api.get(where)
    assert sum("practice_patientread" in one["sql"] for one in asked.captured_queries) == 1


def test_a_write_is_in_the_trail_and_not_here(world: World) -> None:
    api = program(world.clinic.practice)
    assert api.post("patients/", world.body("patient")).status_code == 201
    assert not PatientRead.objects.exists()


# --- for good ----------------------------------------------------------------------------------------------
def test_what_was_read_cannot_be_changed_or_removed(world: World) -> None:
    program(world.clinic.practice).get("patients/")
    for change in (
        lambda: PatientRead.objects.update(actor_ref="system"),
        lambda: PatientRead.objects.all().delete(),
        lambda: PatientRead.objects.get().delete(),
    ):
        with pytest.raises(DatabaseError, match="Cannot (update|delete)"), transaction.atomic():
            change()
    assert PatientRead.objects.count() == 1


def test_what_cannot_be_logged_is_not_shown(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE practice_patientread ADD CHECK (actor_ref = 'nobody') NOT VALID")
    patient = world.clinic.patient
    browser = Client(raise_request_exception=False)
    browser.force_login(world.clinic.front_desk)
    for answer in (
        program(world.clinic.practice).get(f"patients/{patient.pk}/"),
        browser.get(f"/courses/{world.ids['courses']}/"),
    ):
        assert answer.status_code == 500
        assert patient.family_name not in answer.content.decode()


# --- who may look ------------------------------------------------------------------------------------------
def reads(api: Api, **filters: str) -> list[dict[str, Any]]:
    answer = api.send("GET", "access-log/?" + "&".join(f"{name}={value}" for name, value in filters.items()))
    assert answer.status_code == 200, answer.content
    return list(answer.json()["results"])


def test_the_log_is_read_by_patient_by_actor_and_by_time(world: World) -> None:
    clinic, api = world.clinic, program(world.clinic.practice)
    other = factories.patient(clinic.site, consents=False)
    api.get(f"patients/{clinic.patient.pk}/")
    browser = Client()
    browser.force_login(clinic.front_desk)
    browser.get(f"/courses/{world.ids['courses']}/")
    api.get(f"patients/{other.pk}/")
    everything = reads(api)
    assert [one["route"] for one in everything] == [
        "api/v1/patients/<uuid:id>/",
        "courses/<uuid:course_id>/",
        "api/v1/patients/<uuid:id>/",
    ]
    assert [one["actor"].partition(":")[0] for one in everything] == ["client", "staff", "client"]
    assert everything[1]["actor_name"] == clinic.front_desk.display_name
    assert reads(api, patient=str(clinic.patient.pk)) == everything[:2]
    assert reads(api, patient=str(uuid4())) == []
    assert reads(api, actor=f"staff:{clinic.front_desk.pk}") == everything[1:2]
    assert reads(api, read_from=everything[1]["at"], read_before=everything[2]["at"]) == everything[1:2]
    later = (timezone.now() + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert reads(api, read_from=later) == []


def test_pages_of_the_log_end_and_repeat_nothing(world: World) -> None:
    api = program(world.clinic.practice)
    for _ in range(5):
        api.get(f"patients/{world.clinic.patient.pk}/")
    seen: list[UUID] = []
    cursor = ""
    while cursor is not None:
        answer = api.get(f"access-log/?limit=2{f'&cursor={cursor}' if cursor else ''}").json()
        seen += [one["id"] for one in answer["results"]]
        cursor = answer["next"]
    assert len(seen) == len(set(seen)) == 5


def test_the_administrator_sees_names_and_nobody_else_sees_the_page(world: World) -> None:
    people = browsers(world)
    people["front_desk"].get(f"/courses/{world.ids['courses']}/")
    page = people["practice_admin"].get("/access-log/").content.decode()
    assert str(world.clinic.patient) in page
    assert world.clinic.front_desk.display_name in page
    one = people["practice_admin"].get(f"/access-log/?patient={uuid4()}&from=2026-01-01").content.decode()
    assert str(world.clinic.patient) not in one
    assert "Nobody looked" in one
    for role in ("front_desk", "therapist", "prescriber"):
        assert people[role].get("/access-log/").status_code == 403
        assert "Who looked" not in people[role].get("/overview/").content.decode()
    assert "Who looked" in people["practice_admin"].get("/overview/").content.decode()
