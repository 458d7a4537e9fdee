"""The mark by which a booking, and every process's copy of the roster, sees that the roster has changed."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from clinic.practice.models.roster_stamp import SLOTS
from scheduling.models import Absence
from scheduling.roster import rosters
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW


def absent(clinic: factories.Clinic) -> Absence:
    return Absence.objects.create(
        staff=clinic.therapists[0], starts_at=NOW, ends_at=NOW + timedelta(hours=1), reason="ill"
    )


def elsewhere(work: Callable[[], None]) -> threading.Thread:
    """Run `work` on another connection."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def slot() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0]) % SLOTS


def test_a_slow_change_is_seen_although_a_later_one_was_seen_before() -> None:
    clinic = factories.small_clinic()
    practice_id = clinic.practice.pk
    mine = slot()
    written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        while slot() == mine:
            # In one slot the two would wait for each other, and show nothing.
            connection.close()
        with transaction.atomic():
            absent(clinic)
            written.set()
            assert may_commit.wait(30)

    before = rosters.of(practice_id=practice_id)
    thread = elsewhere(slow)
    assert written.wait(30)
    assert rosters.stamp(practice_id=practice_id) == before.stamp, "nothing is committed yet"
    absent(clinic)
    between = rosters.of(practice_id=practice_id)
    assert between.stamp != before.stamp
    may_commit.set()
    thread.join(30)
    after = rosters.of(practice_id=practice_id)
    assert after.stamp != between.stamp
    assert len(after.absences[clinic.therapists[0].pk]) == 2


def test_a_change_by_another_process_is_seen_by_the_next_reader() -> None:
    clinic = factories.small_clinic()
    assert rosters.of(practice_id=clinic.practice.pk).absences == {}
    elsewhere(lambda: absent(clinic) and None).join(30)
    found = rosters.of(practice_id=clinic.practice.pk)
    assert list(found.absences) == [clinic.therapists[0].pk]


def test_what_was_read_in_a_change_that_is_taken_back_is_not_kept() -> None:
    clinic = factories.small_clinic()
    with transaction.atomic():
        absent(clinic)
        assert rosters.of(practice_id=clinic.practice.pk).absences
        transaction.set_rollback(True)
    assert rosters.of(practice_id=clinic.practice.pk).absences == {}
