"""What too many get, however they come; and what goes on while the counts are away."""

import socket
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from clinic.local.home import Home
from clinic.local.redis import RedisServer
from clinic.practice import limits
from clinic.practice.errors import Throttled
from scheduling.models import Appointment
from tests import factories
from tests.api.conftest import Api, program
from tests.races import race

PASSWORD = "a quiet harbour at dawn"
SIGN_IN = "/accounts/sign-in/"
PROBLEM = "application/problem+json"


def limited(settings: Settings, **changes: tuple[int, int] | None) -> None:
    settings.LIMITS = {**settings.LIMITS, **changes}


def sign_in(name: str, password: str = PASSWORD, *, address: str = "192.0.2.7") -> Any:
    browser = Client(raise_request_exception=False)
    return browser.post(SIGN_IN, {"login": name, "password": password}, REMOTE_ADDR=address)


@pytest.fixture
def heron(db: None) -> None:
    factories.staff(factories.site(factories.practice()), "monitor", username="heron", password=PASSWORD)


# --- counting -------------------------------------------------------------------------------------------
def test_no_more_than_the_limit_pass_however_many_come_at_once(settings: Settings, db: None) -> None:
    limited(settings, program=(10, 300))

    def tries() -> list[bool]:
        counted = [limits.count("program", "client:one") for _ in range(10)]
        return [one is not None and one.passes for one in counted]

    outcome = race.run([tries] * 20)
    assert outcome.broken == []
    assert sum(sum(passed) for passed in outcome.won) == 10
    assert limits.count("program", "client:other") is not None


def test_counting_after_reading_would_let_more_pass(settings: Settings, redis: Redis, db: None) -> None:
    """The same race with the count read before it is written, as a cache does it: the control."""

    def tries() -> int:
        passed = 0
        for _ in range(10):
            used = int(redis.get("control") or 0)
            if used < 10:
                passed += 1
                redis.set("control", used + 1)
        return passed

    assert sum(race.run([tries] * 20).won) > 10


def test_a_window_begins_with_the_first_try_and_ends(settings: Settings, redis: Redis) -> None:
    limited(settings, staff=(1, 300))
    first, second = limits.count("staff", "staff:a"), limits.count("staff", "staff:a")
    assert first is not None and second is not None
    assert (first.passes, second.passes) == (True, False)
    assert 299 <= second.wait <= 300
    # The window ends on the server's clock: here by taking its key's life.
    (key,) = redis.scan_iter(f"{limits.PREFIX}*")
    redis.pexpire(key, 0)
    again = limits.count("staff", "staff:a")
    assert again is not None and again.passes


def test_off_counts_nothing(settings: Settings, redis: Redis) -> None:
    limited(settings, staff=None)
    assert limits.count("staff", "staff:a") is None
    assert list(redis.scan_iter(f"{limits.PREFIX}*")) == []


def test_a_right_try_frees_itself_alone(settings: Settings) -> None:
    limited(settings, second_factor=(2, 300))
    limits.guess(("second_factor", "a"))
    limits.guess(("second_factor", "a")).right()
    limits.guess(("second_factor", "a"))
    with pytest.raises(Throttled):
        limits.guess(("second_factor", "a"))


