"""A measure before a patient: what is answered so far, until it is sent and becomes a score."""

from typing import ClassVar

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from patients.models.clinical import Measure
from patients.models.patient import Patient


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class MeasureForm(models.Model):
    """One measure that one course asks for once: `unit` says of which time. Course and visit are named by
    value.

    Open until it is sent; from then on it never changes. `answers` has one place an item, empty while that is
    not answered. S-25: `asked_before` keeps which visit it was filled in for.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="measure_forms")
    course_id = models.UUIDField()
    code = models.CharField(max_length=20)
    unit = models.DateField()
    asked_before = models.UUIDField()
    answers = ArrayField(models.PositiveSmallIntegerField(null=True))
    language = models.CharField(max_length=5)
    updated_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    measure = models.OneToOneField(Measure, on_delete=models.CASCADE, null=True, related_name="form")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["patient", "course_id", "code", "unit"], name="measure_form_once"
            ),
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True, measure__isnull=True)
                | Q(sent_at__isnull=False, measure__isnull=False),
                name="measure_form_sent_is_a_score",
            ),
        ]

    def __str__(self) -> str:
        return self.code
