"""Whose a follow-up unit is until a person says otherwise: the practice's rule, and who acts for whom."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from clinic.practice import delegates
from clinic.practice.models import StaffMember
from clinic.practice.models.staff import Role
from scheduling.models import Appointment, AppointmentPractitioner, FollowUpGap, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED

# What the setting `follow_ups.owner` may name. Where it leads to nobody, the unit is the front desk's.
THERAPIST, CLINICIAN, DESK = "therapist", "responsible_clinician", "front_desk"
CHOICES = (THERAPIST, CLINICIAN, DESK)


def give(*, course: TreatmentCourse, gap_ids: Collection[UUID]) -> None:
    """Give these units, which need somebody now, the owner of the practice's rule; one that has an owner
    keeps it."""
    orphans = FollowUpGap.objects.filter(pk__in=gap_ids, owner=None)
    if gap_ids and (owner := of_course(course=course)):
        orphans.update(owner_id=owner)


def of_course(*, course: TreatmentCourse) -> UUID | None:
    """The active member of staff to whom the rule gives the units of a course; None: the front desk."""
    rule = course.practice.settings.get("follow_ups", {}).get("owner", THERAPIST)
    found = {THERAPIST: _therapist, CLINICIAN: _clinician}.get(rule, _nobody)(course)
    if found is None:
        return None
    active = StaffMember.objects.filter(practice_id=course.practice_id, is_active=True, pk=found)
    return found if active.exists() else None


def _therapist(course: TreatmentCourse) -> UUID | None:
    """The one that the patient asked for, else the one with most of the course's visits."""
    if wished := course.preferences.get("therapist"):
        return UUID(str(wished))
    theirs = Appointment.objects.filter(course=course).exclude(status__in=ENDED_UNATTENDED)
    parts = AppointmentPractitioner.objects.filter(appointment__in=theirs, role=Role.THERAPIST)
    counted = Counter(parts.values_list("staff_id", flat=True))
    return max(counted, key=lambda who: (counted[who], str(who)), default=None)


def _clinician(course: TreatmentCourse) -> UUID | None:
    return course.responsible_clinician_id


def _nobody(course: TreatmentCourse) -> None:
    return None


def theirs(*, staff: StaffMember, now: datetime) -> Q:
    """The units that are this person's at the moment: given to them, theirs by the rule, or those of somebody
    for whom they stand in; and those that are nobody's, for the front desk of the site."""
    people = delegates.acts_for(staff_id=staff.pk, now=now)
    mine = of_people(people=people)
    mine |= Q(assignee=None, owner=None, course__responsible_clinician__in=people)
    if Role.FRONT_DESK in staff.roles:
        desk = Q(assignee=None, owner=None)
        mine |= desk & Q(site_id=staff.home_site_id) if staff.home_site_id else desk
    return mine


def of_people(*, people: Collection[UUID]) -> Q:
    """Given to one of these people, or theirs by the rule while nobody else has it."""
    return Q(assignee__in=people) | Q(assignee=None, owner__in=people)
