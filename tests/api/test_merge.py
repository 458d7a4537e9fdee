"""A patient who is on file twice is found, and made one without losing anything."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from clinic.practice import work
from clinic.practice.models import Resource, TrailEntry
from notifications.planning import recipients
from patients import queries as patients
from patients.models import MergedPatient, Patient
from scheduling.booking.intake import merging
from scheduling.models import Appointment, WaitlistEntry
from tests import factories
from tests.api import database
from tests.api.conftest import Api, program
from tests.api.test_bad_input import refused
from tests.api.test_courses import book
from tests.races import race

pytestmark = pytest.mark.django_db
# What names patients and is not given away: the story and the log of reads are never rewritten, and the
# tombstones are what leads on.
KEPT = {
    ("practice_trailentry", "patient_id"),
    ("practice_patientread", "patient_ids"),
    ("patients_mergedpatient", "into_id"),
}


@pytest.fixture
def double(clinic: factories.Clinic) -> Patient:
    """Another record of the clinic's patient."""
    someone = factories.patient(
        clinic.site,
        given_name="Test",
        family_name=clinic.patient.family_name,
        birth_date=clinic.patient.birth_date,
        external_ids=[{"system": "billing", "value": "77"}],
    )
    factories.ready(someone, clinic.version)
    return someone


def merge(api: Api, survivor: Patient, duplicate: Patient | UUID, **headers: str) -> Any:
    duplicate_id = duplicate.pk if isinstance(duplicate, Patient) else duplicate
    body = {"duplicate": str(duplicate_id), "reason": "The same person."}
    return api.post(f"patients/{survivor.pk}/merge/", body, **headers)


def course_of(api: Api, clinic: factories.Clinic, patient: Patient) -> Any:
    """A course of this patient, one follow-up of it still missing."""
    mine, clinic.patient = clinic.patient, patient
    try:
        booked = book(api, clinic, skip=["integration-1"])
    finally:
        clinic.patient = mine
    assert booked.status_code == 201, booked.content
    return booked.json()


def naming(patient_id: UUID) -> set[str]:
    """The tables in which the id stands, history aside."""
    return {
        name
        for name, row in database.texts()
        if str(patient_id) in row and not name.endswith("event") and not name.startswith("pghistory")
    }


def test_everything_of_the_duplicate_is_the_survivor_s(
    api: Api, clinic: factories.Clinic, double: Patient
) -> None:
    course = course_of(api, clinic, double)
    api.post(f"patients/{double.pk}/measures/", {"code": "PHQ-9", "score": 12})
    work.raise_item(
        practice_id=clinic.practice.pk,
        kind="x",
        dedupe_key="x",
        subject_kind="patient",
        subject_id=double.pk,
        patient_id=double.pk,
        role="front_desk",
        due_at=timezone.now(),
    )
    waits = WaitlistEntry.objects.create(
        practice=clinic.practice,
        patient=double,
        site=clinic.site,
        course_id=course["id"],
        kind="integration",
        earliest=timezone.now(),
        latest=timezone.now() + timedelta(days=9),
        created_at=timezone.now(),
        created_by="test",
    )
    messages = api.get(f"messages/?patient={double.pk}").json()["results"]
    assert messages
    answer = merge(api, clinic.patient, double)
    assert answer.status_code == 200, answer.content
    here = f"patient={clinic.patient.pk}"
    assert [one["id"] for one in api.get(f"courses/?{here}").json()["results"]] == [course["id"]]
    assert len(api.get(f"appointments/?{here}").json()["results"]) == len(course["visits"])
    assert len(api.get(f"gaps/?{here}").json()["results"]) == len(course["gaps"])
    assert len(api.get(f"messages/?{here}").json()["results"]) == len(messages)
    assert len(api.get(f"patients/{clinic.patient.pk}/measures/").json()["results"]) == 1
    assert len(api.get(f"patients/{clinic.patient.pk}/consents/").json()["results"]) == 2
    assert {"system": "billing", "value": "77"} in answer.json()["external_ids"]
    waits.refresh_from_db()
    assert waits.patient_id == clinic.patient.pk
    # The database itself: the id is left where it leads on, and in what is never rewritten.
    assert naming(double.pk) == {
        "patients_mergedpatient",
        "practice_trailentry",
        "practice_patientread",
    }
    assert race.overlaps() == race.half_booked() == 0
    assert not Resource.objects.filter(pk=double.resource_id).exists()
    # And the place is the survivor's: nobody books them twice.
    first = course["visits"][0]
    again = {"patient": str(clinic.patient.pk), "kind": "therapy", "start": first["start"]}
    refused(api.post("appointments/", again), code="slot_taken", status=409)


