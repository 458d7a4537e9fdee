"""Whether this person may be reached by this channel, and at which address: asked when planning and again
when sending.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from notifications.models import Message, Suppression, Trial
from notifications.policy import Kind
from notifications.ports import Silence
from patients.models import ContactPoint, MessagingConsent

# Before a patient's own choice is known, messages go where they are read soonest.
PREFERENCE = ("sms", "email")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send."""

    value: str


def address(message: Message) -> Address | Silence:
    """The recipient's address for the message's channel, or why there is none (R-03, R-04, R-05, R-07)."""
    if message.kind == Kind.WORDING_TRIAL:
        return _of_trial(message)
    if message.staff is not None:
        usable = message.staff.is_active and message.staff.email
        return Address(message.staff.email) if usable else Silence("no_address")
    patient = message.patient
    if patient is None:
        return Silence("no_recipient")
    if patient.no_messages:
        return Silence("no_messages")
    decision = _decisions([patient.pk], message.category).get((patient.pk, message.channel))
    if decision != MessagingConsent.Decision.GRANTED:
        return Silence("consent_revoked" if decision else "no_consent")
    values = list(_contacts([patient.pk], [message.channel]).values_list("value", flat=True))
    refused = dict(
        Suppression.objects.filter(
            practice_id=message.practice_id, channel=message.channel, value__in=values
        ).values_list("value", "reason")
    )
    for value in values:
        if value not in refused:
            return Address(value)
    return Silence(next(iter(refused.values()), "no_address"))


def refused_for(*, practice_id: UUID, channel: str, value: str) -> str:
    """Why nothing may go to this address; blank when it may."""
    # As it was typed: a mailbox that asked for nothing is the same one in capitals.
    rows = Suppression.objects.filter(practice_id=practice_id, channel=channel, value__iexact=value)
    return rows.values_list("reason", flat=True).first() or ""


def _of_trial(message: Message) -> Address | Silence:
    """Where somebody had a test sent: never to what has become a patient's address meanwhile."""
    value = Trial.objects.values_list("to", flat=True).get(
        practice_id=message.practice_id, pk=message.subject_id
    )
    if is_a_patients(practice_id=message.practice_id, channel=message.channel, value=value):
        return Silence("address_of_a_patient")
    reason = refused_for(practice_id=message.practice_id, channel=message.channel, value=value)
    return Silence(reason) if reason else Address(value)


def is_a_patients(*, practice_id: UUID, channel: str, value: str) -> bool:
    """Whether a patient of the practice has, or had, this address."""
    return ContactPoint.objects.filter(
        patient__practice_id=practice_id, channel=channel, value__iexact=value
    ).exists()


def usable_channels(
    *, patient_ids: Collection[UUID], category: str = "reminders"
) -> dict[UUID, tuple[str, ...]]:
    """For each patient the channels with an address and, last, a granted consent, preferred first; one query
    for any number of patients.
    """
    found: dict[UUID, set[str]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.patient_id, c.channel FROM patients_contactpoint c
            WHERE c.patient_id = ANY(%s::uuid[]) AND c.channel = ANY(%s) AND c.is_active
              AND %s = (
                SELECT d.decision FROM patients_messagingconsent d
                WHERE d.patient_id = c.patient_id AND d.channel = c.channel AND d.category = %s
                ORDER BY d.decided_at DESC, d.recorded_at DESC LIMIT 1
              )
            """,
            [list(patient_ids), list(PREFERENCE), MessagingConsent.Decision.GRANTED.value, category],
        )
        for patient_id, channel in cursor.fetchall():
            found[patient_id].add(channel)
    return {
        patient_id: tuple(one for one in PREFERENCE if one in found[patient_id]) for patient_id in patient_ids
    }


def _decisions(patient_ids: Collection[UUID], category: str) -> dict[tuple[UUID, str], str]:
    """The latest decision of each patient and channel."""
    rows = (
        MessagingConsent.objects.filter(patient_id__in=patient_ids, category=category)
        .order_by("patient_id", "channel", "-decided_at", "-recorded_at")
        .distinct("patient_id", "channel")
    )
    return {(row.patient_id, row.channel): row.decision for row in rows}


def _contacts(patient_ids: Collection[UUID], channels: Iterable[str]) -> QuerySet[ContactPoint]:
    return ContactPoint.objects.filter(
        patient_id__in=patient_ids, channel__in=tuple(channels), is_active=True
    ).order_by("rank", "id")
