"""The short links by which patients open their visit, or choose the time of one, without a password."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice
from scheduling.models.appointment import Appointment

# Wrong birth dates that a link takes; then it is locked for good.
TRIES = 5


class Purpose(models.TextChoices):
    """What a link opens: the visit itself, the choice of a time for what a dose still lacks, or a place that
    is kept for who waits for one."""

    VISIT = "visit"
    NEXT = "next"
    OFFER = "offer"


class PatientLink(models.Model):
    """One link, for one purpose and one visit; of its token only the hash is kept.

    Whose it is follows from the visit, so that a merge of two records takes it along.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="+")
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="links")
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.VISIT)
    token_hash = models.CharField(max_length=64, unique=True)
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="patient_link_purpose_known"
            ),
            models.CheckConstraint(condition=Q(wrong_tries__lte=TRIES), name="patient_link_tries_bounded"),
            models.UniqueConstraint(
                fields=["appointment", "purpose"],
                condition=Q(revoked_at__isnull=True),
                name="patient_link_live_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} link"
