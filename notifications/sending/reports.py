"""What a provider reports of a message after it was handed over. Reports come late, twice, in any order, and
sometimes before the provider's own answer: any of them ends in the same state.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Func, JSONField, Value

from clinic.practice import crashpoints
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.planning import ledger
from notifications.sending import aftermath

# The hand-over has no answer yet, or one that the report proves wrong.
_UNANSWERED = ledger.UNSENT | {State.HANDING_OVER.value, State.IN_DOUBT.value}


def take(
    *, attempt_id: UUID, provider_id: str, status: str, error_code: str, suppress: str, now: datetime
) -> bool:
    """Merge one report on one hand-over; False when nobody knows the hand-over.

    `status` is one of `ledger.PROVIDER_STATUSES`, anything else changes nothing; `suppress` is why nothing
    must go to this address any more, or blank. Committed when this returns (R8: only then may it be
    acknowledged).
    """
    if status in ledger.PROVIDER_STATUSES and status not in ledger.NOT_TAKEN:
        aftermath.merge(attempt_id=attempt_id, now=now)
    with transaction.atomic(durable=True):
        message = (
            Message.objects.select_for_update(of=("self",))
            .select_related("practice", "patient")
            .filter(attempt_rows=attempt_id)
            .first()
        )
        if message is None:
            return False
        Attempt.objects.filter(pk=attempt_id, provider_id="").update(provider_id=provider_id)
        _note(attempt_id, status, error_code, now)
        if suppress:
            aftermath.suppress_address(message=message, reason=suppress, now=now)
        if message.current_attempt == attempt_id or message.state in ledger.UNSENT:
            _merge(message, attempt_id, provider_id, status, error_code, now)
        crashpoints.reach("before-report-commit")
    crashpoints.reach("after-report-commit")
    return True


def _note(attempt_id: UUID, status: str, error_code: str, now: datetime) -> None:
    """Write down what was reported, each status once: the providers know eleven."""
    if status not in ledger.PROVIDER_STATUSES:
        return
    told = [{"status": status, "code": error_code[:40], "at": now.isoformat(timespec="seconds")}]
    rows = Attempt.objects.filter(pk=attempt_id).exclude(reports__contains=[{"status": status}])
    more = Func(F("reports"), Value(told, JSONField()), template="%(expressions)s", arg_joiner=" || ")
    rows.update(reports=more)


def _merge(
    message: Message, attempt_id: UUID, provider_id: str, status: str, error_code: str, now: datetime
) -> None:
    known = ledger.merge_status(known=message.provider_status, reported=status)
    target = ledger.after_report(state=message.state, status=known)
    if known == message.provider_status and target == message.state:
        return
    Message.objects.filter(pk=message.pk).update(
        provider_status=known, provider_id=message.provider_id or provider_id, updated_at=now
    )
    if target == message.state:
        return
    if message.state in _UNANSWERED:
        message.attempt_rows.filter(pk=attempt_id).update(
            finished_at=now, outcome="accepted", sealed_text=None
        )
    aftermath.reported(message=message, state=target, code=error_code, now=now)
