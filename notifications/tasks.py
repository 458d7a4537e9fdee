"""Doorbells for the worker. Neither takes an argument: each does whatever is due, and may run twice or twice
at once.
"""

import os
import socket
import uuid

from celery import Task, shared_task
from django.utils import timezone

from notifications.inbox import inbound
from notifications.sending import delivery, pulse, recovery, spans
from notifications.webhooks import forgetting, serving, subscriptions
from notifications.wording import trials

# After so long a task is ended. No call to a provider begins so late that it would be cut off.
SEND_SECONDS, RECOVER_SECONDS = 75, 60


@shared_task(name="notifications.pulse", bind=True, soft_time_limit=10, time_limit=15)
def feel_pulse(self: "Task[[], None]") -> None:
    """This queue is being worked on."""
    delivered = self.request.delivery_info or {}
    pulse.beat(queue=str(delivered["routing_key"]), now=timezone.now())


@shared_task(name="notifications.send_due", soft_time_limit=SEND_SECONDS, time_limit=SEND_SECONDS + 15)
def send_due() -> None:
    """Hand over what is due."""
    seconds = spans.beginning(task=SEND_SECONDS).total_seconds()
    delivery.run(clock=timezone.now, worker=_worker(), seconds=seconds)


@shared_task(name="notifications.serve_webhooks", soft_time_limit=75, time_limit=90)
def serve_webhooks() -> None:
    """Tell receivers of events what is new, and what they have not accepted yet."""
    serving.run(clock=timezone.now, worker=_worker())


@shared_task(name="notifications.forget_deliveries", soft_time_limit=540, time_limit=570)
def forget_deliveries() -> None:
    """What receivers of events were told longer ago than it is kept."""
    forgetting.forget(now=timezone.now())


@shared_task(name="notifications.forget_trials", soft_time_limit=100, time_limit=120)
def forget_trials() -> None:
    """Tests of a wording that are older than they are kept, with the addresses that were typed."""
    trials.forget(now=timezone.now())


@shared_task(name="notifications.reseal_webhooks", soft_time_limit=100, time_limit=120)
def reseal_webhooks() -> None:
    """Secrets of webhooks that a former SECRET_KEY sealed."""
    subscriptions.reseal()


@shared_task(name="notifications.recover", soft_time_limit=RECOVER_SECONDS, time_limit=RECOVER_SECONDS + 15)
def recover() -> None:
    """Clear up after processes that died, ask providers about doubts, act on texts that were left."""
    now = timezone.now()
    recovery.recover(now=now)
    recovery.settle(clock=timezone.now, until=now + spans.beginning(task=RECOVER_SECONDS))
    inbound.sweep(now=now)


def _worker() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
