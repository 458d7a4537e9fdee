"""What is asked for and sent: bodies and queries. Every list of fields is a literal."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clinic.practice.api.fields import Anything, Choice, Day, Flag, Id, Instant, Text, Value, WallTime, Whole
from clinic.practice.api.shapes import Body, FlagParameter, ListQuery, Query, WholeParameter
from scheduling.booking.wanted.orders import TIMES_OF_DAY
from scheduling.models.appointment import Kind, Mode, Status
from scheduling.models.course import CourseStatus
from scheduling.models.followup import GapStatus, Severity

# The filters of each list, as `booking.reading.queries.Filters` names them.
FILTERS_OF_COURSES = ("patient", "status", "site", "protocol", "updated_since")
FILTERS_OF_APPOINTMENTS = (
    "patient",
    "course",
    "status",
    "kind",
    "practitioner",
    "room",
    "site",
    "start_from",
    "start_before",
    "updated_since",
)
FILTERS_OF_GAPS = ("patient", "course", "status", "site", "assignee", "severity", "flagged", "updated_since")


# --- parts ----------------------------------------------------------------------------------------------
@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "enum": list(TIMES_OF_DAY)},
            {
                "type": "object",
                "required": ["from", "to"],
                "properties": {"from": {"type": "string"}, "to": {"type": "string"}},
            },
        ]
    }
)
class TimeOfDay(Value):
    """`morning`, `afternoon`, `evening`, or from and to on the site's clock."""

    default_error_messages = {"shape": "Must be morning, afternoon, evening, or an object with from and to."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and data in TIMES_OF_DAY:
            return data
        if not isinstance(data, dict) or set(data) != {"from", "to"}:
            self.fail("shape")
        wall = WallTime()
        return {name: wall.run_validation(value).isoformat() for name, value in data.items()}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "uuid"},
            {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "string", "format": "uuid"}},
            },
        ]
    }
)
class PersonRef(Id):
    """A practitioner's id, or the object in which a proposal names them."""

    def to_internal_value(self, data: Any) -> UUID:
        return super().to_internal_value(data.get("id") if isinstance(data, dict) else data)


class ProtocolRef(Text):
    """A protocol's id, or its key."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, help_text="The protocol's id or its key.", **kwargs)


def protocol_named(name: str) -> dict[str, Any]:
    """The arguments that a protocol's id or key gives to a use case."""
    try:
        return {"protocol_id": UUID(name), "protocol_key": None}
    except ValueError:
        return {"protocol_id": None, "protocol_key": name}


class OverrideAsk(Body):
    """A rule to break on purpose; needs the permission, and a reason."""

    rule_id = Text(max_length=60)
    visit = Text(
        max_length=60, required=False, allow_null=True, help_text="Its ref, such as dose-4; none: all."
    )
    value = Anything(required=False)
    reason = Text(max_length=500)


class HardLimitsAsk(Body):
    weekdays_never = serializers.ListField(
        child=Whole(min_value=1, max_value=7), max_length=7, required=False
    )
    not_before = WallTime(required=False, allow_null=True)
    not_after = WallTime(required=False, allow_null=True)


class PreferencesAsk(Body):
    practitioners = serializers.ListField(child=Id(), max_length=20, required=False)
    therapist = Id(required=False, allow_null=True)
    weekdays = serializers.ListField(child=Whole(min_value=1, max_value=7), max_length=7, required=False)
    time_of_day = TimeOfDay(required=False, allow_null=True)
    site = Id(required=False, allow_null=True)
    modality = Choice(choices=Mode.choices, required=False, allow_null=True)
    notice_minutes = Whole(
        min_value=0,
        max_value=40_320,
        required=False,
        help_text="No visit is proposed sooner than so long after now.",
    )
    hard_limits = HardLimitsAsk(required=False, help_text="What the patient cannot do: never broken.")


# --- courses --------------------------------------------------------------------------------------------
class FollowUpGivenAsk(Body):
    """A follow-up that took place: here, at a time, or outside, also on a date alone."""

    attended_at = Instant(required=False, allow_null=True)
    attended_on = Day(required=False, allow_null=True)
    end = Instant(required=False)
    external = Flag(default=False, help_text="With somebody outside the practice.")
    provider = Text(max_length=200, allow_blank=True, default="")


