"""Practice (the tenant), its sites, their hours and closures, and the places that can be occupied."""

from typing import ClassVar

import pghistory
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from clinic.practice import zones
from clinic.practice.ids import new_id
from clinic.practice.models.roster_stamp import OF_PRACTICE, OF_SITE, ChangesRoster
from clinic.practice.models.stamps import stamps

slug = RegexValidator(r"^[a-z][a-z0-9_]{0,49}$", "Use lower-case letters, digits and underscores.")

SEATS = 12


def validate_zone(value: str) -> None:
    """Refuse what is not an IANA time zone."""
    if value not in zones.known():
        raise ValidationError("Not an IANA time zone, such as America/New_York.")


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Practice(models.Model):
    """A tenant. Nobody sees across practices."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    # What a lock screen may show: neutral, says nothing of the treatment.
    message_name = models.CharField(max_length=40)
    phone = models.CharField(max_length=32, blank=True)
    # Judgement values that a practice may change: planner weights, severity hours, message windows.
    settings = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers: ClassVar = [ChangesRoster("VALUES (NEW.id), (OLD.id)")]

    def __str__(self) -> str:
        return self.name


class Resource(models.Model):
    """Anything that can be in only one place: a practitioner, a room, a patient. The row that a booking
    locks."""

    class Kind(models.TextChoices):
        PRACTITIONER = "practitioner"
        ROOM = "room"
        PATIENT = "patient"

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=["practitioner", "room", "patient"]), name="resource_kind_known"
            ),
            models.UniqueConstraint(fields=["practice", "id"], name="resource_of_practice"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Site(models.Model):
    """A place of work with its own time zone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="sites")
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, validators=[validate_zone])
    grid_minutes = models.PositiveSmallIntegerField(default=15)
    phone = models.CharField(max_length=32, blank=True)
    address = models.CharField(max_length=300, blank=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = [*stamps(), ChangesRoster(OF_PRACTICE)]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "name"], name="site_name_once"),
            models.UniqueConstraint(fields=["practice", "id"], name="site_of_practice"),
            models.CheckConstraint(
                condition=Q(grid_minutes__in=[5, 10, 15, 20, 30, 60]), name="site_grid_divides_an_hour"
            ),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class OpeningHours(models.Model):
    """One span of a weekday in the site's local time; several a day make a lunch break. Weekday 1 is
    Monday."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField()
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(weekday__range=(1, 7)), name="hours_weekday_iso"),
            models.CheckConstraint(condition=Q(opens__lt=F("closes")), name="hours_open_before_close"),
            models.UniqueConstraint(fields=["site", "weekday", "opens"], name="hours_once"),
        ]
        triggers: ClassVar = [ChangesRoster(OF_SITE)]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens}-{self.closes}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Closure(models.Model):
    """A span in which the whole site, or one room of it, is shut."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="closures")
    room = models.ForeignKey("Room", on_delete=models.CASCADE, related_name="closures", null=True, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = [*stamps(), ChangesRoster(OF_SITE)]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="closure_start_before_end"),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "ends_at"])]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} {self.reason}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Room(models.Model):
    """A room, chair or device; `kind` is the word that protocols ask for (`infusion_chair`, `therapy_room`
    …)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="rooms")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=50, validators=[slug])
    resource = models.OneToOneField(Resource, on_delete=models.PROTECT, related_name="room")
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = [*stamps(), ChangesRoster(OF_SITE)]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "name"], name="room_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
