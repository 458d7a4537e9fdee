"""Sixty failures with a patient's words in them: none of the words is logged, answered or mailed."""

import base64
import io
import logging
import os
from collections.abc import Callable, Iterator
from json import dumps
from typing import Any

import pytest
import structlog
from django.core import mail
from django.db import IntegrityError, connection
from django.template import engines
from redis import Redis

from clinic.local import testing
from scheduling import tasks
from tests import factories
from tests.api.conftest import Api, program
from tests.journeys.planted import DatabaseLog, Planted
from tests.web.conftest import signed_in


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the product's own handler writes, in its own format."""
    told = io.StringIO()
    handler = next(
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler)
        and isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    )
    before = handler.setStream(told)
    yield told
    handler.setStream(before)


class Boom:
    """A patient whose name cannot be shown."""

    def __init__(self, word: str) -> None:
        self.word = word

    @property
    def name(self) -> str:
        raise ValueError(f"cannot show {self.word}")


def failures(planted: Planted) -> dict[str, Callable[..., Any]]:
    """Ways to fail with a patient's words in the message, in a local, in a template, in the database's own
    words.
    """

    def plain(*args: Any, **kwargs: Any) -> Any:
        name = planted.word("local")
        raise RuntimeError(f"no way to handle {name} of {planted.word('error')}")

    def chained(*args: Any, **kwargs: Any) -> Any:
        try:
            plain()
        except RuntimeError as error:
            raise KeyError(planted.word("key")) from error

    def template(*args: Any, **kwargs: Any) -> Any:
        return engines["django"].from_string("{{ one.name }}").render({"one": Boom(planted.word("template"))})

    def value(*args: Any, **kwargs: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::integer", [planted.word("value")])

    def detail(*args: Any, **kwargs: Any) -> Any:
        word = planted.word("detail")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE IF NOT EXISTS canary (word text UNIQUE) ON COMMIT DROP")
            # Its DETAIL line tells the row.
            cursor.execute("INSERT INTO canary VALUES (%s), (%s)", [word, word])

    return {"plain": plain, "chained": chained, "template": template, "value": value, "detail": detail}


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["plain", "chained", "template", "value", "detail"])
def test_twelve_failures_of_each_kind_tell_no_patient(
    way: str, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted, clinic = Planted(), factories.small_clinic()
    fail = failures(planted)[way]
    api: Api = program(clinic.practice)
    browser = signed_in(clinic.front_desk, raise_request_exception=False)
    monkeypatch.setattr("patients.queries.patients", fail)
    monkeypatch.setattr("scheduling.followups.gaps.sweep", fail)
    told = []
    for _ in range(4):
        told.append(in_savepoint(lambda: api.get(f"patients/{clinic.patient.pk}/")))
        told.append(in_savepoint(lambda: browser.post("/patients/", {"name": planted.words[0]})))
        in_savepoint(lambda: tasks.sweep_gaps.apply())
    assert {answer.status_code for answer in told} <= {400, 409, 500}
    shown = "\n".join(answer.content.decode() for answer in told)
    assert len(planted.words) >= 12
    assert "error" in written.getvalue()
    assert planted.found_in({"log": written.getvalue(), "answers": shown}) == []
    assert mail.outbox == []


def in_savepoint(run: Callable[[], Any]) -> Any:
    """What fails in the database takes only its own part with it."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT canary")
        try:
            return run()
        finally:
            connection.needs_rollback = False
            cursor.execute("ROLLBACK TO SAVEPOINT canary")


# --- the controls ------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.skipif(not os.environ.get(testing.EMBEDDED), reason="another PostgreSQL logs elsewhere")
def test_a_talkative_database_is_found() -> None:
    planted, log = Planted(), DatabaseLog()
    word = planted.word("database")

    def clash() -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE names (name text UNIQUE)")
            with pytest.raises(IntegrityError):
                cursor.execute("INSERT INTO names VALUES (%s), (%s)", [word, word])

    in_savepoint(clash)
    # As this product's database is set, a clash is logged without the row's values ...
    assert "duplicate key" in log.since()
    assert planted.found_in({"log": log.since()}) == []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL log_error_verbosity = 'default'")
    in_savepoint(clash)
    # ... and as PostgreSQL comes, with them.
    assert planted.found_in({"log": log.since()}) == [("log", word)]


@pytest.mark.django_db
def test_a_planted_leak_is_found(written: io.StringIO, redis: Redis) -> None:
    planted = Planted()
    word, packed, kept = (planted.word(kind) for kind in ("log", "task", "key"))
    logging.getLogger("somewhere").warning(f"reading {word}")
    redis.set(f"seen:{kept}", 1)
    body = base64.b64encode(dumps([[], {"patient": packed}]).encode()).decode()
    outlets = {
        "log": written.getvalue(),
        "redis": repr(list(redis.scan_iter())),
        "tasks": f'"body": "{body}"',
    }
    assert planted.found_in(outlets) == [("log", word), ("redis", kept), ("tasks", packed)]
