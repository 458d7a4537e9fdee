"""What is owed after a dose: one record a follow-up unit."""

from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Site, StaffMember
from clinic.practice.models.stamps import stamps
from patients.models import Patient
from scheduling.models.appointment import Appointment
from scheduling.models.course import TreatmentCourse


class GapStatus(models.TextChoices):
    PROSPECTIVE = "prospective"
    COVERED = "covered"
    OPEN = "open"
    CLOSED = "closed"
    LAPSED = "lapsed"
    WAIVED = "waived"
    VOID = "void"


# Owed, and neither met nor booked in its window.
UNMET = (GapStatus.PROSPECTIVE, GapStatus.OPEN, GapStatus.LAPSED)


class Severity(models.TextChoices):
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class FollowUpGap(models.Model):
    """The stored answer of a pure function of facts and time; nothing moves it but a refresh.

    `next_change_at` is the first instant at which time alone changes the answer: the sweep reads only rows
    that are due.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="gaps")
    course = models.ForeignKey(TreatmentCourse, on_delete=models.PROTECT, related_name="gaps")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="gaps")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="gaps")
    unit_key = models.CharField(max_length=120)
    needed = models.PositiveSmallIntegerField()
    opens_at = models.DateTimeField(null=True)
    ideal_from = models.DateTimeField(null=True)
    ideal_to = models.DateTimeField(null=True)
    closes_at = models.DateTimeField(null=True)
    grace_until = models.DateTimeField(null=True)
    status = models.CharField(max_length=12, choices=GapStatus)
    severity = models.CharField(max_length=8, choices=Severity)
    flagged = models.BooleanField()
    late = models.BooleanField(default=False)
    booked_late = models.BooleanField(default=False)
    attendance_unrecorded = models.BooleanField(default=False)
    review_needed = models.BooleanField(default=False)
    attended_after = models.DateTimeField(null=True)
    next_change_at = models.DateTimeField(null=True)
    # `assignee` was named by a person; `owner` is who the practice's rule gives it to until then.
    assignee = models.ForeignKey(StaffMember, on_delete=models.PROTECT, null=True, related_name="gaps")
    owner = models.ForeignKey(StaffMember, on_delete=models.PROTECT, null=True, related_name="+")
    escalated_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    waived_at = models.DateTimeField(null=True)
    waived_by = models.CharField(max_length=60, null=True)
    reason = models.CharField(max_length=300, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = stamps()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "unit_key"], name="gap_once_per_unit"),
            models.CheckConstraint(condition=Q(status__in=GapStatus.values), name="gap_status_known"),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="gap_severity_known"),
            models.CheckConstraint(
                condition=Q(waived_at__isnull=True, waived_by__isnull=True)
                | Q(waived_at__isnull=False, waived_by__isnull=False) & ~Q(reason=""),
                name="gap_waived_at_by_and_why",
            ),
            models.CheckConstraint(
                condition=Q(status="void") | Q(closes_at__isnull=False, grace_until__isnull=False),
                name="gap_has_window",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_change_at"], condition=Q(next_change_at__isnull=False), name="gap_due"
            ),
            models.Index(fields=["practice", "closes_at"], condition=Q(flagged=True), name="gap_flagged"),
            models.Index(
                fields=["practice", "closes_at"],
                condition=Q(escalated_at__isnull=True, status__in=UNMET),
                name="gap_to_escalate",
            ),
            models.Index(fields=["practice", "updated_at", "id"]),
            models.Index(fields=["patient"]),
        ]

    def __str__(self) -> str:
        return f"{self.unit_key} {self.status}"


class GapDose(models.Model):
    """The doses that one unit covers. A dose is in one unit."""

    gap = models.ForeignKey(FollowUpGap, on_delete=models.CASCADE, related_name="doses")
    appointment = models.OneToOneField(Appointment, on_delete=models.PROTECT, related_name="unit")

    def __str__(self) -> str:
        return f"{self.gap_id} {self.appointment_id}"


class GapVisit(models.Model):
    """The visits that count for a unit at its last refresh."""

    gap = models.ForeignKey(FollowUpGap, on_delete=models.CASCADE, related_name="visits")
    appointment = models.ForeignKey(Appointment, on_delete=models.PROTECT, related_name="counts_for")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["gap", "appointment"], name="gap_visit_once"),
        ]

    def __str__(self) -> str:
        return f"{self.gap_id} {self.appointment_id}"


class ExternalVisit(models.Model):
    """A follow-up with somebody outside the practice, attested by a person."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    gap = models.ForeignKey(FollowUpGap, on_delete=models.PROTECT, related_name="external_visits")
    attended_at = models.DateTimeField()
    # A date alone was known: attended_at is local noon of it.
    date_only = models.BooleanField(default=False)
    provider = models.CharField(max_length=200, blank=True)
    attested_at = models.DateTimeField()
    attested_by = models.CharField(max_length=60)

    def __str__(self) -> str:
        return f"{self.gap_id} {self.attended_at}"
