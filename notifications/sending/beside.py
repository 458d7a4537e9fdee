"""What a decision asks: of the database before a hand-over, or of what was read once where messages are only
looked ahead at (`notifications.reading.ahead`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from clinic.practice import prepared
from notifications.models import Message
from notifications.models.message import State
from notifications.planning import ledger, ports, recipients
from notifications.planning.ports import Facts, Silence
from notifications.planning.recipients import Address
from notifications.wording import wordings
from notifications.wording.wordings import Own

# How far back a cap can reach, and more.
LATELY = timedelta(days=14)
TAKEN = (State.ACCEPTED, State.DELIVERED, State.IN_DOUBT)

# Asked of every message, here called `one`, in the statement that reads it.
SUPERSEDED = """
    EXISTS(SELECT FROM notifications_message WHERE subject_id = one.subject_id AND kind = one.kind
           AND practice_id = one.practice_id AND subject_version > one.subject_version)
"""
ACCOMPANIED = """
    EXISTS(SELECT FROM notifications_message WHERE patient_id = one.patient_id AND channel = one.channel
           AND state IN ('planned', 'leased') AND id <> one.id)
"""
OTHERS = f"""
SELECT {SUPERSEDED}, {ACCOMPANIED}
FROM (SELECT %(id)s::uuid AS id, %(subject)s::uuid AS subject_id, %(version)s::int AS subject_version,
             %(practice)s::uuid AS practice_id, %(patient)s::uuid AS patient_id,
             %(kind)s::text AS kind, %(channel)s::text AS channel) one
"""


class Beside(Protocol):
    """The other messages of a recipient, and what there is to know of each, for whoever decides about one."""

    def others(self, *, message: Message) -> tuple[bool, bool]:
        """Whether a newer version of the same subject has its own message, and whether anything else waits
        for the same patient by the same channel."""

    def waiting(
        self, *, message: Message, now: datetime, before: datetime, kinds: Collection[str] | None = None
    ) -> Sequence[Message]:
        """What else is planned for the recipient by this channel, due before then and still of use, in the
        order of its time; None is every kind."""

    def sent_lately(self, *, message: Message, now: datetime) -> Sequence[datetime]:
        """When the recipient was told something by this channel."""

    def facts(self, *, message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
        """What it says, or why it is not true any more."""

    def address(self, *, message: Message) -> Address | Silence:
        """Where it goes, or why it may not."""

    def own_words(self, *, message: Message, language: str) -> Own | None:
        """The practice's own words for it."""


class Ledger:
    """The messages that there are, and what the database knows now."""

    def others(self, *, message: Message) -> tuple[bool, bool]:
        [found] = prepared.fetch(
            OTHERS,
            {
                "subject": message.subject_id,
                "kind": message.kind,
                "practice": message.practice_id,
                "version": message.subject_version,
                "patient": message.patient_id,
                "channel": message.channel,
                "id": message.pk,
            },
        )
        superseded, accompanied = found
        return superseded, accompanied

    def waiting(
        self, *, message: Message, now: datetime, before: datetime, kinds: Collection[str] | None = None
    ) -> Sequence[Message]:
        found = Message.objects.filter(
            patient=message.patient,
            channel=message.channel,
            state__in=ledger.UNSENT,
            useful_until__gte=now,
            due_at__lt=before,
        ).exclude(pk=message.pk)
        if kinds is not None:
            found = found.filter(kind__in=kinds)
        return tuple(found.order_by("due_at", "id"))

    def sent_lately(self, *, message: Message, now: datetime) -> Sequence[datetime]:
        rows = Message.objects.filter(
            patient=message.patient,
            channel=message.channel,
            state__in=TAKEN,
            updated_at__gte=now - LATELY,
        )
        return list(rows.values_list("updated_at", flat=True))

    def facts(self, *, message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
        return ports.facts(message=message, also=also, now=now)

    def address(self, *, message: Message) -> Address | Silence:
        return recipients.address(message)

    def own_words(self, *, message: Message, language: str) -> Own | None:
        return wordings.of(message=message, language=language)


@dataclass(frozen=True, slots=True)
class Seen(Ledger):
    """The same, where this was asked together with the message's row: `reached` is `recipients.ASKED`."""

    superseded: bool
    accompanied: bool
    reached: recipients.Asked

    def others(self, *, message: Message) -> tuple[bool, bool]:
        return self.superseded, self.accompanied

    def address(self, *, message: Message) -> Address | Silence:
        return recipients.address(message, self.reached)
