"""What each member of staff is told by e-mail: their own choice, except what is about patients' safety."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from clinic.practice import permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import NotAllowed
from clinic.practice.models import MailChoice

CAPABILITY = "own_mails.write"
DIGEST, MESSAGES = "digest", "messages"
SORTS = (DIGEST, MESSAGES)


def chosen(*, actor: Actor) -> MailChoice:
    """One's own choice; of whoever never chose, everything."""
    staff_id = _own(actor)
    return MailChoice.objects.filter(staff_id=staff_id).first() or MailChoice(staff_id=staff_id, version=0)


def choose(*, actor: Actor, wanted: Collection[str], now: datetime, version: int | None = None) -> None:
    """Get these sorts and no others; choosing the same again writes nothing. Raises NotAllowed, Stale."""
    staff_id = _own(actor)
    with writing.transaction():
        # One row to lock, however many begin at the same moment.
        MailChoice.objects.bulk_create([MailChoice(staff_id=staff_id, version=0)], ignore_conflicts=True)
        row = MailChoice.objects.select_for_update().get(staff_id=staff_id)
        changed = {sort: sort in wanted for sort in SORTS if getattr(row, sort) != (sort in wanted)}
        if not changed:
            return
        writing.fresh(held=row.version, read=version)
        writing.save(row=row, values=changed)
        writing.tell(actor=actor, now=now, verb="update", kind="mail_choice", row_id=staff_id, fields=changed)


def unwilling(*, staff_ids: Collection[UUID], sort: str) -> frozenset[UUID]:
    """Those of them who switched this sort off; nobody switches off a sort that is not their own to."""
    if sort not in SORTS:
        return frozenset()
    off = MailChoice.objects.filter(staff_id__in=staff_ids, **{sort: False})
    return frozenset(off.values_list("staff_id", flat=True))


def _own(actor: Actor) -> UUID:
    permissions.check(actor=actor, capability=CAPABILITY)
    if actor.kind != "staff" or actor.id is None:
        raise NotAllowed(capability=CAPABILITY)
    return actor.id
