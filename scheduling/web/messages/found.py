"""What the pages read about messages: a few statements each, however many messages there are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.models import TrailEntry
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.reading import queries as ledger

# What is shown of a message's tries, of its story, and of what else was said of the same thing.
MOST = 20
# As the alarms of the installation have it: nobody began it, or nobody ended what was begun.
OVERDUE, STUCK = timedelta(minutes=5), timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which messages a list shows: in these states, or not sent for one of these reasons. Blank: of every
    sort. `after` is the last message of the page before."""

    states: tuple[str, ...]
    unsent_for: tuple[str, ...]
    channel: str
    kind: str
    patient: UUID | None
    since: datetime
    before: datetime
    oldest_first: bool
    after: tuple[datetime, UUID] | None = None


def sought(*, actor: Actor, wanted: Sought, most: int) -> list[Message]:
    """Messages that are due in a span, the newest first unless told."""
    which = Q(state__in=wanted.states) | Q(state="suppressed", state_reason__in=wanted.unsent_for)
    found = ledger.messages(actor=actor).filter(which, due_at__gte=wanted.since, due_at__lt=wanted.before)
    if wanted.channel:
        found = found.filter(channel=wanted.channel)
    if wanted.kind:
        found = found.filter(kind=wanted.kind)
    if wanted.patient:
        found = found.filter(patient_id=wanted.patient)
    if wanted.after:
        at, last = wanted.after
        # The first comparison is on the ordering field alone, because an index serves it.
        if wanted.oldest_first:
            found = found.filter(Q(due_at__gt=at) | Q(id__gt=last), due_at__gte=at)
        else:
            found = found.filter(Q(due_at__lt=at) | Q(id__lt=last), due_at__lte=at)
    order = ("due_at", "id") if wanted.oldest_first else ("-due_at", "-id")
    return list(found.order_by(*order)[:most])


@dataclass(frozen=True, slots=True)
class Alarms:
    """How many messages of the practice nobody knows to be sent, are late, or hang in their hand-over."""

    in_doubt: int
    overdue: int
    stuck: int


def alarms(*, actor: Actor, now: datetime) -> Alarms:
    permissions.check(actor=actor, capability="messages.read")
    ours = Message.objects.filter(practice_id=actor.practice_id)
    return Alarms(
        in_doubt=ours.filter(state=State.IN_DOUBT).count(),
        overdue=ours.filter(state=State.PLANNED, due_at__lt=now - OVERDUE).count(),
        stuck=ours.filter(state=State.HANDING_OVER, updated_at__lt=now - STUCK).count(),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One message with all that is known of it; `beside` are the others about the same visit or course."""

    message: Message
    attempts: list[Attempt]
    story: list[TrailEntry]
    beside: list[Message]


def told(*, actor: Actor, message_id: UUID) -> Told:
    """Raises NotFound, also for a message of another practice."""
    message = ledger.message(actor=actor, message_id=message_id)
    story = TrailEntry.objects.filter(practice_id=actor.practice_id, subject_id=message.pk)
    same = ledger.messages(actor=actor).filter(subject_id=message.subject_id, patient=message.patient)
    attempts = Attempt.objects.filter(message=message).order_by("-number")
    return Told(
        message=message,
        attempts=list(attempts[:MOST]),
        story=list(story.order_by("-id")[:MOST]),
        beside=list(same.exclude(pk=message.pk).order_by("-due_at", "-id")[:MOST]),
    )


def said_by(*, actor: Actor, message: Message) -> Message | None:
    """The message whose text said this one as well."""
    if message.state_reason != "merged":
        return None
    near = ledger.messages(actor=actor).filter(
        patient=message.patient, channel=message.channel, due_at__gte=message.due_at - timedelta(days=2)
    )
    return near.filter(attempt_rows__covers__contains=[message.pk]).first()
