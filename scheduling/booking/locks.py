"""Who may change what at the same time: one sorted lock on resources, late, with a timeout.

Exclusion constraints alone deadlock when two courses are booked at once; locking the resources first, sorted,
does not. The order everywhere is: idempotency key, course, appointment, gap, resources.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection, transaction

from clinic.practice.errors import Busy

# lock_not_available, deadlock_detected, query_canceled (statement timeout), serialization_failure
_BUSY_STATES = {"55P03", "40P01", "57014", "40001"}


@contextmanager
def unit_of_work() -> Iterator[None]:
    """The one transaction of a use case, with lock and statement timeouts; what runs into them is Busy."""
    try:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
                    [f"{settings.LOCK_TIMEOUT_MS}ms", f"{settings.STATEMENT_TIMEOUT_MS}ms"],
                )
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") in _BUSY_STATES:
            raise Busy() from error
        raise


def lock_resources(resource_ids: Iterable[int]) -> None:
    """Lock the resources until the transaction ends, in the order of their ids.

    Raises RuntimeError outside a transaction, where a lock would protect nothing.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("resources are locked inside the transaction that needs them")
    ids = sorted(set(resource_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM practice_resource WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [ids]
        )
