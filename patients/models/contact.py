"""How a patient may be reached, and with what permission."""

from typing import ClassVar

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from patients.models.patient import Patient

# What a message may be about: what consent, its withdrawal and a request for an address name.
# Of billing nothing is written here.
WRITTEN = ("reminders", "check_ins", "forms")
CATEGORIES = (*WRITTEN, "billing")


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
                condition=Q(category__in=[*CATEGORIES]),
                name="consent_category_known",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "channel", "category", "-decided_at"])]

    def __str__(self) -> str:
        return f"{self.channel} {self.decision}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class AddressRequest(models.Model):
    """Where a patient asked to be written to about some sorts of messages (R-04, 45 CFR 164.522): the latest
    row that names a category holds, and none is changed.

    `addresses` are the only ones that may be used then, whatever else is on file or comes to it; None says
    that the request is over. They are kept as they were said, so that the row stays true when an address is
    removed or two records become one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.CASCADE, related_name="address_requests", db_index=False
    )
    categories = ArrayField(models.CharField(max_length=20))
    addresses = ArrayField(models.CharField(max_length=254), null=True)
    said = models.CharField(max_length=300)
    decided_at = models.DateTimeField()
    decided_by = models.CharField(max_length=60)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(categories__contained_by=[*CATEGORIES], categories__len__gt=0),
                name="address_request_categories_known",
            ),
            models.CheckConstraint(
                condition=Q(addresses__isnull=True) | Q(addresses__len__gt=0),
                name="address_request_somewhere",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["patient", "-decided_at", "-recorded_at"])]

    def __str__(self) -> str:
        return ", ".join(self.categories)
