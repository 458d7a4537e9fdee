"""Up to when everything that was written can be seen: what makes `updated_since` and events miss nothing."""

from datetime import datetime

from django.db import connection

from clinic.practice.models.stamps import EPOCH, WRITING

# The caller's own transaction does not count: it sees what it wrote itself. `statement_timestamp` is read
# before the locks are, and that order is the proof.
_HORIZON = """
    SELECT least(statement_timestamp(), to_timestamp(min(objid::bigint) + %s))
    FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %s::oid AND objsubid = 2 AND pid <> pg_backend_pid()
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def horizon() -> datetime:
    """The instant before which no stamp can appear any more.

    Ask first, then read, in a statement of its own: rows with a stamp before this instant are all there, and
    no transaction that is still running, or begins later, can add one. Not inside a transaction with a
    snapshot from before (REPEATABLE READ), and not on a replica, which does not see the locks.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON, [EPOCH, WRITING])
        found: datetime = cursor.fetchone()[0]
    return found
