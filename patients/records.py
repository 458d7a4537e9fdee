"""Changing who is treated: the person, how they may be reached, and under which names other systems know
them.

What a clinician or the patient decides (consents, eligibility, measures) is in `decisions`. Each
function is one transaction with its trail row. `version` is what the caller last read: another one
raises Stale, None skips the check. `key` makes a repeated request have one effect. All raise NotAllowed,
NotFound and Invalid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from clinic.practice import fields, permissions, writing
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.models import Resource
from patients import duplicates, identifiers, ports, queries
from patients.errors import IdentifierTaken, LooksLikeAnother
from patients.models import ContactPoint, ExternalIdentifier, MessagingConsent, Patient
from patients.models.contact import Channel, Purpose
from patients.models.patient import Language

LANGUAGES = frozenset(language.value for language in Language)
COLUMNS = ("given_name", "family_name", "birth_date", "time_zone", "language", "site", "no_messages")
CHANGEABLE = (*COLUMNS, "phone", "email", "external_ids")
CHANNEL_OF = {"phone": Channel.SMS, "email": Channel.EMAIL}


def create_patient(
    *,
    actor: Actor,
    given_name: str,
    family_name: str,
    birth_date: date,
    site_id: UUID,
    now: datetime,
    phone: str = "",
    email: str = "",
    time_zone: str = "",
    language: str = "en",
    external_ids: Sequence[Mapping[str, str]] = (),
    no_messages: bool = False,
    may_message: bool = True,
    warning_version: str = "",
    is_new: bool = True,
    key: writing.Key = None,
) -> Patient:
    """A new patient. Without `time_zone` the site's holds; `external_ids` are {system, value}.

    R-05: who gives a number to their provider consents to messages about their visits there (FCC 2015), and
    that is recorded, with the number too; `may_message` False says that the addresses came some other way:
    they are to call people by, until the patient agrees to messages. R-03: `warning_version` names the text
    about unencrypted messages that they were told; blank: none, which is recorded too.

    `is_new` False: nobody has looked yet whether they are on file; then whoever looks like somebody who is
    raises LooksLikeAnother, and nothing is written.

    Raises IdentifierTaken when another patient of the practice has one of them.
    """
    given = {"given_name": given_name, "family_name": family_name, "birth_date": birth_date, "site": site_id}
    given |= {"time_zone": time_zone, "language": language, "no_messages": no_messages}
    given |= {"phone": phone, "email": email, "external_ids": external_ids}

    def make(patient_id: UUID) -> Patient:
        values = clean(actor=actor, given=given, now=now)
        if not is_new:
            _check_new(actor, values)
        add(actor=actor, people=[Newcomer(patient_id, values, may_message, warning_version)], now=now)
        if values["phone"] and may_message:
            agreed(actor=actor, patient_id=patient_id, now=now)
        return queries.patient(actor=actor, patient_id=patient_id)

    return writing.create(
        actor=actor,
        capability="patients.write",
        key=key,
        now=now,
        kind="patient",
        make=make,
        load=lambda patient_id: queries.patient(actor=actor, patient_id=patient_id),
    )


def _check_new(actor: Actor, values: Mapping[str, Any]) -> None:
    found = duplicates.like(
        actor=actor,
        name=(values["given_name"], values["family_name"]),
        birth_date=values["birth_date"],
        phone=values.get("phone") or "",
        email=values.get("email") or "",
    )
    if found:
        raise LooksLikeAnother(
            patients=[{"patient": str(one.patient.pk), "reasons": list(one.reasons)} for one in found]
        )


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A patient to be added: clean values of every column, the addresses and the external identifiers."""

    id: UUID
    values: Mapping[str, Any]
    may_message: bool
    warning_version: str = ""


