"""Entering who is treated and how they may be reached."""

from datetime import date, datetime, timedelta

import pytest

from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.idempotency import Key
from clinic.practice.models import Resource, TrailEntry
from patients import addresses, decisions, queries, records
from patients.errors import IdentifierTaken
from patients.models import ExternalIdentifier, Patient
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW
EHR = "https://ehr.example/id"


@pytest.fixture
def site():
    return factories.site(factories.practice(), time_zone="America/Denver")


@pytest.fixture
def desk(site):
    return factories.actor(site.practice, "front_desk")


def create(site, desk, **fields) -> Patient:
    given = {"given_name": "Test", "family_name": "Patient", "birth_date": date(1980, 2, 29)}
    return records.create_patient(actor=desk, site_id=site.pk, now=NOW, **{**given, **fields})


def change(desk, patient, version=None, **changes) -> Patient:
    return records.update_patient(
        actor=desk, patient_id=patient.pk, changes=changes, now=NOW, version=version
    )


def test_a_patient_is_stored_with_clean_addresses_and_the_sites_zone(site, desk):
    made = create(
        site,
        desk,
        given_name="  Test ",
        phone="(303) 555-0123",
        email="Test.Patient@EXAMPLE.com",
        external_ids=[{"system": EHR, "value": "4711"}],
    )
    assert (made.given_name, made.time_zone, made.language) == ("Test", "America/Denver", "en")
    assert queries.addresses(patient=made, channel="sms") == ["+13035550123"]
    assert queries.addresses(patient=made, channel="email") == ["Test.Patient@example.com"]
    assert [(row.system, row.value) for row in made.external_ids.all()] == [(EHR, "4711")]
    entry = TrailEntry.objects.get(subject_id=made.pk)
    assert (entry.verb, entry.patient_id, entry.data) == ("create", made.pk, {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("given_name", ""),
        ("family_name", "x" * 101),
        ("family_name", "a\x00b"),
        ("family_name", "\ud800"),
        ("birth_date", "1980-01-01"),
        ("birth_date", date(1, 1, 1)),
        ("birth_date", NOW.date() + timedelta(days=2)),
        ("birth_date", datetime(1980, 1, 1, tzinfo=NOW.tzinfo)),
        ("phone", "12"),
        ("phone", "+1 202 555 0100 ext. 7"),
        ("phone", "+447700900123"),
        ("phone", 2025550100),
        ("email", "a@b"),
        ("email", "a@b@example.com"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../etc/passwd"),
        ("language", "tlh"),
        ("no_messages", "yes"),
        ("external_ids", {"system": EHR}),
    ],
)
def test_a_bad_value_points_at_its_field_and_stores_nothing(site, desk, field, value):
    with pytest.raises(Invalid) as refused:
        create(site, desk, **{field: value})
    assert set(refused.value.fields) == {field}
    assert not Patient.objects.exists()
    assert not Resource.objects.filter(kind="patient").exists()


def test_every_bad_field_is_named_at_once(site, desk):
    with pytest.raises(Invalid) as refused:
        create(site, desk, given_name="", phone="12", email="x", external_ids=[{"system": "", "value": "1"}])
    assert set(refused.value.fields) == {"given_name", "phone", "email", "external_ids.0.system"}


def test_a_number_without_a_country_code_is_of_the_practices_region(desk):
    london = factories.site(factories.practice(region="GB"), time_zone="Europe/London")
    made = create(london, factories.actor(london.practice, "front_desk"), phone="020 7946 0123")
    assert queries.addresses(patient=made, channel="sms") == ["+442079460123"]


def test_a_change_touches_only_the_fields_it_names(site, desk):
    made = create(site, desk, phone="+13035550123", email="test@example.com")
    changed = change(desk, made, version=1, family_name="Changed")
    assert (changed.given_name, changed.family_name, changed.version) == ("Test", "Changed", 2)
    assert queries.addresses(patient=changed, channel="sms") == ["+13035550123"]
    with pytest.raises(Stale):
        change(desk, made, version=1, family_name="Again")


def test_a_new_phone_number_replaces_the_first_and_the_old_one_is_kept_inactive(site, desk):
    made = create(site, desk, phone="+13035550123")
    change(desk, made, phone="+13035550124")
    assert queries.addresses(patient=made, channel="sms") == ["+13035550124"]
    assert made.contact_points.filter(value="+13035550123", is_active=False).exists()
    change(desk, made, phone="+13035550123")
    assert queries.addresses(patient=made, channel="sms") == ["+13035550123"]
    change(desk, made, phone=None)
    assert queries.addresses(patient=made, channel="sms") == []


def test_external_identifiers_are_set_one_by_one(site, desk):
    other_system = "https://billing.example/id"
    made = create(site, desk, external_ids=[{"system": EHR, "value": "1"}])
    change(desk, made, external_ids=[{"system": other_system, "value": "2"}])
    change(desk, made, external_ids=[{"system": EHR, "value": "3"}])
    held = set(ExternalIdentifier.objects.values_list("system", "value"))
    assert held == {(EHR, "3"), (other_system, "2")}
    change(desk, made, external_ids=[{"system": EHR, "value": None}])
    assert set(ExternalIdentifier.objects.values_list("system", flat=True)) == {other_system}


def test_an_identifier_belongs_to_one_patient_of_the_practice(site, desk):
    identifier = [{"system": EHR, "value": "1"}]
    create(site, desk, external_ids=identifier)
    with pytest.raises(IdentifierTaken):
        create(site, desk, external_ids=identifier)
    assert Patient.objects.count() == 1
    elsewhere = factories.site(factories.practice())
    assert create(elsewhere, factories.actor(elsewhere.practice, "front_desk"), external_ids=identifier)


def test_more_addresses_can_be_added_and_removed(site, desk):
    made = create(site, desk, phone="+13035550123")
    asked = {"actor": desk, "patient_id": made.pk, "now": NOW}
    more = addresses.add(**asked, channel="sms", value="303-555-0124", rank=2)
    assert queries.addresses(patient=made, channel="sms") == ["+13035550123", "+13035550124"]
    with pytest.raises(Invalid) as refused:
        addresses.add(**asked, channel="sms", value="303-555-0124")
    assert set(refused.value.fields) == {"value"}
    addresses.remove(**asked, point_id=more.pk)
    assert queries.addresses(patient=made, channel="sms") == ["+13035550123"]
    with pytest.raises(Invalid) as refused:
        addresses.add(**asked, channel="pigeon", value="x", rank=0)
    assert set(refused.value.fields) == {"channel", "rank"}


def test_a_repeated_key_makes_one_patient(site, desk):
    key = Key(scope="test", value="one", fingerprint="same")
    assert create(site, desk, key=key).pk == create(site, desk, key=key).pk
    assert Patient.objects.count() == 1


def test_another_practice_sees_and_changes_nothing(site, desk):
    made = create(site, desk)
    elsewhere = factories.site(factories.practice())
    other = factories.actor(elsewhere.practice, "front_desk")
    assert not queries.patients(actor=other).exists()
    with pytest.raises(NotFound):
        queries.patient(actor=other, patient_id=made.pk)
    with pytest.raises(NotFound):
        change(other, made, family_name="Mine")
    with pytest.raises(NotFound):
        create(site, other)
    mine = create(elsewhere, other)
    with pytest.raises(NotFound):
        change(other, mine, site=site.pk)


def test_a_monitor_may_not_create_patients(site):
    with pytest.raises(NotAllowed):
        create(site, factories.actor(site.practice, "monitor"))


def test_who_gives_an_address_may_be_messaged_until_they_say_no(db):
    here = factories.site(factories.practice())
    someone = factories.admin(here.practice)
    asked = {"actor": someone, "site_id": here.pk, "now": factories.NOW}
    asked |= {"given_name": "Robin", "family_name": "Invented", "birth_date": date(1985, 4, 12)}
    patient = records.create_patient(**asked, phone="+13035550143")
    assert queries.may_message(patient_ids=[patient.pk]) == {(patient.pk, "sms")}
    later = factories.NOW + timedelta(hours=1)
    decisions.decide_messaging(
        actor=someone, patient_id=patient.pk, channel="sms", decision="revoked", now=later
    )
    changes = {"phone": "+13035550144", "email": "robin@example.com"}
    records.update_patient(actor=someone, patient_id=patient.pk, changes=changes, now=later)
    # A new number does not undo a refusal; the address that is new speaks for itself.
    assert queries.may_message(patient_ids=[patient.pk]) == {(patient.pk, "email")}
