"""What is open for whom."""

from datetime import datetime

from django.db.models import Q

from clinic.practice import delegates
from clinic.practice.models import StaffMember, WorkItem
from scheduling.followups import owners
from scheduling.models import FollowUpGap


def open_items(*, staff: StaffMember, now: datetime) -> int:
    """How many flagged gaps and tasks are this person's: their own, those of somebody for whom they stand in,
    and the tasks of their roles that are nobody's. Who is away has
    none of their own: their delegate has them.
    """
    if staff.practice_id is None:
        return 0
    people = delegates.acts_for(staff_id=staff.pk, now=now)
    gaps = FollowUpGap.objects.filter(
        owners.theirs(staff=staff, now=now), practice_id=staff.practice_id, flagged=True
    )
    gaps = gaps.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=now))
    tasks = WorkItem.objects.filter(
        Q(assignee__in=people) | Q(assignee=None, role__in=staff.roles),
        practice_id=staff.practice_id,
        done_at=None,
        due_at__lte=now,
    )
    return gaps.count() + tasks.count()
