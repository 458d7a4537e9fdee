"""The log of reads: every answer that shows a patient leaves who was shown whom, before it is given."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import QuerySet

from clinic.practice import bulk, permissions
from clinic.practice.actor import Actor
from clinic.practice.models import PatientRead


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
