"""A patient's dated course of treatment, its phases, and the rules that were overridden for it."""

from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Site, StaffMember
from clinic.practice.models.stamps import stamps
from patients.models import Patient
from scheduling.models.protocol import ProtocolVersion


class CourseStatus(models.TextChoices):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    REVIEW_DUE = "review_due"
    COMPLETED = "completed"
    STOPPED = "stopped"
    ENTERED_IN_ERROR = "entered_in_error"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class TreatmentCourse(models.Model):
    """One patient's instance of one protocol version at one site."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="courses")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="courses")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="courses")
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="courses")
    responsible_clinician = models.ForeignKey(
        StaffMember, on_delete=models.PROTECT, null=True, related_name="responsible_for"
    )
    status = models.CharField(max_length=20, choices=CourseStatus, default=CourseStatus.ACTIVE)
    start_on_or_after = models.DateField()
    through_phase = models.CharField(max_length=100, blank=True)
    preferences = models.JSONField(default=dict)
    # Part 2 (42 CFR Part 2): the course tells of substance-use treatment; its rows are never exported without
    # consent.
    sensitive_sud = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = stamps()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "id"], name="course_of_practice"),
            models.UniqueConstraint(fields=["patient", "id"], name="course_of_patient"),
            models.CheckConstraint(condition=Q(status__in=CourseStatus.values), name="course_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["practice", "updated_at", "id"]),
            models.Index(fields=["patient", "created_at"]),
        ]

    def __str__(self) -> str:
        return f"course {self.pk}"


class CoursePhase(models.Model):
    """A phase as this course has it."""

    course = models.ForeignKey(TreatmentCourse, on_delete=models.CASCADE, related_name="phases")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    # NULL: open-ended, planned to its review date.
    planned_sessions = models.PositiveSmallIntegerField(null=True)
    exit_review_required = models.BooleanField(default=False)
    review_on = models.DateField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["course", "position"], name="phase_position_once"),
            models.UniqueConstraint(fields=["course", "name"], name="phase_name_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["review_on"], condition=Q(review_on__isnull=False), name="phase_review_on"),
        ]

    def __str__(self) -> str:
        return self.name


class RuleOverride(models.Model):
    """An authorised breaking of a rule, or a value of the protocol changed for this course, with reason and
    author."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    course = models.ForeignKey(TreatmentCourse, on_delete=models.PROTECT, related_name="overrides")
    appointment = models.ForeignKey(
        "Appointment", on_delete=models.PROTECT, null=True, related_name="overrides"
    )
    rule_id = models.CharField(max_length=60)
    # The visit's ref in the plan (`dose-4`), or blank for the whole course.
    visit_ref = models.CharField(max_length=60, blank=True)
    value = models.JSONField(default=dict)
    reason = models.CharField(max_length=500)
    author = models.CharField(max_length=60)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reason=""), name="override_has_reason"),
            models.CheckConstraint(condition=~Q(author=""), name="override_has_author"),
        ]

    def __str__(self) -> str:
        return self.rule_id
