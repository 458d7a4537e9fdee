"""R-21: what is kept, for how long, and that nothing younger is ever removed."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, connections
from django.db.models import Model
from django.utils import timezone
from oauth2_provider.models import AccessToken
from pytest_django import Settings

from clinic.config import retention
from clinic.practice import expired, idempotency, reads, runtime_role
from clinic.practice.errors import Invalid
from clinic.practice.models import IdempotencyKey, IntegrationClient
from patients.models import AddressRequest, MessagingConsent
from scheduling import tasks
from scheduling.management.reference import kept
from scheduling.management.reference.kept import KEPT, UNUSED
from tests.notifications import making

A_MOMENT = timedelta(microseconds=1)
CHILD = """
import django; django.setup()
from django.utils import timezone
from clinic.practice import expired
expired.forget(now=timezone.now(), batch=2)
"""


def session(at: datetime, name: str) -> Model:
    return Session.objects.create(session_key=name, session_data="", expire_date=at)


def token(at: datetime, name: str) -> Model:
    return AccessToken.objects.create(
        token=name, application=IntegrationClient.objects.first(), expires=at, scope=""
    )


def key(at: datetime, name: str) -> Model:
    return IdempotencyKey.objects.create(
        scope="test",
        key=name,
        fingerprint="",
        status_code=200,
        object_kind="x",
        object_id="00000000-0000-0000-0000-000000000001",
        created_at=at,
    )


Make = Callable[[datetime, str], Model]
AGES: list[tuple[Make, timedelta]] = [
    (session, timedelta()),
    (token, expired.TOKENS_KEPT),
    (key, idempotency.KEPT),
]


def left(row: Model) -> bool:
    return type(row)._default_manager.filter(pk=row.pk).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("make", "after"), AGES, ids=lambda one: getattr(one, "__name__", ""))
def test_r_21_what_expired_goes_and_what_is_a_moment_younger_stays(make: Make, after: timedelta) -> None:
    now = timezone.now()
    at_the_boundary = make(now - after, "at the boundary")
    older = [make(now - after - A_MOMENT - timedelta(hours=one), f"older {one}") for one in range(5)]
    removed = expired.forget(now=now, batch=2, most_batches=2)
    assert removed[type(older[0])._meta.db_table] == 4
    # The oldest went first.
    assert [left(one) for one in older] == [True, False, False, False, False]
    expired.forget(now=now, batch=2)
    assert not left(older[0])
    assert left(at_the_boundary)


@pytest.mark.django_db
def test_r_21_the_task_removes_what_expired_by_the_clock() -> None:
    gone, stays = session(timezone.now() - A_MOMENT, "a"), session(timezone.now() + timedelta(hours=1), "b")
    tasks.forget_expired()
    assert (left(gone), left(stays)) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_r_21_a_process_that_is_killed_in_the_middle_harms_nothing() -> None:
    now = timezone.now()
    old = [session(now - timedelta(days=1, hours=one), f"s{one}") for one in range(3)]
    tokens = [token(now - timedelta(days=2, hours=one), f"t{one}") for one in range(3)]
    young = [session(now + timedelta(days=1), "y"), token(now + timedelta(days=1), "y")]
    held = connections["default"].copy()
    try:
        # What refers to tokens is asked inside the batch: there it waits, with rows locked and none gone.
        with held.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE oauth2_provider_refreshtoken IN ACCESS EXCLUSIVE MODE")
        child = subprocess.Popen([sys.executable, "-c", CHILD], env=making.child_environment())
        making.wait_until(lambda: _waits("oauth2_provider_refreshtoken"))
        child.kill()
        child.wait()
    finally:
        held.close()
    assert [left(one) for one in old] == [False] * 3
    assert [left(one) for one in (*tokens, *young)] == [True] * 5
    making.wait_until(lambda: _removed(now))
    assert [left(one) for one in (*tokens, *young)] == [False] * 3 + [True] * 2


def _waits(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = %s::regclass)", [table]
        )
        (found,) = cursor.fetchone()
    return bool(found)


def _removed(now: datetime) -> bool:
    """The killed one's locks end when the server notices."""
    expired.forget(now=now)
    return not AccessToken.objects.filter(expires__lt=now - expired.TOKENS_KEPT).exists()


# --- the table ------------------------------------------------------------------------------------------
def test_r_21_every_table_says_how_long_it_is_kept() -> None:
    """A new table needs its line."""
    named = [table for one in KEPT for table in one.tables] + list(UNUSED)
    assert len(named) == len(set(named))
    managed = {
        model._meta.label
        for model in apps.get_models()
        if model._meta.managed and not model._meta.proxy and not model._meta.label.endswith("Event")
    }
    assert managed - {"pghistory.Events", "pghistory.MiddlewareEvents"} == set(named) - {"*Event"}


def test_r_21_what_removes_something_runs_by_itself() -> None:
    ticks = {f"`{one['task']}`" for one in current_app.conf.beat_schedule.values()}
    assert {one.removes for one in KEPT} - {kept.NOTHING, "people", "what made it"} <= ticks
    expiring = {one.model._meta.label for one in expired.EXPIRING}
    assert expiring == {table for one in KEPT if "forget_expired" in one.removes for table in one.tables}


@pytest.mark.django_db
@pytest.mark.parametrize("model", [MessagingConsent, AddressRequest])
def test_r_21_evidence_outlives_its_row(model: Any) -> None:
    """Consent evidence: the history of a row cannot be removed, whatever becomes of the row."""
    someone = making.patient()
    fields: dict[str, Any] = {"patient": someone, "decided_at": making.NOW, "decided_by": "test"}
    own = {"channel": "sms", "decision": "granted"} if model is MessagingConsent else {"said": "x"}
    more = {} if model is MessagingConsent else {"categories": ["reminders"], "addresses": ["x"]}
    row = model.objects.create(**fields, **own, **more)
    pk = row.pk
    row.delete()
    labels = model.pgh_event_model.objects.filter(pgh_obj_id=pk).values_list("pgh_label", flat=True)
    assert sorted(labels) == ["delete", "insert"]
    assert model.pgh_event_model._meta.db_table in runtime_role.append_only_tables()


# --- the floor ------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_r_21_nothing_is_kept_shorter_than_the_law_asks(settings: Settings) -> None:
    with pytest.raises(Invalid):
        reads.keep(months=71)
    reads.keep(months=72)
    assert retention.check(databases=["default"]) == []
    settings.LAW_RECORDS_KEPT_MONTHS = 73
    [error] = retention.check(databases=["default"])
    assert "72 months" in error.msg
    with pytest.raises(SystemCheckError, match="the law asks for 73"):
        call_command("check", "--deploy", "--database", "default")


def test_r_21_the_page_says_what_the_settings_say(settings: Settings) -> None:
    settings.LAW_RECORDS_KEPT_MONTHS = 120
    settings.WEBHOOK_DELIVERIES_KEPT_DAYS = 7
    page = kept.page()
    assert "120 months" in page
    assert "| 7 days |" in page
