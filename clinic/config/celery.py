"""The worker's app, and the whole timetable of periodic work.

A task is a doorbell: rows with a UTC `due_at` are the truth, so a late, lost or doubled tick changes nothing,
and any number of beats and workers may run.
"""

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_process_init
from django.conf import settings
from kombu import Queue

from clinic.config import broker, checks
from clinic.practice import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.config.settings")

app = Celery("clinic")
# Celery keeps its current app a thread: without a default, a web server's other threads would publish to
# nowhere.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(broker.KeepsWhatItHas)
app.steps["worker"].add(checks.HasAgreements)
worker_process_init.connect(lambda **kwargs: garbage.settle(), weak=False)

# A worker serves both unless told otherwise; sending must not wait behind a long sweep.
QUEUES = ("default", "messages")
app.conf.task_queues = [Queue(name) for name in QUEUES]
app.conf.task_routes = {
    # Receivers of events may be slow: messages do not wait for them.
    "notifications.serve_webhooks": {"queue": "default"},
    "notifications.forget_deliveries": {"queue": "default"},
    "notifications.forget_trials": {"queue": "default"},
    "notifications.reseal_webhooks": {"queue": "default"},
    "notifications.*": {"queue": "messages"},
    # That nobody takes from the other queue is told by this one.
    "scheduling.alert_staff": {"queue": "messages"},
}


def every(seconds: float, task: str, **options: str) -> dict[str, Any]:
    """A tick that nobody has taken by the next one is dropped: a worker that was down does not find a heap of
    them.
    """
    return {"task": task, "schedule": seconds, "options": {"expires": seconds, **options}}


def nightly(hour: int, task: str) -> dict[str, Any]:
    """Once a day at this hour UTC. Not an interval: each restart of beat would begin that anew."""
    return {"task": task, "schedule": crontab(minute=0, hour=hour), "options": {"expires": 3600.0}}


app.conf.beat_schedule = {
    **{f"feel the pulse of {name}": every(30, "notifications.pulse", queue=name) for name in QUEUES},
    "send what is due": every(settings.MESSAGE_TICK_SECONDS, "notifications.send_due"),
    "recover from crashes": every(settings.RECOVERY_TICK_SECONDS, "notifications.recover"),
    "tell receivers of events": every(5, "notifications.serve_webhooks"),
    "flag what time changed": every(60, "scheduling.sweep_gaps"),
    "end holds whose time is over": every(30, "scheduling.expire_holds"),
    "follow what practices say of messages": every(60, "scheduling.replan_messages"),
    "tell the clinical lead": every(60, "scheduling.escalate"),
    "tell staff what is urgent": every(60, "scheduling.alert_staff"),
    "ask for reviews": every(3600, "scheduling.reviews_due"),
    "tell staff in the morning": every(300, "scheduling.morning_digest"),
    "forget what has expired": every(3600, "scheduling.forget_expired"),
    # Between midnight and four o'clock from the Pacific to New York.
    "check what is stored": nightly(8, "scheduling.reconcile_gaps"),
    "forget who looked long ago": nightly(9, "scheduling.forget_reads"),
    "forget what was told long ago": nightly(9, "notifications.forget_deliveries"),
    "forget addresses of tests": nightly(9, "notifications.forget_trials"),
    "seal second factors by the present key": nightly(10, "scheduling.reseal_factors"),
    "seal webhooks by the present key": nightly(10, "notifications.reseal_webhooks"),
}
