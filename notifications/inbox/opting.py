"""Out and in again by text (R-07, R-08, R-09, R-13). In the transaction that keeps the text.

A number is opted out, not a patient: it holds for everybody who has it, in every practice that writes to it,
because all of them write from the same number. Where the provider itself answers the keyword, it is not
answered a second time.
"""

from datetime import datetime, timedelta

from django.conf import settings

from clinic.practice import actor as actors
from clinic.practice import trail
from clinic.practice.trail import Step
from notifications.inbox import desk
from notifications.inbox.matching import Match
from notifications.models import Inbound
from notifications.planning import law, outbox, recipients, suppressions
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft

# 64.1200(a)(12): one confirmation, and what comes later than five minutes is not one.
CONFIRM_WITHIN = timedelta(minutes=5)
ANSWER_WITHIN = timedelta(hours=1)
# Ends everything, whatever it answers and whatever the date.
_ALL_WORDS = ("stopall", "stop all")
# What providers act on and answer by themselves unless they are told not to (Twilio, Telnyx): the whole text,
# whatever its case.
_PROVIDERS_OWN = frozenset(
    {"stop", "stopall", "stop all", "unsubscribe", "end", "quit", "revoke", "optout", "cancel"}
    | {"start", "unstop", "help", "info"}
)


def is_out(*, match: Match, number: str) -> bool:
    """Whether this number wants nothing from one of those who know it."""
    return any(
        suppressions.reasons(practice_id=each, channel="sms", values=[number], category=match.category)
        for each in match.practice_ids
    )


def stop(*, text: Inbound, match: Match, now: datetime) -> None:
    """Nothing goes to this number any more; before the day of R-09 nothing of the sort that was answered.

    What is planned falls to the next channel when it comes due, because each message asks again.
    """
    ends_all = law.revokes_all(now=now) or text.provider_answered or _plain(text) in _ALL_WORDS
    category = suppressions.ALL if ends_all else match.category
    new = [
        suppressions.refuse(
            practice_id=each,
            channel="sms",
            value=text.sender,
            reason=suppressions.OPTED_OUT,
            category=category,
            now=now,
        )
        for each in sorted(match.practice_ids)
    ]
    if any(new):
        _tell(text, match, "text.opted_out", now)
        answer(text=text, kind=Kind.OPT_OUT_CONFIRMED, now=now)


def start(*, text: Inbound, match: Match, now: datetime) -> None:
    """Messages may come again. Consent that was taken back otherwise stays so."""
    if suppressions.lift(channel="sms", value=text.sender):
        _tell(text, match, "text.opted_in", now)
        answer(text=text, kind=Kind.OPT_IN_CONFIRMED, now=now)


def answer(*, text: Inbound, kind: Kind, now: datetime) -> None:
    """Say what the law wants said, once a text, in the name of the practice that wrote last."""
    if text.practice_id is None or text.provider_answered or _answered_by_provider(text):
        return
    within = CONFIRM_WITHIN if kind is Kind.OPT_OUT_CONFIRMED else ANSWER_WITHIN
    draft = Draft(
        practice_id=text.practice_id,
        patient_id=text.patient_id,
        kind=kind,
        channel="sms",
        subject_kind="reply",
        subject_id=text.pk,
        due_at=now,
        useful_until=now + within,
    )
    outbox.queue(messages=[draft], now=now)


def _answered_by_provider(text: Inbound) -> bool:
    return bool(settings.SMS_PROVIDER_ANSWERS_STOP) and _plain(text) in _PROVIDERS_OWN


def _plain(text: Inbound) -> str:
    return text.body.strip().casefold()


def _tell(text: Inbound, match: Match, verb: str, now: datetime) -> None:
    """In the story of every patient who has the number; of a number that nobody has there is the text."""
    for practice_id in match.practice_ids:
        people = recipients.numbers_patients(practice_ids=[practice_id], number=text.sender)
        ids = list(people.values_list("pk", flat=True))
        steps = [Step(verb, desk.SUBJECT, text.pk, patient_id=one) for one in ids]
        if steps:
            actor = actors.texter(practice_id=practice_id, patient_id=ids[0] if len(ids) == 1 else None)
            trail.record(actor=actor, at=now, steps=steps)
