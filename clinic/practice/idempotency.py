"""One effect a key: the key's row lives and dies with the effect's own transaction, so no crash can leave a
key stuck."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import OperationalError, connection

from clinic.practice.errors import KeyInFlight, KeyReused
from clinic.practice.models import IdempotencyKey

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's key. `scope` names the caller, `fingerprint` is a hash of method, route and canonical
    body."""

    scope: str
    value: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What the first request with this key made: the caller renders that object again."""

    status_code: int
    object_kind: str
    object_id: UUID


def claim(
    *, key: Key | None, now: datetime, status_code: int, object_kind: str, object_id: UUID
) -> Replay | None:
    """Take the key for an effect that this transaction is about to have, or return what it made before.

    Call it first inside the use case's transaction, with the id that the new object will get. A second
    request waits on the first one's row: it replays when that commits, proceeds when that rolls back, and
    raises KeyInFlight when the lock timeout passes first. Raises KeyReused when the key came with another
    request.
    """
    if key is None:
        return None
    try:
        with connection.cursor() as cursor:
            # An expired key is free again; taking it over in the same statement leaves no moment without an
            # owner.
            cursor.execute(
                """
                INSERT INTO practice_idempotencykey
                    (scope, key, fingerprint, status_code, object_kind, object_id, created_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (scope, key) DO UPDATE SET
                    fingerprint = EXCLUDED.fingerprint, status_code = EXCLUDED.status_code,
                    object_kind = EXCLUDED.object_kind, object_id = EXCLUDED.object_id,
                    created_at = EXCLUDED.created_at
                WHERE practice_idempotencykey.created_at < %s
                RETURNING id
                """,
                [
                    key.scope,
                    key.value,
                    key.fingerprint,
                    status_code,
                    object_kind,
                    object_id,
                    now,
                    now - KEPT,
                ],
            )
            taken = cursor.fetchone() is not None
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "55P03":
            raise KeyInFlight() from error
        raise
    if taken:
        return None
    row = IdempotencyKey.objects.get(scope=key.scope, key=key.value)
    return _replay(key, row.fingerprint, row.status_code, row.object_kind, row.object_id)


def find(*, key: Key | None, now: datetime) -> Replay | None:
    """What this key made before, if it has: asked first, because what a repeated request names may be gone by
    now.

    Raises KeyReused when the key came with another request.
    """
    if key is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT fingerprint, status_code, object_kind, object_id FROM practice_idempotencykey
            WHERE scope = %s AND key = %s AND created_at >= %s
            """,
            [key.scope, key.value, now - KEPT],
        )
        row = cursor.fetchone()
    return _replay(key, *row) if row else None


def _replay(key: Key, fingerprint: str, status_code: int, object_kind: str, object_id: UUID) -> Replay:
    if fingerprint != key.fingerprint:
        raise KeyReused()
    return Replay(status_code=status_code, object_kind=object_kind, object_id=object_id)
