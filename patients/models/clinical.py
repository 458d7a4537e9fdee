"""What must be on file before a dose: eligibility, consent, measures, and who takes the patient home.

These records answer "may this visit be confirmed or started?"; they hold decisions and dates, not clinical
notes.
"""

from typing import ClassVar

import pghistory
from django.db import models

from clinic.practice.ids import new_id
from patients.models.patient import Patient


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class EligibilityDecision(models.Model):
    """A clinician's dated decision that a patient is suitable (S-01: ASKP, Basics of Administration); it
    expires."""

    class Decision(models.TextChoices):
        ELIGIBLE = "eligible"
        DEFERRED = "deferred"
        NOT_ELIGIBLE = "not_eligible"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="eligibility_decisions")
    protocol_key = models.CharField(max_length=100)
    decision = models.CharField(max_length=15, choices=Decision)
    decided_at = models.DateTimeField()
    decided_by = models.CharField(max_length=60)
    expires_on = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["patient", "protocol_key", "-decided_at"])]

    def __str__(self) -> str:
        return self.decision


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class TreatmentConsent(models.Model):
    """Informed consent to one protocol, named by value: key and version (S-02). A change of either needs a
    new one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="treatment_consents")
    protocol_key = models.CharField(max_length=100)
    protocol_version = models.PositiveIntegerField()
    given_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=60)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["patient", "protocol_key", "-given_at"])]

    def __str__(self) -> str:
        return f"{self.protocol_key} v{self.protocol_version}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Measure(models.Model):
    """One score of a scale (PHQ-9, GAD-7, PCL-5 …) at one time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="measures")
    code = models.CharField(max_length=20)
    score = models.DecimalField(max_digits=6, decimal_places=2)
    taken_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=60)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["patient", "code", "-taken_at"])]

    def __str__(self) -> str:
        return f"{self.code} {self.score}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Escort(models.Model):
    """The named adult who takes the patient home (S-11: label counselling). The visit is named by value."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="escorts")
    appointment_id = models.UUIDField(null=True, blank=True, db_index=True)
    name = models.CharField(max_length=200)
    phone = models.CharField(max_length=32, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # Who said so: `patient:<uuid>` for the patient, by the link of the visit.
    confirmed_by = models.CharField(max_length=60, blank=True, default="")

    def __str__(self) -> str:
        return "escort"
