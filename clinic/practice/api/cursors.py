"""Cursors: where the page before ended, signed, and bound to the list and the filters that it was cut
from."""

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from rest_framework.exceptions import ValidationError

from clinic.practice.paging import Position

_SALT = "clinic.api.cursor"
# A cursor is a bookmark, not a lease: it is refused when it is old enough to be a mistake.
_MAX_AGE_SECONDS = 7 * 24 * 3600
_UNBOUND = {"cursor", "limit"}


def binding(*, scope: str, route: str, query: dict[str, Any]) -> str:
    """A short hash of the caller, the list and its filters."""
    kept = sorted((name, str(value)) for name, value in query.items() if name not in _UNBOUND)
    return hashlib.sha256(json.dumps([scope, route, kept]).encode()).hexdigest()[:16]


def dump(position: Position, *, bound: str) -> str:
    """The cursor of the next page."""
    value, began = (moment and moment.isoformat() for moment in (position.value, position.began))
    return signing.dumps([value, str(position.id), began, position.again, bound], salt=_SALT)


def load(cursor: str, *, bound: str) -> Position:
    """Where the page before ended. Raises ValidationError for a cursor that is not ours, not of this list,
    or too old.
    """
    try:
        value, row_id, began, again, was_bound = signing.loads(cursor, salt=_SALT, max_age=_MAX_AGE_SECONDS)
    # One of an older release has fewer parts.
    except (signing.BadSignature, ValueError):
        raise ValidationError({"cursor": ["Not a cursor of this list; begin again without it."]}) from None
    if was_bound != bound:
        raise ValidationError({"cursor": ["This cursor belongs to other filters; begin again without it."]})
    return Position(value=_moment(value), id=UUID(row_id), began=_moment(began), again=again)


def _moment(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
