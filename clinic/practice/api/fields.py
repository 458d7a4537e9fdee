"""Shapes of values on the wire, stricter than DRF's: a number is not a text, and a time has an offset.

What a value means (is this a zone, can this phone number exist) is decided by the use case.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WALL = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_FIRST_YEAR, _LAST_YEAR = 1900, 2099
# No place on earth is further from UTC.
_MAX_OFFSET = timedelta(hours=14)


class Value(serializers.Field[Any, Any, Any, Any]):
    """One value, read from JSON and written as JSON."""


@extend_schema_field({"type": "string", "format": "date-time", "examples": ["2026-12-01T09:00:00-05:00"]})
class Instant(Value):
    """An RFC 3339 time with its offset, so that it is one instant; kept and answered in UTC."""

    default_error_messages = {
        "shape": "Must be an RFC 3339 time, such as 2026-12-01T09:00:00-05:00.",
        "naive": "The time has no offset: write it as 2026-12-01T09:00:00-05:00, or with Z for UTC.",
        "range": "Must lie between the years 1900 and 2099.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        found = _INSTANT.fullmatch(data) if isinstance(data, str) else None
        if found is None:
            self.fail("shape")
        if not found[8] and not found[9]:
            self.fail("naive")
        if not _FIRST_YEAR <= int(found[1]) <= _LAST_YEAR:
            self.fail("range")
        offset = timedelta(hours=int(found[10] or 0), minutes=int(found[11] or 0))
        if offset > _MAX_OFFSET or int(found[11] or 0) > 59:
            self.fail("shape")
        year, month, day, hour, minute, second = (int(found[part]) for part in range(1, 7))
        micros = int((found[7] or "0").ljust(6, "0")[:6])
        zone = timezone(-offset if found[9] == "-" else offset)
        try:
            return datetime(year, month, day, hour, minute, second, micros, tzinfo=zone).astimezone(UTC)
        except ValueError:
            self.fail("shape")

    def to_representation(self, value: datetime) -> str:
        return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()[:-6] + "Z"


@extend_schema_field({"type": "string", "format": "date", "examples": ["2026-12-01"]})
class Day(Value):
    """A calendar day, YYYY-MM-DD."""

    default_error_messages = {"shape": "Must be a day that exists, as YYYY-MM-DD, between 1900 and 2099."}

    def to_internal_value(self, data: Any) -> date:
        try:
            if isinstance(data, str) and _DAY.fullmatch(data):
                found = date.fromisoformat(data)
                if _FIRST_YEAR <= found.year <= _LAST_YEAR:
                    return found
        except ValueError:
            pass
        self.fail("shape")

    def to_representation(self, value: date) -> str:
        return value.isoformat()


@extend_schema_field({"type": "string", "pattern": r"^\d\d:\d\d(:\d\d)?$", "examples": ["09:00"]})
class WallTime(Value):
    """A time of day on the site's clock, HH:MM."""

    default_error_messages = {"shape": "Must be a time of day, as HH:MM."}

    def to_internal_value(self, data: Any) -> time:
        found = _WALL.fullmatch(data) if isinstance(data, str) else None
        if found is None:
            self.fail("shape")
        try:
            return time(int(found[1]), int(found[2]), int(found[3] or 0))
        except ValueError:
            self.fail("shape")

    def to_representation(self, value: time) -> str:
        return value.strftime("%H:%M:%S" if value.second else "%H:%M")


@extend_schema_field({"type": "string", "format": "uuid"})
class Id(Value):
    default_error_messages = {"shape": "Must be an id, such as 0198c1f2-5a3e-7c11-8d20-3f1a2b4c5d6e."}

    def to_internal_value(self, data: Any) -> UUID:
        if isinstance(data, str) and _UUID.fullmatch(data):
            return UUID(data)
        self.fail("shape")

    def to_representation(self, value: UUID) -> str:
        return str(value)


class Text(serializers.CharField):
    """A text: DRF would take a number too, and count only what is left without the blanks around it."""

    default_error_messages = {"text": "Must be a text."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("text")
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """One of a few words."""

    default_error_messages = {"text": "Must be a text."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("text")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number: DRF would take "5" and 5.0 too."""

    default_error_messages = {"whole": "Must be a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("whole")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    """A number: DRF would take "5" and true too."""

    default_error_messages = {"number": "Must be a number."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("number")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """True or false: DRF would take "yes" and 1 too."""

    default_error_messages = {"flag": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("flag")
        return data


class Anything(serializers.JSONField):
    """A JSON object whose inside is the use case's matter."""

    default_error_messages = {"object": "Must be an object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("object")
        return data
