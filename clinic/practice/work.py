"""Tasks for people: raised and settled in the transaction of the caller, read and done by people."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from clinic.practice import idempotency, permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import WorkItem

# What cannot wait: shown on every page to those who are asked (S-22: it never stays in a queue).
URGENT = ("harm_item",)
SHOWN = 3
# What patients' texts ask of people; their thread waits while one of these is open. Named by value: who
# raises them stands above this room.
FROM_TEXTS = (
    "patient_may_stop",
    "patient_cancel_text",
    "patient_asks_change",
    "patient_text_unclear",
    "patient_text",
)
# What such a task is called before those who may not read what patients answered: its own name tells it.
CLINICAL = "clinical"
# The end of the dedupe key of a task that asks somebody else later, unless the first one is done by then.
AGAIN = ":again"


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
    assignee_id: UUID | None = None,
) -> None:
    """Put a task before a role, or one person of it. Raising the same `dedupe_key` again is harmless."""
    item = WorkItem(
        practice_id=practice_id,
        kind=kind,
        dedupe_key=dedupe_key,
        subject_kind=subject_kind,
        subject_id=subject_id,
        patient_id=patient_id,
        role=role,
        assignee_id=assignee_id,
        reason=reason,
        due_at=due_at,
    )
    WorkItem.objects.bulk_create([item], ignore_conflicts=True)


def finish(*, practice_id: UUID, dedupe_key: str, by: str, now: datetime) -> bool:
    """Mark a task done; False when it is not open."""
    open_items = WorkItem.objects.filter(practice_id=practice_id, dedupe_key=dedupe_key, done_at__isnull=True)
    return open_items.update(done_at=now, done_by=by) == 1


def settle(
    *, practice_id: UUID, subject_ids: Collection[UUID], kinds: Collection[str], by: str, now: datetime
) -> int:
    """Mark done what is open of these kinds about these subjects; returns how many."""
    open_items = WorkItem.objects.filter(
        practice_id=practice_id, subject_id__in=subject_ids, kind__in=kinds, done_at__isnull=True
    )
    return open_items.update(done_at=now, done_by=by)


def is_asked(*, practice_id: UUID, subject_id: UUID, kind: str) -> bool:
    """Whether a task of this kind about the subject is open."""
    return WorkItem.objects.filter(
        practice_id=practice_id, subject_id=subject_id, kind=kind, done_at__isnull=True
    ).exists()


def items(*, actor: Actor) -> QuerySet[WorkItem]:
    """The tasks of the practice."""
    permissions.check(actor=actor, capability="work.read")
    return WorkItem.objects.filter(practice_id=actor.practice_id)


def shown(*, actor: Actor, found: WorkItem) -> WorkItem:
    """The task as this actor may see it: what is urgent is an answer of a patient, and without leave to read
    patients it has neither its own name nor a reason. Not to be saved.
    """
    if found.kind in URGENT and not _may_read(actor):
        found.kind, found.reason = CLINICAL, ""
    return found


def named(*, actor: Actor, kind: str) -> tuple[str, ...]:
    """The kinds that are called so before this actor."""
    if _may_read(actor):
        return (kind,)
    return URGENT if kind == CLINICAL else tuple({kind} - {*URGENT})


def _may_read(actor: Actor) -> bool:
    return permissions.allows(actor=actor, capability="patients.read")


def urgent(*, actor: Actor, now: datetime) -> list[WorkItem]:
    """What cannot wait and is asked of this person, or of a role of theirs; at most a few."""
    mine = Q(assignee=actor.id) | Q(assignee=None, role__in=actor.roles)
    found = WorkItem.objects.filter(
        mine, practice_id=actor.practice_id, kind__in=URGENT, done_at=None, due_at__lte=now
    )
    return list(found.order_by("due_at", "id")[:SHOWN])


def texts_waiting(*, actor: Actor) -> int:
    """In how many threads a patient's text waits for somebody."""
    found = WorkItem.objects.filter(practice_id=actor.practice_id, kind__in=FROM_TEXTS, done_at=None)
    return found.values("subject_id").distinct().count()


def item(*, actor: Actor, item_id: UUID, capability: str = "work.read", lock: bool = False) -> WorkItem:
    """One task; raises NotFound, also for one of another practice."""
    permissions.check(actor=actor, capability=capability)
    rows = WorkItem.objects.filter(practice_id=actor.practice_id, pk=item_id)
    found = (rows.select_for_update(no_key=True) if lock else rows).first()
    if found is None:
        raise NotFound()
    return found


def done(
    *,
    actor: Actor,
    item_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> WorkItem:
    """Say that a task is done. One that is done already stays as it was. Raises NotFound, Stale.

    What is urgent is not there for staff who neither treat patients nor are asked: nobody else says that it
    was looked at.
    """
    permissions.check(actor=actor, capability="work.finish")
    with writing.transaction():
        replay = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="work_item", object_id=item_id
        )
        found = item(actor=actor, item_id=item_id, capability="work.finish", lock=True)
        if found.kind in URGENT and actor.kind == "staff" and not _may_look(actor, found):
            raise NotFound()
        if replay or found.done_at is not None:
            return found
        writing.fresh(held=found.version, read=version)
        found.done_at, found.done_by = now, actor.ref
        found.save(update_fields=["done_at", "done_by"])
        base = found.dedupe_key.removesuffix(AGAIN)
        for same in {base, f"{base}{AGAIN}"} - {found.dedupe_key}:
            finish(practice_id=actor.practice_id, dedupe_key=same, by=actor.ref, now=now)
        writing.tell(
            actor=actor, now=now, verb="done", kind="work_item", row_id=found.pk, patient_id=found.patient_id
        )
    return found


def _may_look(actor: Actor, found: WorkItem) -> bool:
    return bool(actor.roles & {*permissions.CLINICIANS, found.role}) or found.assignee_id == actor.id
