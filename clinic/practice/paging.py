"""Bounded reading of long lists: a page by keyset, so that rows written meanwhile neither repeat nor hide
others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from clinic.practice import changes

Row = TypeVar("Row")
Stored = TypeVar("Stored")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_LEAST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the value of the ordering field (None where the id alone orders), then the id.

    `began` is the horizon at the first page of a list whose order can change; `again` says that the list is
    through and what changed since then follows, in the order of change.
    """

    value: datetime | None
    id: UUID
    began: datetime | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a list: ordered by (`order`, id), strictly after `after`, at most `limit` rows.

    `stamp` is the database's own time of a row's last change. A list in its order is cut at the horizon, so
    that nothing can appear behind what was shown. A list in another order that rows may change, such as
    their start, ends with what was changed while it was read.
    """

    order: str = "id"
    after: Position | None = None
    limit: int = DEFAULT_LIMIT
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page; `next` is None at the end of the list."""

    rows: tuple[Row, ...]
    next: Position | None


def page(*, rows: QuerySet[Any, Stored], part: Cut, where: Mapping[str, Any] | None = None) -> Page[Stored]:
    """`cut`, for lists whose stored rows are shown as they are."""
    found, following = cut(rows=rows, part=part, where=where)
    return Page(rows=tuple(found), next=following)


def cut(
    *, rows: QuerySet[Any, Stored], part: Cut, where: Mapping[str, Any] | None = None
) -> tuple[list[Stored], Position | None]:
    """The stored rows of one page, and where it ended when there are more. `where` are look-ups
    (`site_id`).
    """
    rows = rows.filter(**(where or {}))
    if not part.stamp:
        return _slice(rows, part.order, part)
    if part.order == part.stamp:
        return _slice(rows.filter(**{f"{part.stamp}__lt": changes.horizon()}), part.stamp, part)
    if part.after is not None and part.after.again:
        return _slice(rows, part.stamp, part)
    began = part.after.began if part.after else changes.horizon()
    found, following = _slice(rows, part.order, part)
    if following is not None:
        return found, replace(following, began=began)
    # One page is one snapshot; after several, a row may have moved from behind the reader to before them.
    moved = rows.filter(**{f"{part.stamp}__gte": began})
    if part.after is not None and moved.exists():
        following = Position(value=began, id=_LEAST, began=began, again=True)
    return found, following


def _slice(rows: QuerySet[Any, Stored], order: str, part: Cut) -> tuple[list[Stored], Position | None]:
    """The first comparison is on the ordering field alone, because an index serves it; the OR only breaks
    ties.
    """
    after = part.after
    if after is not None and order == "id":
        rows = rows.filter(id__gt=after.id)
    elif after is not None:
        later = Q(**{f"{order}__gt": after.value}) | Q(id__gt=after.id)
        rows = rows.filter(Q(**{f"{order}__gte": after.value}) & later)
    found = list(rows.order_by(*dict.fromkeys((order, "id")))[: part.limit + 1])
    if len(found) <= part.limit:
        return found, None
    found.pop()
    last: Any = found[-1]
    value = None if order == "id" else getattr(last, order)
    began, again = (after.began, after.again) if after else (None, False)
    return found, Position(value=value, id=last.id, began=began, again=again)
