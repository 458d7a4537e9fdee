"""A task for a person."""

from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models.place import Practice
from clinic.practice.models.staff import Role, StaffMember


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class WorkItem(models.Model):
    """Something that a role, or one person, has to look at. One row a `dedupe_key`: raising it twice is
    harmless."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="work_items")
    kind = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=200)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.UUIDField()
    patient_id = models.UUIDField(null=True)
    role = models.CharField(max_length=20, choices=Role)
    assignee = models.ForeignKey(StaffMember, on_delete=models.PROTECT, null=True, related_name="work_items")
    reason = models.CharField(max_length=200, blank=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=60, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "dedupe_key"], name="work_item_once"),
            models.CheckConstraint(
                condition=Q(done_at__isnull=True, done_by__isnull=True)
                | Q(done_at__isnull=False, done_by__isnull=False),
                name="work_item_done_at_and_by",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["practice", "due_at"], condition=Q(done_at__isnull=True), name="work_open"),
            models.Index(
                fields=["subject_id"], condition=Q(done_at__isnull=True), name="work_open_of_subject"
            ),
        ]

    @property
    def version(self) -> int:
        """A task changes once, when it is done."""
        return 1 if self.done_at is None else 2

    def __str__(self) -> str:
        return self.kind
