"""The last look before a hand-over: is the message still true, wanted, possible and fit to be seen?

Everything is asked again at this moment, whatever was known when it was planned (R5: re-check at send time).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from notifications import channels, neutral
from notifications.models import Message
from notifications.planning import kinds, policy, preferences
from notifications.planning.policy import Choice
from notifications.planning.ports import Facts, Silence
from notifications.sending.beside import Beside, Ledger
from notifications.wording import checking, invitation, rendering, wordings
from notifications.wording.rendering import Reader, Rendered
from notifications.wording.wordings import Own

LEDGER = Ledger()


@dataclass(frozen=True, slots=True)
class Send:
    """Hand this over. `covers` are other planned messages that it says as well; `instead_of` is the
    practice's own wording that could not be used.
    """

    to: str
    sender_name: str
    rendered: Rendered
    covers: tuple[UUID, ...] = ()
    calendar: bytes = b""
    calendar_method: str = ""
    instead_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: in quiet hours, or said by a message that is due later today."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """The text must not be seen. `codes` are the linter's, never the words."""

    codes: tuple[str, ...]


Decision = Send | Later | Silence | Blocked


def decide(*, message: Message, now: datetime, beside: Beside = LEDGER, worded: bool = True) -> Decision:
    """What becomes of a leased message. Writes nothing; what it asks, it asks of `beside`.

    `worded`: False where the caller knows that it has the built-in words.
    """
    if policy.is_stale(now=now, useful_until=message.useful_until):
        return Silence("skipped_stale")
    superseded, accompanied = beside.others(message=message)
    if superseded:
        return Silence("superseded")
    also = _siblings(message, now, beside) if accompanied else ()
    if (waits := _choose(message, also, now, beside)) is not None:
        return waits
    facts = beside.facts(message=message, also=also, now=now)
    if isinstance(facts, Silence):
        return facts
    if _channel_is_off(message):
        return Silence("channel_off")
    channel = channels.of(message.channel)
    if channel is None or not channel.configured():
        return Silence("no_provider")
    if not channels.agreed(message.channel):
        return Silence("no_agreement")
    address = beside.address(message=message)
    if isinstance(address, Silence):
        return address
    if (waits := _quiet(message, now)) is not None:
        return waits
    own = beside.own_words(message=message, language=language_of(message)) if worded else None
    return _compose(message, _without_telling_places(facts), address.value, now, own)


def zone_of(message: Message) -> str:
    """The recipient's own zone; staff are not messaged by it."""
    return message.patient.time_zone if message.patient else "UTC"


def language_of(message: Message) -> str:
    return message.patient.language if message.patient else "en"


def _siblings(message: Message, now: datetime, beside: Beside) -> Sequence[Message]:
    """What else the recipient is to be told by this channel on this local day of theirs, of the same sort."""
    together = kinds.said_with(message.kind)
    if message.patient_id is None or not together:
        return ()
    zone = ZoneInfo(zone_of(message))
    tomorrow = (now.astimezone(zone) + timedelta(days=1)).date()
    day_ends = datetime.combine(tomorrow, datetime.min.time(), zone)
    waiting = beside.waiting(message=message, now=now, before=day_ends, kinds=together)
    apart = _apart(message)
    return [one for one in waiting if _apart(one) == apart]


def _choose(
    message: Message, also: Sequence[Message], now: datetime, beside: Beside
) -> Later | Silence | None:
    """Whether a more important message of today will say it, or needs its place under the cap. It waits for
    that one, and goes alone if that one does not.
    """
    caps = preferences.of(message.practice).caps if message.patient_id else policy.Caps()
    capped = caps != policy.Caps()
    if not also and not capped:
        return None
    sent = beside.sent_lately(message=message, now=now) if capped else ()
    # What may need a place in the same seven days.
    week = now + timedelta(days=7)
    rivals = beside.waiting(message=message, now=now, before=week) if capped else also
    verdicts = _verdicts(message, rivals, sent, caps, now)
    verdict = verdicts[str(message.pk)]
    if verdict.choice is Choice.SEND:
        return None
    if verdict.choice is Choice.MERGE:
        before = [one for one in rivals if str(one.pk) == verdict.into]
        reason = "merged"
    else:
        alone = _verdicts(message, (), sent, caps, now)[str(message.pk)].choice is Choice.SEND
        # Those that go in its place alone: two that have no place would wait for each other.
        goes = [one for one in rivals if verdicts[str(one.pk)].choice is Choice.SEND]
        before = [one for one in goes if alone and kinds.rank(one.kind) <= kinds.rank(message.kind)]
        reason = "over_cap"
    after = [max(one.due_at, now) + timedelta(seconds=1) for one in before]
    return Later(min(after)) if after and min(after) <= message.useful_until else Silence(reason)


