"""A page that stood open asks whether its person is still signed in."""

from django.contrib.sessions.models import Session
from django.test import Client

from tests.web.conftest import World


def test_it_says_who_is_signed_in_at_this_browser(world: World, desk: Client) -> None:
    answer = desk.get("/accounts/session/")
    assert answer.json()["who"] == str(world.clinic.front_desk.pk)
    assert "no-store" in answer["Cache-Control"]
    Session.objects.all().delete()
    assert desk.get("/accounts/session/").json()["who"] == ""


def test_its_token_lets_a_form_in(world: World) -> None:
    browser = Client(enforce_csrf_checks=True)
    token = browser.get("/accounts/session/").json()["token"]
    answer = browser.post("/accounts/sign-in/", {"csrfmiddlewaretoken": token, "login": "nobody"})
    assert answer.status_code == 200


def test_a_part_of_a_page_is_never_the_sign_in(world: World, desk: Client) -> None:
    Session.objects.all().delete()
    answer = desk.post("/patients/", {"name": "test"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (401, b"")


def test_another_tab_ends_where_it_says_to_go_back(world: World, desk: Client) -> None:
    assert "You are signed in" in desk.get("/accounts/session/back/").content.decode()
    assert "Not signed in yet" in Client().get("/accounts/session/back/").content.decode()
