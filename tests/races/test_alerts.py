"""Any number of sweeps at once: each task is told each person once, and an alarm is raised once."""

from datetime import timedelta
from uuid import uuid4

import pytest

from clinic.practice import work
from clinic.practice.models import WorkItem
from notifications.models import Message, StaffAlert
from notifications.sending import alarms, pulse
from scheduling.followups import alerts
from tests import factories
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW


def test_sweeps_at_once_tell_each_person_once() -> None:
    site = factories.site(factories.practice())
    for number in range(3):
        factories.staff(site, "prescriber", email=f"{number}@example.com")
    factories.staff(site, "practice_admin", email="admin@example.com")
    for number in range(5):
        work.raise_item(
            practice_id=site.practice_id,
            kind="harm_item",
            dedupe_key=str(number),
            subject_kind="course",
            subject_id=uuid4(),
            role="prescriber",
            due_at=NOW,
        )
    pulse.beat(queue="default", now=NOW - timedelta(hours=1))
    beats = [NOW + timedelta(seconds=number) for number in range(8)]
    outcome = race.run([lambda now=now: alerts.plan(now=now) for now in beats])
    assert outcome.broken == []
    alerts.plan(now=NOW + timedelta(minutes=1))
    assert WorkItem.objects.filter(kind=alarms.KIND).count() == 1
    assert StaffAlert.objects.count() == 3 * 5 + 1
    assert Message.objects.count() == 4
