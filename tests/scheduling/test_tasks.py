"""What the worker does by itself beside the messages: keys that are forgotten, records that are checked."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from structlog.testing import capture_logs

from clinic.practice import idempotency
from clinic.practice.idempotency import Key
from clinic.practice.models import IdempotencyKey, WorkItem
from scheduling import tasks
from scheduling.followups import nightly
from scheduling.models import Appointment, TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
NIGHT = timedelta(days=1)


def claim(value: str, now: datetime) -> None:
    key = Key(scope="somebody", value=value, fingerprint="f")
    with transaction.atomic():
        idempotency.claim(key=key, now=now, status_code=201, object_kind="site", object_id=uuid4())


def test_keys_are_forgotten_when_they_are_no_longer_kept() -> None:
    claim("old", NOW - idempotency.KEPT - timedelta(seconds=1))
    claim("kept", NOW - idempotency.KEPT)
    with time_machine.travel(NOW, tick=False):
        tasks.forget_expired()
        tasks.forget_expired()
    assert [row.key for row in IdempotencyKey.objects.all()] == ["kept"]


def open_items() -> list[UUID]:
    return list(WorkItem.objects.filter(done_at=None).values_list("subject_id", flat=True))


def check(now: datetime) -> list[tuple[str, str]]:
    """Run the nightly task at `now`; what it logged of the check."""
    with time_machine.travel(now, tick=False), capture_logs() as logs:
        tasks.reconcile_gaps()
    return [(line["log_level"], line["event"]) for line in logs if line["event"].startswith("follow_up_")]


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def course(clinic: factories.Clinic) -> TreatmentCourse:
    return booked.book(clinic, skip=("integration-1",))


def make_untrue(course: TreatmentCourse) -> None:
    """Change a visit without the refresh that belongs to it."""
    Appointment.objects.filter(course=course, ref="integration-2").update(
        status="cancelled", cancelled_at=NOW, cancelled_by="nobody"
    )


def make_true(course: TreatmentCourse) -> None:
    Appointment.objects.filter(course=course, ref="integration-2").update(
        status="booked", cancelled_at=None, cancelled_by=None
    )


def test_a_true_record_raises_nothing(course: TreatmentCourse) -> None:
    assert check(NOW) == [("info", "follow_up_records_agree")]
    assert open_items() == []


def test_an_untrue_record_is_one_task_of_the_administrator_until_it_is_true_again(
    course: TreatmentCourse,
) -> None:
    make_untrue(course)
    for again in range(3):
        assert check(NOW + again * timedelta(minutes=1)) == [("error", "follow_up_records_differ")]
        assert open_items() == [course.pk]
    item = WorkItem.objects.get()
    assert (item.practice_id, item.patient_id) == (course.practice_id, course.patient_id)
    assert (item.role, item.subject_kind) == ("practice_admin", "course")
    make_true(course)
    check(NOW + timedelta(hours=1))
    assert open_items() == []
    assert WorkItem.objects.get().done_by == "system"


def test_what_was_marked_done_and_is_still_untrue_is_told_the_next_night(course: TreatmentCourse) -> None:
    make_untrue(course)
    check(NOW)
    WorkItem.objects.update(done_at=NOW, done_by="staff:x")
    check(NOW + timedelta(hours=1))
    assert open_items() == []
    check(NOW + NIGHT)
    assert open_items() == [course.pk]


def test_a_difference_that_is_gone_at_the_second_look_is_no_alarm(course: TreatmentCourse) -> None:
    make_untrue(course)
    looks = 0

    def clock() -> datetime:
        nonlocal looks
        looks += 1
        if looks == 2:
            make_true(course)
        return NOW

    assert nightly.check(clock=clock) == 0
    assert open_items() == []


def test_the_administrator_sees_the_task_with_the_way_to_its_course(
    clinic: factories.Clinic, course: TreatmentCourse, client: Client
) -> None:
    client.force_login(factories.staff(clinic.site, "practice_admin"))
    make_untrue(course)
    check(NOW)
    page = client.get("/overview/").content.decode()
    assert "Follow-up record that is not true" in page
    assert f"/courses/{course.pk}/" in page
