"""What messages say, changed on a page: checked while it is typed, kept only when it is lawful."""

from typing import Any

import pytest
from django.test import Client

from notifications.models import Message, Trial, Wording
from notifications.wording import texts
from patients.models import ContactPoint
from tests.web.conftest import World, signed_in

SMS = "/set-up/messages/reminder_24h/en/sms/"
EMAIL = "/set-up/messages/reminder_24h/en/email/"
BODY = "{clinic}: until {times}.[ More: {link}][ Call {phone}.] {stop}"
LIVE = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def admin(world: World) -> Client:
    return signed_in(world.staff("practice_admin"))


def test_every_text_is_listed_with_what_it_is_for(admin: Client) -> None:
    page = admin.get("/set-up/messages/").content.decode()
    assert page.count("Built in") == len(list(texts.every()))
    assert "24 hours before the visit" in page
    assert admin.get("/set-up/messages/digest/es/email/").status_code == 404
    assert admin.get("/set-up/messages/visit_list/en/sms/").status_code == 404


def test_words_are_saved_shown_and_taken_back(admin: Client) -> None:
    page = admin.get(SMS).content.decode()
    assert "see you {times}." in page
    assert "see you Wed 30 Sep 10:00." in page
    assert admin.post(SMS, {"body": BODY, "version": "0", "save": "1"}).status_code == 303
    page = admin.get(SMS).content.decode()
    assert "Your own" in page and "until Wed 30 Sep 10:00." in page
    assert "The built-in words" in page
    late = admin.post(SMS, {"body": BODY + " Bye.", "version": "0", "save": "1"})
    assert late.status_code == 422
    assert "changed since this page was opened" in late.content.decode()
    assert "Bye." in late.content.decode()
    assert "As it is now; saving again replaces it:" in late.content.decode()
    assert 'name="version" value="1"' in late.content.decode()
    assert admin.post(SMS, {"body": "", "version": "1", "revert": "1"}).status_code == 303
    assert not Wording.objects.get().in_use
    assert "What you said before" in admin.get(SMS).content.decode()


def test_refused_words_stay_on_the_page_with_the_reason(admin: Client) -> None:
    typed = "{clinic}: <b>your infusion</b> {times} {name}"
    answer = admin.post(SMS, {"body": typed, "version": "0", "save": "1"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "&lt;b&gt;your infusion&lt;/b&gt;" in page and "<b>your" not in page
    assert "tells what the visit is for" in page and "{name} cannot stand here" in page
    assert not Wording.objects.exists()


def test_what_is_typed_is_checked_at_once_and_writes_nothing(admin: Client) -> None:
    part = admin.post(SMS, {"body": BODY}, **LIVE)
    assert part.status_code == 200
    assert "<html" not in part.content.decode()
    assert "It may be sent." in part.content.decode()
    assert "of 160 characters · 1 segment" in part.content.decode()
    part = admin.post(SMS, {"body": "🙂" + BODY}, **LIVE).content.decode()
    assert "slightly smiling face" in part and "2 segments" in part
    # The same by a button, where there is no script.
    page = admin.post(SMS, {"body": BODY + " ketamine", "check": "1"})
    assert page.status_code == 200
    assert "“ketamine” tells" in page.content.decode() and BODY in page.content.decode()
    assert not Wording.objects.exists()


@pytest.mark.parametrize("role", ["front_desk", "clinical_lead"])
def test_others_look_and_change_nothing(world: World, role: str) -> None:
    client = signed_in(world.staff(role))
    assert client.get(SMS).status_code == 200
    for button in ("save", "revert", "test", "check"):
        assert client.post(SMS, {"body": BODY, "to": "+13035550123", button: "1"}).status_code == 403
    assert not Wording.objects.exists() and not Trial.objects.exists()


def test_a_test_is_sent_once_and_never_to_a_patient(world: World, admin: Client, sms_provider: Any) -> None:
    typed = {"body": BODY, "to": "+1 303 555 0123", "test": "1", "key": "k1"}
    for _ in range(2):
        assert admin.post(SMS, typed).status_code == 303
    assert Trial.objects.get().to == "+13035550123"
    assert Message.objects.get(kind="wording_trial").staff_id is not None
    part = admin.get(f"{SMS}tests/").content.decode()
    assert "Will be sent" in part and "every 2s" in part and "+13035550123" in part
    # It is the address of a person, who sends tests.
    others = signed_in(world.clinic.front_desk).get(f"{SMS}tests/").content.decode()
    assert "+13035550123" not in others
    number = ContactPoint.objects.filter(patient=world.clinic.patient, channel="sms").get().value
    refused = admin.post(SMS, {**typed, "to": number, "key": "k2"})
    assert refused.status_code == 422
    assert "never goes to a patient" in refused.content.decode()
    wrong = admin.post(SMS, {**typed, "body": "ketamine", "key": "k3"})
    assert wrong.status_code == 422
    assert Trial.objects.count() == 1


def test_a_letter_has_a_subject_and_one_s_own_address_is_offered(world: World) -> None:
    person = world.staff("practice_admin")
    type(person).objects.filter(pk=person.pk).update(email="me@clinic.example")
    person.refresh_from_db()
    admin = signed_in(person)
    page = admin.get(EMAIL).content.decode()
    assert 'value="me@clinic.example"' in page
    bad = admin.post(EMAIL, {"subject": "Ketamine\nBcc: x", "body": "{clinic}", "save": "1", "version": "0"})
    assert "“ketamine” tells" in bad.content.decode()


def test_the_list_asks_no_more_when_there_is_more(
    world: World, admin: Client, django_assert_max_num_queries: Any
) -> None:
    admin.get("/set-up/messages/")
    for which in ("reminder_24h/en/sms", "no_show/en/sms"):
        body = BODY.replace("{times}", "then") if "no_show" in which else BODY
        body = body.replace("[ More: {link}]", "") if "no_show" in which else body
        answer = admin.post(f"/set-up/messages/{which}/", {"body": body, "version": "0", "save": "1"})
        assert answer.status_code == 303, answer.content.decode()
    with django_assert_max_num_queries(10):
        admin.get("/set-up/messages/")
