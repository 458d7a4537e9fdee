"""What a caller sends, and what a patient is called, comes into no log: not ours, not the database's."""

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from django.conf import settings
from django.db import connection

from clinic.local import testing
from tests import factories
from tests.api.conftest import Api

ROOT = Path(settings.BASE_DIR)
DATABASE_LOG = {
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the product's own handler writes, in its own format."""
    told = io.StringIO()
    formatted = (
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler)
        and isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    )
    handler = next(formatted)
    before = handler.setStream(told)
    yield told
    handler.setStream(before)


@pytest.mark.django_db
def test_no_part_of_a_request_is_logged(api: Api, clinic: factories.Clinic, written: io.StringIO) -> None:
    body = {
        "given_name": "Canarygiven",
        "family_name": "Canaryfamily",
        "birth_date": "1931-03-07",
        "site": str(clinic.site.pk),
        "external_ids": [{"system": "ehr", "value": "canary-1"}],
    }
    assert api.post("patients/", body, idempotency_key="canary-key").status_code == 201
    for sent, status in (
        (api.post("patients/", body), 409),
        (api.post("patients/", {**body, "canary": 1}), 400),
        (api.send("POST", "patients/", raw=b'{"given_name": "Canary'), 400),
        (api.get("nowhere/Canaryfamily/"), 404),
        (api.get("courses/?patient=Canaryfamily"), 400),
        (api.get("/patients/?name=Canaryfamily"), 302),
        (api.get("/health/live", host="canary.example"), 400),
    ):
        assert sent.status_code == status, sent.content
    told = written.getvalue()
    assert "clinic.request" in told
    assert "canary" not in told.lower()
    assert "1931" not in told


@pytest.mark.django_db
@pytest.mark.skipif(not os.environ.get(testing.EMBEDDED), reason="another PostgreSQL has its own settings")
def test_the_database_logs_no_values() -> None:
    """A refused INSERT of a patient would be logged whole, and a clash with the values of the row."""
    with connection.cursor() as cursor:
        for name, wanted in DATABASE_LOG.items():
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (wanted,)


def test_neither_does_the_one_in_a_container() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    for name, wanted in DATABASE_LOG.items():
        assert f"-c{name}={wanted}" in compose


def test_the_web_server_logs_no_addresses() -> None:
    for file in ("Dockerfile", "clinic/local/demo.py"):
        assert "--access-logfile" not in (ROOT / file).read_text()
