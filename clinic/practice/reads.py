"""The log of reads: every answer that shows a patient leaves who was shown whom, before it is given."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from clinic.practice import bulk, permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import PatientRead

# What one night may remove: a busy clinic writes 20,000 rows a day.
BATCH = 2_000
MOST_BATCHES = 200
MOST_MONTHS = 1_200


def record(*, actor: Actor, route: str, patient_ids: Iterable[UUID | None], now: datetime) -> None:
    """Append one row, in one statement; none where no patient was shown.

    Called before the answer leaves: when the row cannot be written, the patients are not shown.
    """
    shown = sorted({one for one in patient_ids if one is not None})
    if not shown:
        return
    row = {
        "practice_id": actor.practice_id,
        "at": now,
        "actor_ref": actor.ref,
        "actor_label": actor.label,
        "route": route,
        "request_id": str(structlog.contextvars.get_contextvars().get("request_id", "")),
        "patient_ids": shown,
    }
    bulk.insert(PatientRead, [row])


def reads(
    *,
    actor: Actor,
    patient_id: UUID | None = None,
    by: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> QuerySet[PatientRead]:
    """The practice's reads: of one patient, by one actor (`staff:<uuid>`), in a span. Raises NotAllowed."""
    permissions.check(actor=actor, capability="access_log.read")
    found = PatientRead.objects.filter(practice_id=actor.practice_id)
    if patient_id is not None:
        found = found.filter(patient_ids__contains=[patient_id])
    if by:
        found = found.filter(actor_ref=by)
    if since is not None:
        found = found.filter(at__gte=since)
    if before is not None:
        found = found.filter(at__lt=before)
    return found


def forget(*, batch: int = BATCH, most_batches: int = MOST_BATCHES) -> int:
    """Remove the rows that are older than they are kept, some at a time; returns how many.

    What is old the database says by its own clock, in a function of the tables' owner: whoever runs this can
    remove nothing else.
    """
    removed = 0
    for _ in range(most_batches):
        with writing.transaction(), connection.cursor() as cursor:
            cursor.execute("SELECT practice_forget_reads(%s)", [batch])
            (gone,) = cursor.fetchone()
        removed += gone
        if gone < batch:
            break
    return removed


def kept_months() -> int:
    """For how many months the rows are kept, in the whole installation."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 12 * extract(year FROM kept) + extract(month FROM kept) "
            "FROM practice_reads_kept() AS kept"
        )
        return int(cursor.fetchone()[0])


def keep(*, months: int) -> None:
    """Say anew for how long: no shorter than the law asks (R-21, `LAW_RECORDS_KEPT_MONTHS`). Only as the
    owner of the tables. Raises Invalid.
    """
    least = settings.LAW_RECORDS_KEPT_MONTHS
    if not least <= months <= MOST_MONTHS:
        raise Invalid({"months": [f"must be from {least}, the least that the law asks, to {MOST_MONTHS}"]})
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION practice_reads_kept() RETURNS interval LANGUAGE sql STABLE "
            f"AS $$ SELECT interval '{months:d} months' $$"
        )
