"""The text that confirms an opt-in (R-11, R-12): who writes, how often, what it costs, how to stop.

Once a number and consent, when a person has agreed: by the link of a visit, or to staff. Patients of a file,
or whom a program adds, agreed elsewhere: none of them gets one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from notifications.models import Message
from notifications.models.message import State
from notifications.planning import outbox, recipients
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.ports import Facts, Silence, Source
from patients import queries as patients
from patients.models import ContactPoint, MessagingConsent, Patient

SUBJECT = "contact"
# What was agreed longer ago is not news to whoever agreed.
USEFUL = timedelta(days=2)
# Who shares a telephone reads it once.
SHARED = timedelta(days=30)


def sources() -> dict[str, Source]:
    """Who answers for this kind of message."""
    return {Kind.CONSENT_CONFIRMED: facts}


def confirm(*, patient_id: UUID, now: datetime) -> None:
    """Queue it for the number that the patient's texts go to, if they come. In the caller's transaction."""
    patient = Patient.objects.get(pk=patient_id)
    point = _point(patient_id)
    usable = recipients.usable_channels(patient_ids=[patient_id])[patient_id]
    if point is None or patient.no_messages or "sms" not in usable:
        return
    grants = MessagingConsent.objects.filter(
        patient=patient,
        channel="sms",
        category=recipients.CONSENT,
        decision=MessagingConsent.Decision.GRANTED,
    )
    # A number that was mistyped and mended gets nothing.
    due = now + timedelta(seconds=settings.MESSAGE_GRACE_SECONDS)
    draft = Draft(
        practice_id=patient.practice_id,
        patient_id=patient.pk,
        kind=Kind.CONSENT_CONFIRMED,
        channel="sms",
        subject_kind=SUBJECT,
        subject_id=point.pk,
        subject_version=grants.count(),
        due_at=due,
        useful_until=due + USEFUL,
    )
    outbox.queue(messages=[draft], now=now)


def facts(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """Whom to call; silent where texts go to another number now, or another patient with it was told."""
    patient = message.patient
    point = _point(patient.pk) if patient else None
    if patient is None or point is None or point.pk != message.subject_id:
        return Silence("number_changed")
    told = Message.objects.filter(
        practice_id=message.practice_id,
        kind=Kind.CONSENT_CONFIRMED,
        channel="sms",
        sent_to=point.value,
        state__in=(State.ACCEPTED, State.DELIVERED, State.IN_DOUBT),
        due_at__gt=now - SHARED,
    )
    if told.exclude(patient=patient).exists():
        return Silence("shared_number_told")
    return Facts(phone=patient.site.phone or message.practice.phone)


def _point(patient_id: UUID) -> ContactPoint | None:
    """The number that the patient's texts go to."""
    points = patients.usable_points(patient_id=patient_id, channel="sms", category=recipients.CONSENT)
    return next(iter(points), None)
