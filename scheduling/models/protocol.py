"""Protocols: a clinic-approved definition that a course is created from. Versions are immutable."""

from typing import ClassVar

import pghistory
import pgtrigger
from django.db import models

from clinic.practice.ids import new_id
from clinic.practice.models import Practice


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class ProtocolTemplate(models.Model):
    """A protocol's name in one practice; what it says is in its versions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="protocols")
    key = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    current_version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "key"], name="protocol_key_once"),
        ]

    def __str__(self) -> str:
        return self.key


class ProtocolVersion(models.Model):
    """The document as it came. A change makes a new version; running courses keep theirs."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    template = models.ForeignKey(ProtocolTemplate, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=300)
    modality = models.CharField(max_length=100)
    document = models.JSONField()
    # False: stored, and "not plannable until mapped" (it has no `plan` block).
    is_plannable = models.BooleanField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["template", "version"], name="protocol_version_once"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.template_id} v{self.version}"
