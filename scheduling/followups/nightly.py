"""What the nightly check tells: a log event, and a task for each course whose stored record is wrong."""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import transaction

from clinic.practice import work
from clinic.practice.models import WorkItem
from clinic.practice.models.staff import Role
from scheduling.followups import reconcile
from scheduling.models import TreatmentCourse

KIND = "follow_up_record_differs"
log = structlog.get_logger("scheduling.reconcile")


def check(*, clock: Callable[[], datetime]) -> int:
    """Look at everything, tell what is wrong and withdraw what is right again; returns how many differ.

    Repairs nothing. One open task a course, for the practice's administrator; running twice, or twice at
    once, raises no second one.
    """
    found = reconcile.confirmed(clock=clock)
    now = clock()
    with transaction.atomic(durable=True):
        wrong = {one.course_id for one in found}
        still_open = WorkItem.objects.filter(kind=KIND, done_at=None)
        still_open.exclude(subject_id__in=wrong).update(done_at=now, done_by="system")
        told = set(still_open.values_list("subject_id", flat=True))
        for course in TreatmentCourse.objects.filter(pk__in=wrong - told).order_by("id"):
            work.raise_item(
                practice_id=course.practice_id,
                kind=KIND,
                # With the day: what was marked done and is wrong again must be told again.
                dedupe_key=f"{KIND}:{course.pk}:{now:%Y-%m-%d}",
                subject_kind="course",
                subject_id=course.pk,
                patient_id=course.patient_id,
                role=Role.PRACTICE_ADMIN,
                reason="What is stored about a follow-up is not true: tell whoever runs the installation.",
                due_at=now,
            )
    if found:
        log.error("follow_up_records_differ", count=len(found))
    else:
        log.info("follow_up_records_agree")
    return len(found)
