"""Any number of sweeps at once, and sweeps beside people's writes: each change is told once, nothing is
lost."""

from datetime import timedelta

import pytest

from clinic.practice.models import TrailEntry
from scheduling.booking.visit import gaps as obligations
from scheduling.followups import gaps, reconcile
from scheduling.models import FollowUpGap
from tests import factories
from tests.races import race
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db(transaction=True)


def test_sweeps_at_once_tell_each_change_once() -> None:
    clinics = [factories.small_clinic() for _ in range(4)]
    courses = [booked.book(one, skip=("integration-1",)) for one in clinics]
    due = booked.visit(courses[0], "dose-1").start - timedelta(hours=1)
    outcome = race.run([lambda: gaps.sweep(now=due)] * 8)
    assert outcome.counts == {"won": 8}
    gaps.sweep(now=due)
    found = FollowUpGap.objects.filter(doses__appointment__ref="dose-1")
    assert [gap.flagged for gap in found] == [True] * 4
    told = TrailEntry.objects.filter(actor_ref="system", verb="follow_up.prospective")
    assert told.count() == 4
    assert list(reconcile.differences(now=due)) == []


def test_a_sweep_beside_a_waiver_loses_neither() -> None:
    clinic = factories.small_clinic()
    course = booked.book(clinic, skip=("integration-1", "integration-2"))
    gap = booked.gap_of(course, "dose-1")
    due = booked.visit(course, "dose-2").start - timedelta(hours=1)
    jobs = [lambda: gaps.sweep(now=due)] * 4
    waive = lambda: obligations.waive(actor=clinic.admin, gap_id=gap.pk, reason="seen elsewhere", now=due)  # noqa: E731
    outcome = race.run([*jobs, waive])
    assert outcome.broken == []
    gaps.sweep(now=due)
    assert booked.gap_of(course, "dose-1").status == "waived"
    assert booked.gap_of(course, "dose-2").flagged
    assert list(reconcile.differences(now=due)) == []
