"""Somebody new who looks like somebody on file is written down after a second look."""

import uuid
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from clinic.practice.models import PatientRead
from patients import duplicates, records
from patients.models import MessagingConsent, Patient
from tests import factories
from tests.web.conftest import World

BORN = date(1980, 5, 4)


@pytest.fixture
def known(world: World) -> Patient:
    return records.create_patient(
        actor=world.clinic.admin,
        given_name="Jon",
        family_name="Smith",
        birth_date=BORN,
        site_id=world.clinic.site.pk,
        phone="3035550144",
        email="jon@example.org",
        now=world.now,
    )


def add(client: Client, world: World, **changes: str) -> Any:
    sent = {"given_name": "Robin", "family_name": "Newcomer", "birth_date": "1971-02-03"}
    sent |= {"site": str(world.clinic.site.pk), "key": uuid.uuid4().hex}
    return client.post("/book/patient/", sent | changes)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (
            {"given_name": "John", "family_name": "Smyth", "birth_date": "1980-05-04"},
            "the same birth date and name",
        ),
        (
            {"given_name": "Smith", "family_name": "Jon", "birth_date": "1980-05-04"},
            "the same birth date and name",
        ),
        ({"phone": "(303) 555-0144"}, "the same phone"),
        ({"email": "jon@example.org"}, "the same e-mail"),
    ],
)
def test_who_looks_like_somebody_on_file_is_looked_at_first(
    world: World, desk: Client, known: Patient, typed: dict[str, str], why: str
) -> None:
    before = Patient.objects.count()
    answer = add(desk, world, **typed)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Nobody is written down yet: is it one of them?" in page
    assert f'<a href="/book/?patient={known.pk}">Jon Smith</a>, born 4 May 1980' in page
    assert why in page
    assert Patient.objects.count() == before
    assert PatientRead.objects.latest("pk").patient_ids == [known.pk]


def test_what_was_typed_is_kept_and_somebody_else_is_written_down(
    world: World, desk: Client, known: Patient
) -> None:
    page = add(desk, world, phone="3035550144", start="2026-07-13").content.decode()
    assert 'value="Newcomer"' in page
    assert 'form="newcomer-form" name="is_new" value="1"' in page
    assert f"patient={known.pk}&amp;start=2026-07-13" in page
    answer = add(desk, world, phone="3035550144", is_new="1", start="2026-07-13")
    made = Patient.objects.get(family_name="Newcomer")
    assert answer["Location"] == f"/book/?patient={made.pk}&start=2026-07-13"


@pytest.mark.parametrize(
    "typed",
    [
        {"given_name": "Jon", "family_name": "Smith", "birth_date": "1980-05-05"},
        {"given_name": "Alexandra", "family_name": "Brown", "birth_date": "1980-05-04"},
        {"phone": "2025550145"},
    ],
)
def test_who_looks_like_nobody_is_written_down_at_once(
    world: World, desk: Client, known: Patient, typed: dict[str, str]
) -> None:
    assert add(desk, world, **typed).status_code == 303


def test_nobody_of_another_practice_is_told_of(world: World, desk: Client) -> None:
    elsewhere = factories.site(factories.practice())
    factories.patient(elsewhere, given_name="Robin", family_name="Newcomer", birth_date=date(1971, 2, 3))
    assert add(desk, world).status_code == 303


def test_the_look_takes_as_many_queries_however_many_are_alike(world: World, known: Patient) -> None:
    def looked() -> int:
        with CaptureQueriesContext(connection) as told:
            found = duplicates.like(
                actor=world.clinic.admin, name=("Jon", "Smith"), birth_date=BORN, phone="+13035550144"
            )
        assert known.pk in {one.patient.pk for one in found}
        return len(told)

    before = looked()
    for _ in range(6):
        factories.patient(world.clinic.site, given_name="Jon", family_name="Smith", birth_date=BORN)
    assert looked() == before


def test_r_03_the_form_says_the_warning_and_the_record_keeps_which_one(world: World, desk: Client) -> None:
    assert "neither is encrypted" in desk.get("/book/").content.decode()
    add(desk, world, phone="2025550146", may_message="1")
    row = MessagingConsent.objects.get(patient__family_name="Newcomer", channel="sms")
    assert (row.warning_version, row.source) == ("desk-1", "address given to the practice")
    add(desk, world, given_name="Ada", family_name="Other", phone="2025550147", may_message="0")
    assert not MessagingConsent.objects.filter(patient__family_name="Other").exists()
