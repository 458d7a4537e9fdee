"""Raising and finishing tasks for people, inside the caller's transaction."""

from datetime import datetime
from uuid import UUID

from clinic.practice.models import WorkItem


def raise_item(
    *,
    practice_id: UUID,
    kind: str,
    dedupe_key: str,
    subject_kind: str,
    subject_id: UUID,
    role: str,
    due_at: datetime,
    reason: str = "",
    patient_id: UUID | None = None,
) -> None:
    """Put a task before a role. Raising the same `dedupe_key` again is harmless."""
    item = WorkItem(
        practice_id=practice_id,
        kind=kind,
        dedupe_key=dedupe_key,
        subject_kind=subject_kind,
        subject_id=subject_id,
        patient_id=patient_id,
        role=role,
        reason=reason,
        due_at=due_at,
    )
    WorkItem.objects.bulk_create([item], ignore_conflicts=True)


def finish(*, practice_id: UUID, dedupe_key: str, by: str, now: datetime) -> bool:
    """Mark a task done; False when it is not open."""
    open_items = WorkItem.objects.filter(practice_id=practice_id, dedupe_key=dedupe_key, done_at__isnull=True)
    return open_items.update(done_at=now, done_by=by) == 1
