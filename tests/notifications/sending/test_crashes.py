"""Workers killed while the provider has their message, and the two obvious ways of sending, which fail the
same test.
"""

import multiprocessing
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from unittest import mock

import pytest
from django.utils import timezone

from clinic.local.providers import SmsProvider
from clinic.practice.models import WorkItem
from notifications.models import Message
from notifications.sending import recovery, spans
from tests.notifications import making
from tests.notifications.sending import loops
from tests.notifications.sending.loops import mark_then_send, ours, send_then_mark

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGES, KILLS = 8, 4


def test_nothing_is_handed_over_twice(sms_provider: SmsProvider) -> None:
    due(timezone.now())
    sms_provider.fault(times=KILLS, to=None, seconds=30, accept=True)
    kill_once_taken(ours, sms_provider)
    recovery.recover(now=timezone.now() + spans.lease() + timedelta(seconds=1))
    assert Message.objects.filter(state="in_doubt").count() == KILLS
    assert WorkItem.objects.filter(kind="message_in_doubt", done_at=None).count() == KILLS
    finish(ours)
    assert told_twice(sms_provider) == 0
    assert recovery.settle(clock=timezone.now) == KILLS
    assert Message.objects.filter(state="accepted").count() == len(sms_provider.inbox()) == MESSAGES
    assert not WorkItem.objects.filter(done_at=None).exists()


def test_control_marking_after_the_call_sends_twice(sms_provider: SmsProvider) -> None:
    due(timezone.now())
    sms_provider.fault(times=KILLS, to=None, seconds=30, accept=True)
    kill_once_taken(send_then_mark, sms_provider)
    finish(send_then_mark)
    assert told_twice(sms_provider) > 0


def test_nothing_is_silently_lost(sms_provider: SmsProvider) -> None:
    due(timezone.now())
    sms_provider.fault(times=100, to=None, seconds=30, accept=False)
    kill_once_marked(ours, "handing_over")
    recovery.recover(now=timezone.now() + spans.lease() + timedelta(seconds=1))
    assert Message.objects.filter(state="in_doubt").count() == KILLS
    assert WorkItem.objects.filter(kind="message_in_doubt", done_at=None).count() == KILLS
    assert Message.objects.filter(state="planned").count() == MESSAGES - KILLS
    assert sms_provider.inbox() == []


def test_control_marking_before_the_call_loses_silently(sms_provider: SmsProvider) -> None:
    due(timezone.now())
    sms_provider.fault(times=100, to=None, seconds=30, accept=False)
    kill_once_marked(mark_then_send, "accepted")
    assert Message.objects.filter(state="accepted").count() > len(sms_provider.inbox())
    assert not WorkItem.objects.exists()


def kill_once_taken(loop: Callable[[], None], provider: SmsProvider) -> None:
    """Each time the provider has taken a message and has not answered."""
    for _ in range(KILLS):
        before = len(provider.inbox())
        killed_when(loop, lambda before=before: len(provider.inbox()) > before)


def kill_once_marked(loop: Callable[[], None], state: str) -> None:
    """Each time one more row says so."""
    for _ in range(KILLS):
        before = Message.objects.filter(state=state).count()
        killed_when(loop, lambda before=before: Message.objects.filter(state=state).count() > before)


def killed_when(loop: Callable[[], None], true: Callable[[], bool]) -> None:
    worker = forked(loop)
    try:
        # A worker that ended by itself will not make it true.
        making.wait_until(lambda: true() or not worker.is_alive())
    finally:
        worker.kill()
        worker.join()
    assert worker.exitcode == -9


def finish(loop: Callable[[], None]) -> None:
    last = forked(loop)
    last.join(timeout=60)
    assert last.exitcode == 0


def told_twice(provider: SmsProvider) -> int:
    numbers = [sms["to"] for sms in provider.inbox()]
    return len(numbers) - len(set(numbers))


def due(now: datetime) -> None:
    for _ in range(MESSAGES):
        making.reminder_now(now)


def forked(loop: Callable[[], None]) -> BaseProcess:
    """From a process that has nothing of the tests': no connection, no thread."""
    apart = multiprocessing.get_context("forkserver")
    apart.set_forkserver_preload([loops.__name__])
    with mock.patch.dict(os.environ, making.child_environment()):
        forkserver.ensure_running()
    worker = apart.Process(target=loop)
    worker.start()
    return worker
