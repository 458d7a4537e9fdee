"""The link in an e-mail's head by which its reader makes such messages stop (R-17, RFC 8058).

Its token names the hand-over and is of use for nothing else; the address tells nothing of anybody.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings

from clinic.practice import actor as actors
from clinic.practice import sealed_ids, writing
from clinic.practice.errors import NotFound
from notifications.models import Message
from notifications.planning import outbox
from patients import own

PATH = "/u/"
SOURCE = "the link in an e-mail"
_PURPOSE = b"clinic.unsubscribe"


def address(*, attempt_id: UUID) -> str:
    """Where the mail program of whoever got this hand-over asks for no more."""
    return f"{settings.PUBLIC_URL}{PATH}{sealed_ids.make(named=attempt_id, purpose=_PURPOSE)}"


def find(*, token: str) -> Message:
    """What a token is about; it holds for as long as the record. Raises NotFound."""
    attempt_id = sealed_ids.read(token=token, purpose=_PURPOSE)
    rows = Message.objects.select_related("patient", "practice").filter(patient__isnull=False)
    found = rows.filter(attempt_rows=attempt_id).first() if attempt_id else None
    if found is None:
        raise NotFound()
    return found


def stop(*, token: str, now: datetime) -> None:
    """No more messages of that sort by that channel: the consent is revoked and what was planned is taken
    back. Doing it again changes nothing. Raises NotFound.
    """
    message = find(token=token)
    patient = message.patient
    assert patient is not None
    with writing.transaction():
        own.stop(
            actor=actors.patient(practice_id=message.practice_id, patient_id=patient.pk),
            channel=message.channel,
            category=message.category,
            source=SOURCE,
            now=now,
        )
        outbox.withdraw_from(
            patient_id=patient.pk,
            channel=message.channel,
            category=message.category,
            reason="consent_revoked",
            now=now,
        )