def add(*, actor: Actor, people: Sequence[Newcomer], now: datetime) -> None:
    """The rows of new patients in the caller's transaction, in the same few statements however many they are;
    without their trail. Raises IdentifierTaken.
    """
    practice_id = actor.practice_id
    resources = Resource.objects.bulk_create(
        Resource(practice_id=practice_id, kind=Resource.Kind.PATIENT) for _ in people
    )
    patients = []
    for newcomer, resource in zip(people, resources, strict=True):
        columns = {name: newcomer.values[name] for name in COLUMNS}
        columns["time_zone"] = columns["time_zone"] or columns["site"].time_zone
        patients.append(Patient(id=newcomer.id, practice_id=practice_id, resource=resource, **columns))
    Patient.objects.bulk_create(patients)
    reached = [
        (newcomer, channel, newcomer.values[name])
        for newcomer in people
        for name, channel in CHANNEL_OF.items()
        if newcomer.values.get(name)
    ]
    ContactPoint.objects.bulk_create(
        ContactPoint(
            patient_id=newcomer.id,
            channel=channel,
            value=value,
            purpose=purpose(may_message=newcomer.may_message),
        )
        for newcomer, channel, value in reached
    )
    MessagingConsent.objects.bulk_create(
        _given(actor, newcomer.id, channel, now, newcomer.warning_version)
        for newcomer, channel, _ in reached
        if newcomer.may_message
    )
    _identify(practice_id, people)


def purpose(*, may_message: bool) -> Purpose:
    """What an address is for, by whether it was given for messages (R-05)."""
    return Purpose.VISITS if may_message else Purpose.CALLS


def _identify(practice_id: UUID, people: Sequence[Newcomer]) -> None:
    """Write who is known by which number; one that somebody else has, or takes just now, stays theirs."""
    wanted = {
        (system, value): newcomer.id
        for newcomer in people
        for system, value in newcomer.values.get("external_ids", {}).items()
        if value is not None
    }
    if not wanted:
        return
    ExternalIdentifier.objects.bulk_create(
        (
            ExternalIdentifier(practice_id=practice_id, system=system, value=value, patient_id=patient_id)
            for (system, value), patient_id in wanted.items()
        ),
        ignore_conflicts=True,
    )
    held = ExternalIdentifier.objects.filter(
        practice_id=practice_id,
        system__in={system for system, _ in wanted},
        value__in={value for _, value in wanted},
    )
    for row in held:
        if wanted.get((row.system, row.value), row.patient_id) != row.patient_id:
            raise IdentifierTaken(system=row.system)


def update_patient(
    *, actor: Actor, patient_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None = None
) -> Patient:
    """Change the fields that `changes` names, and no others (a merge patch).

    `phone` and `email` become the first address of their channel (None or empty: none is left); the
    former one is kept inactive, because messages went to it. Each of `external_ids` sets the patient's
    value in that system; other systems stay, and a value of None removes one. Raises IdentifierTaken.
    """
    permissions.check(actor=actor, capability="patients.write")
    fields.only(changes=changes, allowed=CHANGEABLE)
    with writing.transaction():
        patient = queries.patient(actor=actor, patient_id=patient_id, lock=True)
        writing.fresh(held=patient.version, read=version)
        values = clean(actor=actor, given=changes, now=now)
        before = queries.first_address(patient, Channel.SMS)
        amend(actor=actor, patient=patient, values=values, now=now)
        if values.get("phone", before) != before:
            agreed(actor=actor, patient_id=patient.pk, now=now)
    return queries.patient(actor=actor, patient_id=patient_id)


def amend(
    *, actor: Actor, patient: Patient, values: Mapping[str, Any], now: datetime, may_message: bool = True
) -> None:
    """Write clean values to a locked patient, with the trail, in the caller's transaction."""
    columns = {name: values[name] for name in COLUMNS if name in values}
    if "time_zone" in columns and not columns["time_zone"]:
        columns["time_zone"] = values.get("site", patient.site).time_zone
    writing.save(row=patient, values=columns)
    _put_around(patient, values, purpose(may_message=may_message))
    if may_message:
        channels = [channel for name, channel in CHANNEL_OF.items() if values.get(name)]
        consent_given(actor=actor, patient=patient, channels=channels, now=now)
    writing.tell(
        actor=actor,
        now=now,
        verb="update",
        kind="patient",
        row_id=patient.pk,
        fields=values,
        patient_id=patient.pk,
    )


def agreed(*, actor: Actor, patient_id: UUID, now: datetime) -> None:
    """A person gave a number to a person (R-11). A program passes on what was agreed elsewhere."""
    if actor.kind == "staff":
        ports.texts_agreed(patient_id=patient_id, now=now)


def region_of(*, actor: Actor) -> str:
    """Where a number without a country is, for this practice."""
    return places.region(practice=places.practice(actor=actor))