def test_the_duplicate_s_id_leads_to_the_survivor(
    api: Api, clinic: factories.Clinic, double: Patient
) -> None:
    merge(api, clinic.patient, double)
    for answer in (
        api.get(f"patients/{double.pk}/"),
        api.get(f"patients/{double.pk}/measures/"),
        api.post("appointments/", {"patient": str(double.pk), "kind": "therapy", "start": _soon()}),
    ):
        refused(answer, code="merged", status=410)
        assert answer.json()["merged_into"] == str(clinic.patient.pk)
    listed = [one["id"] for one in api.get("patients/").json()["results"]]
    assert listed == [str(clinic.patient.pk)]
    stranger = program(factories.small_clinic().practice)
    assert stranger.get(f"patients/{double.pk}/").content == stranger.get(f"patients/{uuid4()}/").content


def _soon() -> str:
    return (timezone.now() + timedelta(days=9)).isoformat()


def test_merging_again_changes_nothing_and_chains_lead_to_the_end(
    api: Api, clinic: factories.Clinic, double: Patient
) -> None:
    first = merge(api, clinic.patient, double, idempotency_key="k")
    before = database.counts()
    assert merge(api, clinic.patient, double, idempotency_key="k").json() == first.json()
    assert merge(api, clinic.patient, double).json() == first.json()
    after = {name for name, count in database.counts().items() if count != before[name]}
    assert after <= {"pghistory_context"}
    other = factories.patient(clinic.site)
    assert merge(api, other, clinic.patient).status_code == 200
    for gone in (double, clinic.patient):
        assert api.get(f"patients/{gone.pk}/").json()["merged_into"] == str(other.pk)
    refused(merge(api, factories.patient(clinic.site), double), code="merged", status=410)


@pytest.mark.parametrize("whose", ["survivor", "duplicate"])
def test_a_stop_of_either_holds(api: Api, clinic: factories.Clinic, double: Patient, whose: str) -> None:
    said = clinic.patient if whose == "survivor" else double
    other = double if whose == "survivor" else clinic.patient
    stop = {"channel": "sms", "decision": "revoked", "source": "reply"}
    grant = {"channel": "sms", "decision": "granted", "warning_version": "1"}
    assert api.post(f"patients/{said.pk}/messaging-consents/", stop).status_code == 201
    assert api.post(f"patients/{other.pk}/messaging-consents/", grant).status_code == 201
    merge(api, clinic.patient, double)
    usable = recipients.usable_channels(patient_ids=[clinic.patient.pk])
    assert usable == {clinic.patient.pk: ("email",)}


def test_r_04_where_either_asked_to_be_written_to_holds(
    api: Api, clinic: factories.Clinic, double: Patient
) -> None:
    theirs = double.contact_points.get(channel="email").value
    request = {"categories": ["reminders"], "addresses": [theirs], "said": "By telephone."}
    assert api.post(f"patients/{double.pk}/address-requests/", request).status_code == 201
    ended = {**request, "addresses": None}
    assert api.post(f"patients/{clinic.patient.pk}/address-requests/", ended).status_code == 201
    merge(api, clinic.patient, double)
    asked = patients.asked_addresses(patient_ids=[clinic.patient.pk], category="reminders")
    assert asked == {clinic.patient.pk: [theirs]}


def test_no_messages_of_either_holds(api: Api, clinic: factories.Clinic, double: Patient) -> None:
    etag = api.get(f"patients/{double.pk}/")["ETag"]
    api.patch(f"patients/{double.pk}/", {"no_messages": True}, if_match=etag)
    assert merge(api, clinic.patient, double).json()["no_messages"] is True


def test_addresses_are_kept_after_the_survivor_s_own(
    api: Api, clinic: factories.Clinic, double: Patient
) -> None:
    mine = api.get(f"patients/{clinic.patient.pk}/").json()
    theirs = api.get(f"patients/{double.pk}/").json()
    merged = merge(api, clinic.patient, double).json()
    assert (merged["phone"], merged["email"]) == (mine["phone"], mine["email"])
    kept = set(clinic.patient.contact_points.values_list("value", flat=True))
    assert kept == {mine["phone"], mine["email"], theirs["phone"], theirs["email"]}


def test_visits_at_one_time_refuse_the_merge(api: Api, clinic: factories.Clinic, double: Patient) -> None:
    monday = timezone.now() + timedelta(days=14 - timezone.now().weekday())
    start = monday.replace(hour=16, minute=0, second=0, microsecond=0).isoformat()
    visits = [
        api.post("appointments/", {"patient": str(one.pk), "kind": "therapy", "start": start})
        for one in (clinic.patient, double)
    ]
    assert [one.status_code for one in visits] == [201, 201]
    before = database.counts()
    answer = merge(api, clinic.patient, double)
    refused(answer, code="merge_clash", status=409)
    clash = answer.json()["clashes"][0]
    assert {clash["visit"], clash["against"]} == {one.json()["id"] for one in visits}
    assert database.counts() == before
    api.post(f"appointments/{visits[1].json()['id']}/cancel/", {"reason": "The same visit."})
    assert merge(api, clinic.patient, double).status_code == 200
    assert Appointment.objects.filter(patient=clinic.patient).count() == 2


