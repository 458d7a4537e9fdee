"""Bodies and queries: what is not named is refused, never ignored."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from clinic.practice.api import fields
from clinic.practice.paging import DEFAULT_LIMIT, MAX_LIMIT

UNKNOWN = "This field is unknown here."


class Shape(serializers.Serializer[Any]):
    """What is answered: a literal list of fields.

    One instance a class serves every request: a shape holds no data. DRF would make one for each answer, and
    work out anew for each value how it is found.

    `patient_at` is where a row has the id of its patient (`patient.id`); empty for what shows no patient.
    """

    patient_at: ClassVar[str] = ""

    @classmethod
    def show(cls, row: Any) -> dict[str, Any]:
        """The row in this shape, ready for JSON."""
        return _shared(cls, partial=False).to_representation(row)

    @classmethod
    def show_all(cls, rows: Iterable[Any]) -> list[dict[str, Any]]:
        show = _shared(cls, partial=False).to_representation
        return [show(row) for row in rows]

    def to_representation(self, instance: Any) -> dict[str, Any]:
        row = SimpleNamespace(**instance) if isinstance(instance, dict) else instance
        return {
            name: None if (value := read(row)) is None else write(value)
            for name, read, write in self._written
        }

    @functools.cached_property
    def _written(self) -> list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]]:
        """Each field's name, how its value is found in a row, and how it is told."""
        return [
            (name, _whole if field.source == "*" else attrgetter(str(field.source)), field.to_representation)
            for name, field in self.fields.items()
        ]


def _whole(row: Any) -> Any:
    return row


@functools.cache
def _shared(shape: type[Shape], *, partial: bool) -> Shape:
    return shape(partial=partial)


class Body(Shape):
    """A JSON object. Unknown fields are refused, in nested objects too, unless the shape is `open`."""

    open: ClassVar[bool] = False

    default_error_messages = {"object": "Must be an object."}

    @classmethod
    def read(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """The data in this shape; raises ValidationError that names each bad field."""
        return dict(_shared(cls, partial=partial).run_validation(data))

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict) or isinstance(data, QueryDict):
            raise ValidationError(
                {"body": [self.error_messages["object"]]}
                if self.parent is None
                else self.error_messages["object"]
            )
        unknown = () if self.open else [str(name) for name in data if name not in self.fields]
        problems: dict[str, Any] = {name: [UNKNOWN] for name in unknown}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            problems |= error.detail if isinstance(error.detail, dict) else {"body": error.detail}
        if problems:
            raise ValidationError(problems)
        return value


class Nothing(Body):
    """No body, or an empty object."""


class Query(Body):
    """The parameters of an address: each at most once, and no others."""

    @classmethod
    def of(cls, parameters: QueryDict) -> dict[str, Any]:
        """The parsed parameters; raises ValidationError that names each bad one."""
        twice = {
            name: ["Give this parameter once."] for name, values in parameters.lists() if len(values) > 1
        }
        if twice:
            raise ValidationError(twice)
        return cls.read(parameters.dict())


class WholeParameter(serializers.IntegerField):
    """A whole number in an address, where everything is a text."""

    max_string_length = 12
    default_error_messages = {"digits": "Must be a whole number, in the digits 0 to 9."}

    def to_internal_value(self, data: Any) -> int:
        # Python reads " 5", "1_0" and the digits of every script too.
        if not re.fullmatch(r"-?[0-9]{1,12}", str(data), re.ASCII):
            self.fail("digits")
        return super().to_internal_value(data)


class FlagParameter(serializers.ChoiceField):
    """`true` or `false` in an address."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=["true", "false"], **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data) == "true"


class ListQuery(Query):
    """What every list takes. `lookups` says which column each filter of a list of stored rows narrows."""

    lookups: ClassVar[Mapping[str, str]] = {}

    cursor = fields.Text(
        required=False, max_length=500, help_text="`next` of the page before; keep the filters."
    )
    limit = WholeParameter(
        required=False, min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="Rows a page."
    )


def patients_of(shape: type[Shape], rows: Iterable[Any]) -> list[Any]:
    """The ids of the patients that these rows show."""
    return [attrgetter(shape.patient_at)(row) for row in rows] if shape.patient_at else []


def where(shape: type[ListQuery], query: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that were given, as look-ups."""
    return {lookup: query[name] for name, lookup in shape.lookups.items() if query.get(name) is not None}


def flat(detail: Any, path: str = "") -> dict[str, list[str]]:
    """DRF's nested messages as {path: [message]}; an element of a list is named by its index
    (`visits.2.start`).
    """
    if isinstance(detail, dict):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            inside = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            for where, messages in flat(inner, inside).items():
                found.setdefault(where, []).extend(messages)
        return found
    if isinstance(detail, list):
        if any(isinstance(item, dict | list) for item in detail):
            found = {}
            for index, item in enumerate(detail):
                found |= flat(item, f"{path}.{index}" if path else str(index)) if item else {}
            return found
        return {path or "body": [str(message) for message in detail]}
    return {path or "body": [str(detail)]}
