"""What is written and read about the place and its people. Every list of fields is a literal."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clinic.practice.api.fields import Anything, Choice, Flag, Id, Instant, Text, WallTime, Whole
from clinic.practice.api.shapes import Body, ListQuery, Shape
from clinic.practice.directory import GRIDS
from clinic.practice.models.staff import Role


# --- practice -------------------------------------------------------------------------------------------
class PracticeChange(Body):
    name = Text(max_length=200)
    message_name = Text(max_length=40, help_text="What a lock screen may show: neutral.")
    phone = Text(max_length=40, allow_blank=True, default="")
    settings = Anything(default=dict)


class PracticeShape(Shape):
    id = Id()
    name = Text()
    message_name = Text()
    phone = Text()
    settings = Anything()
    created_at = Instant()


class PracticeList(ListQuery):
    pass


# --- sites ----------------------------------------------------------------------------------------------
class HoursShape(Body):
    weekday = Whole(min_value=1, max_value=7, help_text="ISO: 1 is Monday.")
    opens = WallTime()
    closes = WallTime()


class SiteChange(Body):
    name = Text(max_length=200)
    time_zone = Text(max_length=64, help_text="IANA, such as America/New_York.")
    grid_minutes = Whole(
        default=15, help_text=f"Starts lie on it: one of {', '.join(str(one) for one in GRIDS)}."
    )
    phone = Text(max_length=40, allow_blank=True, default="")
    address = Text(max_length=300, allow_blank=True, default="")
    hours = HoursShape(many=True, default=list, help_text="None: open whenever people work.")


class SiteShape(Shape):
    id = Id()
    name = Text()
    time_zone = Text()
    grid_minutes = Whole()
    phone = Text()
    address = Text()
    hours = serializers.SerializerMethodField()
    version = Whole()
    updated_at = Instant()

    @extend_schema_field(HoursShape(many=True))
    def get_hours(self, site: Any) -> Any:
        spans = sorted(site.hours.all(), key=lambda span: (span.weekday, span.opens))
        return HoursShape.show_all(spans)


class SiteList(ListQuery):
    updated_since = Instant(required=False)
    lookups: ClassVar = {"updated_since": "updated_at__gte"}


# --- rooms ----------------------------------------------------------------------------------------------
class RoomChange(Body):
    name = Text(max_length=100)
    kind = Text(max_length=50, help_text="The word that protocols ask for, such as infusion_chair.")
    is_active = Flag(default=True)


class RoomNew(RoomChange):
    site = Id()


class RoomShape(Shape):
    id = Id()
    site = Id(source="site_id")
    time_zone = Text(source="site.time_zone")
    name = Text()
    kind = Text()
    is_active = Flag()
    version = Whole()
    updated_at = Instant()


class RoomList(ListQuery):
    site = Id(required=False)
    kind = Text(required=False, max_length=50)
    updated_since = Instant(required=False)
    lookups: ClassVar = {"site": "site_id", "kind": "kind", "updated_since": "updated_at__gte"}


# --- practitioners --------------------------------------------------------------------------------------
class PractitionerChange(Body):
    given_name = Text(max_length=150)
    family_name = Text(max_length=150)
    email = Text(max_length=254, allow_blank=True, default="")
    roles = serializers.ListField(child=Choice(choices=Role.choices), max_length=10)
    skills = serializers.ListField(child=Text(max_length=50), max_length=50, default=list)
    home_site = Id(required=False, allow_null=True, default=None)
    buffer_minutes = Whole(min_value=0, max_value=480, default=0, help_text="Kept free after each visit.")
    travel_minutes = Whole(min_value=0, max_value=480, default=60, help_text="Between visits at two sites.")
    is_active = Flag(default=True)


class PractitionerNew(PractitionerChange):
    username = Text(max_length=150)
    is_active = None  # type: ignore[assignment]


class PractitionerShape(Shape):
    id = Id()
    username = Text()
    given_name = Text(source="first_name")
    family_name = Text(source="last_name")
    name = Text(source="display_name")
    email = Text()
    roles = serializers.ListField(child=Choice(choices=Role.choices))
    skills = serializers.ListField(child=Text())
    home_site = Id(source="home_site_id", allow_null=True)
    time_zone = serializers.SerializerMethodField(help_text="The home site's.")
    buffer_minutes = Whole()
    travel_minutes = Whole()
    is_active = Flag()
    version = Whole()
    updated_at = Instant()

    def get_time_zone(self, person: Any) -> str | None:
        return person.home_site.time_zone if person.home_site else None


class PractitionerList(ListQuery):
    site = Id(required=False, help_text="Their home site.")
    role = Choice(required=False, choices=Role.choices)
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "site": "home_site_id",
        "role": "roles__contains",
        "updated_since": "updated_at__gte",
    }

    def validate_role(self, value: str) -> list[str]:
        return [value]


# --- closures -------------------------------------------------------------------------------------------
class ClosureChange(Body):
    starts_at = Instant()
    ends_at = Instant()
    reason = Text(max_length=200, allow_blank=True, default="")


class ClosureNew(ClosureChange):
    site = Id()
    room = Id(required=False, allow_null=True, default=None, help_text="None: the whole site.")


class ClosureShape(Shape):
    id = Id()
    site = Id(source="site_id")
    room = Id(source="room_id", allow_null=True)
    time_zone = Text(source="site.time_zone")
    starts_at = Instant()
    ends_at = Instant()
    reason = Text()
    version = Whole()
    updated_at = Instant()


class ClosureList(ListQuery):
    site = Id(required=False)
    room = Id(required=False)
    start_from = Instant(required=False)
    start_before = Instant(required=False)
    updated_since = Instant(required=False)
    lookups: ClassVar = {
        "site": "site_id",
        "room": "room_id",
        "start_from": "starts_at__gte",
        "start_before": "starts_at__lt",
        "updated_since": "updated_at__gte",
    }


# --- the log of reads -----------------------------------------------------------------------------------
class ReadShape(Shape):
    id = Id()
    at = Instant()
    actor = Text(source="actor_ref", help_text="`staff:<id>` or `client:<id>`.")
    actor_name = Text(source="actor_label")
    route = Text(help_text="The pattern of the address that was asked.")
    request_id = Text(help_text="As X-Request-ID told it.")
    patients = serializers.ListField(child=Id(), source="patient_ids")


class ReadList(ListQuery):
    patient = Id(required=False)
    actor = Text(required=False, max_length=60, help_text="`staff:<id>` or `client:<id>`.")
    read_from = Instant(required=False)
    read_before = Instant(required=False)
