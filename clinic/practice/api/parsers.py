"""JSON as RFC 8259 has it: no NaN, no duplicate keys, no NUL, no lone surrogates, no depth that hurts."""

import json
import math
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 40
# PostgreSQL's bigint; a longer number is a typing error wherever it stands.
MAX_NUMBER = 2**63


class _Unreadable(ValueError):
    """Our own sentence about the body; the decoder's would quote it."""


def _constant(name: str) -> Any:
    raise _Unreadable(f"{name} is not JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Unreadable("a number is too large")
    return value


def _integer(digits: str) -> int:
    # Measured before it is read: reading a million digits takes time.
    if len(digits) > 20 or abs(value := int(digits)) > MAX_NUMBER:
        raise _Unreadable("a number is too large")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Unreadable("a key appears twice")
    return result


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Unreadable(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        if "\x00" in value:
            raise _Unreadable("a text holds a NUL character")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _Unreadable("a text holds half a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)


def read(raw: bytes) -> Any:
    """The value of a JSON text; raises ValidationError that says what is wrong and repeats nothing of it."""
    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
            object_pairs_hook=_pairs,
        )
        _check(value, 0)
    except RecursionError:
        raise ValidationError(
            {"body": [f"Not acceptable JSON: it is nested deeper than {MAX_DEPTH} levels."]}
        ) from None
    except _Unreadable as error:
        raise ValidationError({"body": [f"Not acceptable JSON: {error}."]}) from None
    except ValueError:
        raise ValidationError({"body": ["Not JSON in UTF-8."]}) from None
    return value


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        # DRF hands over the raw stream, to which Django's own limit does not apply.
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise RequestDataTooBig()
        return read(raw)
