"""How long it is kept who looked at whose record: not a day less, and not for ever."""

import io
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from clinic.practice import reads
from clinic.practice.models import PatientRead
from scheduling import tasks
from tests import factories

pytestmark = pytest.mark.django_db
ROLE = "clinic_runtime_of_reads"
DAY = timedelta(days=1)


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


def read(clinic: factories.Clinic, label: str, *, months: int = 0, sooner: timedelta = timedelta()) -> None:
    """One row, so old by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now() - make_interval(months => %s) + %s", [months, sooner])
        (at,) = cursor.fetchone()
    PatientRead.objects.create(
        practice_id=clinic.practice.pk,
        at=at,
        actor_ref="system",
        actor_label=label,
        route="patients/",
        patient_ids=[uuid4()],
    )


def left() -> list[str]:
    return sorted(PatientRead.objects.values_list("actor_label", flat=True))


def refused(statement: str) -> str:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(caught.value)


@pytest.fixture
def as_runtime(clinic: factories.Clinic) -> Iterator[None]:
    """What follows runs as the role of web and workers."""
    call_command("grant_runtime", ROLE, "--create", stdout=io.StringIO())
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {ROLE}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


def test_six_years_are_kept_and_what_is_older_goes_at_night(clinic: factories.Clinic) -> None:
    other = factories.small_clinic()
    read(clinic, "today")
    read(clinic, "nearly", months=72, sooner=DAY)
    for place in (clinic, other):
        for day in range(3):
            read(place, "old", months=72, sooner=-DAY * (day + 1))
    assert reads.forget(batch=2, most_batches=2) == 4
    tasks.forget_reads()
    tasks.forget_reads()
    assert left() == ["nearly", "today"]


def test_nobody_removes_a_row_before_its_time_or_changes_one_after_it(clinic: factories.Clinic) -> None:
    read(clinic, "nearly", months=72, sooner=DAY)
    assert "Cannot delete" in refused("DELETE FROM practice_patientread")
    read(clinic, "old", months=73)
    assert "Cannot delete" in refused("DELETE FROM practice_patientread")
    assert "Cannot update" in refused("UPDATE practice_patientread SET actor_ref = 'x'")
    assert left() == ["nearly", "old"]


def test_web_and_workers_remove_what_is_old_and_nothing_else(
    clinic: factories.Clinic, as_runtime: None
) -> None:
    read(clinic, "old", months=73)
    read(clinic, "nearly", months=72, sooner=DAY)
    assert "permission denied" in refused("DELETE FROM practice_patientread")
    assert "permission denied" in refused(
        "CREATE OR REPLACE FUNCTION practice_reads_kept() RETURNS interval LANGUAGE sql STABLE "
        "AS $$ SELECT interval '1 day' $$"
    )
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        reads.keep(months=72)
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)
    # A table of one's own, found before the owner's.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = pg_temp, public")
        cursor.execute("CREATE TEMP TABLE practice_practice AS SELECT 1 AS id")
    assert reads.forget() == 1
    assert left() == ["nearly"]


def test_the_owner_says_for_how_long(clinic: factories.Clinic, settings: Settings) -> None:
    settings.LAW_RECORDS_KEPT_MONTHS = 12
    said = io.StringIO()
    call_command("keep_reads", stdout=said)
    call_command("keep_reads", "120", stdout=said)
    read(clinic, "nine years", months=108)
    assert reads.forget() == 0
    call_command("keep_reads", "24", stdout=said)
    read(clinic, "a year", months=12)
    assert reads.forget() == 1
    assert left() == ["a year"]
    assert said.getvalue().splitlines() == [f"kept for {months} months" for months in (72, 120, 24)]
    for wrong in ("11", "0", "-1", "1201"):
        with pytest.raises(CommandError, match="months"):
            call_command("keep_reads", "--", wrong)
    assert reads.kept_months() == 24
