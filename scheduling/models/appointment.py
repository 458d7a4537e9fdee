"""A visit: when, where, with whom, in which state, and the facts of what happened."""

from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import F, Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Room, Site, StaffMember
from clinic.practice.models.stamps import stamps
from patients.models import Patient
from scheduling.models.course import CoursePhase, TreatmentCourse


class Kind(models.TextChoices):
    SCREENING = "screening"
    PREPARATION = "preparation"
    DOSING = "dosing"
    DEVICE = "device"
    INTEGRATION = "integration"
    GROUP_INTEGRATION = "group_integration"
    THERAPY = "therapy"
    MEDICATION_REVIEW = "medication_review"
    PLAN_REVIEW = "plan_review"


class Status(models.TextChoices):
    HELD = "held"
    BOOKED = "booked"
    CONFIRMED = "confirmed"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    MONITORING = "monitoring"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    DISPLACED = "displaced"
    ENTERED_IN_ERROR = "entered_in_error"


class Mode(models.TextChoices):
    IN_PERSON = "in_person"
    VIDEO = "video"
    PHONE = "phone"


ENDED_UNATTENDED = (Status.CANCELLED, Status.NO_SHOW, Status.DISPLACED, Status.ENTERED_IN_ERROR)
# Facts that a transition records, each with its time and its author.
FACTS = (
    "confirmed",
    "arrived",
    "started",
    "administration_ended",
    "discharged",
    "completed",
    "cancelled",
    "no_show",
)


class GroupSession(models.Model):
    """A session for several patients: it owns its staff and room, each patient's visit owns the patient's
    place."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="group_sessions")
    kind = models.CharField(max_length=20, choices=Kind)
    start = models.DateTimeField()
    end = models.DateTimeField()
    places = models.PositiveSmallIntegerField()
    room = models.ForeignKey(Room, on_delete=models.PROTECT, null=True, related_name="group_sessions")
    staff = models.ManyToManyField(StaffMember, related_name="group_sessions")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="group_start_before_end"),
            models.CheckConstraint(condition=Q(places__gte=1), name="group_has_places"),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "start"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.start}"


def both_or_neither(fact: str) -> models.CheckConstraint:
    """`x_at` and `x_by` are both there or neither is."""
    return models.CheckConstraint(
        condition=Q(**{f"{fact}_at__isnull": True, f"{fact}_by__isnull": True})
        | Q(**{f"{fact}_at__isnull": False, f"{fact}_by__isnull": False}),
        name=f"appointment_{fact}_at_and_by",
    )


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Appointment(models.Model):
    """One visit of one patient. `start` and `end` are the planned block; what happened is in the facts.

    The wall time (`local_date`, `local_time`, `time_zone`) is what people agreed on; `start` is derived from
    it, so that a change of a zone's rules can be found and repaired.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="appointments")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="appointments")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="appointments")
    course = models.ForeignKey(
        TreatmentCourse, on_delete=models.PROTECT, null=True, related_name="appointments"
    )
    phase = models.ForeignKey(CoursePhase, on_delete=models.PROTECT, null=True, related_name="appointments")
    group_session = models.ForeignKey(
        GroupSession, on_delete=models.PROTECT, null=True, related_name="appointments"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    # The plan's own name for the visit (`dose-4`, `integration-4`), and a dose's number within its phase.
    ref = models.CharField(max_length=60, blank=True)
    sequence = models.PositiveSmallIntegerField(null=True)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.IN_PERSON)
    status = models.CharField(max_length=20, choices=Status, default=Status.BOOKED)
    start = models.DateTimeField()
    end = models.DateTimeField()
    local_date = models.DateField()
    local_time = models.TimeField()
    time_zone = models.CharField(max_length=64)
    turnover_minutes = models.PositiveSmallIntegerField(default=0)
    room = models.ForeignKey(Room, on_delete=models.PROTECT, null=True, related_name="appointments")
    practitioners: "models.ManyToManyField[StaffMember, AppointmentPractitioner]" = models.ManyToManyField(
        StaffMember, through="AppointmentPractitioner", related_name="appointments"
    )
    follows = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="followed_by")
    # The follow-up unit and window this visit was accepted in: after a recorded discharge it keeps counting
    # there.
    accepted_unit = models.CharField(max_length=120, blank=True)
    window_opens_at = models.DateTimeField(null=True)
    window_ideal_from = models.DateTimeField(null=True)
    window_ideal_to = models.DateTimeField(null=True)
    window_closes_at = models.DateTimeField(null=True)
    window_grace_until = models.DateTimeField(null=True)
    hold_expires_at = models.DateTimeField(null=True)
    # Facts, each with its time and its author (NULL pairs with NULL).
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=60, null=True)
    arrived_at = models.DateTimeField(null=True)
    arrived_by = models.CharField(max_length=60, null=True)
    started_at = models.DateTimeField(null=True)
    started_by = models.CharField(max_length=60, null=True)
    administration_ended_at = models.DateTimeField(null=True)
    administration_ended_by = models.CharField(max_length=60, null=True)
    discharged_at = models.DateTimeField(null=True)
    discharged_by = models.CharField(max_length=60, null=True)
    completed_at = models.DateTimeField(null=True)
    completed_by = models.CharField(max_length=60, null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=60, null=True)
    no_show_at = models.DateTimeField(null=True)
    no_show_by = models.CharField(max_length=60, null=True)
    # A visit that a person has fixed: a cascade plans around it and never moves it.
    pinned_at = models.DateTimeField(null=True)
    pinned_by = models.CharField(max_length=60, null=True)
    # Why it was cancelled: a code of `scheduling.reasons`, and what somebody wrote beside it.
    cancel_code = models.CharField(max_length=30, blank=True, default="")
    cancel_reason = models.CharField(max_length=200, blank=True)
    late_entry_reason = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = stamps()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="appointment_start_before_end"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="appointment_kind_known"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="appointment_status_known"),
            models.CheckConstraint(
                condition=Q(status="held", hold_expires_at__isnull=False)
                | ~Q(status="held") & Q(hold_expires_at__isnull=True),
                name="appointment_hold_expires",
            ),
            models.UniqueConstraint(
                fields=["course", "ref"],
                condition=~Q(status__in=ENDED_UNATTENDED) & ~Q(ref=""),
                name="appointment_ref_once",
            ),
            models.UniqueConstraint(fields=["practice", "id"], name="appointment_of_practice"),
            *[both_or_neither(fact) for fact in (*FACTS, "pinned")],
        ]
        indexes: ClassVar = [
            models.Index(fields=["site", "local_date", "start"]),
            models.Index(fields=["course", "start"]),
            models.Index(fields=["patient", "start"]),
            models.Index(fields=["practice", "updated_at", "id"]),
            models.Index(fields=["hold_expires_at"], condition=Q(status="held"), name="appointment_holds"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.start}"


class AppointmentPractitioner(models.Model):
    """One person's part in a visit. On-site people are named, not occupied (0 seats)."""

    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="staffing")
    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="staffing")
    role = models.CharField(max_length=20)
    presence = models.CharField(max_length=10)
    seats = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["appointment", "staff", "role"], name="staffing_once"),
        ]

    def __str__(self) -> str:
        return self.role
