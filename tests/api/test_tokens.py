"""Programs get a token by client credentials, and only its hash stays; what is switched off is refused at
once."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken

from clinic.practice.models import IntegrationClient
from tests import factories
from tests.api import database
from tests.api.conftest import Api, issue

pytestmark = pytest.mark.django_db

SECRET = "a-secret-that-only-the-program-knows-3141592653"


@pytest.fixture
def client_row(clinic: factories.Clinic) -> IntegrationClient:
    return factories.client(clinic.practice, "read:sites", "write:sites", secret=SECRET)


def ask(**form: str) -> Any:
    return Client(raise_request_exception=False).post("/oauth/token/", form)


def credentials(client: IntegrationClient, **more: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_secret": SECRET,
        **more,
    }


def test_a_token_opens_what_its_scopes_allow(client_row: IntegrationClient) -> None:
    answer = ask(**credentials(client_row))
    assert answer.status_code == 200, answer.content
    given = answer.json()
    assert given["token_type"] == "Bearer"
    assert set(given["scope"].split()) == {"read:sites", "write:sites"}
    assert "refresh_token" not in given
    assert answer["Cache-Control"] == "no-store"
    api = Api(token=given["access_token"])
    assert api.get("sites/").status_code == 200
    assert api.get("patients/").status_code == 403


def test_credentials_in_the_header_do_too(client_row: IntegrationClient) -> None:
    told = base64.b64encode(f"{client_row.client_id}:{SECRET}".encode()).decode()
    answer = Client().post(
        "/oauth/token/", {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {told}"}
    )
    assert answer.status_code == 200


def test_fewer_scopes_may_be_asked_for_and_never_more(client_row: IntegrationClient) -> None:
    fewer = ask(**credentials(client_row, scope="read:sites"))
    assert fewer.json()["scope"] == "read:sites"
    assert Api(token=fewer.json()["access_token"]).post("sites/", {}).status_code == 403
    more = ask(**credentials(client_row, scope="read:sites read:patients"))
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


def test_neither_token_nor_secret_is_anywhere_in_the_database(client_row: IntegrationClient) -> None:
    token = ask(**credentials(client_row)).json()["access_token"]
    assert Api(token=token).post("sites/", {"name": "A new one", "time_zone": "UTC"}).status_code == 201
    holding = {table for table, row in database.texts() if token in row or SECRET in row}
    assert holding == set()
    assert AccessToken.objects.get().token == ""


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "a", "password": "b"},
        {"grant_type": "refresh_token", "refresh_token": "x"},
        {"grant_type": "authorization_code", "code": "x"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:device_code"},
        {},
    ],
)
def test_no_other_grant_is_offered(client_row: IntegrationClient, form: dict[str, str]) -> None:
    answer = ask(client_id=client_row.client_id, client_secret=SECRET, **form)
    assert answer.status_code == 400
    assert answer.json()["error"] in {"unsupported_grant_type", "invalid_request"}


@pytest.mark.parametrize("address", ["authorize", "revoke_token", "introspect", "device", "applications"])
def test_no_other_oauth_address_exists(db: None, address: str) -> None:
    assert Client().get(f"/oauth/{address}/").status_code == 404
    assert Client().post(f"/oauth/{address}/").status_code == 404


@pytest.mark.parametrize("wrong", ["", "x", "nul\x00", SECRET.upper(), "é" * 50])
def test_a_wrong_secret_is_refused(client_row: IntegrationClient, wrong: str) -> None:
    answer = ask(**{**credentials(client_row), "client_secret": wrong})
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    unknown = ask(**{**credentials(client_row), "client_id": "nobody\x00"})
    assert (unknown.status_code, unknown.content) == (answer.status_code, answer.content)


def test_a_client_switched_off_is_refused_at_once(client_row: IntegrationClient) -> None:
    api = Api(token=issue(client_row))
    assert api.get("sites/").status_code == 200
    IntegrationClient.objects.filter(pk=client_row.pk).update(is_active=False)
    assert api.get("sites/").status_code == 401
    assert ask(**credentials(client_row)).status_code == 401


def test_a_scope_taken_away_is_gone_from_tokens_already_given(client_row: IntegrationClient) -> None:
    api = Api(token=issue(client_row))
    IntegrationClient.objects.filter(pk=client_row.pk).update(allowed_scopes="write:sites")
    assert api.get("sites/").status_code == 403


def test_an_expired_token_is_refused(client_row: IntegrationClient) -> None:
    api = Api(token=issue(client_row))
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert api.get("sites/").status_code == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer a b", "Basic YTpi", "Bearer \xff"]
)
def test_what_is_no_token_is_401_and_says_how(db: None, header: str) -> None:
    answer = Client().get("/api/v1/sites/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


def test_a_token_in_the_address_or_the_body_is_not_read(client_row: IntegrationClient) -> None:
    token = issue(client_row)
    assert Client().get(f"/api/v1/sites/?access_token={token}").status_code == 401
    assert Api().post("sites/", {"access_token": token}).status_code == 401


def test_a_session_is_no_token(clinic: factories.Clinic) -> None:
    """A signed-in member of staff cannot be made to call the API by another site's page."""
    browser = Client()
    browser.force_login(clinic.front_desk)
    assert browser.get("/api/v1/sites/").status_code == 401
