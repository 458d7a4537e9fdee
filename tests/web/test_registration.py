"""What the registration of a number asks for, with the texts as they will be sent."""

import pytest
from django.test import Client

from notifications.models import Wording
from tests import factories
from tests.web.conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return signed_in(factories.staff(factories.site(factories.practice()), "practice_admin"))


def test_r_12_what_carriers_ask_for_stands_to_copy(admin: Client) -> None:
    page = admin.get("/set-up/messages/register/").content.decode()
    for text in (
        "you will get texts about your visits. Frequency varies. Msg&amp;data rates may apply.",
        "no further messages like these will come",
        "appointment messages. Help: ",
        "not shared with others for marketing",
        "STOPALL",
    ):
        assert text in page
    assert "/set-up/messages/register/" in admin.get("/set-up/messages/").content.decode()


def test_own_words_stand_there_once_they_may_be_sent(admin: Client) -> None:
    address = "/set-up/messages/consent_confirmed/en/sms/"
    lacking = {"save": "1", "version": "0", "body": "{clinic}: welcome. {help} {stop}"}
    answer = admin.post(address, lacking)
    assert answer.status_code == 422
    assert "{rates}" in answer.content.decode()
    body = "{clinic}: welcome to our texts. {frequency} {rates} {help} {stop}"
    assert admin.post(address, {**lacking, "body": body}).status_code == 303
    assert Wording.objects.count() == 1
    page = admin.get("/set-up/messages/register/").content.decode()
    assert "welcome to our texts. Frequency varies." in page
    assert "in your own words" in page
