"""A text that came: kept once, and what follows from it.

What the law wants at once (STOP, START, HELP), and what people are to see, is done in the transaction that
keeps it. What it does to a visit is done after that commit, by itself; a sweep does what a crash or a lock
has left, and after some tries a person is asked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from clinic.practice.errors import Busy
from clinic.practice.ids import new_id
from notifications.inbox import desk, matching, opting, replies
from notifications.inbox.matching import Match
from notifications.inbox.replies import Meaning, Reading
from notifications.models import Inbound, Thread
from notifications.planning import ports
from notifications.planning.kinds import Kind
from notifications.planning.ports import Done

log = structlog.get_logger("notifications.inbox")
LONGEST = 2000
MOST_TRIES = 5
AT_ONCE = 100
# What a provider took a keyword for, and has acted on and answered already.
_PROVIDER_TOOK = {"STOP": Meaning.STOP, "START": Meaning.START, "HELP": Meaning.HELP}
_ABOUT_VISITS = (Meaning.CONFIRM, Meaning.CHANGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a provider tells. `keyword` is what it took the text for, blank when it left that to us; `media`
    is how many pictures came with it, which are not fetched.
    """

    provider: str
    provider_id: str
    sender: str
    receiver: str
    body: str
    media: int = 0
    keyword: str = ""


def take(*, text: Text, now: datetime) -> None:
    """Keep it and do what follows. Told again, it changes nothing more. Committed when this returns (R8: only
    then may it be acknowledged).
    """
    kept = _keep(text, now)
    if kept is not None and kept.settled_at is None:
        _try(kept, now)


def sweep(*, now: datetime) -> int:
    """What was kept and not acted on; returns how many."""
    left = Inbound.objects.filter(_left(now), settled_at=None)
    found = list(left.order_by("received_at")[:AT_ONCE])
    for kept in found:
        _try(kept, now)
    return len(found)


def _left(now: datetime) -> Q:
    """What nobody is at any more: who keeps a text acts on it in the same request, and each try has twice the
    time of the one before.
    """
    waits = settings.REPLY_RETRY_SECONDS
    due = Q()
    for tries in range(MOST_TRIES + 1):
        since = now - timedelta(seconds=waits * 2 ** max(tries - 1, 0))
        due |= Q(tries=tries, received_at__lte=since)
    return due


def _keep(text: Text, now: datetime) -> Inbound | None:
    """The text, where nobody has kept it before."""
    with transaction.atomic(durable=True):
        row = Inbound(
            id=new_id(),
            provider=text.provider,
            provider_id=text.provider_id,
            sender=text.sender,
            receiver=text.receiver,
            body=text.body.replace("\x00", "")[:LONGEST],
            media=text.media,
            meaning=Meaning.UNCLEAR,
            provider_answered=text.keyword in _PROVIDER_TOOK,
            received_at=now,
        )
        # Whoever tells it at the same moment waits here until the first one has committed.
        Inbound.objects.bulk_create([row], ignore_conflicts=True)
        kept = Inbound.objects.filter(pk=row.pk).first()
        if kept is not None:
            _read(kept, text.keyword, now)
    return kept


def _read(kept: Inbound, keyword: str, now: datetime) -> None:
    """Who wrote, what it means, and what follows from it at once."""
    match = matching.find(number=kept.sender, now=now)
    thread = None
    if match.practice_id is not None:
        thread = desk.held(practice_id=match.practice_id, number=kept.sender, now=now)
    reading = replies.read_reply(text=kept.body)
    meaning = _PROVIDER_TOOK.get(keyword, reading.meaning)
    if reading.start_if_out and not keyword and opting.is_out(match=match, number=kept.sender):
        meaning = Meaning.START
    kept.practice_id, kept.thread, kept.patient_id = match.practice_id, thread, match.patient_id
    kept.answers, kept.meaning = match.asked, meaning
    if match.asked is not None and match.asked.subject_kind == "appointment":
        kept.visit_id = match.asked.subject_id
    kept.settled_at = None if meaning in _ABOUT_VISITS and thread is not None else now
    kept.save(update_fields=["practice", "thread", "patient", "answers", "visit_id", "meaning", "settled_at"])
    _at_once(kept, match, thread, reading, now)


def _at_once(kept: Inbound, match: Match, thread: Thread | None, reading: Reading, now: datetime) -> None:
    if kept.meaning == Meaning.STOP:
        opting.stop(text=kept, match=match, now=now)
        if reading.ask_staff:
            desk.ask(thread=thread, kind=desk.CANCEL_ITEM, text=kept, now=now)
    elif kept.meaning == Meaning.START:
        opting.start(text=kept, match=match, now=now)
    elif kept.meaning == Meaning.HELP:
        opting.answer(text=kept, kind=Kind.HELP, now=now)
    elif kept.meaning == Meaning.CHANGE:
        desk.ask(thread=thread, kind=desk.CHANGE_ITEM, text=kept, now=now)
    elif kept.meaning == Meaning.UNCLEAR:
        kind = desk.MAY_STOP_ITEM if reading.may_mean_stop else desk.TEXT_ITEM
        desk.ask(thread=thread, kind=kind, text=kept, now=now)


def _try(kept: Inbound, now: datetime) -> None:
    """Act on visits. What goes wrong with it stays with it, and is tried again by the sweep."""
    mine = Inbound.objects.filter(pk=kept.pk, tries=kept.tries, settled_at=None)
    if not mine.update(tries=F("tries") + 1):
        return
    try:
        done = Done("failed", ask=True) if kept.tries >= MOST_TRIES else _act(kept, now)
    except Busy:
        # Somebody is at the visit just now, which says nothing about the text.
        Inbound.objects.filter(pk=kept.pk).update(tries=F("tries") - 1)
        return
    except Exception as error:
        log.warning("reply_failed", error_class=type(error).__name__)
        return
    with transaction.atomic(durable=True):
        row = Inbound.objects.select_for_update().filter(pk=kept.pk, settled_at=None).first()
        if row is None:
            return
        row.outcome, row.settled_at = done.outcome, now
        row.visit_id = done.visit_id or row.visit_id
        row.save(update_fields=["outcome", "settled_at", "visit_id"])
        if done.ask and row.meaning == Meaning.CONFIRM:
            thread = Thread.objects.select_for_update().get(pk=row.thread_id) if row.thread_id else None
            desk.ask(thread=thread, kind=desk.UNCLEAR_ITEM, text=row, now=now)


def _act(kept: Inbound, now: datetime) -> Done:
    """An answer never acts on the wrong patient: where several were asked, people ask."""
    if kept.practice_id is None or kept.patient_id is None:
        return Done("unclear", ask=True)
    if kept.meaning == Meaning.CONFIRM:
        if kept.answers is None:
            return Done("unclear", ask=True)
        return ports.visits().confirm(asked=kept.answers, now=now)
    return ports.visits().send_link(
        practice_id=kept.practice_id, patient_id=kept.patient_id, asked=kept.answers, now=now
    )
