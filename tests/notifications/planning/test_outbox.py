"""A message exists exactly when the transaction of what it tells has committed."""

import json
import subprocess
import sys
import textwrap
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from redis import Redis

from clinic.practice.ids import new_id
from notifications.models import Message
from notifications.planning import outbox
from notifications.planning.outbox import Draft
from patients.models import Patient
from tests.notifications import making
from tests.notifications.making import NOW


def draft(someone: Patient, **fields: Any) -> Draft:
    values: dict[str, Any] = {
        "practice_id": someone.practice_id,
        "patient_id": someone.pk,
        "kind": "reminder_24h",
        "channel": "sms",
        "subject_kind": "appointment",
        "subject_id": new_id(),
        "due_at": NOW + timedelta(hours=1),
        "useful_until": NOW + timedelta(hours=5),
    }
    return Draft(**{**values, **fields})


@pytest.mark.django_db(transaction=True)
def test_queue_and_withdraw_refuse_to_work_outside_a_transaction() -> None:
    someone = making.patient()
    with pytest.raises(RuntimeError):
        outbox.queue(messages=[draft(someone)], now=NOW)
    with pytest.raises(RuntimeError):
        outbox.withdraw(subject_ids=[new_id()], reason="x", now=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_booking_leaves_no_message(redis: Redis) -> None:
    someone = making.patient()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.queue(messages=[draft(someone, due_at=NOW)], now=NOW)
        _ = 1 / 0
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_planning_the_same_twice_is_one_message_and_a_move_arms_it_again() -> None:
    someone = making.patient()
    first = draft(someone)
    again = draft(someone, subject_id=first.subject_id, due_at=NOW + timedelta(hours=2))
    moved = draft(someone, subject_id=first.subject_id, subject_version=2)
    outbox.queue(messages=[first, again], now=NOW)
    outbox.queue(messages=[again, moved], now=NOW)
    rows = Message.objects.order_by("subject_version")
    assert [(row.subject_version, row.due_at) for row in rows] == [(1, first.due_at), (2, moved.due_at)]


@pytest.mark.django_db
def test_a_message_due_after_it_stops_being_useful_is_refused() -> None:
    with pytest.raises(ValueError, match="useful"):
        outbox.queue(messages=[draft(making.patient(), due_at=NOW + timedelta(days=1))], now=NOW)


@pytest.mark.django_db
def test_a_whole_course_is_queued_with_one_statement(django_assert_num_queries: Any) -> None:
    someone = making.patient()
    drafts = [draft(someone) for _ in range(40)]
    with django_assert_num_queries(1):
        outbox.queue(messages=drafts, now=NOW)
    assert Message.objects.count() == 40


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("planned", "cancelled"),
        ("leased", "cancelled"),
        ("handing_over", "handing_over"),
        ("accepted", "accepted"),
        ("in_doubt", "in_doubt"),
    ],
)
def test_withdraw_cancels_what_nobody_has_begun_to_hand_over(state: str, after: str) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    row = making.reminder(
        visit, state=state, lease_until=NOW + timedelta(minutes=1), current_attempt=new_id()
    )
    other = making.reminder(making.visit(visit.patient, making.tomorrow(18)))
    outbox.withdraw(subject_ids=[visit.pk], reason="visit_cancelled", now=NOW)
    row.refresh_from_db()
    other.refresh_from_db()
    assert row.state == after
    assert row.state_reason == ("visit_cancelled" if after == "cancelled" else "")
    assert other.state == "planned"


@pytest.mark.django_db
def test_withdraw_keeps_to_the_kinds_and_courses_named() -> None:
    someone = making.patient()
    course_id = new_id()
    visit = making.visit(someone, making.tomorrow())
    kept = making.reminder(visit, kind="no_show", course_id=course_id)
    gone = making.reminder(visit, course_id=course_id)
    assert outbox.withdraw(course_ids=[course_id], kinds=["reminder_24h"], reason="x", now=NOW) == 1
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.state, gone.state) == ("planned", "cancelled")


@pytest.mark.django_db(transaction=True)
def test_after_the_commit_the_worker_gets_one_hint_without_a_patient_in_it(redis: Redis) -> None:
    someone = making.patient()
    with transaction.atomic():
        outbox.queue(messages=[draft(someone, due_at=NOW)], now=NOW)
        assert redis.llen("messages") == 0
    _, raw = redis.blpop("messages", timeout=10)
    hint = json.loads(raw)
    assert hint["headers"]["task"] == "notifications.send_due"
    assert hint["headers"]["eta"] is None
    assert str(someone.pk) not in raw.decode()


BOOK_WITHOUT_REDIS = """
    import django, time
    django.setup()
    from django.db import transaction
    from notifications.planning import outbox
    from patients.models import Patient
    from tests.notifications.making import NOW
    from tests.notifications.planning.test_outbox import draft
    someone = Patient.objects.get()
    with transaction.atomic():
        outbox.queue(messages=[draft(someone, due_at=NOW)], now=NOW)
    print("committed")
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broker", ["redis://127.0.0.1:1/0", "redis://10.255.255.1:6379/0"])
def test_without_redis_the_transaction_commits_and_nobody_waits(broker: str) -> None:
    """Refused, and (10.255.255.1) no answer at all."""
    making.patient()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BOOK_WITHOUT_REDIS)],
        env=making.child_environment() | {"REDIS_URL": broker},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "committed" in done.stdout, done.stderr
    assert Message.objects.get().state == "planned"
