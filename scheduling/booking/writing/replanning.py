"""What is planned follows what a practice says since of its messages, a few visits at a time.

A row that waits, and that nobody has tried yet, gets its new hour and channel under the key that it has: so
nothing is sent twice. What is missing is written, what was said is not said again, and a kind that was
switched off is left to the last look before it would go, so that switching it on again loses nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from notifications.models import Message, Replan
from notifications.models.message import State
from notifications.planning import kinds, ledger
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from scheduling import states
from scheduling.booking.writing import ahead, drafts, reminders
from scheduling.models import Appointment
from scheduling.models.appointment import Status

KINDS = (*ahead.KINDS, *reminders.AFTER_A_DOSE)
# Whoever was writing when the practice changed its mind, and read what it said before, has ended by then.
SETTLES = timedelta(seconds=30)
# Longer ago than anything goes after a dose whose hour can be chosen.
AFTERWARDS = timedelta(days=4)
GIVEN = (Status.FULFILLED, Status.MONITORING)
BATCH = 50
# What of a row follows. Its key names the channel, so the two go together.
FOLLOWS = ("due_at", "useful_until", "channel", "dedupe_key")
# The same message, whichever channel it goes by.
Which = tuple[str, UUID, int]


def sweep(*, now: datetime, limit: int = 40) -> int:
    """Follow, a batch of visits a transaction; returns how many visits were looked at.

    Any number of sweeps may run at once: a practice that another one has in hand is left to it.
    """
    looked = 0
    for _ in range(limit):
        with transaction.atomic(durable=True):
            asked = Replan.objects.select_for_update(skip_locked=True).filter(asked_at__lte=now - SETTLES)
            row = asked.order_by("asked_at").first()
            if row is None:
                break
            looked += _batch(row, now)
    return looked


def _batch(row: Replan, now: datetime) -> int:
    coming = Q(status__in=drafts.EXPECTED, start__gt=now)
    given = Q(kind__in=states.DOSES, status__in=GIVEN, end__gt=now - AFTERWARDS)
    visits = Appointment.objects.filter(coming | given, practice_id=row.practice_id)
    if row.done_to is not None:
        visits = visits.filter(pk__gt=row.done_to)
    found = list(visits.select_related("patient__practice", "course").order_by("pk")[:BATCH])
    if not found:
        row.delete()
        return 0
    _follow(found, now)
    row.done_to = found[-1].pk
    row.save(update_fields=["done_to"])
    return len(found)


def _follow(visits: Sequence[Appointment], now: datetime) -> None:
    about = Message.objects.filter(subject_id__in=[one.pk for one in visits], kind__in=KINDS)
    held: dict[tuple[str, UUID], list[Message]] = defaultdict(list)
    for message in about:
        held[message.kind, message.subject_id].append(message)
    known = Counter(_which(one) for rows in held.values() for one in rows)
    made = _planned(visits, held, now)
    missing = [one for one in made if _which(one) not in known and not _said(one, held)]
    # First what is new: whoever writes the same at this moment is waited for while no row is held.
    drafts.queue(messages=missing, now=now)
    # One that went on to a second channel is on its way.
    _put_off({_which(one): one for one in made if known[_which(one)] == 1}, now)


def _planned(
    visits: Sequence[Appointment], held: Mapping[tuple[str, UUID], Sequence[Message]], now: datetime
) -> list[Draft]:
    coming = drafts.still_to_come(visits, now)
    since = {
        one.pk: min(message.created_at for message in held[Kind.PREPARATION, one.pk])
        for one in coming
        if held[Kind.PREPARATION, one.pk]
    }
    made = ahead.of(coming, drafts.people_of(coming), now, since=since)
    for one in visits:
        made += reminders.afterwards(appointment=one, now=now)
    return made


def _said(draft: Draft, held: Mapping[tuple[str, UUID], Iterable[Message]]) -> bool:
    """Whether the patient knows it by another version of the visit: of this very time, or once for all."""
    gone = [
        one
        for one in held[draft.kind, draft.subject_id]
        if one.state in ledger.HANDED_OVER or one.state_reason == "merged"
    ]
    return any(one.subject_at == draft.subject_at or kinds.rule(draft.kind).once for one in gone)


def _put_off(drafted: Mapping[Which, Draft], now: datetime) -> None:
    """Give the rows that wait their new hour and channel; one that a worker has, or had, is left alone."""
    waiting = Message.objects.select_for_update(skip_locked=True).filter(
        state=State.PLANNED,
        attempts=0,
        subject_id__in={one.subject_id for one in drafted.values()},
        kind__in=KINDS,
    )
    rows = [one for one in waiting.order_by("pk") if _which(one) in drafted]
    changed = []
    for row in rows:
        draft = drafted[_which(row)]
        new = {name: getattr(draft, name) for name in FOLLOWS}
        if any(getattr(row, name) != value for name, value in new.items()):
            for name, value in (new | {"updated_at": now}).items():
                setattr(row, name, value)
            changed.append(row)
    Message.objects.bulk_update(changed, [*FOLLOWS, "updated_at"])


def _which(one: Draft | Message) -> Which:
    return one.kind, one.subject_id, one.subject_version
