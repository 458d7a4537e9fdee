"""A unit that nobody has settled in its time goes to the clinical lead, by itself and once.

The practice sets the hour, counted from the end of the window: 0 is when it closes, -24 a day before, 48 two
days into the grace. Putting a unit off hides it from the worklist; it does not stop the escalation. What was
raised is finished by the write that settles the unit.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from clinic.practice import actor as actors
from clinic.practice import trail, work
from clinic.practice.models import Practice, StaffMember
from clinic.practice.models.staff import Role
from clinic.practice.trail import Step
from scheduling.models import FollowUpGap, TreatmentCourse
from scheduling.models.followup import UNMET

KIND = "escalated_follow_up"
# A patient who looked for a time by their link, and found none.
NO_TIME_ITEM = "patient_finds_no_time"
DEFAULT_HOURS = 0
# What closed longer ago when it was first looked at (a course taken over, records imported) is history.
REACH = timedelta(days=14)


def sweep(*, now: datetime, limit: int = 200) -> int:
    """Escalate what is due; returns how many units were.

    It reads only what is due, by index, a practice at a time. Any number of sweeps may run at once: the
    unit's own row says whether it has been escalated, and a course that somebody is writing to is left for
    the next.
    """
    done = 0
    for practice in Practice.objects.order_by("pk"):
        due = _due(practice, now).order_by("closes_at").values_list("pk", "course_id")[:limit]
        for gap_id, course_id in list(due):
            with transaction.atomic(durable=True):
                courses = TreatmentCourse.objects.select_for_update(skip_locked=True, no_key=True)
                if courses.filter(pk=course_id).first() is not None:
                    done += _escalate(practice, gap_id, now)
    return done


def _due(practice: Practice, now: datetime) -> QuerySet[FollowUpGap]:
    hours = practice.settings.get("follow_ups", {}).get("escalate_hours", DEFAULT_HOURS)
    latest = now - timedelta(hours=hours)
    return FollowUpGap.objects.filter(
        practice=practice,
        escalated_at=None,
        status__in=UNMET,
        closes_at__lte=latest,
        closes_at__gt=latest - REACH,
    )


def _escalate(practice: Practice, gap_id: UUID, now: datetime) -> int:
    """1, or 0 when somebody settled or escalated it meanwhile."""
    if not (
        _due(practice, now)
        .filter(pk=gap_id)
        .update(escalated_at=now, version=F("version") + 1, updated_at=Now())
    ):
        return 0
    gap = FollowUpGap.objects.get(pk=gap_id)
    leads = StaffMember.objects.filter(
        practice=practice, is_active=True, roles__contains=[Role.CLINICAL_LEAD.value]
    )
    work.raise_item(
        practice_id=practice.pk,
        kind=KIND,
        dedupe_key=f"{KIND}:{gap.pk}:{gap.version}",
        subject_kind="gap",
        subject_id=gap.pk,
        patient_id=gap.patient_id,
        # Nobody leads: then it is the practice's own to answer.
        role=Role.CLINICAL_LEAD if leads.exists() else Role.PRACTICE_ADMIN,
        reason="A follow-up was not settled in its time.",
        due_at=now,
    )
    step = Step("follow_up.escalated", "gap", gap.pk, gap.course_id, gap.patient_id)
    trail.record(actor=actors.system(practice_id=practice.pk), at=now, steps=[step])
    return 1


def settle(*, course: TreatmentCourse, gap_ids: Collection[UUID], by: str, now: datetime) -> None:
    """Take back what is asked about units that are settled, in the transaction that settles them."""
    escalated = FollowUpGap.objects.filter(pk__in=gap_ids).exclude(escalated_at=None)
    ids = list(escalated.values_list("pk", flat=True))
    if ids:
        FollowUpGap.objects.filter(pk__in=ids).update(escalated_at=None)
    kinds = (KIND, NO_TIME_ITEM)
    work.settle(practice_id=course.practice_id, subject_ids=gap_ids, kinds=kinds, by=by, now=now)
