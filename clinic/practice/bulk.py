"""Many new rows in one statement that costs little: they travel as one JSON text.

The ORM sends a parameter for every value; a course of thirty visits has some five thousand.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any
from uuid import UUID

from django.db.models import NOT_PROVIDED, AutoField, Field, Model

from clinic.practice import prepared


@dataclass(frozen=True, slots=True)
class _Table:
    """How a model's rows are written: the statement, each attribute's column, and what is not given."""

    statement: str
    returned: Mapping[str, str]
    columns: Mapping[str, str]
    fixed: Mapping[str, Any]
    made: Mapping[str, Callable[[], Any]]


def insert(
    model: type[Model], rows: Iterable[Mapping[str, Any]], *, skip_known: bool = False
) -> list[dict[str, Any]]:
    """Insert rows, given by attribute (`patient_id`; `vars()` of an instance will do).

    What is not given gets the model's default, an `auto_now` column the database's time. Returns, by
    attribute, each row's key and the times that the database gave it. With `skip_known` a row that a unique
    constraint has already is left out, and nothing is returned.
    """
    table = _table(model)
    told = [_told(table, row) for row in rows]
    if not told:
        return []
    values = [json.dumps(told, default=_text)]
    if skip_known:
        prepared.execute(f"{table.statement} ON CONFLICT DO NOTHING", values)
        return []
    made = prepared.fetch(f"{table.statement} RETURNING {', '.join(table.returned.values())}", values)
    return [dict(zip(table.returned, values, strict=True)) for values in made]


def _told(table: _Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """One row by column. A column that is not named becomes NULL."""
    columns = table.columns
    told = {columns[name]: value for name, value in row.items() if value is not None and name in columns}
    for column, make in table.made.items():
        if column not in told:
            told[column] = make()
    return {**table.fixed, **told}


def _text(value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be written in bulk")


@functools.cache
def _table(model: type[Model]) -> _Table:
    meta = model._meta
    clocked = [field for field in meta.concrete_fields if _is_clock(field)]
    by_database = [field for field in meta.concrete_fields if _is_made_by_database(field)]
    given = [field for field in meta.concrete_fields if field not in (*clocked, *by_database)]
    names = ", ".join(f'"{field.column}"' for field in given)
    clocks = "".join(f', "{field.column}"' for field in clocked)
    times = ", STATEMENT_TIMESTAMP()" * len(clocked)
    needed = [field for field in given if not field.null]
    made = {
        field.column: field.default for field in needed if field.has_default() and callable(field.default)
    }
    return _Table(
        statement=f'INSERT INTO "{meta.db_table}" ({names}{clocks}) SELECT {names}{times}'
        f' FROM json_populate_recordset(NULL::"{meta.db_table}", %s::json)',
        returned={field.attname: f'"{field.column}"' for field in (meta.pk, *clocked)},
        columns={field.attname: field.column for field in given},
        fixed={
            field.column: field.get_default()
            for field in needed
            if field.column not in made and field.get_default() is not None
        },
        made=made,
    )


def _is_made_by_database(field: "Field[Any, Any]") -> bool:
    return isinstance(field, AutoField) or field.db_default is not NOT_PROVIDED


def _is_clock(field: "Field[Any, Any]") -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
