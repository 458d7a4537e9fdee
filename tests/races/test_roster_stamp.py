"""The mark by which a booking sees that the roster has changed since its proposal."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction

from scheduling.booking import proposals
from scheduling.models import Absence
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW


def test_a_slow_change_is_seen_although_a_later_one_was_seen_before() -> None:
    clinic = factories.small_clinic()
    written, may_commit = threading.Event(), threading.Event()

    def absent() -> None:
        Absence.objects.create(
            staff=clinic.therapists[0], starts_at=NOW, ends_at=NOW + timedelta(hours=1), reason="ill"
        )

    def slow() -> None:
        try:
            with transaction.atomic():
                absent()
                written.set()
                assert may_commit.wait(30)
        finally:
            connections.close_all()

    before = proposals.roster_stamp()
    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(30)
    assert proposals.roster_stamp() == before, "nothing is committed yet"
    absent()
    between = proposals.roster_stamp()
    assert between != before
    may_commit.set()
    thread.join(30)
    assert proposals.roster_stamp() != between