def clean(
    *,
    actor: Actor,
    given: Mapping[str, Any],
    now: datetime,
    problems: fields.Problems | None = None,
    region: str = "",
) -> dict[str, Any]:
    """The given fields as they are stored; Invalid names all that are wrong, with those in `problems`;
    NotFound a site that is not here. `region` is the practice's, where it is known already.
    """
    found: dict[str, Any] = {}
    if "site" in given:
        found["site"] = places.site(actor=actor, site_id=given["site"])
    problems = problems or fields.Problems()
    for name in ("given_name", "family_name"):
        if name in given:
            found[name] = fields.text(problems, name, given[name], longest=100)
    if "birth_date" in given:
        # The latest "today" on earth: a child born this morning in the east is not in the future.
        today = now.astimezone(ZoneInfo("Pacific/Kiritimati")).date()
        found["birth_date"] = fields.birth_date(problems, "birth_date", given["birth_date"], today=today)
    if "time_zone" in given:
        told = given["time_zone"]
        found["time_zone"] = fields.zone(problems, "time_zone", told) if told else ""
    if "language" in given:
        found["language"] = fields.choice(problems, "language", given["language"], LANGUAGES)
    if "no_messages" in given:
        found["no_messages"] = fields.flag(problems, "no_messages", given["no_messages"])
    region = region or (region_of(actor=actor) if given.get("phone") else "")
    for name, channel in CHANNEL_OF.items():
        if name in given:
            told = given[name]
            found[name] = address(problems, name, told, channel, region) if told else ""
    if "external_ids" in given:
        found["external_ids"] = identifiers.clean(problems, given["external_ids"])
    problems.raise_if_any()
    return found


def address(problems: fields.Problems, field: str, value: object, channel: str, region: str) -> str:
    """An address as it is stored."""
    if channel == Channel.SMS:
        return fields.phone(problems, field, value, region=region)
    return fields.email(problems, field, value)


def consent_given(
    *, actor: Actor, patient: Patient, channels: Sequence[str], now: datetime, warning: str = ""
) -> None:
    """The consent that lies in giving an address (R-05), unless the patient has decided about that
    channel."""
    decided = set(
        MessagingConsent.objects.filter(patient=patient, channel__in=channels).values_list(
            "channel", flat=True
        )
    )
    MessagingConsent.objects.bulk_create(
        _given(actor, patient.pk, channel, now, warning) for channel in channels if channel not in decided
    )


def _given(
    actor: Actor, patient_id: UUID, channel: str, now: datetime, warning: str = ""
) -> MessagingConsent:
    return MessagingConsent(
        patient_id=patient_id,
        channel=channel,
        decision=MessagingConsent.Decision.GRANTED,
        warning_version=warning,
        source="address given to the practice" if warning else "address given, no warning told",
        decided_at=now,
        decided_by=actor.ref,
    )


def _put_around(patient: Patient, clean: Mapping[str, Any], given_for: Purpose) -> None:
    """The rows around the patient: the first address of each channel, and the external identifiers. An
    address that is known keeps what it was given for, unless it is given for messages now."""
    for name, channel in CHANNEL_OF.items():
        if name not in clean:
            continue
        points = ContactPoint.objects.filter(patient=patient, channel=channel)
        former = points.filter(rank=1).exclude(value=clean[name])
        if clean[name]:
            # what the patient asked to be written at stays, whatever a file or a program knows.
            former.filter(value__in=queries.asked_for(patient=patient)).update(rank=2)
        former.update(is_active=False)
        if clean[name]:
            first = {"rank": 1, "is_active": True}
            given = first | {"purpose": given_for}
            points.update_or_create(
                patient=patient,
                channel=channel,
                value=clean[name],
                defaults=given if given_for == Purpose.VISITS else first,
                create_defaults=given,
            )
    for system, value in clean.get("external_ids", {}).items():
        known = ExternalIdentifier.objects.filter(practice_id=patient.practice_id, system=system)
        known.filter(patient=patient).exclude(value=value or "").delete()
        if value is None:
            known.filter(patient=patient).delete()
            continue
        row, _ = known.get_or_create(
            practice_id=patient.practice_id, system=system, value=value, defaults={"patient": patient}
        )
        if row.patient_id != patient.pk:
            raise IdentifierTaken(system=system)