class GivenAsk(Body):
    """A dose that was given; its end and its phase follow from the protocol unless told."""

    start = Instant()
    end = Instant(required=False)
    phase = Text(max_length=100, required=False, allow_null=True)
    follow_ups = FollowUpGivenAsk(many=True, required=False, max_length=20)  # type: ignore[call-arg]


class ProposeAsk(Body):
    patient = Id()
    protocol = ProtocolRef()
    start_on_or_after = Day()
    through_phase = Text(max_length=100, required=False, allow_null=True)
    preferences = PreferencesAsk(required=False)
    overrides = OverrideAsk(many=True, required=False)
    alternatives = Whole(min_value=1, max_value=3, default=3)
    given = GivenAsk(
        many=True,
        required=False,
        max_length=200,  # type: ignore[call-arg]
        help_text="The doses of a course under way: only its rest is planned.",
    )


class ChosenVisitAsk(Body):
    """A visit as a person chose it. What a proposal told besides is accepted, and computed anew."""

    kind = Choice(choices=Kind.choices)
    start = Instant()
    end = Instant(required=False)
    ref = Text(max_length=60, required=False)
    phase = Text(max_length=100, required=False, allow_null=True)
    sequence = Whole(required=False, allow_null=True)
    mode = Choice(choices=Mode.choices, required=False)
    practitioners = serializers.ListField(child=PersonRef(), max_length=20, required=False)
    room = Id(required=False, allow_null=True)
    follows = Text(max_length=60, required=False, allow_null=True, help_text="The ref of the dose.")
    group_session = Id(required=False, allow_null=True)
    window = Anything(required=False, allow_null=True)


