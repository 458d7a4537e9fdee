"""Calendars that other programs subscribe to, each at an address that nobody can guess."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Room, Site, StaffMember
from clinic.practice.models.stamps import stamps
from patients.models import Patient


class CalendarFeed(models.Model):
    """Whose visits one address shows: a practitioner's, a room's, a site's or a patient's.

    Only the hash of the address's token is kept: the address is shown once.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="+")
    practitioner = models.ForeignKey(StaffMember, on_delete=models.CASCADE, null=True, related_name="+")
    room = models.ForeignKey(Room, on_delete=models.CASCADE, null=True, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, null=True, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, null=True, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=60, null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = stamps()
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(practitioner__isnull=False, room=None, site=None, patient=None)
                | Q(practitioner=None, room__isnull=False, site=None, patient=None)
                | Q(practitioner=None, room=None, site__isnull=False, patient=None)
                | Q(practitioner=None, room=None, site=None, patient__isnull=False),
                name="feed_shows_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="feed_revoked_at_and_by",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["practice", "created_at"])]

    def __str__(self) -> str:
        return f"feed {self.pk}"
