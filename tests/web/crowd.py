"""Fills a practice with more of everything that it has: each row again, as other rows beside it.

Copies are made by the shape of the tables, so that a table which is new is filled at once.
"""

import json
import re
from collections.abc import Collection, Iterable
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection, models

from clinic.practice.ids import new_id
from clinic.practice.models import IdempotencyKey, Practice, Resource, Room, RosterStamp, Site, StaffMember
from patients.models import Patient
from scheduling.models import (
    Appointment,
    CoursePhase,
    FollowUpGap,
    ProtocolTemplate,
    ProtocolVersion,
    TreatmentCourse,
)

Model = type[models.Model]
Row = models.Model
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The practice itself; bookkeeping, and rows that the database writes by itself.
BESIDE = {Practice, Session, IdempotencyKey, RosterStamp}
OTHERS = ("admin", "auth", "contenttypes", "oauth2_provider", "pghistory")
# What stays the same while the rest is copied: more places; more people and patients with their courses; more
# visits of the same courses; more that is said about the same visits.
PLACE = {Site, ProtocolTemplate, ProtocolVersion}
PEOPLE = PLACE | {Resource, StaffMember, Room, Patient, TreatmentCourse, CoursePhase}
VISITS = PEOPLE | {Appointment, FollowUpGap}
EVERYTHING: set[Model] = set()
DEPTHS = (EVERYTHING, PLACE, PEOPLE, VISITS)


def kinds() -> list[Model]:
    """The tables to fill, what is pointed at before what points."""
    wanted = [
        one
        for one in apps.get_models()
        if one._meta.managed
        and one not in BESIDE
        and one._meta.app_label not in OTHERS
        and not any(field.name == "pgh_id" for field in one._meta.fields)
    ]
    order = TopologicalSorter({one: {*_targets(one)} - {one} for one in wanted})
    return [one for one in order.static_order() if one in wanted]


def _targets(kind: Model) -> Iterable[Model]:
    return (field.related_model for field in kind._meta.fields if isinstance(field.related_model, type))


class Crowd:
    """All rows that there are now, to be copied as often as asked."""

    def __init__(self) -> None:
        self.rows: dict[Model, list[Row]] = {kind: list(kind._default_manager.all()) for kind in kinds()}
        self.number = 0

    def grow(self, times: int, depths: Collection[set[Model]] = DEPTHS) -> list[str]:
        """Copy every row at each of these depths so many times; answers with the tables that did not
        grow.
        """
        before = self._counts()
        for _ in range(times):
            self.number += 1
            for kept in depths:
                _Copy(self.rows, kept, f"~{self.number}.{len(kept)}").write()
        after = self._counts()
        return sorted(
            kind._meta.label
            for kind, rows in self.rows.items()
            if rows and after[kind] - before[kind] < times * len(rows)
        )

    def _counts(self) -> dict[Model, int]:
        return {kind: kind._default_manager.count() for kind in self.rows}


class _Copy:
    """One more of each row, but of the kinds that are kept: copies stand beside their originals there."""

    def __init__(self, rows: dict[Model, list[Row]], kept: set[Model], name: str) -> None:
        self.rows = {kind: found for kind, found in rows.items() if kind not in kept and found}
        self.name = name
        self.ids: dict[Model, dict[Any, Any]] = {
            kind: dict(zip([one.pk for one in found], _new_ids(kind, len(found)), strict=True))
            for kind, found in self.rows.items()
        }
        # Whom a row names without a key: in a text, in a list, in a column of its own.
        self.named = {str(old): str(new) for ids in self.ids.values() for old, new in ids.items()}

    def write(self) -> None:
        for kind, found in self.rows.items():
            # What a constraint has no place for beside its original is left out.
            kind._default_manager.bulk_create([self._of(kind, one) for one in found], ignore_conflicts=True)

    def _of(self, kind: Model, row: Row) -> Row:
        values = {
            field.attname: self._value(field, getattr(row, field.attname)) for field in kind._meta.fields
        }
        values |= {one.attname: new_id() for one in kind._meta.fields if _is_name(one)}
        values["id"] = self.ids[kind][row.pk]
        for name in self._unique(kind, row, values):
            if values[name]:
                longest = (kind._meta.get_field(name).max_length or 100) - len(self.name)
                values[name] = f"{values[name][:longest]}{self.name}"
        return kind(**values)

    def _value(self, field: Any, value: Any) -> Any:
        if isinstance(field, models.ForeignKey):
            return self.ids.get(field.related_model, {}).get(value, value)
        if isinstance(value, UUID):
            return UUID(self._renamed(str(value)))
        if isinstance(value, str):
            return self._renamed(value)
        if isinstance(value, list | dict):
            told = json.dumps(value, default=str)
            renamed = self._renamed(told)
            return json.loads(renamed) if renamed != told else value
        return value

    def _renamed(self, text: str) -> str:
        return UUIDS.sub(lambda one: self.named.get(one[0], one[0]), text)

    def _unique(self, kind: Model, row: Row, values: dict[str, Any]) -> Iterable[str]:
        """The texts that have to be others, because nothing else tells the copy from the row."""
        alone = [{field.name} for field in kind._meta.fields if field.unique and not field.primary_key]
        together = [
            {*one.fields} for one in kind._meta.constraints if isinstance(one, models.UniqueConstraint)
        ]
        for names in (*alone, *together):
            fields = [kind._meta.get_field(name) for name in names]
            if any(values[one.attname] != getattr(row, one.attname) for one in fields):
                continue
            yield from (
                one.attname for one in fields if isinstance(one, models.CharField) and not one.choices
            )


def _is_name(field: Any) -> bool:
    """An id that a row has beside its key."""
    return isinstance(field, models.UUIDField) and field.unique and not field.primary_key


def _new_ids(kind: Model, count: int) -> list[Any]:
    if isinstance(kind._meta.pk, models.UUIDField):
        return [new_id() for _ in range(count)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [kind._meta.db_table, count],
        )
        return [one for (one,) in cursor.fetchall()]