class CourseAsk(Body):
    """One of `proposal` (and what to `skip` of it), `hold`, or `patient`, `protocol` and `visits`."""

    hold = Id(required=False, help_text="The id of a held course.")
    proposal = Text(max_length=200_000, required=False, help_text="A token of courses/propose/.")
    skip = serializers.ListField(
        child=Text(max_length=60), max_length=200, required=False, help_text="Refs of visits not to book."
    )
    patient = Id(required=False)
    protocol = ProtocolRef(required=False)
    site = Id(required=False)
    start_on_or_after = Day(required=False)
    through_phase = Text(max_length=100, required=False, allow_null=True)
    visits = ChosenVisitAsk(many=True, required=False, max_length=200)  # type: ignore[call-arg]
    overrides = OverrideAsk(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "hold" in attrs:
            if given := set(attrs) - {"hold"}:
                raise serializers.ValidationError(
                    dict.fromkeys(sorted(given), ["The hold has this already."])
                )
            return attrs
        given = set(attrs) - {"proposal", "skip"}
        if "proposal" in attrs and given:
            told = dict.fromkeys(sorted(given), ["A proposal holds this already."])
            raise serializers.ValidationError(told)
        if "proposal" not in attrs:
            missing = [name for name in ("patient", "protocol", "visits") if name not in attrs]
            if len(missing) == 3:
                raise serializers.ValidationError(
                    {"proposal": ["Give a proposal, a hold, or the visits themselves."]}
                )
            if missing:
                raise serializers.ValidationError(dict.fromkeys(missing, ["This field is required."]))
        return attrs


class HoldAsk(Body):
    proposal = Text(max_length=200_000, help_text="A token of courses/propose/.")
    minutes = Whole(
        required=False, allow_null=True, min_value=1, max_value=1440, help_text="None: the practice's usual."
    )


class ReasonAsk(Body):
    reason = Text(max_length=200)


class OptionalReasonAsk(Body):
    reason = Text(max_length=200, allow_blank=True, default="")


class CourseQuery(ListQuery):
    patient = Id(required=False)
    status = Choice(required=False, choices=CourseStatus.choices)
    site = Id(required=False)
    protocol = Text(required=False, max_length=100, help_text="The protocol's key.")
    updated_since = Instant(required=False)


# --- appointments ---------------------------------------------------------------------------------------
class AppointmentAsk(Body):
    patient = Id()
    kind = Choice(choices=Kind.choices)
    start = Instant()
    end = Instant(required=False)
    course = Id(required=False, allow_null=True)
    follows = Id(required=False, allow_null=True, help_text="The dose that it follows.")
    practitioners = serializers.ListField(child=PersonRef(), max_length=20, default=list)
    room = Id(required=False, allow_null=True)
    site = Id(required=False, allow_null=True)
    mode = Choice(choices=Mode.choices, default="in_person")
    late_entry_reason = Text(max_length=200, allow_blank=True, default="")
    hold_minutes = Whole(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=1440,
        help_text="Only reserve it, for so many minutes.",
    )
    overrides = OverrideAsk(many=True, default=list)


class TransitionAsk(Body):
    at = Instant(
        required=False, allow_null=True, help_text="When it happened, if not now; never in the future."
    )
    reason = Text(max_length=200, allow_blank=True, default="")
    overrides = OverrideAsk(many=True, default=list)


class AppointmentQuery(ListQuery):
    """By start; with `updated_since`, in the order of change."""

    patient = Id(required=False)
    course = Id(required=False)
    status = Choice(required=False, choices=Status.choices)
    kind = Choice(required=False, choices=Kind.choices)
    practitioner = Id(required=False)
    room = Id(required=False)
    site = Id(required=False)
    start_from = Instant(required=False)
    start_before = Instant(required=False)
    updated_since = Instant(required=False)


# --- follow-up units ------------------------------------------------------------------------------------
class GapQuery(ListQuery):
    patient = Id(required=False)
    course = Id(required=False)
    status = Choice(required=False, choices=GapStatus.choices)
    site = Id(required=False)
    assignee = Id(required=False)
    severity = Choice(required=False, choices=Severity.choices)
    flagged = FlagParameter(required=False)
    updated_since = Instant(required=False)


class AssignAsk(Body):
    assignee = Id(allow_null=True)


class SnoozeAsk(Body):
    until = Instant()


class AttestAsk(Body):
    """An outside visit: a time, or a date alone, which means local noon."""

    attended_at = Instant(required=False, allow_null=True)
    attended_on = Day(required=False, allow_null=True)
    provider = Text(max_length=200, allow_blank=True, default="")


# --- protocols and shifts --------------------------------------------------------------------------------
class ProtocolAsk(Body):
    """An entry of protocols.json as it stands: these fields are needed, the rest is kept as it came."""

    open = True
    key = Text(max_length=100)
    name = Text(max_length=200)
    modality = Text(max_length=100)
    phases = serializers.ListField(child=Anything(), max_length=50)
    plan = Anything(required=False, help_text="Without it the protocol is not plannable until mapped.")

    def to_internal_value(self, data: Any) -> Any:
        # The use case reads the document as it came, fields of the clinic's own included.
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        return data


class ProtocolQuery(ListQuery):
    key = Text(required=False, max_length=100)
    lookups: ClassVar = {"key": "template__key"}


class BreakAsk(Body):
    starts = WallTime()
    ends = WallTime()


class ShiftChange(Body):
    site = Id()
    weekdays = serializers.ListField(child=Whole(min_value=1, max_value=7), min_length=1, max_length=7)
    every_weeks = Whole(min_value=1, max_value=52, default=1, help_text="Counted from valid_from's week.")
    starts = WallTime()
    ends = WallTime(help_text="At or before `starts`: on the next day.")
    valid_from = Day()
    valid_until = Day(required=False, allow_null=True, default=None)
    breaks = BreakAsk(many=True, default=list)


class ShiftNew(ShiftChange):
    practitioner = Id()


class ShiftQuery(ListQuery):
    practitioner = Id(required=False)
    site = Id(required=False)
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "practitioner": "staff_id",
        "site": "site_id",
        "updated_since": "updated_at__gte",
    }


# --- time -----------------------------------------------------------------------------------------------
class AvailabilityQuery(Query):
    site = Id(required=False)
    practitioner = Id(required=False)
    room = Id(required=False)
    patient = Id(required=False)
    start_from = Instant()
    start_before = Instant(help_text="At most 35 days after start_from.")
    minutes = WholeParameter(required=False, min_value=1, max_value=720, default=1)


class RosterQuery(Query):
    """One of `site` and `practitioner`."""

    site = Id(required=False)
    practitioner = Id(required=False)
    day = Day(required=False, help_text="Local; today unless told.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("site" in attrs) == ("practitioner" in attrs):
            raise serializers.ValidationError({"site": ["Name a site or a practitioner, one of the two."]})
        return attrs