def _verdicts(
    message: Message,
    others: Sequence[Message],
    sent: Sequence[datetime],
    caps: policy.Caps,
    now: datetime,
) -> dict[str, policy.Verdict]:
    return policy.choose(
        candidates=[_candidate(one, now) for one in (message, *others)],
        sent=sent,
        zone=zone_of(message),
        caps=caps,
    )


def _candidate(message: Message, now: datetime) -> policy.Candidate:
    return policy.Candidate(
        id=str(message.pk),
        kind=message.kind,
        send_at=max(message.due_at, now),
        useful_until=message.useful_until,
        about_dose=message.uncapped,
        apart=_apart(message),
    )


def _apart(message: Message) -> str:
    """What keeps it out of a text that tells of other visits, where the practice wants each by itself."""
    together = preferences.of(message.practice).together(message.kind)
    return "" if together else str(message.subject_id)


def _channel_is_off(message: Message) -> bool:
    """Whether the practice writes to patients by other channels alone. What somebody asked for goes."""
    rule = kinds.rule(message.kind)
    if message.patient_id is None or rule.reply or not (rule.call or rule.onward):
        return False
    return message.channel not in preferences.of(message.practice).order(message.kind)


def at_any_hour(message: Message) -> bool:
    """Whether quiet hours (R-10) do not hold it back: an e-mail that confirms a booking or a move rings no
    telephone, and answers what was just done; and an answer is to what the patient just asked for.
    """
    news = message.channel == "email" and kinds.rule(message.kind).news
    return message.patient is None or news or kinds.rule(message.kind).reply


def _quiet(message: Message, now: datetime) -> Later | Silence | None:
    """R-10: not in the patient's quiet hours."""
    if at_any_hour(message):
        return None
    window = preferences.of(message.practice).window
    at = policy.next_allowed(instant=now, zone=zone_of(message), window=window)
    if at <= now:
        return None
    return Later(at) if at <= message.useful_until else Silence("quiet_hours")


def _compose(message: Message, facts: Facts, to: str, now: datetime, own: Own | None) -> Send | Blocked:
    """In the practice's own words where they may be used, else in the built-in ones: no message waits for
    somebody to mend a wording.
    """
    language = language_of(message)
    if own is None:
        return _said(message, facts, to, now, language, None)
    made = _said(message, facts, to, now, own.which.language, own) if own.usable else Blocked(())
    if isinstance(made, Send) or own.is_trial:
        return made
    builtin = _said(message, facts, to, now, language, None)
    return dataclasses.replace(builtin, instead_of=own.id) if isinstance(builtin, Send) else builtin


def _said(
    message: Message, facts: Facts, to: str, now: datetime, language: str, own: Own | None
) -> Send | Blocked:
    clinic = message.practice.message_name
    reader = Reader(
        language=language,
        zone=_reading_zone(message, facts),
        clinic=clinic,
        heard=settings.SMS_ASKS_FOR_REPLIES,
    )
    rendered = rendering.render(
        kind=own.which.kind if own else message.kind,
        channel=message.channel,
        reader=reader,
        facts=facts,
        words=own.words if own else None,
    )
    calendar, method = b"", ""
    if message.channel == "email" and kinds.rule(message.kind).news and facts.visits:
        calendar, method = invitation.build(
            visits=facts.visits, clinic=clinic, attendee=to, language=language, now=now
        )
    found = checking.lint(rendered=rendered, sender_name=clinic, language=language, private=_private(message))
    if found:
        return Blocked(tuple(sorted({problem.code for problem in found})))
    if own and own.is_trial and message.channel == "sms":
        rendered = dataclasses.replace(rendered, text=wordings.marked(text=rendered.text))
    return Send(to, clinic, rendered, facts.covers, calendar, method)


def _reading_zone(message: Message, facts: Facts) -> str:
    if message.patient:
        return message.patient.time_zone
    return facts.visits[0].zone if facts.visits else "UTC"


def _private(message: Message) -> tuple[str, ...]:
    patient = message.patient
    return (patient.given_name, patient.family_name, patient.birth_date.isoformat()) if patient else ()


def _without_telling_places(facts: Facts) -> Facts:
    """An address that names the treatment is left out; the visit is still told."""
    visits = tuple(
        dataclasses.replace(visit, place="") if neutral.problems(visit.place, "") else visit
        for visit in facts.visits
    )
    return dataclasses.replace(facts, visits=visits)