# --- programs -------------------------------------------------------------------------------------------
def test_a_program_is_told_what_is_left_and_then_to_wait(api: Api, settings: Settings) -> None:
    limited(settings, program=(2, 60))
    answers = [api.get("sites/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["RateLimit"].partition(";t=")[0] for answer in answers] == [
        '"program";r=1',
        '"program";r=0',
        '"program";r=0',
    ]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"program";q=2;w=60'}
    refused = answers[2]
    assert refused["Content-Type"] == PROBLEM
    assert refused.json()["code"] == "throttled"
    assert 0 < int(refused["Retry-After"]) <= 60


def test_programs_do_not_share_a_limit(api: Api, clinic: factories.Clinic, settings: Settings) -> None:
    limited(settings, program=(1, 60))
    other = program(clinic.practice)
    assert [api.get("sites/").status_code, other.get("sites/").status_code] == [200, 200]
    assert [api.get("sites/").status_code, other.get("sites/").status_code] == [429, 429]


def test_the_token_endpoint_counts_by_address(settings: Settings, db: None) -> None:
    limited(settings, token=(2, 60))
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    answers = [Client().post("/oauth/token/", form, REMOTE_ADDR="192.0.2.9") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert (answers[2]["Content-Type"], answers[2].json()["code"]) == (PROBLEM, "throttled")
    assert Client().post("/oauth/token/", form, REMOTE_ADDR="192.0.2.10").status_code == 401


# --- people ---------------------------------------------------------------------------------------------
def test_a_person_is_told_to_wait(settings: Settings, db: None) -> None:
    limited(settings, staff=(2, 60))
    browser = Client()
    browser.force_login(factories.staff(factories.site(factories.practice()), "monitor"))
    answers = [browser.get("/follow-ups/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= 60


@pytest.mark.django_db(transaction=True)
def test_thirty_guesses_at_once_are_judged_five_times() -> None:
    factories.staff(factories.site(factories.practice()), "monitor", username="heron", password=PASSWORD)
    outcome = race.run([partial(sign_in, "heron", f"wrong {number}") for number in range(30)])
    assert outcome.broken == []
    assert Counter(answer.status_code for answer in outcome.won) == {200: 5, 429: 25}
    assert sign_in("heron").status_code == 429


def test_one_account_from_everywhere_and_every_account_from_one_place(heron: None) -> None:
    spread = [sign_in("heron", "wrong", address=f"192.0.2.{number}").status_code for number in range(25)]
    assert Counter(spread) == {200: 20, 429: 5}
    stuffed = [sign_in(f"nobody-{number}", "wrong", address="198.51.100.1") for number in range(65)]
    assert Counter(answer.status_code for answer in stuffed) == {200: 60, 429: 5}


def test_a_whole_clinic_behind_one_address_comes_in(db: None) -> None:
    site = factories.site(factories.practice())
    for number in range(70):
        factories.staff(site, "monitor", username=f"person-{number}", password=PASSWORD)
    answers = [sign_in(f"person-{number}").status_code for number in range(70)]
    assert set(answers) == {302}


def test_what_a_caller_claims_of_its_address_changes_nothing(heron: None) -> None:
    def claim(number: int) -> Any:
        form = {"login": "heron", "password": "wrong"}
        return Client().post(SIGN_IN, form, headers={"X-Forwarded-For": f"192.0.2.{number}"})

    assert Counter(claim(number).status_code for number in range(20)) == {200: 5, 429: 15}


def test_an_address_of_ipv6_is_its_network(heron: None) -> None:
    answers = [sign_in("heron", "wrong", address=f"2001:db8::{number}").status_code for number in range(1, 8)]
    assert answers == [200] * 5 + [429] * 2


def test_redis_holds_counts_and_nothing_that_names_anybody(heron: None, redis: Redis) -> None:
    sign_in("heron", "wrong", address="192.0.2.77")
    held = {key.decode(): redis.get(key) for key in redis.scan_iter("*")}
    assert len(held) == 3
    assert set(held.values()) == {b"1"}
    assert not any("heron" in key or "192.0.2" in key for key in held)


# --- Redis away -----------------------------------------------------------------------------------------
@pytest.fixture(params=["gone", "hanging"])
def away(request: pytest.FixtureRequest, settings: Settings) -> Iterator[None]:
    """A Redis of this test's own that was there and is killed, or takes connections and never answers."""
    if request.param == "hanging":
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            yield
        return
    with Home() as home:
        server = RedisServer(home=home, data=None, log=home.path / "redis.log")
        server.start()
        settings.REDIS_URL = server.url()
        assert limits.count("staff", "staff:a") is not None
        assert server.child is not None
        server.child.process.kill()
        server.child.process.wait()
        yield


def test_signing_in_is_closed_while_tries_cannot_be_counted(heron: None, away: None) -> None:
    assert Client().get(SIGN_IN).status_code == 200
    for password in (PASSWORD, "wrong"):
        answer = sign_in("heron", password)
        assert (answer.status_code, answer["Content-Type"]) == (503, "text/html; charset=utf-8")
        assert int(answer["Retry-After"]) > 0
        assert "closed for a moment" in answer.content.decode()


def test_reading_and_booking_go_on_while_redis_is_away(
    api: Api, clinic: factories.Clinic, away: None
) -> None:
    browser = Client()
    browser.force_login(clinic.front_desk)
    assert browser.get("/follow-ups/").status_code == 200
    listed = api.get("sites/")
    assert (listed.status_code, "RateLimit" in listed) == (200, False)
    start = (timezone.now() + timedelta(days=14)).replace(hour=15, minute=0, second=0, microsecond=0)
    start += timedelta(days=(2 - start.weekday()) % 7)
    asked = {"patient": str(clinic.patient.pk), "kind": "therapy", "mode": "video"}
    asked |= {"start": start.isoformat(), "practitioners": [str(clinic.therapists[0].pk)]}
    booked = api.post("appointments/", asked)
    assert booked.status_code == 201, booked.content
    assert Appointment.objects.count() == 1


def test_programs_still_get_tokens_while_redis_is_away(clinic: factories.Clinic, away: None) -> None:
    made = factories.client(clinic.practice, secret="a-secret-for-this-test-only")
    form = {"grant_type": "client_credentials", "client_id": made.client_id}
    answer = Client().post("/oauth/token/", {**form, "client_secret": "a-secret-for-this-test-only"})
    assert answer.status_code == 200
