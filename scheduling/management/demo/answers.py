"""What some of the invented patients wrote back lately, taken in as a provider would tell it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from clinic.practice.models import Practice
from notifications.inbox import inbound
from notifications.inbox.inbound import Text
from notifications.models import Message
from notifications.planning import kinds, ledger

WORDS = (
    "C",
    "Is there parking near you? My sister drives me.",
    "R",
    "C",
    "Can I come half an hour later on that day?",
)
ASKED_SINCE = timedelta(days=4)
AFTER = timedelta(minutes=40)


def tell(*, practice: Practice, now: datetime) -> None:
    """Each of some patients whom a text asked lately answers it once."""
    for number, (asked, words) in enumerate(zip(_asked(practice, now), WORDS, strict=False), start=1):
        inbound.take(
            text=Text(
                provider="twilio",
                provider_id=f"demo-{number}",
                sender=asked.sent_to,
                receiver="",
                body=words,
            ),
            now=min(asked.due_at + AFTER, now),
        )


def _asked(practice: Practice, now: datetime) -> Iterator[Message]:
    """The last text that asked each of them, the latest first."""
    asking = [kind for kind, rule in kinds.RULES.items() if rule.asks]
    texts = Message.objects.filter(practice=practice, channel="sms", kind__in=asking)
    gone = texts.filter(state__in=ledger.HANDED_OVER, due_at__gte=now - ASKED_SINCE)
    seen = set()
    for message in gone.order_by("-due_at", "id"):
        if message.patient_id not in seen:
            seen.add(message.patient_id)
            yield message
