"""Nobody keeps somebody else from signing in: not by wrong passwords, not by a name that is almost theirs."""

import runpy
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from clinic.config import settings as ours
from clinic.practice.errors import Invalid
from tests import factories

SIGN_IN = "/accounts/sign-in/"
PASSWORD = "a password of the test"


@pytest.mark.parametrize(("behind", "trusted"), [("true", 1), ("false", 0)])
def test_only_behind_a_proxy_is_its_header_believed(
    monkeypatch: pytest.MonkeyPatch, behind: str, trusted: int
) -> None:
    monkeypatch.setenv("BEHIND_PROXY", behind)
    assert runpy.run_path(str(Path(ours.__file__)))["ALLAUTH_TRUSTED_PROXY_COUNT"] == trusted


@pytest.mark.django_db
def test_behind_a_proxy_a_stranger_cannot_keep_everybody_out(settings: Settings) -> None:
    """Counted by the proxy's own address, ten wrong passwords of anybody would close the door for all."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.LIMITS = {**settings.LIMITS, "sign_in_address": (10, 300)}
    factories.staff(factories.site(factories.practice()), "monitor", username="heron", password=PASSWORD)
    for number in range(12):
        form = {"login": f"nobody-{number}", "password": "wrong"}
        # What the stranger claims stands before what the proxy saw.
        refused = Client().post(SIGN_IN, form, headers={"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.66"})
        assert refused.status_code in (200, 429)
    known = {"login": "heron", "password": PASSWORD}
    same = Client().post(SIGN_IN, known, headers={"X-Forwarded-For": "192.0.2.66"})
    other = Client().post(SIGN_IN, known, headers={"X-Forwarded-For": "192.0.2.7"})
    assert same.status_code == 429
    assert other.status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("twin", ["Heron", "HERON", " heron "])
def test_a_name_that_differs_by_case_is_taken(twin: str) -> None:
    """The sign-in takes both for one and lets neither in; another practice could make one on purpose."""
    factories.staff(factories.site(factories.practice()), "monitor", username="heron", password=PASSWORD)
    elsewhere = factories.site(factories.practice())
    with pytest.raises(Invalid) as refused:
        factories.staff(elsewhere, "monitor", username=twin)
    assert list(refused.value.fields) == ["username"]
    for typed in ("heron", "HERON"):
        assert Client().post(SIGN_IN, {"login": typed, "password": PASSWORD}).status_code == 302
