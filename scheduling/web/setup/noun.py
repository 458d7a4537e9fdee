"""What each thing that a practice sets up has: its fields, how it is listed, and its use cases."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import queries
from clinic.practice.actor import Actor
from clinic.practice.models import StaffMember
from clinic.practice.writing import Key
from scheduling.booking.reading.rows import Visit
from scheduling.web.setup.fields import Field

# More than most practices have; the rest is found by the API.
LISTED = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in its list. `stranded` are visits that cannot stay where they are because of it."""

    id: UUID
    title: str
    detail: str
    stranded: int = 0


@dataclass(frozen=True, slots=True)
class Noun:
    """`create` and `change` are the use cases, `remove` is where there is one; `rows` are listed by `line`,
    `held` is what a row's form begins with, `stranded` which visits cannot stay because of it, `gives` the
    name of the page that gives them away, where a row has one.
    """

    title: str
    one: str
    why: str
    reads: str
    writes: str
    fields: tuple[Field, ...]
    rows: Callable[[Actor, datetime], Iterable[Any]]
    line: Callable[[Any], Line]
    find: Callable[[Actor, UUID], Any]
    held: Callable[[Any], dict[str, Any]]
    create: Callable[[Actor, Mapping[str, Any], datetime, Key], Any]
    change: Callable[[Actor, UUID, Mapping[str, Any], datetime, int | None], Any]
    remove: Callable[[Actor, UUID, datetime, int | None], None] | None = None
    stranded: Callable[[Actor, Any, datetime], tuple[Visit, ...]] | None = None
    gives: Callable[[Any], str] = lambda row: ""

    def lines(self, actor: Actor, now: datetime) -> list[Line]:
        """The first of them, and one more where there are more."""
        return [self.line(row) for row in self.rows(actor, now)]

    def asked(self, *, new: bool) -> tuple[Field, ...]:
        return tuple(one for one in self.fields if one.at in ("", "new" if new else "change"))


def sites(actor: Actor) -> list[tuple[str, str]]:
    return [(str(one.pk), one.name) for one in queries.sites(actor=actor)]


def staff(actor: Actor) -> list[tuple[str, str]]:
    active = queries.practitioners(actor=actor).filter(is_active=True).order_by("last_name", "first_name")
    named = active.select_related(None).only(*StaffMember.NAMED_BY)
    return [(str(one.pk), one.display_name) for one in named]
