"""The statements that every message needs on its way: written down, because there are thousands a minute.

Each is asked and written by key; what they may and must do is decided in `delivery` and `decision`.
"""

import functools
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from clinic.practice.joined import Joined
from notifications.channels.base import Outcome
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.planning import ledger

LEASED = ledger.move(state=State.PLANNED, verb="lease")
HANDING_OVER = ledger.move(state=State.LEASED, verb="begin")
_MESSAGES = Joined(Message, "practice", "patient", "staff")


def claim(*, worker: str, now: datetime, lease: timedelta) -> UUID | None:
    """Lease the message that is due longest and that nobody else is claiming, in one statement, which is its
    own transaction. Counts the attempt.

    Its commit need not wait for the disk: a server that dies forgets the lease at worst, and before a
    hand-over begins there is a commit that waits.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE notifications_message SET state = %(leased)s, lease_until = %(until)s,
                leased_by = %(worker)s, attempts = attempts + 1, updated_at = %(now)s
            WHERE id = (
                SELECT id FROM notifications_message WHERE state = 'planned' AND due_at <= %(now)s
                ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING id, set_config('synchronous_commit', 'off', true)
            """,
            {"leased": LEASED, "until": now + lease, "worker": worker, "now": now},
        )
        row = cursor.fetchone()
    return row[0] if row else None


def leased(*, message_id: UUID, worker: str, now: datetime) -> Message | None:
    """The message, locked, while the worker's lease lasts."""
    found = _MESSAGES.fetch(
        "WHERE one.id = %s AND one.state = %s AND one.leased_by = %s AND one.lease_until > %s"
        " FOR UPDATE OF one",
        [message_id, State.LEASED.value, worker, now],
    )
    return found[0] if found else None


def handed_over(*, message_id: UUID, attempt_id: UUID) -> Message | None:
    """The message, locked, while this attempt is its current one and its fate is open."""
    found = _MESSAGES.fetch(
        "WHERE one.id = %s AND one.current_attempt = %s AND one.state IN (%s, %s) FOR UPDATE OF one",
        [message_id, attempt_id, State.HANDING_OVER.value, State.IN_DOUBT.value],
    )
    return found[0] if found else None


def begin(*, attempt: Attempt, lease_until: datetime, to: str, subject: str, body: str) -> None:
    """Write a new attempt, and that its message is being handed over by it."""
    statement, fields = _insert()
    values = [field.get_db_prep_save(field.pre_save(attempt, True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            f"{statement}; UPDATE notifications_message SET state = %s, current_attempt = %s,"
            " lease_until = %s, sent_to = %s, sent_subject = %s, sent_body = %s, updated_at = %s"
            " WHERE id = %s",
            [
                *values,
                HANDING_OVER,
                attempt.pk,
                lease_until,
                to,
                subject,
                body,
                attempt.begun_at,
                attempt.message_id,
            ],
        )


def finish(*, attempt_id: UUID, outcome: str, code: str, provider_id: str, now: datetime) -> None:
    """Write how a hand-over went. What would have to be said again is kept while that is in doubt."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_attempt SET finished_at = %s, outcome = %s, error_code = %s,"
            " provider_id = %s, sealed_text = CASE WHEN %s THEN sealed_text END WHERE id = %s",
            [now, outcome, code[:40], provider_id, outcome == Outcome.IN_DOUBT, attempt_id],
        )


def move(*, message_id: UUID, state: str, reason: str, now: datetime, provider_id: str | None = None) -> None:
    """Write a message's state and why it is in it; its lease is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_message SET state = %s, state_reason = %s, lease_until = NULL,"
            " updated_at = %s, provider_id = COALESCE(%s, provider_id) WHERE id = %s",
            [state, reason[:60], now, provider_id, message_id],
        )


@functools.cache
def _insert() -> tuple[str, list[Any]]:
    fields = list(Attempt._meta.concrete_fields)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO notifications_attempt ({columns}) VALUES ({marks})", fields
