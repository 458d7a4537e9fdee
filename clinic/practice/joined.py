"""Rows of a model with those they name, by a statement that is put together once.

For a row at a time, by its key, the ORM takes longer to write its question than PostgreSQL to answer it. For
what is asked of every message that leaves and by every act on a course, and nowhere else.
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

from clinic.practice import prepared

T = TypeVar("T", bound=Model)
OWN = "one"


class _Part:
    """One table's columns in a row of several tables. `alias` is the way there: `course__site`."""

    def __init__(
        self, model: type[Model], alias: str, begin: int, without: Collection[str], field: Any
    ) -> None:
        # `field` leads here, from the table `parent`; none to the model's own.
        self.model, self.alias, self.begin, self.field = model, alias, begin, field
        self.parent = alias.rpartition("__")[0] or OWN
        fields: list[Any] = [one for one in model._meta.concrete_fields if one.attname not in without]
        self.end = begin + len(fields)
        self.columns = ", ".join(f'"{alias}"."{field.column}"' for field in fields)
        self._attributes = [field.attname for field in fields]
        # How a column's value becomes the attribute's, where it is not the same.
        self._converters = {
            number: convert
            for number, field in enumerate(fields)
            for convert in field.get_db_converters(connection)
        }

    def made(self, row: Sequence[Any]) -> Any:
        values = list(row[self.begin : self.end])
        for number, convert in self._converters.items():
            values[number] = convert(values[number], None, connection)
        return self.model.from_db(DEFAULT_DB_ALIAS, self._attributes, values)


class Joined(Generic[T]):
    """`Joined(Message, "practice", "patient__site")`: messages with their practice, their patient and the
    patient's site, as `select_related` gives them; what several rows name is one object of all of them.

    In `fetch`'s ending the model's own table is called `one`, another by the way to it. `asking` are
    expressions over them, whose values come with each row of `fetch_asking`. `without` are columns that are
    left where they are, named like the tables: `course__protocol_version__document`.
    """

    def __init__(
        self, model: type[T], *names: str, asking: Sequence[str] = (), without: Sequence[str] = ()
    ) -> None:
        self.model = model
        self.names = names
        self.asking = tuple(asking)
        self.without = tuple(without)

    def fetch(self, ending: str, params: Sequence[Any]) -> list[T]:
        """The rows of `SELECT … FROM … <ending>`; the ending's values are `params`."""
        return [one for one, _ in self.fetch_asking(ending, params)]

    def fetch_asking(self, ending: str, params: Sequence[Any]) -> list[tuple[T, Sequence[Any]]]:
        """The same, each with what was asked of it."""
        end = self._parts[-1].end
        known: dict[tuple[str, Any], Any] = {}
        return [
            (self._made(row, known), row[end:]) for row in prepared.fetch(f"{self._select} {ending}", params)
        ]

    def _made(self, row: Sequence[Any], known: dict[tuple[str, Any], Any]) -> T:
        first, *others = self._parts
        one: T = first.made(row)
        here: dict[str, Any] = {OWN: one}
        for part in others:
            parent, key = here[part.parent], (part.alias, row[part.begin])
            other = None
            if key[1] is not None:
                other = known.get(key)
                if other is None:
                    other = known[key] = part.made(row)
            here[part.alias] = other
            if parent is not None:
                part.field.set_cached_value(parent, other)
        return one

    @cached_property
    def _parts(self) -> list[_Part]:
        parts = {OWN: _Part(self.model, OWN, 0, self.without, None)}
        end = parts[OWN].end
        for way in self._ways:
            parent, _, name = way.rpartition("__")
            field: Any = parts[parent or OWN].model._meta.get_field(name)
            left = [one.removeprefix(f"{way}__") for one in self.without if one.startswith(f"{way}__")]
            parts[way] = _Part(field.related_model, way, end, left, field)
            end = parts[way].end
        return list(parts.values())

    @property
    def _ways(self) -> list[str]:
        """Every table's way, each after those that it leads over."""
        found: dict[str, None] = {}
        for name in self.names:
            steps = name.split("__")
            found |= dict.fromkeys("__".join(steps[:number]) for number in range(1, len(steps) + 1))
        return list(found)

    @cached_property
    def _select(self) -> str:
        joins = " ".join(
            f'LEFT JOIN "{part.model._meta.db_table}" "{part.alias}"'
            f' ON "{part.alias}"."{part.model._meta.pk.column}" = "{part.parent}"."{part.field.column}"'
            for part in self._parts[1:]
        )
        columns = ", ".join([*(part.columns for part in self._parts), *self.asking])
        return f'SELECT {columns} FROM "{self.model._meta.db_table}" {OWN} {joins}'


def fill(owners: Sequence[Model], name: str, rows: Sequence[Any], key: str) -> None:
    """Let each owner have those of `rows` whose `key` names it, as `prefetch_related(name)` gives them."""
    theirs: dict[Any, list[Any]] = {owner.pk: [] for owner in owners}
    for row in rows:
        theirs[getattr(row, key)].append(row)
    for owner in owners:
        found = getattr(owner, name).all()
        found._result_cache = theirs[owner.pk]
        found._prefetch_done = True
        owner.__dict__.setdefault("_prefetched_objects_cache", {})[name] = found
