"""A hand-over whose answer was lost, made again under its own key at a provider that makes the two one."""

from datetime import datetime

from clinic.practice import sealing
from notifications import channels
from notifications.channels.base import Channel, Outcome, Outgoing, Result
from notifications.models import Attempt
from notifications.sending import decision
from notifications.sending.decision import Send

_PURPOSE = b"message attempt"


def keep(*, attempt: Attempt, channel: str, text: str) -> None:
    """Keep what would have to be said again to the byte, where that can help; sealed, because links are in
    it. Changes the unsaved row.
    """
    provider = channels.of(channel)
    if provider is not None and provider.REPLAYS:
        attempt.sealed_text = sealing.seal(secret=text.encode(), purpose=_PURPOSE, owner=attempt.pk.bytes)


def replay(*, attempt: Attempt, channel: Channel, now: datetime) -> Result | None:
    """What is known of the hand-over after it was made again; None when it is not known yet, or when the
    message has become untrue: then it must not go, if it never went.
    """
    message = attempt.message
    if not attempt.sealed_text or not isinstance(decision.decide(message=message, now=now), Send):
        return None
    text = sealing.unseal(sealed=bytes(attempt.sealed_text), purpose=_PURPOSE, owner=attempt.pk.bytes)
    again = Outgoing(
        attempt_id=attempt.pk,
        to=message.sent_to,
        sender_name=message.practice.message_name,
        subject="",
        text=text.decode(),
    )
    result = channel.send(outgoing=again)
    # "Not now" says nothing of the first time. A refusal does: had the first been taken, so would this.
    return result if result.outcome in (Outcome.ACCEPTED, Outcome.PERMANENT) else None


def forget(*, before: datetime) -> int:
    """What was kept of hand-overs begun before, which nobody makes again; returns how many."""
    return Attempt.objects.filter(sealed_text__isnull=False, begun_at__lt=before).update(sealed_text=None)
