"""What an alarm can be set on: work that is late, by count, and nothing about anybody."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from clinic.config.celery import QUEUES
from clinic.practice import work
from clinic.practice.models import Practice
from notifications.models import Message
from notifications.sending import pulse
from patients.models import Patient
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def metrics() -> dict[str, float]:
    """Each gauge of the rows, by its name and labels as Prometheus reads them."""
    with time_machine.travel(NOW, tick=False):
        text = Client().get("/metrics").content.decode()
    lines = [line for line in text.splitlines() if line.startswith("clinic_") and "http" not in line]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture
def someone() -> Patient:
    return making.patient()


def message(someone: Patient, *, due_at: datetime, state: str = "planned", since: datetime = NOW) -> Message:
    visit = making.visit(someone, NOW + timedelta(days=3))
    row = making.reminder(visit, due_at=due_at)
    values = {"state": state, "lease_until": since + MINUTE, "current_attempt": uuid4()}
    Message.objects.filter(pk=row.pk).update(**values, updated_at=since)
    return row


def test_with_nothing_to_do_everything_reads_nought() -> None:
    for queue in QUEUES:
        pulse.beat(queue=queue, now=NOW)
    told = metrics()
    assert set(told.values()) == {0.0}
    assert set(told) == {
        *(
            f'clinic_messages{{state="{state}"}}'
            for state in ("planned", "leased", "handing_over", "in_doubt", "failed_final")
        ),
        "clinic_messages_overdue",
        "clinic_messages_stuck",
        'clinic_worker_silent_seconds{queue="default"}',
        'clinic_worker_silent_seconds{queue="messages"}',
        "clinic_gaps_flagged",
        "clinic_gaps_unswept",
        'clinic_work_items_open{kind="follow_up_record_differs"}',
    }


def test_a_message_is_overdue_five_minutes_after_it_was_due(someone: Patient) -> None:
    message(someone, due_at=NOW - 5 * MINUTE)
    message(someone, due_at=NOW + MINUTE)
    message(someone, due_at=NOW - 9 * MINUTE, state="accepted")
    assert metrics()["clinic_messages_overdue"] == 0
    message(someone, due_at=NOW - 6 * MINUTE)
    assert metrics()["clinic_messages_overdue"] == 1


def test_a_hand_over_of_more_than_two_minutes_is_stuck(someone: Patient) -> None:
    message(someone, due_at=NOW, state="handing_over", since=NOW - 2 * MINUTE)
    message(someone, due_at=NOW, state="in_doubt", since=NOW - 9 * MINUTE)
    told = metrics()
    assert (told["clinic_messages_stuck"], told['clinic_messages{state="in_doubt"}']) == (0, 1)
    message(someone, due_at=NOW, state="handing_over", since=NOW - 3 * MINUTE)
    assert metrics()["clinic_messages_stuck"] == 1


def test_a_follow_up_is_unswept_five_minutes_after_its_time(someone: Patient) -> None:
    for late in (5, 6):
        dose = making.visit(someone, NOW, course=making.course(someone), kind="dosing")
        making.gap(dose, next_change_at=NOW - late * MINUTE)
    told = metrics()
    assert (told["clinic_gaps_unswept"], told["clinic_gaps_flagged"]) == (1, 2)


def raise_task(practice: Practice, kind: str, key: str) -> UUID:
    subject = uuid4()
    work.raise_item(
        practice_id=practice.pk,
        kind=kind,
        dedupe_key=key,
        subject_kind="appointment",
        subject_id=subject,
        role="front_desk",
        due_at=NOW,
    )
    return subject


def test_open_tasks_are_counted_by_kind_and_name_nobody(someone: Patient) -> None:
    subjects = [raise_task(someone.practice, "missed_dose", key) for key in ("1", "2", "3")]
    raise_task(factories.practice(), "message_failed", "1")
    work.finish(practice_id=someone.practice_id, dedupe_key="1", by="staff:x", now=NOW)
    told = metrics()
    assert told['clinic_work_items_open{kind="missed_dose"}'] == 2
    assert told['clinic_work_items_open{kind="message_failed"}'] == 1
    for one in (*subjects, someone.pk, someone.practice_id):
        assert not any(str(one) in name for name in told)


@pytest.mark.parametrize(
    ("on_a_network", "token", "borne", "status"),
    [
        (False, "", "", 200),
        (True, "", "", 401),
        (True, "", "Bearer ", 401),
        (True, "of-the-scraper", "Bearer of-the-scraper", 200),
        (False, "of-the-scraper", "Bearer another", 401),
    ],
)
def test_on_a_network_only_who_has_a_token_reads_it(
    settings: Settings, on_a_network: bool, token: str, borne: str, status: int
) -> None:
    settings.METRICS_OPEN, settings.METRICS_TOKEN = not on_a_network, token
    assert Client().get("/metrics", headers={"Authorization": borne}).status_code == status
