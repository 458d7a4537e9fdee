"""What every plain write does the same way: claim the key, check the version, save, translate a clash,
leave the trail.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django import db
from django.conf import settings
from django.db import IntegrityError
from django.db.models import Model

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Busy, Conflict, Invalid, NotFound, Stale
from clinic.practice.ids import new_id

Key = idempotency.Key | None
# lock_not_available, deadlock_detected, query_canceled (statement timeout), serialization_failure
BUSY_STATES = {"55P03", "40P01", "57014", "40001"}
Row = TypeVar("Row", bound=Model)


def create(
    *,
    actor: Actor,
    capability: str,
    key: Key,
    now: datetime,
    kind: str,
    make: Callable[[UUID], Row],
    load: Callable[[UUID], Row],
    patient_id: UUID | None = None,
    unique: Mapping[str, str] | None = None,
) -> Row:
    """Run `make` with a new id in one transaction, with its trail row; a repeated `key` gives `load` of the
    first row, or Conflict when that row is gone.

    `unique` maps the name of a unique constraint to the field that a clash is reported on.
    """
    permissions.check(actor=actor, capability=capability)
    row_id = new_id()
    with clashes(unique or {}), transaction():
        replay = idempotency.claim(key=key, now=now, status_code=201, object_kind=kind, object_id=row_id)
        if replay is not None:
            return _made_before(load, replay.object_id)
        row = make(row_id)
        _restamp(row)
        # A patient's own creation is part of the patient's story too.
        about = row_id if kind == "patient" else patient_id
        tell(actor=actor, now=now, verb="create", kind=kind, row_id=row_id, patient_id=about)
    return row


def _made_before(load: Callable[[UUID], Row], row_id: UUID) -> Row:
    try:
        return load(row_id)
    except NotFound:
        raise Conflict("What this Idempotency-Key made has been deleted since.") from None


@contextmanager
def transaction() -> Iterator[None]:
    """The one transaction of a plain write, with lock and statement timeouts; what runs into them is Busy."""
    try:
        with db.transaction.atomic(durable=True):
            with db.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
                    [f"{settings.LOCK_TIMEOUT_MS}ms", f"{settings.STATEMENT_TIMEOUT_MS}ms"],
                )
            yield
    except db.OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") in BUSY_STATES:
            raise Busy() from error
        raise


@contextmanager
def clashes(unique: Mapping[str, str]) -> Iterator[None]:
    """Tell a broken unique constraint as Invalid on its field. Wraps the transaction: inside, it is already
    lost.
    """
    try:
        yield
    except IntegrityError as error:
        name = str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", ""))
        if name in unique:
            raise Invalid({unique[name]: ["This is already taken."]}) from error
        raise


def fresh(*, held: int, read: int | None) -> None:
    """Raise Stale unless the locked row's version is the one that the caller read (None: no check)."""
    if read is not None and read != held:
        raise Stale()


def save(*, row: Any, values: Mapping[str, Any]) -> None:
    """Write these fields of a locked row and count its version up."""
    for name, value in values.items():
        setattr(row, name, value)
    row.version += 1
    row.save(update_fields=[*values, "version"])
    _restamp(row)


def _restamp(row: Model) -> None:
    """What the database's trigger wrote, not what Python thought: callers are shown it."""
    if any(field.name == "updated_at" for field in row._meta.concrete_fields):
        row.refresh_from_db(fields=["updated_at"])


def tell(
    *,
    actor: Actor,
    now: datetime,
    verb: str,
    kind: str,
    row_id: UUID,
    fields: Iterable[str] = (),
    patient_id: UUID | None = None,
    reason: str = "",
) -> None:
    """One trail row. It names the fields that changed; their values are in the row history, under its own
    protection.
    """
    data = {"fields": sorted(fields)} if fields else {}
    step = trail.Step(
        verb=verb, subject_kind=kind, subject_id=row_id, patient_id=patient_id, reason=reason, data=data
    )
    trail.record(actor=actor, at=now, steps=[step])
