"""When people work, and the one table that says who and what is taken."""

from typing import ClassVar

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    ArrayField,
    DateTimeRangeField,
    IntegerRangeField,
    RangeOperators,
)
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Resource, Site, StaffMember
from clinic.practice.models.roster_stamp import OF_SITE, OF_STAFF, ChangesRoster
from clinic.practice.models.stamps import stamps


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Shift(models.Model):
    """A person's recurring working time at one site, in the site's local time.

    It recurs on `weekdays` (ISO, 1 is Monday) in every `every_weeks`-th week counted from the week of
    `valid_from`. A shift that ends at or before its start ends on the next day.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    staff = models.ForeignKey(StaffMember, on_delete=models.CASCADE, related_name="shifts")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shifts")
    weekdays = ArrayField(models.PositiveSmallIntegerField())
    every_weeks = models.PositiveSmallIntegerField(default=1)
    starts = models.TimeField()
    ends = models.TimeField()
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = [*stamps(), ChangesRoster(OF_SITE)]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(weekdays__contained_by=[1, 2, 3, 4, 5, 6, 7], weekdays__len__gte=1),
                name="shift_weekdays_iso",
            ),
            models.CheckConstraint(condition=Q(every_weeks__range=(1, 52)), name="shift_every_weeks"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="shift_valid_in_order",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "staff"])]

    def __str__(self) -> str:
        return f"{self.starts}-{self.ends}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class ShiftBreak(models.Model):
    """A pause within each occurrence of a shift, in local time."""

    shift = models.ForeignKey(Shift, on_delete=models.CASCADE, related_name="breaks")
    starts = models.TimeField()
    ends = models.TimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts__lt=F("ends")), name="break_start_before_end"),
        ]
        triggers: ClassVar = [
            ChangesRoster(
                "SELECT practice_id FROM scheduling_shift s JOIN practice_site p ON p.id = s.site_id"
                " WHERE s.id IN (NEW.shift_id, OLD.shift_id)"
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts}-{self.ends}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Absence(models.Model):
    """A span in which a person does not work, whatever their shifts say."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    staff = models.ForeignKey(StaffMember, on_delete=models.CASCADE, related_name="absences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=100, blank=True)
    version = models.PositiveIntegerField(default=1, db_default=1)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="absence_start_before_end"),
        ]
        indexes: ClassVar = [models.Index(fields=["staff", "ends_at"])]
        triggers: ClassVar = [*stamps(), ChangesRoster(OF_STAFF)]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d}"


class Occupancy(models.Model):
    """One occupied place: these seats of this resource, during this half-open span.

    The exclusion constraint is the truth about double booking, whatever Python believes. Every column in it
    is NOT NULL and no range is empty: a NULL or an empty range would pass the check unseen.
    """

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="occupancies")
    seats = IntegerRangeField()
    during = DateTimeRangeField()
    appointment = models.ForeignKey(
        "Appointment", on_delete=models.CASCADE, null=True, related_name="occupancies"
    )
    group_session = models.ForeignKey(
        "GroupSession", on_delete=models.CASCADE, null=True, related_name="occupancies"
    )
    # A hold's end: availability ignores it afterwards, a booking deletes it when it is in the way.
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            ExclusionConstraint(
                name="occupancy_no_overlap",
                expressions=[
                    ("resource", RangeOperators.EQUAL),
                    ("seats", RangeOperators.OVERLAPS),
                    ("during", RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(during__isempty=False, during__lower_inf=False, during__upper_inf=False),
                name="occupancy_during_bounded",
            ),
            models.CheckConstraint(
                condition=Q(seats__isempty=False, seats__contained_by=(0, 12)),
                name="occupancy_seats_of_twelve",
            ),
            models.CheckConstraint(
                condition=Q(appointment__isnull=False, group_session__isnull=True)
                | Q(appointment__isnull=True, group_session__isnull=False),
                name="occupancy_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.during}"
