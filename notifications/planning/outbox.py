"""The outbox: a message is a row in the transaction of what it tells, so neither can exist without the other.

The row is the truth, the hint to the worker only makes it sooner, and the sweep is the guarantee.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from clinic.practice import bulk, crashpoints
from notifications.models import Message
from notifications.models.message import State
from notifications.planning import doorbell


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to one patient or one staff member. Instants are aware; `subject_version` grows with every
    move.

    `subject_at` is the start that the message is planned for: at send time it must still be the visit's.
    """

    practice_id: UUID
    kind: str
    channel: str
    subject_kind: str
    subject_id: UUID
    due_at: datetime
    useful_until: datetime
    patient_id: UUID | None = None
    staff_id: UUID | None = None
    subject_version: int = 1
    subject_at: datetime | None = None
    course_id: UUID | None = None
    category: str = "reminders"
    uncapped: bool = False

    @property
    def dedupe_key(self) -> str:
        """Never the due time: planning the same thing twice, however late, is one message."""
        return f"{self.kind}:{self.subject_id}:{self.subject_version}:{self.channel}"


_TOLD = (*(field.name for field in fields(Draft)), "dedupe_key")


def queue(*, messages: Sequence[Draft], now: datetime) -> None:
    """Write the rows, in one statement; one that exists already stays as it is.

    Raises RuntimeError outside a transaction, ValueError for a message that is due after it stops being
    useful.
    """
    _need_transaction()
    if not messages:
        return
    for draft in messages:
        if draft.due_at > draft.useful_until:
            raise ValueError(f"{draft.kind} is due after it stops being useful")
    rows = (
        {name: getattr(draft, name) for name in _TOLD} | {"created_at": now, "updated_at": now}
        for draft in messages
    )
    bulk.insert(Message, rows, skip_known=True)
    if any(draft.due_at <= now for draft in messages):
        transaction.on_commit(_ring, robust=True)
    crashpoints.reach("before-plan-commit")


def withdraw(
    *,
    reason: str,
    now: datetime,
    subject_ids: Collection[UUID] = (),
    course_ids: Collection[UUID] = (),
    kinds: Collection[str] | None = None,
) -> int:
    """Cancel what is planned about these visits, or within these courses; returns how many rows.

    A leased row has not begun its hand-over, and beginning is a compare-and-set on `leased`: it can be
    cancelled too. A hand-over that has begun is left alone. Raises RuntimeError outside a transaction.
    """
    _need_transaction()
    if not subject_ids and not course_ids:
        return 0
    rows = Message.objects.filter(
        Q(subject_id__in=subject_ids) | Q(course_id__in=course_ids), state__in=(State.PLANNED, State.LEASED)
    )
    if kinds is not None:
        rows = rows.filter(kind__in=kinds)
    return rows.update(state=State.CANCELLED, state_reason=reason[:60], lease_until=None, updated_at=now)


def withdraw_from(*, patient_id: UUID, channel: str, category: str, reason: str, now: datetime) -> int:
    """Cancel what is planned for a patient by a channel that they want no more of this sort by; returns how
    many rows. Raises RuntimeError outside a transaction.
    """
    _need_transaction()
    rows = Message.objects.filter(
        patient_id=patient_id,
        channel=channel,
        category=category,
        state__in=(State.PLANNED, State.LEASED),
    )
    return rows.update(state=State.CANCELLED, state_reason=reason[:60], lease_until=None, updated_at=now)


def _ring() -> None:
    crashpoints.reach("before-ring")
    doorbell.ring()


def _need_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("a message is queued and withdrawn in the transaction of what it tells")
