"""The statements that every message needs on its way: written down, because there are thousands a minute.

Each is asked and written by key; what they may and must do is decided in `delivery` and `decision`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clinic.practice import actor as actors
from clinic.practice import prepared, trail
from clinic.practice.joined import Joined
from notifications.channels.base import Outcome
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.planning import ledger, recipients
from notifications.sending import beside
from notifications.sending.beside import Seen

LEASED = ledger.move(state=State.PLANNED, verb="lease")
HANDING_OVER = ledger.move(state=State.LEASED, verb="begin")
ACCEPTED = ledger.move(state=State.HANDING_OVER, verb="accept")
_MESSAGES = Joined(Message, "practice", "patient", "staff")
# Asked of the message `one` together with its row.
_BUSY = """
    EXISTS(SELECT FROM notifications_message WHERE patient_id = one.patient_id AND state = 'handing_over')
"""
_WORDED = """
    one.kind = 'wording_trial'
    OR EXISTS(SELECT FROM notifications_wording WHERE practice_id = one.practice_id AND kind = one.kind
              AND channel = one.channel AND in_use)
"""
_LEASED = Joined(
    Message,
    "practice",
    "patient",
    "staff",
    asking=[_BUSY, _WORDED, beside.SUPERSEDED, beside.ACCOMPANIED, recipients.ASKED],
)
_ACCEPT = f"""
    WITH message AS (
        UPDATE notifications_message SET state = %(state)s, state_reason = '', lease_until = NULL,
            provider_id = %(provider)s, updated_at = %(now)s
        WHERE id = %(message)s AND current_attempt = %(attempt)s AND state = 'handing_over'
        RETURNING 'message' AS subject_kind, id AS subject_id, practice_id, course_id, patient_id,
            'message.sent' AS verb, jsonb_build_object('kind', kind, 'channel', channel) AS data
    ), attempt AS (
        UPDATE notifications_attempt SET finished_at = %(now)s, outcome = %(outcome)s, error_code = '',
            provider_id = %(provider)s, sealed_text = NULL
        WHERE id = %(attempt)s AND EXISTS (SELECT FROM message)
    ), line AS ({trail.telling(source="message")})
    SELECT subject_id FROM message
"""
_PATIENT_TURN = 0x6D657373


@dataclass(frozen=True, slots=True)
class Leased:
    """A message that is a worker's for a while, and what was asked in the same breath."""

    message: Message
    # Another message to the same patient is being handed over.
    busy: bool
    # There are words for it, in any language, that are not the built-in ones.
    worded: bool
    beside: Seen


def claim(*, worker: str, now: datetime, lease: timedelta) -> UUID | None:
    """Lease the message that is due longest and that nobody else is claiming, in one statement, which is its
    own transaction. Counts the attempt.

    Its commit need not wait for the disk: a server that dies forgets the lease at worst, and before a
    hand-over begins there is a commit that waits.
    """
    found = prepared.fetch(
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
    return found[0][0] if found else None


def take_turn(*, message_id: UUID) -> None:
    """Wait until no other loop is about to begin a hand-over to the same patient, and nobody changes the
    message; until the transaction ends.

    A statement of its own: the next one sees what was committed while this one waited.
    """
    prepared.fetch(
        "SELECT pg_advisory_xact_lock(%s, hashtext(patient_id::text))"
        " FROM notifications_message WHERE id = %s FOR UPDATE",
        [_PATIENT_TURN, message_id],
    )


def leased(*, message_id: UUID, worker: str, now: datetime) -> Leased | None:
    """The message, locked, while the worker's lease lasts."""
    # By its key alone: a planner that sees the lease as well may look through everything that is leased.
    for message, asked in _LEASED.fetch_asking("WHERE one.id = %s FOR UPDATE OF one", [message_id]):
        if (message.state, message.leased_by) != (State.LEASED, worker):
            return None
        busy, worded, *seen = asked
        leased = Leased(message, busy=busy, worded=worded, beside=Seen(*seen))
        return leased if message.lease_until and message.lease_until > now else None
    return None


def handed_over(*, message_id: UUID, attempt_id: UUID) -> Message | None:
    """The message, locked, while this attempt is its current one and its fate is open."""
    found = _MESSAGES.fetch(
        "WHERE one.id = %s AND one.current_attempt = %s AND one.state IN ('handing_over', 'in_doubt')"
        " FOR UPDATE OF one",
        [message_id, attempt_id],
    )
    return found[0] if found else None


def begin(*, attempt: Attempt, lease_until: datetime, to: str, subject: str, body: str) -> None:
    """Write a new attempt, and that its message is being handed over by it."""
    prepared.execute(
        """
        WITH attempt AS (
            INSERT INTO notifications_attempt (id, message_id, number, begun_at, covers, sealed_text,
                segments, outcome, error_code, provider_id)
            VALUES (%(attempt)s, %(message)s, %(number)s, %(now)s, %(covers)s::uuid[], %(sealed)s,
                %(segments)s, '', '', '')
        )
        UPDATE notifications_message SET state = %(state)s, current_attempt = %(attempt)s,
            lease_until = %(until)s, sent_to = %(to)s, sent_subject = %(subject)s, sent_body = %(body)s,
            updated_at = %(now)s
        WHERE id = %(message)s
        """,
        {
            "attempt": attempt.pk,
            "message": attempt.message_id,
            "number": attempt.number,
            "now": attempt.begun_at,
            "covers": attempt.covers,
            "sealed": attempt.sealed_text,
            "segments": attempt.segments,
            "state": HANDING_OVER,
            "until": lease_until,
            "to": to,
            "subject": subject,
            "body": body,
        },
    )


def accept(*, message_id: UUID, attempt_id: UUID, provider_id: str, now: datetime) -> bool:
    """Write that the provider took what it was asked to, and the trail of it: the end of nearly every message
    is one statement, which is its own transaction and waits for the disk.

    Fenced by the attempt: False, and nothing written, unless the message is being handed over by this one.
    """
    found = prepared.fetch(
        _ACCEPT,
        {
            "state": ACCEPTED,
            "provider": provider_id,
            "now": now,
            "message": message_id,
            "attempt": attempt_id,
            "outcome": Outcome.ACCEPTED.value,
            "actor_ref": actors.SYSTEM,
            "actor_label": actors.SYSTEM_LABEL,
            "request_id": trail.request_id(),
        },
    )
    return bool(found)


def finish(*, attempt_id: UUID, outcome: str, code: str, provider_id: str, now: datetime) -> None:
    """Write how a hand-over went. What would have to be said again is kept while that is in doubt."""
    prepared.execute(
        "UPDATE notifications_attempt SET finished_at = %s, outcome = %s, error_code = %s,"
        " provider_id = %s, sealed_text = CASE WHEN %s THEN sealed_text END WHERE id = %s",
        [now, outcome, code[:40], provider_id, outcome == Outcome.IN_DOUBT, attempt_id],
    )


def move(*, message_id: UUID, state: str, reason: str, now: datetime, provider_id: str | None = None) -> None:
    """Write a message's state and why it is in it; its lease is over."""
    prepared.execute(
        "UPDATE notifications_message SET state = %s, state_reason = %s, lease_until = NULL,"
        " updated_at = %s, provider_id = COALESCE(%s, provider_id) WHERE id = %s",
        [state, reason[:60], now, provider_id, message_id],
    )
