"""What was told to staff by e-mail when it became urgent."""

from typing import ClassVar

from django.db import models

from clinic.practice.models import StaffMember, WorkItem
from notifications.models.message import Message


class StaffAlert(models.Model):
    """One task that one message tells one person of: never a second time, whoever looks then."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="alerts")
    staff = models.ForeignKey(StaffMember, on_delete=models.CASCADE, related_name="+")
    item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["staff", "item"], name="staff_alert_once"),
        ]

    def __str__(self) -> str:
        return f"{self.staff_id} {self.item_id}"
