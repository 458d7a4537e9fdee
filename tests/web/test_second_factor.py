"""A second factor: added, asked for, used once, guessed at in vain, lost and reset."""

import re
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.test import Client
from django.utils import timezone

from clinic.practice import actor as actors
from clinic.practice import factors
from clinic.practice.errors import NotAllowed
from clinic.practice.models import Practice, StaffMember, TrailEntry
from tests import factories
from tests.api.conftest import program
from tests.races import race

PASSWORD = "a quiet harbour at dawn"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SIGN_IN, SECOND = "/accounts/sign-in/", "/accounts/second-factor/"


@pytest.fixture
def person(db: None) -> StaffMember:
    return someone()


def someone(*roles: str, username: str = "desk") -> StaffMember:
    site = factories.site(factories.practice())
    return factories.staff(site, *(roles or ("front_desk",)), username=username, password=PASSWORD)


def sign_in(username: str = "desk", password: str = PASSWORD) -> Client:
    client = Client(raise_request_exception=False)
    client.post(SIGN_IN, {"login": username, "password": password})
    return client


def with_app(person: StaffMember) -> Authenticator:
    made: Authenticator = Authenticator.objects.create(
        user=person, type=Authenticator.Type.TOTP, data={"secret": SECRET}
    )
    return made


def code(secret: str = SECRET, *, ahead: int = 0) -> str:
    step = int(timezone.now().timestamp()) // 30 + ahead
    return totp.format_hotp_value(totp.hotp_value(secret, step))


def inside(client: Client) -> bool:
    return client.get("/overview/").status_code == 200


def told(person: StaffMember) -> list[str]:
    entries = TrailEntry.objects.filter(subject_id=person.pk).exclude(verb="create")
    return list(entries.order_by("id").values_list("verb", flat=True))


# --- adding -----------------------------------------------------------------------------------------------
def test_an_app_is_added_and_from_then_on_asked_for(person: StaffMember) -> None:
    client = sign_in()
    elsewhere = sign_in()
    page = client.get("/accounts/factors/app/add/").content.decode()
    secret = re.search(r"<code>([A-Z2-7]+)</code>", page)
    assert secret and "otpauth" not in page
    before = client.cookies["session"].value
    answer = client.post("/accounts/factors/app/add/", {"code": code(secret[1])})
    assert answer["Location"] == "/accounts/factors/codes/"
    # This session goes on under another key; the other one is over.
    assert client.cookies["session"].value != before
    assert (inside(client), inside(elsewhere)) == (True, False)
    shown = re.findall(r"<code>(\d{8})</code>", client.get("/accounts/factors/codes/").content.decode())
    assert len(set(shown)) == 10
    assert not re.search(r"<code>\d", client.get("/accounts/factors/codes/").content.decode())
    assert told(person) == ["factor.app_added"]
    # The code that proved the app is used up.
    later = sign_in()
    assert not inside(later)
    later.post(SECOND, {"code": code(secret[1])})
    assert not inside(later)
    later.post(SECOND, {"code": code(secret[1], ahead=1)})
    assert inside(later)


