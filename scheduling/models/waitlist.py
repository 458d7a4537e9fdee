"""Who waits for a place, and what was offered to them."""

from typing import ClassVar

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Site
from patients.models import Patient
from scheduling.models.appointment import Appointment, Kind, Mode
from scheduling.models.course import TreatmentCourse


class WaitlistStatus(models.TextChoices):
    WAITING = "waiting"
    OFFERED = "offered"
    BOOKED = "booked"
    WITHDRAWN = "withdrawn"


class OfferState(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    # By the practice, before they answered.
    RETRACTED = "retracted"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class WaitlistEntry(models.Model):
    """One patient's wish for one visit, any time between `earliest` and `latest`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="waitlist_entries")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    course = models.ForeignKey(TreatmentCourse, on_delete=models.PROTECT, null=True, related_name="+")
    # The dose that the visit follows.
    follows = models.ForeignKey(Appointment, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.IN_PERSON)
    earliest = models.DateTimeField()
    latest = models.DateTimeField()
    # Wishes: they rank, they do not exclude.
    practitioners = ArrayField(models.UUIDField(), default=list)
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list)
    time_of_day = models.CharField(max_length=10, blank=True)
    priority = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=10, choices=WaitlistStatus, default=WaitlistStatus.WAITING)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(earliest__lt=F("latest")), name="waitlist_in_order"),
            models.CheckConstraint(
                condition=Q(status__in=WaitlistStatus.values), name="waitlist_status_known"
            ),
            models.CheckConstraint(condition=Q(priority__lte=9), name="waitlist_priority_to_nine"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["practice", "updated_at", "id"]),
            models.Index(
                fields=["site", "-priority", "created_at"],
                condition=Q(status="waiting"),
                name="waitlist_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class WaitlistOffer(models.Model):
    """A place held for somebody who waits, until they answer or `expires_at`. The hold is the visit's own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    entry = models.ForeignKey(WaitlistEntry, on_delete=models.PROTECT, related_name="offers")
    appointment = models.OneToOneField(Appointment, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=OfferState, default=OfferState.PENDING)
    offered_at = models.DateTimeField()
    offered_by = models.CharField(max_length=60)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=60, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state="pending"), name="waitlist_one_offer_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state="pending", settled_at__isnull=True, settled_by__isnull=True)
                | ~Q(state="pending") & Q(settled_at__isnull=False, settled_by__isnull=False),
                name="waitlist_offer_settled_at_and_by",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=Q(state="pending"), name="waitlist_offers_pending"),
        ]

    def __str__(self) -> str:
        return self.state
