"""Where a patient went who was on file twice."""

from typing import ClassVar

from django.db import models

from clinic.practice.models import Practice
from patients.models.patient import Patient


class MergedPatient(models.Model):
    """What is left of a duplicate: its id, which leads to the patient who has everything of it.

    The duplicate's own row is deleted, so that the database refuses whatever still names it: nothing can be
    left behind there, nor be added later.
    """

    # The id that the duplicate had.
    id = models.UUIDField(primary_key=True)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    into = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merged")
    given_name = models.CharField(max_length=100)
    family_name = models.CharField(max_length=100)
    birth_date = models.DateField()
    reason = models.CharField(max_length=300)
    merged_at = models.DateTimeField()
    merged_by = models.CharField(max_length=60)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(id=models.F("into")), name="merged_into_another"),
        ]

    def __str__(self) -> str:
        return f"{self.id} is {self.into_id}"
