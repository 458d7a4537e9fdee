"""What only the passing of time does: each task finds what is due by index and calls the same use case as a
click.
"""

from celery import shared_task
from django.utils import timezone

from clinic.practice import expired, factors, reads
from scheduling.booking.course import reviews
from scheduling.booking.waiting import holds, waitlist
from scheduling.booking.writing import replanning
from scheduling.followups import alerts, digest, escalation, gaps, nightly


@shared_task(name="scheduling.sweep_gaps", soft_time_limit=50, time_limit=60)
def sweep_gaps() -> None:
    """Follow-up gaps whose answer changes by time alone."""
    gaps.sweep(now=timezone.now())


@shared_task(name="scheduling.expire_holds", soft_time_limit=25, time_limit=30)
def expire_holds() -> None:
    """Offers that nobody answered and holds that nobody booked in time."""
    waitlist.expire(now=timezone.now())
    holds.expire(now=timezone.now())


@shared_task(name="scheduling.escalate", soft_time_limit=50, time_limit=60)
def escalate() -> None:
    """Follow-ups that nobody settled in their time."""
    escalation.sweep(now=timezone.now())


@shared_task(name="scheduling.alert_staff", soft_time_limit=50, time_limit=60)
def alert_staff() -> None:
    """What became urgent, to whoever is responsible for it."""
    alerts.plan(now=timezone.now())


@shared_task(name="scheduling.reviews_due", soft_time_limit=100, time_limit=120)
def reviews_due() -> None:
    """Courses whose review date has come."""
    reviews.sweep(now=timezone.now())


@shared_task(name="scheduling.morning_digest", soft_time_limit=100, time_limit=120)
def morning_digest() -> None:
    """Queue the staff's digests where it is morning."""
    digest.plan(now=timezone.now())


# Under the broker's visibility timeout of 600 seconds: past it a second worker would begin the same check.
@shared_task(name="scheduling.reconcile_gaps", soft_time_limit=540, time_limit=570)
def reconcile_gaps() -> None:
    """Whether every stored follow-up record is true."""
    nightly.check(clock=timezone.now)


@shared_task(name="scheduling.forget_expired", soft_time_limit=100, time_limit=120)
def forget_expired() -> None:
    """Sessions, programs' tokens and idempotency keys that have expired."""
    expired.forget(now=timezone.now())


@shared_task(name="scheduling.forget_reads", soft_time_limit=540, time_limit=570)
def forget_reads() -> None:
    """Rows of the log of reads that are older than they are kept."""
    reads.forget()


@shared_task(name="scheduling.reseal_factors", soft_time_limit=100, time_limit=120)
def reseal_factors() -> None:
    """Second factors that are in clear, or that a former SECRET_KEY sealed."""
    factors.reseal()


@shared_task(name="scheduling.replan_messages", soft_time_limit=50, time_limit=60)
def replan_messages() -> None:
    """Planned messages of practices that have changed what they say of them."""
    replanning.sweep(now=timezone.now())
