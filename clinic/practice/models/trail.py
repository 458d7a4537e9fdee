"""The trail: the story of a course in its own words. The audit of values is the row history beside it."""

from typing import ClassVar

import pgtrigger
from django.db import models

from clinic.practice.models.place import Practice
from clinic.practice.models.stamps import stamps


class TrailEntry(models.Model):
    """Who did what to which object, when and why. Append-only: a trigger refuses every change."""

    # It begins an index below, and every act would write one of its own.
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    actor_ref = models.CharField(max_length=60)
    actor_label = models.CharField(max_length=200, blank=True)
    verb = models.CharField(max_length=60)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.UUIDField()
    course_id = models.UUIDField(null=True)
    patient_id = models.UUIDField(null=True)
    reason = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject_id", "id"]),
            models.Index(fields=["course_id", "id"]),
            models.Index(fields=["patient_id", "id"]),
            # In the order in which events are read: by when it was written, which late commits respect.
            models.Index(fields=["practice", "recorded_at", "id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            *stamps("recorded_at", changes=False),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_kind}"
