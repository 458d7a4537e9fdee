"""What the database guarantees by itself: each invariant is attacked over two real connections."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange, NumericRange
from psycopg.errors import Diagnostic

from clinic.practice.models import IdempotencyKey, TrailEntry
from notifications.models import Message
from scheduling.models import Appointment, FollowUpGap, Occupancy, ProtocolVersion, TreatmentCourse
from tests import factories
from tests.scheduling.booking.rows import bare_visit

pytestmark = pytest.mark.django_db(transaction=True)
START = datetime(2026, 6, 1, 13, tzinfo=UTC)
END = START + timedelta(hours=1)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def refused(write: Callable[[], Any]) -> str:
    """The constraint (or trigger's message) by which PostgreSQL refuses a write; fails when it accepts it."""
    try:
        with transaction.atomic():
            write()
    except DatabaseError as error:
        diagnostic: Diagnostic = error.__cause__.diag  # type: ignore[union-attr]
        return diagnostic.constraint_name or diagnostic.message_primary or str(error)
    raise AssertionError("the database accepted it")


def second_is_refused(first: Callable[[], Any], second: Callable[[], Any]) -> str:
    """Write `first`, and before it commits `second` on another connection, which waits and is then
    refused."""
    outcome: list[Any] = []

    def other() -> None:
        try:
            outcome.append(refused(second))
        except BaseException as error:
            outcome.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        first()
        thread.start()
        deadline = time.monotonic() + 20
        while not outcome and not somebody_waits():
            assert time.monotonic() < deadline
            thread.join(0.01)
    thread.join(20)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return str(outcome[0])


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # Not pg_stat_activity: a transaction sees one snapshot of it for ever.
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def occupy(clinic: factories.Clinic, resource_id: int, visit: Appointment, **changes: Any) -> Occupancy:
    values = {
        "practice": clinic.practice,
        "resource_id": resource_id,
        "appointment": visit,
        "seats": NumericRange(0, 12),
        "during": DateTimeTZRange(START, END),
    }
    return Occupancy.objects.create(**{**values, **changes})


@pytest.mark.parametrize("what", ["room", "practitioner", "patient"])
def test_nothing_is_in_two_places(clinic: factories.Clinic, what: str) -> None:
    resource = {
        "room": clinic.chairs[0].resource_id,
        "practitioner": clinic.prescriber.resource_id,
        "patient": clinic.patient.resource_id,
    }[what]
    visit = bare_visit(clinic.patient, start=START, end=END)
    late = DateTimeTZRange(START + timedelta(minutes=59), END + timedelta(hours=1))
    constraint = second_is_refused(
        lambda: occupy(clinic, resource, visit), lambda: occupy(clinic, resource, visit, during=late)
    )
    assert constraint == "occupancy_no_overlap"


def test_seats_share_a_person_up_to_twelve(clinic: factories.Clinic) -> None:
    visit = bare_visit(clinic.patient, start=START, end=END)
    monitor = clinic.monitor.resource_id
    occupy(clinic, monitor, visit, seats=NumericRange(0, 6))
    occupy(clinic, monitor, visit, seats=NumericRange(6, 12))
    assert refused(lambda: occupy(clinic, monitor, visit, seats=NumericRange(5, 7))) == "occupancy_no_overlap"
    assert (
        refused(lambda: occupy(clinic, monitor, visit, seats=NumericRange(11, 13)))
        == "occupancy_seats_of_twelve"
    )


@pytest.mark.parametrize(
    "during", [DateTimeTZRange(START, START), DateTimeTZRange(START, None), DateTimeTZRange(None, END)]
)
def test_no_span_is_empty_or_endless(clinic: factories.Clinic, during: DateTimeTZRange) -> None:
    visit = bare_visit(clinic.patient, start=START, end=END)
    write = lambda: occupy(clinic, clinic.chairs[0].resource_id, visit, during=during)  # noqa: E731
    assert refused(write) == "occupancy_during_bounded"


def test_a_null_never_hides_from_the_exclusion(clinic: factories.Clinic) -> None:
    visit = bare_visit(clinic.patient, start=START, end=END)
    for column in ("resource_id", "seats", "during"):
        row = {"resource_id": clinic.chairs[0].resource_id, column: None}
        assert "null value" in refused(lambda row=row: occupy(clinic, visit=visit, **row))  # type: ignore[misc]


def course(clinic: factories.Clinic, **changes: Any) -> TreatmentCourse:
    values = {
        "practice": clinic.practice,
        "patient": clinic.patient,
        "site": clinic.site,
        "protocol_version": clinic.version,
        "start_on_or_after": START.date(),
        "created_at": START,
        "created_by": "test",
    }
    return TreatmentCourse.objects.create(**{**values, **changes})


def gap(clinic: factories.Clinic, of: TreatmentCourse, **changes: Any) -> FollowUpGap:
    values = {
        "practice": clinic.practice,
        "course": of,
        "patient": clinic.patient,
        "site": clinic.site,
        "unit_key": "dose:1",
        "needed": 1,
        "status": "prospective",
        "severity": "low",
        "flagged": False,
        "closes_at": END,
        "grace_until": END + timedelta(days=1),
        "created_at": START,
    }
    return FollowUpGap.objects.create(**{**values, **changes})


def test_one_gap_a_unit(clinic: factories.Clinic) -> None:
    mine = course(clinic)
    assert second_is_refused(lambda: gap(clinic, mine), lambda: gap(clinic, mine)) == "gap_once_per_unit"


def test_a_waiver_has_author_and_reason(clinic: factories.Clinic) -> None:
    mine = course(clinic)
    assert refused(lambda: gap(clinic, mine, waived_at=START)) == "gap_waived_at_by_and_why"
    assert refused(lambda: gap(clinic, mine, waived_at=START, waived_by="x")) == "gap_waived_at_by_and_why"


def message(clinic: factories.Clinic, **changes: Any) -> Message:
    values = {
        "practice": clinic.practice,
        "patient": clinic.patient,
        "kind": "reminder",
        "channel": "sms",
        "dedupe_key": "once",
        "subject_kind": "appointment",
        "subject_id": clinic.patient.pk,
        "due_at": START,
        "useful_until": END,
        "created_at": START,
        "updated_at": START,
    }
    return Message.objects.create(**{**values, **changes})


def test_one_message_a_dedupe_key(clinic: factories.Clinic) -> None:
    assert second_is_refused(lambda: message(clinic), lambda: message(clinic)) == "message_once"


def test_a_message_has_one_recipient_and_a_purpose_in_time(clinic: factories.Clinic) -> None:
    assert refused(lambda: message(clinic, patient=None)) == "message_has_one_recipient"
    assert refused(lambda: message(clinic, staff=clinic.front_desk)) == "message_has_one_recipient"
    assert refused(lambda: message(clinic, useful_until=START - timedelta(1))) == "message_due_while_useful"
    assert refused(lambda: message(clinic, state="handing_over")) in (
        "message_lease_ends",
        "message_hand_over_has_attempt",
    )


FACTS = (
    "confirmed",
    "arrived",
    "started",
    "administration_ended",
    "discharged",
    "completed",
    "cancelled",
    "no_show",
)


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_has_a_time_and_an_author_or_neither(clinic: factories.Clinic, fact: str) -> None:
    name = f"appointment_{fact}_at_and_by"
    assert refused(lambda: bare_visit(clinic.patient, start=START, end=END, **{f"{fact}_at": START})) == name
    assert refused(lambda: bare_visit(clinic.patient, start=START, end=END, **{f"{fact}_by": "x"})) == name


def test_a_visit_starts_before_it_ends(clinic: factories.Clinic) -> None:
    assert (
        refused(lambda: bare_visit(clinic.patient, start=START, end=START)) == "appointment_start_before_end"
    )


def test_a_hold_expires_and_nothing_else_does(clinic: factories.Clinic) -> None:
    name = "appointment_hold_expires"
    assert refused(lambda: bare_visit(clinic.patient, start=START, end=END, status="held")) == name
    assert refused(lambda: bare_visit(clinic.patient, start=START, end=END, hold_expires_at=END)) == name


def test_a_planned_visit_stands_once_in_its_course(clinic: factories.Clinic) -> None:
    mine = course(clinic)
    again = lambda: bare_visit(clinic.patient, start=START, end=END, course=mine, ref="dose-1")  # noqa: E731
    assert second_is_refused(again, again) == "appointment_ref_once"
    Appointment.objects.filter(course=mine).update(status="cancelled", cancelled_at=START, cancelled_by="x")
    again()


def test_practices_do_not_mix(clinic: factories.Clinic) -> None:
    other = factories.small_clinic()
    mine = course(clinic)
    visit = bare_visit(clinic.patient, start=START, end=END)
    assert refused(lambda: course(clinic, patient=other.patient)) == "course_patient_same_practice"
    assert refused(lambda: course(clinic, site=other.site)) == "course_site_same_practice"
    assert (
        refused(lambda: bare_visit(clinic.patient, start=START, end=END, practice_id=other.practice.pk))
        == "appointment_patient_same_practice"
    )
    assert (
        refused(lambda: bare_visit(clinic.patient, start=START, end=END, site=other.site))
        == "appointment_site_same_practice"
    )
    stranger = factories.patient(clinic.site)
    assert (
        refused(lambda: bare_visit(stranger, start=START, end=END, course=mine))
        == "appointment_course_same_patient"
    )
    assert refused(lambda: gap(clinic, mine, patient=stranger)) == "gap_course_same_patient"
    assert (
        refused(lambda: occupy(clinic, other.chairs[0].resource_id, visit))
        == "occupancy_resource_same_practice"
    )


def test_an_override_has_a_reason(clinic: factories.Clinic) -> None:
    mine = course(clinic)
    assert (
        refused(lambda: mine.overrides.create(rule_id="S-01", author="x", at=START)) == "override_has_reason"
    )


def test_a_key_has_one_owner(clinic: factories.Clinic) -> None:
    def write() -> None:
        IdempotencyKey.objects.create(
            scope="client:1",
            key="k",
            fingerprint="f",
            status_code=201,
            object_kind="course",
            object_id=clinic.patient.pk,
            created_at=START,
        )

    assert second_is_refused(write, write) == "idempotency_key_once"


def test_history_trail_and_protocol_versions_cannot_be_rewritten(clinic: factories.Clinic) -> None:
    assert "Cannot update or delete" in refused(lambda: TrailEntry.objects.update(verb="nothing"))
    assert "Cannot update or delete" in refused(lambda: TrailEntry.objects.all().delete())
    assert "Cannot update or delete" in refused(lambda: ProtocolVersion.objects.update(name="other"))
    visit = bare_visit(clinic.patient, start=START, end=END)
    history = Appointment.pgh_event_model.objects  # type: ignore[attr-defined]
    assert history.filter(pgh_obj_id=visit.pk).count() == 1
    assert "Cannot update or delete" in refused(lambda: history.update(status="fulfilled"))
    assert "Cannot update or delete" in refused(lambda: history.all().delete())
