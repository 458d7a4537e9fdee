"""What is told while the database does not answer: 503 and when to come back, never a 500."""

import socket
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from psycopg import errors as postgres

from clinic.config import errors
from tests.api.conftest import Api

PROBLEM = "application/problem+json"


@pytest.fixture
def away(django_db_blocker: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database's address is a port at which nobody listens."""
    with socket.socket() as taken:
        # Bound and not listening: refused, and nobody else gets the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        with django_db_blocker.unblock():  # type: ignore[attr-defined]
            connection.close()
            monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            monkeypatch.setitem(connection.settings_dict, "PORT", str(taken.getsockname()[1]))
            yield
            connection.close()


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/patients/"),
        ("POST", "/api/v1/sites/"),
        ("POST", "/oauth/token/"),
        ("GET", "/metrics"),
    ],
)
def test_a_program_is_told_when_to_come_back(method: str, path: str) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"} if "oauth" in path else {}
    raw = b"grant_type=client_credentials&client_id=a&client_secret=b" if form else b"{}"
    answer = Api(token="any").send(method, path, raw=raw, **form)
    assert (answer.status_code, answer["Content-Type"]) == (503, PROBLEM)
    assert int(answer["Retry-After"]) > 0
    told = answer.json()
    assert (told["status"], told["code"]) == (503, "unavailable")
    assert "127.0.0.1" not in answer.content.decode()


@pytest.mark.usefixtures("away")
def test_a_person_gets_a_page() -> None:
    browser = Client(raise_request_exception=False)
    browser.cookies[settings.SESSION_COOKIE_NAME] = "somebody"
    for answer in (browser.get("/"), browser.post("/patients/", {"name": "a"})):
        assert (answer.status_code, answer["Content-Type"]) == (503, "text/html; charset=utf-8")
        assert int(answer["Retry-After"]) > 0
        assert "does not answer" in answer.content.decode()


@pytest.mark.usefixtures("away")
def test_the_process_is_alive_and_not_ready() -> None:
    assert Client().get("/health/live").status_code == 200
    assert Client().get("/health/ready").status_code == 503


@pytest.mark.django_db(transaction=True)
def test_it_answers_again_once_the_database_does() -> None:
    connection.close()
    assert Client().get("/health/ready").status_code == 200
    assert Api(token="any").get("/api/v1/patients/").status_code == 401


def caused(cause: Exception) -> OperationalError:
    error = OperationalError("hidden")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (psycopg.OperationalError("the connection is closed"), 503),
        (postgres.AdminShutdown("a"), 503),
        (postgres.CannotConnectNow("a"), 503),
        (postgres.TooManyConnections("a"), 503),
        (postgres.ConnectionException("a"), 503),
        (postgres.LockNotAvailable("a"), 409),
        (postgres.DiskFull("a"), None),
    ],
)
def test_only_a_database_that_is_away_is_unavailable(cause: Exception, status: int | None) -> None:
    answer = errors.exception_handler(caused(cause), {})
    assert (answer and answer.status_code) == status


def test_a_fault_of_the_product_stays_a_500() -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        assert errors.server_error(RequestFactory().get("/api/v1/x/")).status_code == 500
    assert errors.server_error(RequestFactory().get("/")).status_code == 500
