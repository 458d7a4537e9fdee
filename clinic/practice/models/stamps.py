"""When a row last changed, said by the database, in a way that a reader can rely on (decision 0016).

The time is read after the writing transaction has shown a lock that anybody can see, so a reader who sees no
such lock knows that every change up to its own clock is visible, and one who sees some knows up to where:
`clinic.practice.changes`.
"""

from collections.abc import Sequence

import pgtrigger

# "chng": the first half of the advisory locks; the second is the second in which the transaction began to
# write, counted from 2020.
WRITING = 0x63686E67
EPOCH = 1_577_836_800

# One lock a transaction, however long it is: the setting lives and is rolled back with it, as the lock is.
_SHOW = f"""
IF coalesce(current_setting('clinic.writing', true), '') = '' THEN
    PERFORM pg_advisory_xact_lock_shared(
        {WRITING}, floor(date_part('epoch', clock_timestamp()) - {EPOCH})::int);
    PERFORM set_config('clinic.writing', '1', true);
END IF;
"""


def stamps(
    column: str = "updated_at", *, changes: bool = True, but: Sequence[str] = ()
) -> list[pgtrigger.Trigger]:
    """The triggers that write this column, whatever the statement said.

    Without `changes`: at the insert only, for a table whose rows never change. A change of nothing else than
    the fields in `but` is none.
    """
    func = f"{_SHOW}NEW.{column} := clock_timestamp(); RETURN NEW;"
    inserted = pgtrigger.Trigger(
        name="stamp_insert", when=pgtrigger.Before, operation=pgtrigger.Insert, func=func
    )
    if not changes:
        return [inserted]
    changed = pgtrigger.Trigger(
        name="stamp_update",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        # What changes nothing is no change: neither here nor in the row history.
        condition=pgtrigger.AnyChange(exclude=list(but)),
        func=func,
    )
    return [inserted, changed]
