"""The page on which staff choose their e-mails."""

import pytest
from django.test import Client

from clinic.practice.models import MailChoice, StaffMember, TrailEntry
from tests import factories
from tests.web.conftest import signed_in

pytestmark = pytest.mark.django_db
PAGE = "/accounts/mails/"


@pytest.fixture
def me() -> StaffMember:
    return factories.staff(factories.site(factories.practice()), "front_desk", email="me@example.com")


@pytest.fixture
def browser(me: StaffMember) -> Client:
    return signed_in(me)


def test_everything_comes_until_it_is_switched_off(me: StaffMember, browser: Client) -> None:
    shown = browser.get(PAGE).content.decode()
    assert shown.count(" checked") == 2
    assert "me@example.com" in shown
    assert PAGE in browser.get("/accounts/factors/").content.decode()
    assert browser.post(PAGE, {"sort": "digest", "version": "0"}).status_code == 303
    assert browser.get(PAGE).content.decode().count(" checked") == 1
    row = MailChoice.objects.get(staff=me)
    assert (row.digest, row.messages) == (True, False)
    assert TrailEntry.objects.filter(subject_kind="mail_choice", verb="update").count() == 1


def test_what_was_changed_in_another_tab_is_told(browser: Client) -> None:
    browser.post(PAGE, {"version": "0"})
    answer = browser.post(PAGE, {"sort": "digest", "version": "0"})
    assert answer.status_code == 409
    assert "changed since" in answer.content.decode()


def test_keeping_what_stands_writes_nothing(browser: Client) -> None:
    browser.post(PAGE, {"sort": ["digest", "messages"], "version": "0"})
    assert not TrailEntry.objects.filter(subject_kind="mail_choice").exists()
