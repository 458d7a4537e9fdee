"""What a patient would get, and when: messages that are planned, or would be, each asked at its own time what
its sender will ask (`sending.decision`), with the facts as they are now. Writes nothing.

It is no second set of rules: the clock is imagined, and which messages have gone by then; all else is the
same code. What people do until then (a move, a STOP, a birthday of a consent) is not foreseen. What is asked
is read before, for all of them at once (`known`); `walk` asks the database nothing.
"""

import copy
import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from clinic.practice import permissions
from clinic.practice.actor import Actor
from notifications.models import Message
from notifications.models.message import TO_NUMBERS, State
from notifications.planning import ledger, ports, recipients
from notifications.planning.outbox import Draft
from notifications.planning.ports import Facts, Silence, Source
from notifications.planning.recipients import Address
from notifications.sending import aftermath, decision
from notifications.sending.beside import LATELY, TAKEN
from notifications.sending.decision import Blocked, Later, Send
from notifications.wording import texts, wordings
from notifications.wording.texts import Which
from notifications.wording.wordings import Own
from patients.models import Patient

READ = "messages.read"
# So many are looked at, the next ones first.
MOST = 60
# A message is put off now and then; one that is put off for ever is nobody's.
TURNS = 20


# Kind, subject, version, channel: there is one message of each.
Key = tuple[str, UUID, int, str]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What becomes of one message: `at` is when it goes, or is found silent. `put_off` is for how long a
    quiet hour or a message of the same day holds it back; `into` is the message that says it."""

    message: Message
    planned_for: datetime
    at: datetime
    outcome: Send | Silence | Blocked
    into: UUID | None = None

    @property
    def put_off(self) -> bool:
        return self.at > self.planned_for


@dataclass(frozen=True, slots=True)
class Known:
    """What will be asked of one patient's messages. `held` are the messages that there are of the same
    subjects, `sent` what went lately (channel, when)."""

    facts: Source
    address: Callable[[Message], Address | Silence]
    words: Mapping[Which, Own]
    held: Collection[Key] = ()
    sent: Sequence[tuple[str, datetime]] = ()


@dataclass(slots=True)
class _Imagined:
    """The messages of one patient while time is imagined to pass."""

    known: Known
    pending: list[Message]
    held: set[Key]
    sent: list[tuple[str, datetime]] = field(default_factory=list)

    def others(self, *, message: Message) -> tuple[bool, bool]:
        mine = message.kind, message.subject_id
        superseded = any(
            (kind, subject) == mine and version > message.subject_version
            for kind, subject, version, _ in self.held
        )
        return superseded, any(one.channel == message.channel for one in self.pending)

    def waiting(
        self, *, message: Message, now: datetime, before: datetime, kinds: Collection[str] | None = None
    ) -> Sequence[Message]:
        return tuple(
            one
            for one in self.pending
            if one.pk != message.pk
            and one.channel == message.channel
            and one.useful_until >= now
            and one.due_at < before
            and (kinds is None or one.kind in kinds)
        )

    def sent_lately(self, *, message: Message, now: datetime) -> Sequence[datetime]:
        every = (*self.known.sent, *self.sent)
        return [at for channel, at in every if channel == message.channel and at >= now - LATELY]

    def facts(self, *, message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
        return self.known.facts(message, also, now)

    def address(self, *, message: Message) -> Address | Silence:
        return self.known.address(message)

    def own_words(self, *, message: Message, language: str) -> Own | None:
        known = language if language in texts.LANGUAGES else texts.LANGUAGES[0]
        return self.known.words.get(Which(message.kind, known, message.channel))

    def next(self) -> Message | None:
        self.pending.sort(key=lambda one: (one.due_at, one.pk))
        return self.pending.pop(0) if self.pending else None

    def onward(self, *, message: Message, now: datetime) -> None:
        """The same by the next channel, unless it was tried already."""
        kind, subject, version, _ = _key(message)
        tried = {channel for *which, channel in self.held if which == [kind, subject, version]}
        draft = aftermath.onward(message=message, tried=tried, now=now)
        if draft is not None and message.patient is not None:
            another = _message(draft, message.patient)
            self.pending.append(another)
            self.held.add(_key(another))


def planned(*, actor: Actor, patient_id: UUID) -> list[Message]:
    """What is planned for a patient of the practice, the first `MOST` of it in the order of its time."""
    permissions.check(actor=actor, capability=READ)
    rows = Message.objects.filter(
        practice_id=actor.practice_id, patient_id=patient_id, state__in=ledger.UNSENT
    )
    return list(rows.select_related("practice", "patient").order_by("due_at", "id")[:MOST])


def next_course(*, actor: Actor) -> UUID | None:
    """The course of which something goes next in the actor's practice: an example of what patients get."""
    permissions.check(actor=actor, capability=READ)
    waiting = Message.objects.filter(
        practice_id=actor.practice_id, course_id__isnull=False, state=State.PLANNED
    )
    return waiting.order_by("due_at", "id").values_list("course_id", flat=True).first()


