"""What patients themselves say, by a link that proved who they are: language, channels, who takes them home.

The actor is the patient: nobody else's record can be reached. Each function is one transaction with its trail
row, and raises NotAllowed and Invalid.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinic.practice import fields, permissions, writing
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import NotAllowed
from clinic.practice.ids import new_id
from patients import decisions, ports, queries
from patients.models import ContactPoint, Escort, MessagingConsent, Patient
from patients.models.contact import WRITTEN, Channel
from patients.models.patient import Language

CAPABILITY = "own_record.write"
CATEGORY = decisions.GENERAL
SOURCE = "the patient's page"
GRANTED, REVOKED = MessagingConsent.Decision.GRANTED, MessagingConsent.Decision.REVOKED


@dataclass(frozen=True, slots=True)
class Ride:
    """Who takes the patient home."""

    name: str
    phone: str


def channels(*, patient: Patient) -> tuple[str, ...]:
    """The channels by which there is an address that may be used for some sort of message (R-04), in their
    usual order."""
    standing = queries.standing_requests(patient=patient)
    free = any(category not in standing for category in WRITTEN)
    known = (standing[category].addresses for category in WRITTEN if category in standing)
    asked = {value for addresses in known for value in addresses or ()}
    rows = ContactPoint.objects.filter(patient=patient, is_active=True)
    held = {channel for channel, value in rows.values_list("channel", "value") if free or value in asked}
    return tuple(one.value for one in Channel if one in held)


def ride(*, patient_id: UUID, visit_id: UUID) -> Ride | None:
    """Who was named for this visit, or None."""
    found = Escort.objects.filter(patient_id=patient_id, appointment_id=visit_id).order_by("pk").last()
    return Ride(found.name, found.phone) if found else None


def rides(*, patient_id: UUID, visit_ids: Collection[UUID]) -> set[UUID | None]:
    """The visits for which somebody was named; one query."""
    found = Escort.objects.filter(patient_id=patient_id, appointment_id__in=visit_ids)
    return set(found.values_list("appointment_id", flat=True))


def choose_language(*, actor: Actor, language: str, now: datetime) -> None:
    """The language of the messages and of the page, from now on."""
    problems = fields.Problems()
    fields.choice(problems, "language", language, Language.values)
    problems.raise_if_any()
    with writing.transaction():
        patient = _locked(actor)
        if patient.language != language:
            writing.save(row=patient, values={"language": language})
            _tell(actor, "update", "patient", patient.pk, now, "language")


def choose_channels(*, actor: Actor, wanted: frozenset[str], warning_version: str, now: datetime) -> None:
    """By which channels messages may come: all others are revoked at once; none at all stops every message.

    R-03: `warning_version` names the text about unencrypted messages that stood beside the choice. R-07: to
    stop needs no more than this. Choosing the same again writes nothing. A channel that is not offered,
    because they asked to be written to elsewhere (R-04), stays as it is, unless they want no messages at all.
    """
    with writing.transaction():
        patient = _locked(actor)
        offered = channels(patient=patient)
        held = {
            row.channel: row.decision
            for row in MessagingConsent.objects.filter(patient=patient, category=CATEGORY)
            .order_by("channel", "-decided_at", "-recorded_at")
            .distinct("channel")
        }
        for channel in Channel.values:
            if wanted and channel not in offered:
                continue
            grant = channel in wanted and channel in offered
            if (held.get(channel) == GRANTED) == grant:
                continue
            row = MessagingConsent.objects.create(
                id=new_id(),
                patient=patient,
                channel=channel,
                category=CATEGORY,
                decision=GRANTED if grant else REVOKED,
                warning_version=warning_version if grant else "",
                source=SOURCE,
                decided_at=now,
                decided_by=actor.ref,
            )
            _tell(actor, "create", "messaging_consent", row.pk, now)
            if grant:
                decisions.agreed(patient_id=patient.pk, channel=channel)
        if wanted and patient.no_messages:
            writing.save(row=patient, values={"no_messages": False})
            _tell(actor, "update", "patient", patient.pk, now, "no_messages")
        if Channel.SMS in wanted and held.get(Channel.SMS) != GRANTED:
            ports.texts_agreed(patient_id=patient.pk, now=now)


def stop(*, actor: Actor, channel: str, category: str, source: str, now: datetime) -> bool:
    """No more messages of this category by this channel, at once and without any form (R-07); False where
    that had been said already. In the caller's transaction: that which takes back what was planned.
    """
    patient = _locked(actor)
    held = MessagingConsent.objects.filter(patient=patient, channel=channel, category=category)
    last = held.order_by("-decided_at", "-recorded_at").first()
    if last is not None and last.decision == REVOKED:
        return False
    row = MessagingConsent.objects.create(
        id=new_id(),
        patient=patient,
        channel=channel,
        category=category,
        decision=REVOKED,
        source=source,
        decided_at=now,
        decided_by=actor.ref,
    )
    _tell(actor, "create", "messaging_consent", row.pk, now)
    return True


def name_ride(*, actor: Actor, visit_id: UUID, name: str, phone: str, now: datetime) -> None:
    """Who takes the patient home after this visit (S-11: label counselling); the last one said holds."""
    problems = fields.Problems()
    who = fields.text(problems, "name", name, longest=200)
    region = places.region(practice=places.practice(actor=actor)) if phone.strip() else ""
    number = fields.phone(problems, "phone", phone, region=region) if phone.strip() else ""
    problems.raise_if_any()
    with writing.transaction():
        patient = _locked(actor)
        values = {"name": who, "phone": number, "confirmed_at": now, "confirmed_by": actor.ref}
        rows = Escort.objects.filter(patient=patient, appointment_id=visit_id)
        held = rows.order_by("pk").last()
        if held is None:
            held = Escort.objects.create(id=new_id(), patient=patient, appointment_id=visit_id, **values)
        elif (held.name, held.phone) == (who, number):
            return
        else:
            rows.filter(pk=held.pk).update(**values)
        _tell(actor, "create", "escort", held.pk, now)


def _locked(actor: Actor) -> Patient:
    permissions.check(actor=actor, capability=CAPABILITY)
    if actor.id is None or actor.kind != "patient":
        raise NotAllowed(capability=CAPABILITY)
    return queries.patient(actor=actor, patient_id=actor.id, lock=True)


def _tell(actor: Actor, verb: str, kind: str, row_id: UUID, now: datetime, *changed: str) -> None:
    writing.tell(
        actor=actor, now=now, verb=verb, kind=kind, row_id=row_id, fields=changed, patient_id=actor.id
    )
