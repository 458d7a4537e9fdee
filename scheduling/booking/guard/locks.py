"""Who may change what at the same time: one sorted lock on resources, late, with a timeout.

Exclusion constraints alone deadlock when two courses are booked at once; locking the resources first, sorted,
does not. The order everywhere is: idempotency key, course, appointment, gap, resources.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from clinic.practice import writing


@contextmanager
def unit_of_work() -> Iterator[None]:
    """The one transaction of a use case, with lock and statement timeouts; what runs into them is Busy."""
    with writing.transaction():
        yield


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


@contextmanager
def savepoint() -> Iterator[None]:
    """A part of a unit of work that may fail by itself: what it wrote is taken back, the rest stays."""
    with transaction.atomic():
        yield
