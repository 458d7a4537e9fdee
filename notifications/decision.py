"""The last look before a hand-over: is the message still true, wanted, possible and fit to be seen?

Everything is asked again at this moment, whatever was known when it was planned (R5: re-check at send time).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from notifications import (
    channels,
    checking,
    invitation,
    neutral,
    policy,
    ports,
    preferences,
    recipients,
    rendering,
    wordings,
)
from notifications.models import Message
from notifications.models.message import State
from notifications.policy import Choice, Kind
from notifications.ports import Facts, Silence
from notifications.rendering import Reader, Rendered
from notifications.wordings import Own

# What one text can say for several visits: when the next ones are, or what their new times are.
_TOGETHER: Mapping[str, tuple[Kind, ...]] = {
    Kind.REMINDER_24H: (Kind.REMINDER_24H, Kind.REMINDER_72H),
    Kind.REMINDER_72H: (Kind.REMINDER_24H, Kind.REMINDER_72H),
    Kind.VISIT_MOVED: (Kind.VISIT_MOVED,),
}
# What was just done: with a calendar part, and by e-mail at any hour.
_NEWS = (Kind.COURSE_BOOKED, Kind.VISIT_MOVED, Kind.VISIT_LIST)


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


def decide(*, message: Message, now: datetime) -> Decision:
    """What becomes of a leased message. Reads the database, writes nothing."""
    if policy.is_stale(now=now, useful_until=message.useful_until):
        return Silence("skipped_stale")
    if _superseded(message):
        return Silence("superseded")
    also = _siblings(message, now)
    if also and (waits := _choose(message, also, now)) is not None:
        return waits
    facts = ports.facts(message=message, also=also, now=now)
    if isinstance(facts, Silence):
        return facts
    channel = channels.of(message.channel)
    if channel is None or not channel.configured():
        return Silence("no_provider")
    address = recipients.address(message)
    if isinstance(address, Silence):
        return address
    return _quiet(message, now) or _compose(message, _without_telling_places(facts), address.value, now)


def zone_of(message: Message) -> str:
    """The recipient's own zone; staff are not messaged by it."""
    return message.patient.time_zone if message.patient else "UTC"


def language_of(message: Message) -> str:
    return message.patient.language if message.patient else "en"


def _superseded(message: Message) -> bool:
    """A newer version of the same subject has its own message."""
    newer = Message.objects.filter(
        practice_id=message.practice_id,
        subject_id=message.subject_id,
        kind=message.kind,
        subject_version__gt=message.subject_version,
    )
    return newer.exists()


def _siblings(message: Message, now: datetime) -> Sequence[Message]:
    """What else the recipient is to be told by this channel on this local day of theirs, of the same sort."""
    together = _TOGETHER.get(message.kind)
    if message.patient_id is None or together is None:
        return ()
    zone = ZoneInfo(zone_of(message))
    tomorrow = (now.astimezone(zone) + timedelta(days=1)).date()
    day_ends = datetime.combine(tomorrow, datetime.min.time(), zone)
    return tuple(
        Message.objects.filter(
            patient_id=message.patient_id,
            channel=message.channel,
            kind__in=together,
            state__in=(State.PLANNED, State.LEASED),
            due_at__lt=day_ends,
            useful_until__gte=now,
        )
        .exclude(pk=message.pk)
        .order_by("due_at", "id")
    )


def _choose(message: Message, also: Sequence[Message], now: datetime) -> Later | Silence | None:
    """Whether a more important message of today will say it. It waits for that one, and goes alone if that
    one does not.
    """
    caps = preferences.of(message.practice).caps
    verdicts = policy.choose(
        candidates=[_candidate(one, now) for one in (message, *also)],
        sent=_sent_lately(message, now) if caps != policy.Caps() else (),
        zone=zone_of(message),
        caps=caps,
    )
    verdict = verdicts[str(message.pk)]
    if verdict.choice is Choice.DROP:
        return Silence("over_cap")
    carrier = next((one for one in also if str(one.pk) == verdict.into), None)
    if carrier is None:
        return None
    after = max(carrier.due_at, now) + timedelta(seconds=1)
    return Later(after) if after <= message.useful_until else Silence("merged")


def _candidate(message: Message, now: datetime) -> policy.Candidate:
    return policy.Candidate(
        id=str(message.pk),
        kind=Kind(message.kind),
        send_at=max(message.due_at, now),
        useful_until=message.useful_until,
        about_dose=message.uncapped,
    )


def _sent_lately(message: Message, now: datetime) -> list[datetime]:
    rows = Message.objects.filter(
        patient=message.patient,
        channel=message.channel,
        state__in=(State.ACCEPTED, State.DELIVERED, State.IN_DOUBT),
        updated_at__gte=now - timedelta(days=14),
    )
    return list(rows.values_list("updated_at", flat=True))


def _quiet(message: Message, now: datetime) -> Later | Silence | None:
    """R-10: not in the patient's quiet hours.

    Excepted is an e-mail that confirms a booking or a move: it rings no telephone, and answers what was just
    done; and an answer to what the patient just asked for.
    """
    news = message.channel == "email" and message.kind in _NEWS
    if message.patient is None or news or message.kind in policy.REPLIES:
        return None
    window = preferences.of(message.practice).window
    at = policy.next_allowed(instant=now, zone=zone_of(message), window=window)
    if at <= now:
        return None
    return Later(at) if at <= message.useful_until else Silence("quiet_hours")


def _compose(message: Message, facts: Facts, to: str, now: datetime) -> Send | Blocked:
    """In the practice's own words where they may be used, else in the built-in ones: no message waits for
    somebody to mend a wording.
    """
    language = language_of(message)
    own = wordings.of(message=message, language=language)
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
    reader = Reader(language=language, zone=_reading_zone(message, facts), clinic=clinic)
    rendered = rendering.render(
        kind=own.which.kind if own else message.kind,
        channel=message.channel,
        reader=reader,
        facts=facts,
        words=own.words if own else None,
    )
    calendar, method = b"", ""
    if message.channel == "email" and message.kind in _NEWS and facts.visits:
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
