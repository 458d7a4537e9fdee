"""The numbers by which other systems know a visit."""

from typing import ClassVar

from django.db import models

from clinic.practice.models import Practice
from scheduling.models.appointment import Appointment


class AppointmentIdentifier(models.Model):
    """A visit's number in the system it was imported from; unique in the practice per system."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="external_ids")
    system = models.CharField(max_length=200)
    value = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["practice", "system", "value"], name="appointment_external_id_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.system}|{self.value}"
