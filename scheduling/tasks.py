"""What only the passing of time does: each task finds what is due by index and calls the same use case as a
click.
"""

from celery import shared_task
from django.utils import timezone

from scheduling.followups import digest, gaps


@shared_task(name="scheduling.sweep_gaps", soft_time_limit=50, time_limit=60)
def sweep_gaps() -> None:
    """Follow-up gaps whose answer changes by time alone."""
    gaps.sweep(now=timezone.now())


@shared_task(name="scheduling.morning_digest", soft_time_limit=100, time_limit=120)
def morning_digest() -> None:
    """Queue the staff's digests where it is morning."""
    digest.plan(now=timezone.now())
