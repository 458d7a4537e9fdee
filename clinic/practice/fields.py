"""Is this value acceptable? What is wrong with each field is collected, then told at once.

Every function returns the clean value, or a harmless stand-in after noting the problem: call
`raise_if_any` before use.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from clinic.practice import zones
from clinic.practice.errors import Invalid

# Instants outside are typing errors; the database and the calendar arithmetic stay far from their own limits.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_SLUG = re.compile(r"[a-z][a-z0-9_]{0,49}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What a name cannot hold besides: a mail header refuses a new line, and a reversed text looks like another.
_NOT_IN_A_LINE = re.compile(r"[\t\r\n\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Problems:
    """Messages by field; nested fields are named by their path (`hours.2.opens`)."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}

    def add(self, field: str, message: str) -> None:
        self.fields.setdefault(field, []).append(message)

    def raise_if_any(self) -> None:
        """Raise Invalid when a problem was noted."""
        if self.fields:
            raise Invalid(self.fields)


def only(*, changes: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Raise Invalid for each change that names no field that may be changed."""
    unknown = {
        name: ["This field is unknown or cannot be changed."] for name in changes if name not in allowed
    }
    if unknown:
        raise Invalid(unknown)


def text(
    problems: Problems, field: str, value: object, *, longest: int, blank: bool = False, lines: bool = False
) -> str:
    """A text without control characters, its ends trimmed; one line unless `lines`."""
    if not isinstance(value, str):
        problems.add(field, "Must be a text.")
        return ""
    value = value.strip()
    if not value and not blank:
        problems.add(field, "Must not be empty.")
    elif len(value) > longest:
        problems.add(field, f"Must have at most {longest} characters.")
    elif _UNPRINTABLE.search(value) or (not lines and _NOT_IN_A_LINE.search(value)):
        problems.add(field, "Must not hold control characters.")
    return value


def slug(problems: Problems, field: str, value: object) -> str:
    """A word of lower-case letters, digits and underscores."""
    if isinstance(value, str) and _SLUG.fullmatch(value):
        return value
    problems.add(field, "Use at most 50 lower-case letters, digits and underscores, beginning with a letter.")
    return ""


def choice(problems: Problems, field: str, value: object, options: Collection[str]) -> str:
    """One of the options."""
    if isinstance(value, str) and value in options:
        return value
    problems.add(field, f"Must be one of: {', '.join(sorted(options))}.")
    return ""


def integer(problems: Problems, field: str, value: object, *, least: int, most: int) -> int:
    """A whole number between `least` and `most`, both included."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    problems.add(field, f"Must be a whole number from {least} to {most}.")
    return least


def flag(problems: Problems, field: str, value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    problems.add(field, "Must be true or false.")
    return False


def zone(problems: Problems, field: str, value: object) -> str:
    """The name of an IANA time zone."""
    if isinstance(value, str) and value in zones.known():
        return value
    problems.add(field, "Not an IANA time zone, such as America/New_York.")
    return "UTC"


def email(problems: Problems, field: str, value: object) -> str:
    """An e-mail address; the domain is put in lower case."""
    clean = text(problems, field, value, longest=254)
    try:
        validate_email(clean)
    except ValidationError:
        if field not in problems.fields:
            problems.add(field, "Not an e-mail address.")
        return ""
    local, _, domain = clean.rpartition("@")
    return f"{local}@{domain.lower()}"


def phone(problems: Problems, field: str, value: object, *, region: str) -> str:
    """A phone number as E.164; one without a country code is read as of `region` (`US`, `GB` ...)."""
    clean = text(problems, field, value, longest=40)
    try:
        number = phonenumbers.parse(clean, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or number.extension or not phonenumbers.is_valid_number(number):
        if field not in problems.fields:
            problems.add(
                field, "Not a phone number that can exist; write it with its country code, such as +1."
            )
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def birth_date(problems: Problems, field: str, value: object, *, today: date) -> date:
    """A day on or before `today`, and no longer ago than people live."""
    if not isinstance(value, date) or isinstance(value, datetime):
        problems.add(field, "Must be a date.")
    elif value > today:
        problems.add(field, "Must not be in the future.")
    elif value.year < today.year - 130:
        problems.add(field, "Must not be more than 130 years ago.")
    else:
        return value
    return today


def instant(problems: Problems, field: str, value: object, *, not_after: datetime | None = None) -> datetime:
    """A moment in UTC within this century; `not_after` is now for what has happened already."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        problems.add(field, "Must be a time with an offset.")
    # Compared before the conversion, which overflows at the ends of the calendar.
    elif not EARLIEST.replace(tzinfo=None) <= value.replace(tzinfo=None) < LATEST.replace(tzinfo=None):
        problems.add(field, "Must lie between the years 2000 and 2099.")
    elif not_after is not None and value > not_after:
        problems.add(field, "Must not be in the future.")
    else:
        return value.astimezone(UTC)
    return EARLIEST


def span(
    problems: Problems, starts: tuple[str, object], ends: tuple[str, object]
) -> tuple[datetime, datetime]:
    """Two moments in order, each given as (field, value)."""
    first = instant(problems, *starts)
    last = instant(problems, *ends)
    if not {starts[0], ends[0]} & set(problems.fields) and first >= last:
        problems.add(ends[0], f"Must be later than {starts[0]}.")
    return first, last
