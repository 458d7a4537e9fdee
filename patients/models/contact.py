"""How a patient may be reached, and with what permission."""

from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from patients.models.patient import Patient


class Channel(models.TextChoices):
    SMS = "sms"
    EMAIL = "email"


class Purpose(models.TextChoices):
    """What an address was given for (R-05): messages about visits, or to be called by people alone."""

    VISITS = "visits"
    CALLS = "calls"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class ContactPoint(models.Model):
    """One address. SMS numbers are stored as E.164."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="contact_points")
    channel = models.CharField(max_length=10, choices=Channel)
    value = models.CharField(max_length=254)
    # 1 is tried first.
    rank = models.PositiveSmallIntegerField(default=1)
    is_active = models.BooleanField(default=True)
    purpose = models.CharField(
        max_length=10, choices=Purpose, default=Purpose.VISITS, db_default=Purpose.VISITS
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patient", "channel", "value"], name="contact_point_once"),
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="contact_point_purpose_known"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["channel", "value"])]

    def __str__(self) -> str:
        return self.channel


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class MessagingConsent(models.Model):
    """Permission for one channel and category (R-03, R-05, R-09): the latest row of a channel and category
    holds.

    `warning_version` says which text about unencrypted messages the patient was shown (45 CFR 164.522(b),
    2013 Omnibus).
    """

    class Decision(models.TextChoices):
        GRANTED = "granted"
        REVOKED = "revoked"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="messaging_consents")
    channel = models.CharField(max_length=10, choices=Channel)
    category = models.CharField(max_length=20, default="reminders")
    decision = models.CharField(max_length=10, choices=Decision)
    warning_version = models.CharField(max_length=20, blank=True)
    source = models.CharField(max_length=40, blank=True)
    decided_at = models.DateTimeField()
    decided_by = models.CharField(max_length=60)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(category__in=["reminders", "check_ins", "forms", "billing"]),
                name="consent_category_known",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "channel", "category", "-decided_at"])]

    def __str__(self) -> str:
        return f"{self.channel} {self.decision}"
