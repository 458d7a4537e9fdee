"""Tokens for somebody who knows no secret, or one that is no longer true: that RFC's refusal, never an error
of ours.
"""

import base64

import pytest
from django.utils import timezone

from clinic.practice import programs
from tests import factories
from tests.api.conftest import Api, issue


def basic(told: bytes) -> str:
    return f"Basic {base64.b64encode(told).decode()}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!!",
        "Bearer x",
        basic(b"nocolon"),
        basic(b"\xff\xfe:x"),
        basic(b"a\x00b:c"),
        basic(b"unknown:secret"),
        basic(b":"),
    ],
)
def test_credentials_that_name_no_client_are_refused(clinic: factories.Clinic, header: str) -> None:
    given = {"authorization": header} if header else {}
    asked = b"grant_type=client_credentials"
    answer = Api().send(
        "POST", "/oauth/token/", raw=asked, content_type="application/x-www-form-urlencoded", **given
    )
    assert answer.status_code == 401, answer.content
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.django_db
def test_a_new_secret_ends_what_the_former_one_opened(clinic: factories.Clinic) -> None:
    """A secret is renewed because somebody else may have it."""
    client, other = factories.client(clinic.practice), factories.client(clinic.practice)
    leaked, untouched = Api(token=issue(client)), Api(token=issue(other))
    assert leaked.get("sites/").status_code == 200
    programs.renew_secret(actor=clinic.admin, client_id=client.client_id, now=timezone.now())
    assert leaked.get("sites/").status_code == 401
    assert untouched.get("sites/").status_code == 200
