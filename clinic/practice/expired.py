"""What has expired is removed: sessions, programs' tokens, idempotency keys. None of it is evidence.

A few rows a transaction, the oldest first, so that nobody waits for it and a process that dies in between
loses nothing: the next one goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Model
from oauth2_provider.models import get_access_token_model

from clinic.practice import idempotency, writing
from clinic.practice.models import IdempotencyKey

BATCH = 1_000
# What one run may remove of each.
MOST_BATCHES = 100


@dataclass(frozen=True, slots=True)
class Expiring:
    """Rows that are removed so long `after` the instant in their `column`."""

    model: type[Model]
    column: str
    after: timedelta


TOKENS_KEPT = timedelta(days=1)
EXPIRING: Sequence[Expiring] = (
    Expiring(Session, "expire_date", timedelta()),
    Expiring(get_access_token_model(), "expires", TOKENS_KEPT),
    Expiring(IdempotencyKey, "created_at", idempotency.KEPT),
)


def forget(*, now: datetime, batch: int = BATCH, most_batches: int = MOST_BATCHES) -> dict[str, int]:
    """Delete what expired, and nothing younger; returns how many of each table."""
    return {one.model._meta.db_table: _forget(one, now, batch, most_batches) for one in EXPIRING}


def _forget(one: Expiring, now: datetime, batch: int, most_batches: int) -> int:
    rows: Any = one.model._default_manager
    removed = 0
    for _ in range(most_batches):
        with writing.transaction():
            # A key that is taken over just now is young again: it is not waited for.
            old = rows.filter(**{f"{one.column}__lt": now - one.after}).order_by(one.column)
            ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:batch])
            rows.filter(pk__in=ids).delete()
        removed += len(ids)
        if len(ids) < batch:
            break
    return removed
