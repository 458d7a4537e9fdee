"""The token endpoint, asked by somebody who knows no secret: always that RFC's refusal, never an error of
ours."""

import base64

import pytest

from tests import factories
from tests.api.conftest import Api


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
