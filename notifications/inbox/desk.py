"""What a text asks of people: one open task a thread and reason, until somebody has handled the thread."""

from datetime import datetime
from uuid import UUID

from clinic.practice import work
from clinic.practice.models.staff import Role
from notifications.models import Inbound, Thread

SUBJECT = "thread"
TEXT_ITEM = "patient_text"
CHANGE_ITEM = "patient_asks_change"
CANCEL_ITEM = "patient_cancel_text"
UNCLEAR_ITEM = "patient_text_unclear"
MAY_STOP_ITEM = "patient_may_stop"
REASONS = {
    TEXT_ITEM: "A patient wrote a text: read it, and answer it or say that it is handled.",
    CHANGE_ITEM: "By text: another time, please. The link to the visit was sent, where there is one.",
    CANCEL_ITEM: "The text was CANCEL, which ends all texts: ask whether the visit was meant too.",
    UNCLEAR_ITEM: "It is not clear what this answer is about, so nothing was done: ask.",
    MAY_STOP_ITEM: "This may mean: no more texts. Read it, and end them if it does (R-07).",
}


def ask(*, thread: Thread | None, kind: str, text: Inbound, now: datetime) -> None:
    """Put it before the front desk, in the caller's transaction that holds the thread; once while it is
    open. A number that no single practice knows has no desk.
    """
    if thread is None or work.is_asked(practice_id=thread.practice_id, subject_id=thread.pk, kind=kind):
        return
    work.raise_item(
        practice_id=thread.practice_id,
        kind=kind,
        dedupe_key=f"{kind}:{text.pk}",
        subject_kind=SUBJECT,
        subject_id=thread.pk,
        patient_id=text.patient_id,
        role=Role.FRONT_DESK,
        reason=REASONS[kind],
        due_at=now,
    )


def settle(*, thread: Thread, by: str, now: datetime) -> int:
    """Somebody has handled the thread; returns how many tasks that ends."""
    return work.settle(
        practice_id=thread.practice_id, subject_ids=[thread.pk], kinds=work.FROM_TEXTS, by=by, now=now
    )


def held(*, practice_id: UUID, number: str, now: datetime) -> Thread:
    """The thread with this number, locked until the transaction ends, one text longer."""
    first = Thread(practice_id=practice_id, number=number, last_at=now, version=0)
    Thread.objects.bulk_create([first], ignore_conflicts=True)
    thread = Thread.objects.select_for_update().get(practice_id=practice_id, number=number)
    thread.version += 1
    thread.last_at = max(thread.last_at, now)
    thread.save(update_fields=["version", "last_at"])
    return thread
