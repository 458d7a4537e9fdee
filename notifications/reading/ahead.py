"""What a patient would get, and when: the messages that are planned, each asked at its own time what its
sender will ask (`sending.decision`), with the facts as they are now. Writes nothing.

It is no second set of rules: the clock is imagined, and which messages have gone by then; all else is the
same code. What people do until then (a move, a STOP, a birthday of a consent) is not foreseen.
"""

import copy
import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from clinic.practice import permissions
from clinic.practice.actor import Actor
from notifications.models import Message
from notifications.models.message import State
from notifications.planning import ledger
from notifications.planning.outbox import Draft
from notifications.planning.ports import Silence
from notifications.sending import aftermath, decision
from notifications.sending.beside import LATELY, Ledger
from notifications.sending.decision import Blocked, Later, Send

# So many are looked at, the next ones first: each costs what its sender asks.
MOST = 60
# A message is put off now and then; one that is put off for ever is nobody's.
TURNS = 20


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


@dataclass(slots=True)
class _Imagined:
    """The messages of one patient while time is imagined to pass."""

    ledger: Ledger
    pending: list[Message]
    sent: list[tuple[str, datetime]] = field(default_factory=list)

    def others(self, *, message: Message) -> tuple[bool, bool]:
        superseded, _ = self.ledger.others(message=message)
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
        imagined = [at for channel, at in self.sent if channel == message.channel and at >= now - LATELY]
        return [*self.ledger.sent_lately(message=message, now=now), *imagined]

    def next(self) -> Message | None:
        self.pending.sort(key=lambda one: (one.due_at, one.pk))
        return self.pending.pop(0) if self.pending else None


def of_patient(*, actor: Actor, patient_id: UUID, now: datetime) -> list[Foreseen]:
    """What is planned for a patient of the practice, in the order in which it would go; the first `MOST`."""
    permissions.check(actor=actor, capability="messages.read")
    planned = Message.objects.filter(
        practice_id=actor.practice_id, patient_id=patient_id, state__in=ledger.UNSENT
    )
    rows = planned.select_related("practice", "patient").order_by("due_at", "id")
    return walk(messages=list(rows[:MOST]), now=now)


def next_course(*, actor: Actor) -> UUID | None:
    """The course of which something goes next in the actor's practice: an example of what patients get."""
    permissions.check(actor=actor, capability="messages.read")
    planned = Message.objects.filter(
        practice_id=actor.practice_id, course_id__isnull=False, state=State.PLANNED
    )
    return planned.order_by("due_at", "id").values_list("course_id", flat=True).first()


def walk(*, messages: Sequence[Message], now: datetime) -> list[Foreseen]:
    """What becomes of these messages of one patient, from `now` on."""
    imagined = _Imagined(Ledger(), [copy.copy(one) for one in messages])
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
            imagined.pending += _onward(message, at)
    return seen


def _gone(
    imagined: _Imagined, message: Message, sent: Send, at: datetime, first: dict[UUID, datetime]
) -> list[Foreseen]:
    """What the text says as well does not go by itself."""
    imagined.sent.append((message.channel, at))
    said = [one for one in imagined.pending if one.pk in sent.covers]
    imagined.pending = [one for one in imagined.pending if one.pk not in sent.covers]
    return [Foreseen(one, first.get(one.pk, at), at, Silence("merged"), into=message.pk) for one in said]


def _onward(message: Message, at: datetime) -> list[Message]:
    """The same by the next channel, unless it is planned there already."""
    draft = aftermath.onward(message=message, now=at)
    if (
        draft is None
        or Message.objects.filter(practice_id=draft.practice_id, dedupe_key=draft.dedupe_key).exists()
    ):
        return []
    return [_message(draft, message)]


def _message(draft: Draft, like: Message) -> Message:
    """The row that the draft would be."""
    values = {one.name: getattr(draft, one.name) for one in dataclasses.fields(draft)}
    return Message(**values, practice=like.practice, patient=like.patient)
