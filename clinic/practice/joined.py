"""Rows of a model with those they name, by a statement that is put together once.

For a row at a time, by its key, the ORM takes longer to write its question than PostgreSQL to answer it. For
what is asked of every message that leaves and by every act on a course, and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

from clinic.practice import prepared

T = TypeVar("T", bound=Model)


@dataclass(frozen=True, slots=True)
class _Part:
    """One table's columns in a row of several tables."""

    model: type[Model]
    alias: str
    begin: int

    @property
    def end(self) -> int:
        return self.begin + len(self.model._meta.concrete_fields)

    @property
    def columns(self) -> str:
        return ", ".join(f'"{self.alias}"."{field.column}"' for field in self.model._meta.concrete_fields)

    def made(self, row: Sequence[Any], converters: dict[int, Any]) -> Any:
        values = list(row[self.begin : self.end])
        for number, convert in converters.items():
            values[number] = convert(values[number], None, connection)
        names = [field.attname for field in self.model._meta.concrete_fields]
        return self.model.from_db(DEFAULT_DB_ALIAS, names, values)


class Joined(Generic[T]):
    """`Joined(Message, "practice", "patient")`: messages with both, as `select_related` gives them.

    In `fetch`'s ending the model's own table is called `one`, another by the name of its foreign key.
    `asking` are expressions over them, whose values come with each row of `fetch_asking`.
    """

    def __init__(self, model: type[T], *names: str, asking: Sequence[str] = ()) -> None:
        self.model = model
        self.names = names
        self.asking = tuple(asking)

    def fetch(self, ending: str, params: Sequence[Any]) -> list[T]:
        """The rows of `SELECT … FROM … <ending>`; the ending's values are `params`."""
        return [one for one, _ in self.fetch_asking(ending, params)]

    def fetch_asking(self, ending: str, params: Sequence[Any]) -> list[tuple[T, Sequence[Any]]]:
        """The same, each with what was asked of it."""
        end = self._parts[-1][0].end
        return [(self._made(row), row[end:]) for row in prepared.fetch(f"{self._select} {ending}", params)]

    def _made(self, row: Sequence[Any]) -> T:
        (first, converters), *others = self._parts
        one: T = first.made(row, converters)
        for part, converters in others:
            other = None if row[part.begin] is None else part.made(row, converters)
            self.model._meta.get_field(part.alias).set_cached_value(one, other)  # type: ignore[union-attr]
        return one

    @cached_property
    def _parts(self) -> list[tuple[_Part, dict[int, Any]]]:
        parts = [_Part(self.model, "one", 0)]
        for name in self.names:
            related: Any = self.model._meta.get_field(name).related_model
            parts.append(_Part(related, name, parts[-1].end))
        return [(part, _converters(part.model)) for part in parts]

    @cached_property
    def _select(self) -> str:
        parts = [part for part, _ in self._parts]
        joins = " ".join(
            f'LEFT JOIN "{part.model._meta.db_table}" "{part.alias}"'
            f' ON "{part.alias}"."{part.model._meta.pk.column}" = one."{self._column(part.alias)}"'
            for part in parts[1:]
        )
        columns = ", ".join([*(part.columns for part in parts), *self.asking])
        return f'SELECT {columns} FROM "{self.model._meta.db_table}" one {joins}'

    def _column(self, name: str) -> str:
        field: Any = self.model._meta.get_field(name)
        return str(field.column)


def _converters(model: type[Model]) -> dict[int, Any]:
    """How a column's value becomes the attribute's, where it is not the same."""
    fields: Sequence[Any] = model._meta.concrete_fields
    return {
        number: convert
        for number, field in enumerate(fields)
        for convert in field.get_db_converters(connection)
    }
