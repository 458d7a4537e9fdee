"""The pulse that says that workers work, and who is told when it stops."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from clinic.config import metrics
from clinic.config.celery import QUEUES
from notifications.sending import pulse
from tests import factories

NOW = timezone.now()

pytestmark = pytest.mark.django_db


def test_a_late_pulse_does_not_hide_a_later_one() -> None:
    pulse.beat(queue="messages", now=NOW)
    pulse.beat(queue="messages", now=NOW - timedelta(minutes=5))
    assert pulse.silences(queues=QUEUES, now=NOW + timedelta(seconds=7)) == {"default": None, "messages": 7}


def test_one_silent_queue_is_silence() -> None:
    assert pulse.silent_since(now=NOW) is None
    pulse.beat(queue="messages", now=NOW)
    pulse.beat(queue="default", now=NOW)
    assert pulse.silent_since(now=NOW + timedelta(seconds=119)) is None
    pulse.beat(queue="default", now=NOW + timedelta(seconds=119))
    assert pulse.silent_since(now=NOW + timedelta(seconds=121)) == NOW


def test_prometheus_reads_each_queue() -> None:
    pulse.beat(queue="messages", now=timezone.now())
    told = metrics.exposition().decode()
    assert 'clinic_worker_silent_seconds{queue="default"} +Inf' in told
    [line] = [one for one in told.splitlines() if one.startswith('clinic_worker_silent_seconds{queue="mes')]
    assert 0 <= float(line.split()[-1]) < 60


@pytest.mark.parametrize(("ago", "told"), [(5, False), (180, True)])
def test_staff_read_on_the_page_of_messages_that_none_are_sent(client: Client, ago: int, told: bool) -> None:
    desk = factories.staff(factories.site(factories.practice()), "front_desk")
    pulse.beat(queue="messages", now=timezone.now() - timedelta(seconds=ago))
    client.force_login(desk)
    assert ("Messages are not being sent just now" in client.get("/messages/").content.decode()) is told
