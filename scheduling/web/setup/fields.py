"""The fields of the set-up forms: how each is shown, and how what was typed in it becomes a value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any
from uuid import UUID

from django.http import QueryDict

from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid

Choices = Callable[[Actor], list[tuple[str, str]]]
WEEKDAYS = (
    (1, "Monday"),
    (2, "Tuesday"),
    (3, "Wednesday"),
    (4, "Thursday"),
    (5, "Friday"),
    (6, "Saturday"),
    (7, "Sunday"),
)
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `kind` is a key of KINDS; `at` limits it to the form for a `new` thing or for a `change`;
    `blank` is what it means to choose nothing.
    """

    name: str
    label: str
    kind: str = "text"
    needed: bool = True
    hint: str = ""
    choices: Choices | None = None
    at: str = ""
    start: str = ""
    blank: str = "None"


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class DayHours:
    """A weekday's opening hours as two fields; both blank: closed."""

    number: int
    name: str
    opens: str
    closes: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A field on the page, with what stands in it and what was wrong with it."""

    field: Field
    value: str
    options: tuple[Option, ...]
    days: tuple[DayHours, ...]
    problems: tuple[str, ...]

    @property
    def chosen_from_list(self) -> bool:
        """For the template, which would call the field's own `choices` without an actor."""
        return self.field.choices is not None


def _text(post: QueryDict, field: Field) -> str:
    value = post.get(field.name, "").replace("\x00", "").strip()
    if len(value) > LONGEST:
        raise Invalid({field.name: [f"At most {LONGEST} characters."]})
    if field.needed and not value:
        raise Invalid({field.name: ["This is needed."]})
    return value


def _number(post: QueryDict, field: Field) -> int:
    value = _text(post, field)
    if not (value.isascii() and value.isdigit() and len(value) < 6):
        raise Invalid({field.name: ["A whole number."]})
    return int(value)


def _time(post: QueryDict, field: Field) -> time:
    return _clock(_text(post, field), field.name)


def _pause(post: QueryDict, field: Field) -> time | None:
    value = _text(post, field)
    return _clock(value, field.name) if value else None


def _clock(value: str, name: str) -> time:
    try:
        return time.fromisoformat(value).replace(tzinfo=None)
    except ValueError:
        raise Invalid({name: ["A time, such as 08:30."]}) from None


def _date(post: QueryDict, field: Field) -> date | None:
    value = _text(post, field)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise Invalid({field.name: ["A day, such as 2026-05-04."]}) from None


def _row(post: QueryDict, field: Field) -> UUID | None:
    value = _text(post, field)
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Invalid({field.name: ["Choose one of the list."]}) from None


def _many(post: QueryDict, field: Field) -> list[str]:
    found = [value.replace("\x00", "") for value in post.getlist(field.name)[:50]]
    if field.needed and not found:
        raise Invalid({field.name: ["Choose at least one."]})
    return found


def _days(post: QueryDict, field: Field) -> list[int]:
    known = {str(number): number for number, _ in WEEKDAYS}
    return [known[value] for value in _many(post, field) if value in known]


def _hours(post: QueryDict, field: Field) -> list[dict[str, Any]]:
    """{weekday, opens, closes} of each day with times; a day with one of two is refused."""
    found = []
    for number, name in WEEKDAYS:
        opens = post.get(f"{field.name}-{number}-opens", "")
        closes = post.get(f"{field.name}-{number}-closes", "")
        if not opens and not closes:
            continue
        if not opens or not closes:
            raise Invalid({field.name: [f"{name}: give both times, or none where it is closed."]})
        span = {"opens": _clock(opens, field.name), "closes": _clock(closes, field.name)}
        found.append({"weekday": number, **span})
    return found


def _flag(post: QueryDict, field: Field) -> bool:
    return post.get(field.name) == "1"


KINDS: dict[str, Callable[[QueryDict, Field], Any]] = {
    "text": _text,
    "email": _text,
    "tel": _text,
    "password": _text,
    "choice": _text,
    "number": _number,
    "time": _time,
    "pause": _pause,
    "date": _date,
    "row": _row,
    "many": _many,
    "days": _days,
    "hours": _hours,
    "flag": _flag,
}


def read(*, post: QueryDict, fields: tuple[Field, ...]) -> dict[str, Any]:
    """What was typed, by field. Raises Invalid with every field that cannot be read."""
    values: dict[str, Any] = {}
    wrong: dict[str, list[str]] = {}
    for field in fields:
        try:
            values[field.name] = KINDS[field.kind](post, field)
        except Invalid as error:
            wrong |= error.fields
    if wrong:
        raise Invalid(wrong)
    return values


def show(
    *,
    actor: Actor,
    field: Field,
    held: Mapping[str, Any],
    post: QueryDict | None,
    wrong: Mapping[str, list[str]],
) -> Shown:
    """The field with what was typed, else with what is `held`, else with what it begins with."""
    chosen = _chosen(field, held, post)
    choices = field.choices(actor) if field.choices else []
    if field.kind == "days":
        choices = [(str(number), name[:3]) for number, name in WEEKDAYS]
    # A domain error names a part of a field too: hours.0.closes.
    problems = [
        text for name, texts in wrong.items() if name.partition(".")[0] == field.name for text in texts
    ]
    return Shown(
        field=field,
        value="" if field.kind == "password" or not chosen else chosen[0],
        options=tuple(Option(value, label, value in chosen) for value, label in choices),
        days=_day_hours(field, held, post) if field.kind == "hours" else (),
        problems=tuple(problems),
    )


def _chosen(field: Field, held: Mapping[str, Any], post: QueryDict | None) -> list[str]:
    if post is not None:
        return post.getlist(field.name)
    value = held.get(field.name, field.start)
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    if isinstance(value, bool):
        return ["1"] if value else []
    if isinstance(value, time):
        return [f"{value:%H:%M}"]
    return [] if value is None or value == "" else [str(value)]


def _day_hours(field: Field, held: Mapping[str, Any], post: QueryDict | None) -> tuple[DayHours, ...]:
    known = {one.weekday: one for one in held.get(field.name, ())}

    def at(number: int, which: str) -> str:
        if post is not None:
            return post.get(f"{field.name}-{number}-{which}", "")
        return f"{getattr(known[number], which):%H:%M}" if number in known else ""

    return tuple(
        DayHours(number, name, at(number, "opens"), at(number, "closes")) for number, name in WEEKDAYS
    )
