"""Who read whose record: 45 CFR 164.312(b)."""

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from clinic.practice.ids import new_id
from clinic.practice.models.place import Practice


class PatientRead(models.Model):
    """One answer that showed patients, with all of them. Append-only: triggers refuse every change, and every
    removal before its time, which `practice_reads_kept()` in the database says.

    `route` is the address's pattern, never the address. The patients are named by value: a merged or moved
    patient was read all the same.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    actor_ref = models.CharField(max_length=60)
    actor_label = models.CharField(max_length=200, blank=True)
    route = models.CharField(max_length=200)
    request_id = models.CharField(max_length=64, blank=True)
    patient_ids = ArrayField(models.UUIDField())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["practice", "at", "id"], name="read_of_practice"),
            models.Index(fields=["actor_ref", "at"], name="read_by"),
            GinIndex(fields=["patient_ids"], name="read_of_patient"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update),
            pgtrigger.Protect(
                name="kept_for_its_time",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.at >= now() - practice_reads_kept()"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_ref} {self.route}"
