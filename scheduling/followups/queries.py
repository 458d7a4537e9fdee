"""What is open for whom."""

from datetime import datetime

from django.db.models import Q

from clinic.practice.models import StaffMember, WorkItem
from clinic.practice.models.staff import Role
from scheduling.models import FollowUpGap


def open_items(*, staff: StaffMember, now: datetime) -> int:
    """How many flagged gaps and tasks are this person's: assigned to them, or to nobody and of their role.

    Unassigned gaps are the front desk's (of the site, where the person has a home site) and the responsible
    clinician's.
    """
    if staff.practice_id is None:
        return 0
    mine = Q(assignee=staff) | Q(assignee=None, course__responsible_clinician=staff)
    if Role.FRONT_DESK in staff.roles:
        desk = Q(assignee=None)
        mine |= desk & Q(site_id=staff.home_site_id) if staff.home_site_id else desk
    gaps = FollowUpGap.objects.filter(mine, practice_id=staff.practice_id, flagged=True)
    gaps = gaps.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=now))
    tasks = WorkItem.objects.filter(
        Q(assignee=staff) | Q(assignee=None, role__in=staff.roles),
        practice_id=staff.practice_id,
        done_at=None,
        due_at__lte=now,
    )
    return gaps.count() + tasks.count()