def test_a_wrong_code_adds_nothing(person: StaffMember) -> None:
    client = sign_in()
    client.get("/accounts/factors/app/add/")
    assert client.post("/accounts/factors/app/add/", {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()


def test_changing_a_factor_needs_a_sign_in_of_late(person: StaffMember) -> None:
    client = sign_in()
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        for where in ("app/add/", "codes/renew/", "passkeys/add/"):
            answer = client.get(f"/accounts/factors/{where}")
            assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/confirm/")
        assert client.get("/accounts/password/").status_code == 302
        wrong = client.post("/accounts/confirm/", {"password": "not the password at all"})
        assert wrong.status_code == 200
        client.post("/accounts/confirm/", {"password": PASSWORD})
        assert client.get("/accounts/factors/app/add/").status_code == 200


# --- using ------------------------------------------------------------------------------------------------
def test_the_password_alone_opens_nothing(person: StaffMember) -> None:
    with_app(person)
    client = sign_in()
    for path in (
        "/overview/",
        "/roster/",
        "/accounts/factors/",
        "/accounts/factors/app/remove/",
        "/accounts/password/",
    ):
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert "/accounts/sign-in/" in answer["Location"], path


def test_a_recovery_code_lets_in_once(person: StaffMember) -> None:
    with_app(person)
    codes = Authenticator.objects.create(
        user=person, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "a" * 80, "used_mask": 0}
    )
    given = codes.wrap().get_unused_codes()[0]
    entered = []
    for _ in range(2):
        client = sign_in()
        client.post(SECOND, {"code": given})
        entered.append(inside(client))
    assert entered == [True, False]


def test_a_former_code_is_refused_after_a_later_one(person: StaffMember) -> None:
    with_app(person)
    entered = []
    for given in (code(ahead=1), code(), code(ahead=-1)):
        client = sign_in()
        client.post(SECOND, {"code": given})
        entered.append(inside(client))
    assert entered == [True, False, False]


@pytest.mark.django_db(transaction=True)
def test_one_code_sent_twenty_times_at_once_lets_one_in(settings: Any) -> None:
    settings.LIMITS = {**settings.LIMITS, "second_factor": None}
    with_app(someone())
    clients = [sign_in() for _ in range(20)]
    given = code()
    outcome = race.run([partial(client.post, SECOND, {"code": given}) for client in clients])
    assert outcome.broken == []
    assert [inside(client) for client in clients].count(True) == 1


@pytest.mark.django_db(transaction=True)
def test_codes_are_guessed_five_times_and_the_password_frees_none() -> None:
    with_app(someone())
    clients = [sign_in() for _ in range(20)]
    outcome = race.run([partial(one.post, SECOND, {"code": f"{at:06}"}) for at, one in enumerate(clients)])
    assert outcome.broken == []
    assert Counter(answer.status_code for answer in outcome.won) == {200: 5, 429: 15}
    again = sign_in()
    assert again.post(SECOND, {"code": code()}).status_code == 429
    assert not inside(again)


# --- required ---------------------------------------------------------------------------------------------
def require(person: StaffMember, who: str) -> None:
    Practice.objects.filter(pk=person.practice_id).update(settings={"security": {"mfa_required": who}})


@pytest.mark.parametrize(
    ("who", "role", "asked"),
    [
        ("none", "practice_admin", False),
        ("admins", "practice_admin", True),
        ("admins", "front_desk", False),
        ("all", "front_desk", True),
    ],
)
def test_a_practice_asks_for_it(db: None, who: str, role: str, asked: bool) -> None:
    person = someone(role)
    require(person, who)
    client = sign_in()
    for path in ("/overview/", "/roster/", "/follow-ups/", "/patients/"):
        answer = client.get(path)
        assert (answer.status_code == 302 and answer["Location"] == "/accounts/factors/") is asked, path
    assert ("asks for a second factor" in client.get("/accounts/factors/").content.decode()) is asked
    with_app(person)
    assert inside(client)


def test_recovery_codes_alone_are_no_factor(person: StaffMember) -> None:
    require(person, "all")
    Authenticator.objects.create(
        user=person, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "a" * 80, "used_mask": 0}
    )
    assert not inside(sign_in())


# --- lost -------------------------------------------------------------------------------------------------
def test_an_administrator_resets_it_and_every_session_ends(person: StaffMember) -> None:
    admin = factories.staff(person.home_site or person.practice.sites.get(), "practice_admin")
    with_app(person)
    client = sign_in()
    client.post(SECOND, {"code": code()})
    assert inside(client)
    boss = Client()
    boss.force_login(admin)
    page = boss.get("/accounts/people/").content.decode()
    assert f"/accounts/people/{person.pk}/reset/" in page
    assert boss.post(f"/accounts/people/{person.pk}/reset/").status_code == 303
    assert not inside(client)
    assert inside(sign_in())
    assert told(person) == ["factor.reset"]
    (entry,) = TrailEntry.objects.filter(subject_id=person.pk, verb="factor.reset")
    assert entry.actor_ref == f"staff:{admin.pk}"


def test_nobody_else_resets_it(person: StaffMember) -> None:
    made = with_app(person)
    outsider = someone("practice_admin", username="outsider")
    browser = Client()
    browser.force_login(outsider)
    assert browser.post(f"/accounts/people/{person.pk}/reset/").status_code == 404
    api = program(person.practice)
    assert api.post(f"/accounts/people/{person.pk}/reset/").status_code == 302
    client = actors.Actor(
        practice_id=person.practice_id, kind="client", scopes=frozenset(["write:practitioners"])
    )
    with pytest.raises(NotAllowed):
        factors.reset(actor=client, staff_id=person.pk, now=timezone.now())
    assert Authenticator.objects.filter(pk=made.pk).exists()


# --- sessions ---------------------------------------------------------------------------------------------
def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(person: StaffMember) -> None:
    here, elsewhere = sign_in(), sign_in()
    before = here.cookies["session"].value
    form = {
        "oldpassword": PASSWORD,
        "password1": "another harbour at dusk",
        "password2": "another harbour at dusk",
    }
    answer = here.post("/accounts/password/", form)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/factors/")
    assert (inside(here), inside(elsewhere)) == (True, False)
    assert here.cookies["session"].value != before
    assert not inside(sign_in())
    assert inside(sign_in(password="another harbour at dusk"))
    assert told(person) == ["password.changed"]


def test_signing_in_changes_the_session_s_key(person: StaffMember) -> None:
    client = Client()
    client.get(SIGN_IN)
    session = client.session
    session["before"] = 1
    session.save()
    before = session.session_key
    client.post(SIGN_IN, {"login": "desk", "password": PASSWORD})
    assert client.cookies["session"].value != before
