"""A practice's own wording of its messages, and the tests of a wording that it sent to itself."""

from typing import ClassVar

import pghistory
from django.db import models

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, StaffMember


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Wording(models.Model):
    """What a practice says instead of the built-in text: one row a message, language and channel.

    The row stays when the practice goes back to the built-in text (`in_use`), so that its version only
    grows; what it said before is in the row's history. `subject` is of an e-mail.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="wordings")
    kind = models.CharField(max_length=40)
    language = models.CharField(max_length=10)
    channel = models.CharField(max_length=10)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    in_use = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "kind", "language", "channel"], name="wording_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.language} {self.channel}"


class Trial(models.Model):
    """A wording that somebody had sent to an address of their own to see it; its message names it as its
    subject.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="+")
    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    language = models.CharField(max_length=10)
    channel = models.CharField(max_length=10)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    to = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["practice", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel}"
