"""Bounded reading of long lists: a page by keyset, so that rows written meanwhile neither repeat nor hide
others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row")
Stored = TypeVar("Stored", bound=Model)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the value of the ordering field, then the id."""

    value: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a list: ordered by (`order`, id), strictly after `after`, at most `limit` rows."""

    order: str = "updated_at"
    after: Position | None = None
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page; `next` is None at the end of the list."""

    rows: tuple[Row, ...]
    next: Position | None


def page(*, rows: QuerySet[Stored], part: Cut, where: Mapping[str, Any] | None = None) -> Page[Stored]:
    """`cut`, for lists whose stored rows are shown as they are."""
    found, following = cut(rows=rows, part=part, where=where)
    return Page(rows=tuple(found), next=following)


def cut(
    *, rows: QuerySet[Stored], part: Cut, where: Mapping[str, Any] | None = None
) -> tuple[list[Stored], Position | None]:
    """The stored rows of one page, and where it ended when there are more. `where` are look-ups (`site_id`).

    The first comparison is on the ordering field alone, because an index serves it; the OR only breaks ties.
    """
    rows = rows.filter(**(where or {}))
    if part.after is not None:
        later = Q(**{f"{part.order}__gt": part.after.value}) | Q(id__gt=part.after.id)
        rows = rows.filter(Q(**{f"{part.order}__gte": part.after.value}) & later)
    found = list(rows.order_by(part.order, "id")[: part.limit + 1])
    if len(found) <= part.limit:
        return found, None
    found.pop()
    last: Any = found[-1]
    return found, Position(value=getattr(last, part.order), id=last.pk)
