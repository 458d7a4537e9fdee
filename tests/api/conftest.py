"""Programs with tokens, and a clinic in which everything that the API shows is there."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken

from clinic.practice.models import IntegrationClient, Practice
from tests import factories


@dataclass
class Api:
    """A program that speaks JSON with a bearer token; without a token, a stranger."""

    token: str | None = None

    def __post_init__(self) -> None:
        self.http = Client(raise_request_exception=False)

    def send(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Any:
        """`if_match`, `idempotency_key` and any other header by its name in snake case."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        content_type = given.pop("content-type", "application/json")
        address = path if path.startswith("/") else f"/api/v1/{path}"
        return self.http.generic(method, address, data, content_type=content_type, headers=given)

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)


def program(practice: Practice, *scopes: str) -> Api:
    """A program of the practice, with these scopes or with all, and a token that it was given a moment
    ago.
    """
    client = factories.client(practice, *scopes)
    return Api(token=issue(client))


def issue(client: IntegrationClient, *, minutes: int = 60) -> str:
    """A token as the token endpoint leaves it: the hash only. Tests of that endpoint ask it themselves."""
    token = secrets.token_urlsafe(24)
    AccessToken.objects.create(
        application=client,
        token="",
        token_checksum=hashlib.sha256(token.encode()).hexdigest(),
        expires=timezone.now() + timedelta(minutes=minutes),
        scope=client.allowed_scopes,
    )
    return token


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def api(clinic: factories.Clinic) -> Api:
    return program(clinic.practice)
