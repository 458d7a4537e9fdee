"""The worker's app, and the whole timetable of periodic work.

A task is a doorbell: rows with a UTC `due_at` are the truth, so a late, lost or doubled tick changes nothing.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.config.settings")

app = Celery("clinic")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {}
