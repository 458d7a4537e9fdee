"""As the role of web and workers: the work goes on, and what was written down stays as it was."""

import io
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic.practice import runtime_role
from clinic.practice.models import PatientRead, TrailEntry
from tests import factories
from tests.api.conftest import Api, program

pytestmark = pytest.mark.django_db
ROLE = "clinic_runtime_of_a_test"


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def api(clinic: factories.Clinic) -> Iterator[Api]:
    """A program whose requests run as the role; what it is granted goes with the test's transaction."""
    caller = program(clinic.practice)
    caller.get("patients/")
    # An autovacuum of what is tampered with below would wait for these grants, and the tampering for it.
    execute("LOCK TABLE practice_trailentry, practice_patientread IN SHARE UPDATE EXCLUSIVE MODE")
    call_command("grant_runtime", ROLE, "--create", stdout=io.StringIO())
    execute(f"SET LOCAL ROLE {ROLE}")
    yield caller
    execute("RESET ROLE")


TAMPERING = [
    "UPDATE practice_trailentry SET reason = 'another'",
    "DELETE FROM practice_trailentry",
    "TRUNCATE practice_trailentry",
    "UPDATE practice_patientread SET actor_ref = 'system'",
    "DELETE FROM practice_patientread",
    "TRUNCATE practice_patientread",
    "UPDATE scheduling_appointmentevent SET status = 'cancelled'",
    "DELETE FROM scheduling_appointmentevent",
    "TRUNCATE scheduling_appointmentevent",
    "DELETE FROM patients_patientevent",
    "ALTER TABLE practice_trailentry DISABLE TRIGGER ALL",
    "ALTER TABLE practice_patientread DROP COLUMN actor_ref",
    "DROP TABLE practice_patientread",
    "DROP TRIGGER {trigger} ON practice_patientread",
    "CREATE OR REPLACE FUNCTION practice_reads_kept() RETURNS interval LANGUAGE sql STABLE "
    "AS $$ SELECT interval '1 day' $$",
    "CREATE TABLE mine (x int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TRIGGER mine BEFORE UPDATE ON practice_trailentry FOR EACH ROW "
    "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "SET session_replication_role = replica",
    "DELETE FROM django_migrations",
    "TRUNCATE scheduling_appointment CASCADE",
    "GRANT ALL ON practice_trailentry TO PUBLIC",
    "ALTER TABLE scheduling_occupancy DISABLE TRIGGER USER",
]


def test_what_is_written_down_cannot_be_tampered_with(api: Api) -> None:
    before = (TrailEntry.objects.count(), PatientRead.objects.count())
    assert min(before) > 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger "
            "WHERE tgrelid = 'practice_patientread'::regclass AND NOT tgisinternal"
        )
        trigger, *_ = (name for (name,) in cursor.fetchall())
    done = []
    for statement in (one.replace("{trigger}", trigger) for one in TAMPERING):
        # Triggers off, as pgtrigger lets anybody: the privileges stand all the same.
        for ignored in ("{}", "{practice.PatientRead:append_only,practice.TrailEntry:append_only}"):
            try:
                with transaction.atomic():
                    execute(f"SET LOCAL pgtrigger.ignore = '{ignored}'")
                    execute(statement)
                done.append(statement)
            except ProgrammingError as error:
                assert isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege), statement
    # PostgreSQL answers a GRANT of what one may not give with a warning; nothing is given.
    assert set(done) <= {"GRANT ALL ON practice_trailentry TO PUBLIC"}
    assert (TrailEntry.objects.count(), PatientRead.objects.count()) == before


def test_the_work_goes_on(api: Api, clinic: factories.Clinic) -> None:
    start = (timezone.now() + timedelta(days=7)).date().isoformat()
    ask = {"patient": str(clinic.patient.pk), "protocol": factories.IV, "start_on_or_after": start}
    proposal = api.post("courses/propose/", ask).json()["proposals"][0]["token"]
    booked = api.post("courses/", {"proposal": proposal}, idempotency_key="one")
    assert booked.status_code == 201, booked.content
    visit = booked.json()["visits"][-1]["id"]
    assert api.post(f"appointments/{visit}/cancel/", {"reason": "Ill."}).status_code == 200
    assert api.get(f"patients/{clinic.patient.pk}/").status_code == 200


def test_the_role_is_made_once_with_a_password_that_the_server_does_not_see(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    for password in ("first", "second", ""):
        monkeypatch.setenv("RUNTIME_PASSWORD", password)
        with CaptureQueriesContext(connection) as seen:
            call_command("grant_runtime", ROLE, "--create", stdout=io.StringIO())
        assert not password or not any(f"'{password}'" in query["sql"] for query in seen.captured_queries)
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = %s", [ROLE])
            kept.append(cursor.fetchone())
    assert all(login and password.startswith("SCRAM-SHA-256$") for login, password in kept)
    # Another password replaces the first; none given leaves what is there.
    assert kept[0] != kept[1] == kept[2]


@pytest.mark.parametrize("made", [None, "CREATE ROLE {role} SUPERUSER", "CREATE ROLE {role} IN ROLE {owner}"])
def test_a_role_that_privileges_do_not_bind_is_refused(db: None, made: str | None) -> None:
    if made:
        execute(made.format(role=ROLE, owner=connection.settings_dict["USER"]))
    with pytest.raises(CommandError, match=r"^role: "):
        call_command("grant_runtime", ROLE)


def test_every_append_only_table_of_the_catalogue_is_kept(api: Api) -> None:
    """The tables are found by the models' triggers; here by the database's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
            WHERE tgname LIKE 'pgtrigger_append_only%' AND NOT tgisinternal ORDER BY 1
            """
        )
        guarded = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            """
            SELECT table_name, array_agg(privilege_type::text ORDER BY privilege_type)
            FROM information_schema.role_table_grants WHERE grantee = %s GROUP BY 1
            """,
            [ROLE],
        )
        granted = dict(cursor.fetchall())
    assert guarded == runtime_role.append_only_tables()
    assert len(guarded) > 10
    for table in guarded:
        assert granted[table] == ["INSERT", "SELECT"], table
    for table, privileges in granted.items():
        assert set(privileges) <= {"INSERT", "SELECT", "UPDATE", "DELETE"}, table
