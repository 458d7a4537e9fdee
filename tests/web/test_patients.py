"""How a patient is reached, at the desk."""

import pytest
from django.test import Client

from patients import queries
from patients.models import AddressRequest, ContactPoint, MessagingConsent, Patient
from tests import factories
from tests.web.conftest import World, signed_in

OWN = "+13035550141"


@pytest.fixture
def path(world: World) -> str:
    return f"/patients/{world.patient.pk}/"


def test_r_04_the_desk_writes_down_where_a_patient_asks_to_be_written_to(
    world: World, desk: Client, path: str
) -> None:
    made = desk.post(f"{path}add/", {"value": "303-555-0141", "may_message": "1"}, follow=True)
    assert OWN in made.content.decode()
    asked = {"sort": ["reminders", "check_ins"], "address": [OWN], "said": "By phone: not at home."}
    page = desk.post(f"{path}ask/", asked, follow=True).content.decode()
    assert f"only at {OWN}" in page
    assert "By phone: not at home." in page
    assert world.clinic.front_desk.display_name in page
    row = AddressRequest.objects.get(patient=world.patient)
    assert (row.categories, row.addresses) == (["reminders", "check_ins"], [OWN])
    page = desk.post(f"{path}anywhere/", {"sort": ["reminders"], "said": "Moved out."}, follow=True)
    assert "at any address again" in page.content.decode()


def test_r_03_the_desk_writes_down_that_a_patient_agrees(world: World, desk: Client, path: str) -> None:
    Patient.objects.filter(pk=world.patient.pk).update(no_messages=True)
    assert "not encrypted, and somebody else might read it" in desk.get(path).content.decode()
    said = {"channel": "sms", "category": "check_ins", "source": "On the telephone"}
    refused = desk.post(f"{path}agree/", said).content.decode()
    assert "Leave for visits and their times comes first." in refused
    page = desk.post(f"{path}agree/", {**said, "category": "reminders"}, follow=True).content.decode()
    assert "Text message, visits and their times: agreed" in page
    assert "On the telephone" in page
    row = MessagingConsent.objects.get(patient=world.patient, source="On the telephone")
    assert (row.channel, row.category, row.decision) == ("sms", "reminders", "granted")
    assert row.warning_version
    # Who wanted none at all wants these, and not the e-mails to which they had agreed long before.
    assert "They want no messages at all" not in page
    assert queries.may_message(patient_ids=[world.patient.pk]) == {(world.patient.pk, "sms")}
    page = desk.post(f"{path}agree/", said, follow=True).content.decode()
    assert "Text message, how they are after a dose: agreed" in page


def test_r_07_the_desk_writes_down_that_they_want_no_more(world: World, desk: Client, path: str) -> None:
    about = world.patient.pk, "sms"
    assert about in queries.may_message(patient_ids=[world.patient.pk])
    page = desk.post(
        f"{path}stop/", {"channel": "sms", "category": "reminders"}, follow=True
    ).content.decode()
    assert "Text message, visits and their times: wants none" in page
    assert about not in queries.may_message(patient_ids=[world.patient.pk])


def test_what_is_agreed_to_in_no_known_way_is_refused_and_kept(world: World, desk: Client, path: str) -> None:
    before = MessagingConsent.objects.count()
    bad = {"channel": "pigeon", "category": "reminders", "source": "<b>shouted</b>"}
    for verb in ("agree", "stop"):
        answer = desk.post(f"{path}{verb}/", bad)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert 'value="&lt;b&gt;shouted&lt;/b&gt;"' in page
        assert '<option value="reminders" selected>' in page
    assert MessagingConsent.objects.count() == before


def test_what_is_refused_keeps_what_was_typed(desk: Client, path: str) -> None:
    answer = desk.post(f"{path}ask/", {"sort": ["forms"], "said": "Only by e-mail."})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Only by e-mail." in page
    assert 'value="forms" checked' in page
    assert 'value="reminders" checked' not in page
    page = desk.post(f"{path}add/", {"value": "no address"}).content.decode()
    assert 'value="no address"' in page
    assert 'name="may_message" value="1">' in page


def test_an_address_is_removed_and_used_again(world: World, desk: Client, path: str) -> None:
    point = world.patient.contact_points.get(channel="email")
    desk.post(f"{path}remove/", {"point": str(point.pk)})
    assert not ContactPoint.objects.get(pk=point.pk).is_active
    desk.post(f"{path}add/", {"value": point.value})
    assert ContactPoint.objects.get(pk=point.pk).is_active


def test_an_address_that_was_asked_for_and_is_gone_is_told(world: World, desk: Client, path: str) -> None:
    mail = world.patient.contact_points.get(channel="email")
    desk.post(f"{path}ask/", {"sort": ["reminders"], "address": [mail.value], "said": "By phone."})
    page = desk.post(f"{path}remove/", {"point": str(mail.pk)}, follow=True).content.decode()
    assert "is not on file any more" in page


def test_the_number_to_call_is_not_one_that_was_left_out(world: World, desk: Client, path: str) -> None:
    number = world.patient.contact_points.get(channel="sms").value
    message = f"/messages/{world.message.pk}/"
    world.message.__class__.objects.filter(pk=world.message.pk).update(state="failed_final")
    assert number in desk.get(message).content.decode()
    mail = world.patient.contact_points.get(channel="email").value
    desk.post(f"{path}ask/", {"sort": ["reminders"], "address": [mail], "said": "Never at home."})
    page = desk.get(message).content.decode()
    assert number not in page
    assert path in page


def test_who_only_looks_sees_no_form(world: World, path: str) -> None:
    client = signed_in(world.clinic.monitor)
    page = client.get(path).content.decode()
    assert f"{path}add/" not in page
    assert client.post(f"{path}add/", {"value": OWN}).status_code == 403
    elsewhere = signed_in(factories.small_clinic().front_desk)
    assert elsewhere.get(path).status_code == 404
