"""Who acts for a member of staff who is away."""

from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import F, Q

from clinic.practice.ids import new_id
from clinic.practice.models.place import Practice
from clinic.practice.models.staff import StaffMember


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Delegation(models.Model):
    """From `starts_at` until `ends_at` what is `staff`'s is shown to `delegate` instead."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    staff = models.ForeignKey(StaffMember, on_delete=models.CASCADE, related_name="delegations")
    delegate = models.ForeignKey(StaffMember, on_delete=models.CASCADE, related_name="stands_in")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="delegation_start_before_end"
            ),
            models.CheckConstraint(condition=~Q(staff=F("delegate")), name="delegation_to_another"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["delegate", "ends_at"]),
            models.Index(fields=["staff", "ends_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.staff_id} {self.delegate_id}"
