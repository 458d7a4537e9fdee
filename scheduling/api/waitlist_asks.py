"""What is asked of the waitlist."""

from datetime import timedelta
from typing import Any, ClassVar

from rest_framework import serializers

from clinic.practice.api.fields import Choice, Id, Instant, Whole
from clinic.practice.api.shapes import Body, ListQuery, Query
from scheduling.api.asks import PersonRef
from scheduling.booking.wanted.orders import TIMES_OF_DAY
from scheduling.models.appointment import Kind, Mode
from scheduling.models.waitlist import WaitlistStatus

PARTS_OF_DAY = [(name, name) for name in TIMES_OF_DAY]


class WaitlistChange(Body):
    """When the patient could come, and their wishes: these rank, they do not exclude."""

    earliest = Instant()
    latest = Instant()
    practitioners = serializers.ListField(child=Id(), max_length=20, default=list)
    weekdays = serializers.ListField(child=Whole(min_value=1, max_value=7), max_length=7, default=list)
    time_of_day = Choice(choices=PARTS_OF_DAY, allow_blank=True, default="")
    priority = Whole(min_value=0, max_value=9, default=0, help_text="9 is the most urgent.")


class WaitlistNew(WaitlistChange):
    patient = Id()
    kind = Choice(choices=Kind.choices, help_text="A visit that is not a dose.")
    course = Id(required=False, allow_null=True)
    follows = Id(required=False, allow_null=True, help_text="The dose that it follows.")
    site = Id(required=False, allow_null=True)
    mode = Choice(choices=Mode.choices, default="in_person")


class WaitlistQuery(ListQuery):
    patient = Id(required=False)
    course = Id(required=False)
    site = Id(required=False)
    kind = Choice(required=False, choices=Kind.choices)
    status = Choice(required=False, choices=WaitlistStatus.choices)
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "patient": "patient_id",
        "course": "course_id",
        "site": "site_id",
        "kind": "kind",
        "status": "status",
        "updated_since": "updated_at__gte",
    }


class FitsQuery(Query):
    """A place: that of a visit (`appointment`, one cancelled or missed), or `site`, `start` and `end`."""

    appointment = Id(required=False)
    site = Id(required=False)
    start = Instant(required=False)
    end = Instant(required=False, help_text="At most 24 hours after the start.")
    practitioner = Id(required=False)
    room = Id(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "appointment" in attrs:
            if given := set(attrs) - {"appointment"}:
                raise serializers.ValidationError(dict.fromkeys(sorted(given), ["The visit tells this."]))
            return attrs
        if missing := [name for name in ("site", "start", "end") if name not in attrs]:
            raise serializers.ValidationError(dict.fromkeys(missing, ["This field is required."]))
        if not attrs["start"] < attrs["end"] <= attrs["start"] + timedelta(hours=24):
            raise serializers.ValidationError({"end": ["After the start, within 24 hours."]})
        return attrs


class OfferAsk(Body):
    """What is offered; people and a room that are not named are found among those free."""

    start = Instant()
    end = Instant(required=False)
    practitioners = serializers.ListField(child=PersonRef(), max_length=20, default=list)
    room = Id(required=False, allow_null=True)
    minutes = Whole(
        required=False, allow_null=True, min_value=1, max_value=1440, help_text="None: the practice's usual."
    )