def known(
    *, patient: Patient, messages: Sequence[Message], facts: Source | None = None, now: datetime
) -> Known:
    """What will be asked of these messages of a patient: three queries, and one for each channel and sort of
    message. `facts` answers what each says, unless that is asked of the database, a few queries each."""
    subjects = {one.subject_id for one in messages}
    held = Message.objects.filter(practice_id=patient.practice_id, subject_id__in=subjects)
    taken = Message.objects.filter(patient=patient, state__in=TAKEN, updated_at__gte=now - LATELY)
    addresses: dict[tuple[object, ...], Address | Silence] = {}

    def address(message: Message) -> Address | Silence:
        # An answer goes to the number that asked.
        about = message.subject_id if message.subject_kind in TO_NUMBERS else None
        asked = message.channel, message.category, about
        if asked not in addresses:
            addresses[asked] = recipients.address(message)
        return addresses[asked]

    return Known(
        facts=facts or (lambda message, also, now: ports.facts(message=message, also=also, now=now)),
        address=address,
        words=wordings.in_use(practice=patient.practice, language=patient.language),
        held=frozenset(held.values_list("kind", "subject_id", "subject_version", "channel")),
        sent=tuple(taken.values_list("channel", "updated_at")),
    )


def drafted(*, drafts: Sequence[Draft], patient: Patient) -> list[Message]:
    """The rows that these drafts would be."""
    return [_message(one, patient) for one in drafts]


def walk(*, messages: Sequence[Message], known: Known, now: datetime) -> list[Foreseen]:
    """What becomes of these messages of one patient, from `now` on."""
    imagined = _Imagined(
        known, [copy.copy(one) for one in messages], {*known.held, *(_key(one) for one in messages)}
    )
    first = {one.pk: one.due_at for one in messages}
    turns: dict[UUID, int] = {}
    seen: list[Foreseen] = []
    at = now
    while (message := imagined.next()) is not None:
        at = max(at, message.due_at)
        verdict = decision.decide(message=message, now=at, beside=imagined)
        turns[message.pk] = turns.get(message.pk, 0) + 1
        if isinstance(verdict, Later) and turns[message.pk] < TURNS:
            message.due_at = min(verdict.at, message.useful_until)
            imagined.pending.append(message)
            continue
        outcome = Silence("quiet_hours") if isinstance(verdict, Later) else verdict
        seen.append(Foreseen(message, first.get(message.pk, at), at, outcome))
        if isinstance(outcome, Send):
            seen += _gone(imagined, message, outcome, at, first)
        elif isinstance(outcome, Silence) and outcome.reason in aftermath.UNREACHABLE:
            imagined.onward(message=message, now=at)
    return seen


def _gone(
    imagined: _Imagined, message: Message, sent: Send, at: datetime, first: dict[UUID, datetime]
) -> list[Foreseen]:
    """What the text says as well does not go by itself."""
    imagined.sent.append((message.channel, at))
    said = [one for one in imagined.pending if one.pk in sent.covers]
    imagined.pending = [one for one in imagined.pending if one.pk not in sent.covers]
    return [Foreseen(one, first.get(one.pk, at), at, Silence("merged"), into=message.pk) for one in said]


def _key(message: Message) -> Key:
    return message.kind, message.subject_id, message.subject_version, message.channel


def _message(draft: Draft, patient: Patient) -> Message:
    """The row that the draft would be."""
    values = {one.name: getattr(draft, one.name) for one in dataclasses.fields(draft)}
    return Message(**values, practice=patient.practice, patient=patient)
