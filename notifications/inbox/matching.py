"""Whose text it is, and which message it answers: by the number alone, so that a doubt is never resolved."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from clinic.practice.models import Practice
from notifications.models import Message
from notifications.planning import kinds, ledger, recipients
from patients.models import ContactPoint

# What was asked longer ago is not what a letter answers: no message waits longer for its answer.
ANSWERED_WITHIN = timedelta(days=7)
LATEST = 20
_ASKING = tuple(kind for kind, rule in kinds.RULES.items() if rule.asks)


@dataclass(frozen=True, slots=True)
class Match:
    """`practice_id`: who wrote to the number last, else the only one that knows it, else the only one that
    there is. `practice_ids`: everybody who wrote to it or knows it.

    `asked` is the last message that a letter answers, and `patient_id` who that went to; both are empty when
    more than one patient was asked lately. Without a question the patient is the only one with this number.
    """

    practice_id: UUID | None
    practice_ids: tuple[UUID, ...]
    patient_id: UUID | None
    asked: Message | None
    category: str


def find(*, number: str, now: datetime) -> Match:
    """Four queries, however many patients share the number."""
    sent = _sent(number)
    latest = list(sent.order_by("-due_at", "-id").select_related("patient")[:LATEST])
    known = ContactPoint.objects.filter(channel="sms", value=number)
    knowing = set(known.values_list("patient__practice_id", flat=True))
    everybody = knowing | set(sent.order_by().values_list("practice_id", flat=True).distinct())
    asking = [one for one in latest if one.kind in _ASKING and now - one.due_at <= ANSWERED_WITHIN]
    people = {one.patient_id for one in asking}
    asked = asking[0] if len(people) == 1 else None
    last = asked or next(iter(latest), None)
    practice_id = last.practice_id if last else _only(everybody)
    return Match(
        practice_id=practice_id,
        practice_ids=tuple(everybody or _every_practice()),
        patient_id=asked.patient_id if asked else _only_patient(practice_id, number, bool(people)),
        asked=asked,
        category=latest[0].category if latest else "",
    )


def _sent(number: str) -> QuerySet[Message]:
    """What went to the number, or may have; what was taken back was never there to be answered."""
    return Message.objects.filter(
        channel="sms", sent_to=number, state__in=ledger.HANDED_OVER, staff__isnull=True
    )


def _only(known: set[UUID]) -> UUID | None:
    found = known or set(_every_practice())
    return next(iter(found)) if len(found) == 1 else None


def _every_practice() -> tuple[UUID, ...]:
    """All write from the same number: what is said to it by somebody whom none knows is said to each."""
    return tuple(Practice.objects.values_list("pk", flat=True))


def _only_patient(practice_id: UUID | None, number: str, in_doubt: bool) -> UUID | None:
    if practice_id is None or in_doubt:
        return None
    found = recipients.numbers_patients(practice_ids=[practice_id], number=number)
    ids = list(found.values_list("pk", flat=True)[:2])
    return ids[0] if len(ids) == 1 else None