def test_who_may_and_what_is_refused(api: Api, clinic: factories.Clinic, double: Patient) -> None:
    theirs, reader = factories.small_clinic(), program(clinic.practice, "read:patients")
    before = database.counts()
    for wrong in (theirs.patient.pk, uuid4()):
        refused(merge(api, clinic.patient, wrong), "duplicate")
    refused(merge(api, clinic.patient, clinic.patient), "duplicate")
    refused(api.post(f"patients/{clinic.patient.pk}/merge/", {"duplicate": str(double.pk)}), "reason")
    refused(merge(api, clinic.patient, double, if_match='"99"'), code="stale", status=412)
    refused(merge(reader, clinic.patient, double), code="not_allowed", status=403)
    assert database.counts() == before


def test_the_story_names_both(api: Api, clinic: factories.Clinic, double: Patient) -> None:
    merge(api, clinic.patient, double)
    told = TrailEntry.objects.filter(verb__startswith="merge").values_list("verb", "patient_id", "reason")
    assert set(told) == {
        ("merge", clinic.patient.pk, "The same person."),
        ("merge_into", double.pk, "The same person."),
    }
    grave = MergedPatient.objects.get(pk=double.pk)
    assert (grave.family_name, grave.birth_date) == (double.family_name, double.birth_date)


def test_what_comes_a_moment_later_is_refused_by_the_database(
    api: Api, clinic: factories.Clinic, double: Patient
) -> None:
    """A request that had read the duplicate before it was merged."""
    merge(api, clinic.patient, double)
    with connection.cursor() as cursor, pytest.raises(Exception, match="foreign key"):
        cursor.execute(
            """
            INSERT INTO patients_measure (id, patient_id, code, score, taken_at, recorded_by)
            VALUES (gen_random_uuid(), %s, 'PHQ-9', 1, now(), 'x')
            """,
            [double.pk],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


# --- nothing is forgotten -----------------------------------------------------------------------------------
def named_in_the_catalogue() -> set[tuple[str, str]]:
    """Every column that is a key to patients or says that it names one; row history aside."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
            WHERE c.contype = 'f' AND c.confrelid = 'patients_patient'::regclass
                AND a.attname <> 'practice_id'
            UNION
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = current_schema() AND column_name ILIKE '%patient%'
            """
        )
        return {(table, column) for table, column in cursor.fetchall() if not table.endswith("event")}


def owned() -> set[tuple[str, str]]:
    return {(model._meta.db_table, "patient_id") for model in merging.OWNED} | KEPT


def test_every_column_that_names_a_patient_is_merged(db: None) -> None:
    assert named_in_the_catalogue() == owned()


def test_a_table_that_is_added_is_missed(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE later (id int, whose uuid REFERENCES patients_patient (id))")
        cursor.execute("CREATE TABLE later_still (id int, patient uuid)")
    assert named_in_the_catalogue() - owned() == {("later", "whose"), ("later_still", "patient")}


# --- finding them -------------------------------------------------------------------------------------------
def pairs(api: Api, query: str = "") -> dict[frozenset[str], list[str]]:
    found = api.get(f"patients/duplicates/{query}")
    assert found.status_code == 200, found.content
    return {
        frozenset(one["id"] for one in pair["patients"]): pair["reasons"] for pair in found.json()["pairs"]
    }


def test_likely_duplicates_are_found(api: Api, clinic: factories.Clinic) -> None:
    def someone(given: str, family: str, **more: Any) -> str:
        return str(factories.patient(clinic.site, given_name=given, family_name=family, **more).pk)

    zoe, zoe_again = someone("Zoë", "Martinez"), someone("Zoe", "Martínez")
    swapped = someone("Martinez", "Zoe")
    stranger = someone("Ivo", "Quill")
    one = someone("A", "B", birth_date=factories.NOW.date(), phone="+12025550111")
    same_phone = someone("C", "D", phone="+12025550111")
    known = [{"system": "ehr", "value": "5"}]
    number = someone("E", "F", birth_date=factories.NOW.date().replace(day=1), external_ids=known)
    other_system = someone("G", "H", external_ids=[{"system": "lab", "value": "5"}])
    found = pairs(api)
    assert {key: value for key, value in found.items() if zoe in key} == {
        frozenset({zoe, zoe_again}): ["birth_date_and_name"],
        frozenset({zoe, swapped}): ["birth_date_and_name"],
    }
    assert found[frozenset({one, same_phone})] == ["phone"]
    assert found[frozenset({number, other_system})] == ["external_id"]
    assert not any(stranger in key for key in found)
    assert set(pairs(api, f"?patient={zoe}")) == {key for key in found if zoe in key}
    assert len(pairs(api, "?limit=1")) == 1


def test_duplicates_are_of_one_practice(api: Api, clinic: factories.Clinic) -> None:
    theirs = factories.small_clinic()
    for site in (clinic.site, theirs.site):
        factories.patient(
            site, given_name="Ann", family_name="Same", phone="+12025550111", email="a@example.com"
        )
    assert pairs(api) == {}
    refused(api.get(f"patients/duplicates/?patient={theirs.patient.pk}"), "patient")
    refused(api.get("patients/duplicates/?limit=1000"), "limit")
