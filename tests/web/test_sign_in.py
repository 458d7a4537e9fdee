"""Signing in and out, and being signed out."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import NoReverseMatch, reverse
from pytest_django import Settings

from clinic.config import settings as ours
from clinic.practice.models import StaffMember
from tests import factories
from tests.web.conftest import BACKEND, World, signed_in

PASSWORD = "a quiet harbour at dawn"
SIGN_IN = "/accounts/sign-in/"


@pytest.fixture
def person(world: World) -> StaffMember:
    return factories.staff(world.clinic.site, "front_desk", username="desk", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, username: str = "desk", **extra: str) -> object:
    return client.post(SIGN_IN, {"login": username, "password": password, **extra})


def test_the_right_password_leads_to_the_page_that_was_asked_for(person: StaffMember) -> None:
    client = Client()
    asked = client.get("/roster/?date=2026-05-11")
    assert asked.status_code == 302
    assert asked["Location"] == f"{SIGN_IN}?next=/roster/%3Fdate%3D2026-05-11"
    answer = sign_in(client, next="/roster/?date=2026-05-11")
    assert (answer.status_code, answer["Location"]) == (302, "/roster/?date=2026-05-11")
    assert client.get("/overview/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(person: StaffMember) -> None:
    wrong = sign_in(Client(), password="not the password at all")
    unknown = sign_in(Client(), username="nobody-here")
    assert wrong.status_code == unknown.status_code == 200
    told = [list(answer.context["form"].non_field_errors()) for answer in (wrong, unknown)]
    assert told[0] == told[1]
    assert len(told[0]) == 1


def test_guessing_is_stopped_even_for_the_right_password(person: StaffMember) -> None:
    client = Client()
    for _ in range(5):
        sign_in(client, password="not the password at all")
    sign_in(client)
    assert client.get("/overview/").status_code == 302


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%09/evil.example",
        "http://testserver@evil.example/",
        " https://evil.example",
        "https://testserver.evil.example/",
    ],
)
def test_signing_in_never_leads_to_another_host(person: StaffMember, target: str) -> None:
    answer = sign_in(Client(), next=target)
    where = answer["Location"]
    assert answer.status_code == 302
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))


def test_nobody_signs_up_and_nobody_resets_a_password(person: StaffMember) -> None:
    for name in ("account_signup", "account_reset_password", "account_email"):
        with pytest.raises(NoReverseMatch):
            reverse(name)
    page = Client().get(SIGN_IN).content.decode()
    assert "signup" not in page
    assert "reset" not in page


def test_password_managers_know_the_fields(person: StaffMember) -> None:
    page = Client().get(SIGN_IN).content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page


def test_signing_out_takes_a_post_and_ends_the_session(person: StaffMember) -> None:
    client = signed_in(person)
    cookie = client.cookies["session"].value
    assert client.get("/accounts/sign-out/").status_code == 200
    assert client.get("/overview/").status_code == 200
    client.post("/accounts/sign-out/")
    client.cookies["session"] = cookie
    assert client.get("/overview/").status_code == 302


def test_a_second_factor_is_asked_for_where_there_is_one(person: StaffMember) -> None:
    Authenticator.objects.create(
        user=person, type=Authenticator.Type.TOTP, data={"secret": "JBSWY3DPEHPK3PXP"}
    )
    client = Client()
    answer = sign_in(client)
    assert answer["Location"] == "/accounts/second-factor/"
    page = client.get("/accounts/second-factor/")
    assert "authenticator app" in page.content.decode()
    assert client.get("/overview/").status_code == 302


def test_fifteen_idle_minutes_end_the_session(world: World, person: StaffMember) -> None:
    client = signed_in(person)
    assert client.get("/overview/").status_code == 200
    with time_machine.travel(world.now + timedelta(minutes=14)):
        assert client.get("/overview/").status_code == 200
    with time_machine.travel(world.now + timedelta(minutes=28)):
        assert client.get("/overview/").status_code == 200
    with time_machine.travel(world.now + timedelta(minutes=43, seconds=1)):
        assert client.get("/overview/").status_code == 302
        assert client.get("/overview/").status_code == 302


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(world: World, person: StaffMember) -> None:
    client = signed_in(person)
    client.get("/overview/")
    for minutes in (5, 10, 14):
        with time_machine.travel(world.now + timedelta(minutes=minutes)):
            assert client.get("/overview/", headers={"X-Background": "1"}).status_code == 200
    with time_machine.travel(world.now + timedelta(minutes=15, seconds=1)):
        assert client.get("/overview/", headers={"X-Background": "1"}).status_code == 302


def test_twelve_hours_end_the_session_in_any_case(world: World, person: StaffMember) -> None:
    client = signed_in(person)
    for minutes in range(0, 12 * 60, 10):
        with time_machine.travel(world.now + timedelta(minutes=minutes)):
            assert client.get("/accounts/sign-out/").status_code == 200
    with time_machine.travel(world.now + timedelta(hours=12, seconds=1)):
        assert client.get("/overview/").status_code == 302


def test_who_is_made_inactive_is_out_at_once(person: StaffMember) -> None:
    client = signed_in(person)
    assert client.get("/overview/").status_code == 200
    StaffMember.objects.filter(pk=person.pk).update(is_active=False)
    assert client.get("/overview/").status_code == 302


def test_who_loses_a_role_loses_what_it_allows_at_once(world: World) -> None:
    therapist = world.staff("therapist")
    client = signed_in(therapist)
    address = f"/follow-ups/{world.gap.pk}/waive/"
    StaffMember.objects.filter(pk=therapist.pk).update(roles=["front_desk"])
    assert client.post(address, {"reason": "seen elsewhere"}).status_code == 403


def test_a_user_without_a_practice_sees_nothing(world: World) -> None:
    stranger = StaffMember.objects.create_user(username="stranger", password=PASSWORD)
    client = Client()
    client.force_login(stranger, backend=BACKEND)
    for path in ("/overview/", "/roster/", "/follow-ups/", f"/courses/{world.course.pk}/"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert str(world.clinic.patient) not in answer.content.decode()
        assert "no practice" in answer.content.decode()


def test_too_many_tries_from_one_place_are_told_to_wait(person: StaffMember, settings: Settings) -> None:
    settings.LIMITS = {**settings.LIMITS, "sign_in_address": (2, 60)}
    client = Client()
    answers = [sign_in(client, password="not the password at all") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Too many tries" in answers[2].content.decode()
    assert 0 < int(answers[2]["Retry-After"]) <= 60


def test_the_sign_in_page_tells_who_sets_passwords(db: None) -> None:
    page = Client().get(SIGN_IN).content.decode()
    assert "passwords are set by whoever runs this server" in page


def test_a_password_is_kept_by_argon2_and_an_older_hash_is_renewed(
    person: StaffMember, settings: Settings
) -> None:
    settings.PASSWORD_HASHERS = ours.PASSWORD_HASHERS
    StaffMember.objects.filter(pk=person.pk).update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    client = Client()
    sign_in(client, password="not the password at all")
    person.refresh_from_db()
    assert person.password.startswith("pbkdf2_sha256$")
    sign_in(client)
    person.refresh_from_db()
    assert person.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert client.get("/overview/").status_code == 200
    assert sign_in(Client()).status_code == 302
