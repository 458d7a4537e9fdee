"""The composition root: it imports every app and is imported by none."""

from clinic.config.celery import app as celery_app

__all__ = ["celery_app"]
