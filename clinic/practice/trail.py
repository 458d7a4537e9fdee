"""Writing the trail. Called inside the caller's transaction, in every write, workers' writes too."""

import uuid
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from dataclasses import fields as dataclass_fields
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import connection

from clinic.practice import bulk
from clinic.practice.actor import Actor
from clinic.practice.models import TrailEntry


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the story. `data` holds ids, times and codes, never names or free text beyond `reason`."""

    verb: str
    subject_kind: str
    subject_id: UUID
    course_id: UUID | None = None
    patient_id: UUID | None = None
    reason: str = ""
    data: dict[str, Any] = dataclass_field(default_factory=dict)


_TOLD = tuple(field.name for field in dataclass_fields(Step))


def record(*, actor: Actor, at: datetime, steps: list[Step]) -> None:
    """Append the steps, in one statement.

    Raises RuntimeError outside a transaction: a trail that could outlive a rolled-back write would be a lie.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("the trail is written in the transaction of what it tells")
    common = {
        "practice_id": actor.practice_id,
        "at": at,
        "actor_ref": actor.ref,
        "actor_label": actor.label,
        "request_id": request_id(),
    }
    bulk.insert(TrailEntry, ({**common, **{name: getattr(step, name) for name in _TOLD}} for step in steps))


def request_id() -> str:
    """What all lines of one request, or of one step of a worker, have in common."""
    return str(structlog.contextvars.get_contextvars().get("request_id", "") or uuid.uuid4().hex)


def telling(*, source: str) -> str:
    """An insert of one line for each row of `source`, a part of the very statement that writes what it tells.

    `source` has `subject_kind`, `subject_id`, `practice_id`, `course_id`, `patient_id`, `verb` and `data`;
    the statement's values have `actor_ref`, `actor_label`, `request_id` and `now`.
    """
    return f"""
        INSERT INTO practice_trailentry (practice_id, at, actor_ref, actor_label, verb, subject_kind,
            subject_id, course_id, patient_id, reason, data, request_id, recorded_at)
        SELECT practice_id, %(now)s, %(actor_ref)s, %(actor_label)s, verb, subject_kind,
            subject_id, course_id, patient_id, '', data, %(request_id)s, STATEMENT_TIMESTAMP()
        FROM {source}
    """
