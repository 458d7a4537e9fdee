"""The addresses of a patient, and at which of them they asked to be written to (R-04, 45 CFR 164.522).

Each function is one transaction with its trail row. All raise NotAllowed, NotFound and Invalid.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clinic.practice import fields, permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from patients import queries, records
from patients.models import AddressRequest, ContactPoint
from patients.models.contact import CATEGORIES, Channel, Purpose

MOST = 20
# After the first address, which other systems know as the patient's number or e-mail.
LATER = 2


def add(
    *,
    actor: Actor,
    patient_id: UUID,
    channel: str,
    value: str,
    now: datetime,
    rank: int = 1,
    may_message: bool = True,
    warning_version: str = "",
    key: writing.Key = None,
) -> ContactPoint:
    """One more address; rank 1 is tried first. One that was removed is used again.

    R-05: `may_message` False says that it is to call by; True that it was given for messages, which is
    recorded as the consent of a channel that nothing was decided about. R-03: `warning_version` as in
    `records.create_patient`.
    """
    patient = queries.patient(actor=actor, patient_id=patient_id)
    problems = fields.Problems()
    fields.choice(problems, "channel", channel, Channel.values)
    fields.integer(problems, "rank", rank, least=1, most=MOST)
    problems.raise_if_any()
    clean = records.address(problems, "value", value, channel, records.region_of(actor=actor))
    problems.raise_if_any()

    def make(point_id: UUID) -> ContactPoint:
        values = {"rank": rank, "is_active": True, "purpose": records.purpose(may_message=may_message)}
        removed = patient.contact_points.filter(channel=channel, value=clean, is_active=False)
        if not removed.update(**values):
            patient.contact_points.create(id=point_id, channel=channel, value=clean, **values)
        if may_message:
            records.consent_given(
                actor=actor, patient=patient, channels=[channel], now=now, warning=warning_version
            )
        if may_message and channel == Channel.SMS:
            records.agreed(actor=actor, patient_id=patient.pk, now=now)
        return load(point_id)

    def load(point_id: UUID) -> ContactPoint:
        return patient.contact_points.get(channel=channel, value=clean)

    return writing.create(
        actor=actor,
        capability="patients.write",
        key=key,
        now=now,
        kind="contact_point",
        make=make,
        load=load,
        patient_id=patient.pk,
        unique={"contact_point_once": "value"},
    )


def remove(*, actor: Actor, patient_id: UUID, point_id: UUID, now: datetime) -> None:
    """Use an address no longer; doing it twice is harmless. It is kept, because messages went to it."""
    permissions.check(actor=actor, capability="patients.write")
    with writing.transaction():
        patient = queries.patient(actor=actor, patient_id=patient_id, lock=True)
        points = patient.contact_points.filter(pk=point_id)
        if not points.exists():
            raise NotFound()
        if not points.filter(is_active=True).update(is_active=False):
            return
        writing.tell(
            actor=actor,
            now=now,
            verb="remove",
            kind="contact_point",
            row_id=point_id,
            patient_id=patient.pk,
        )


def ask(
    *,
    actor: Actor,
    patient_id: UUID,
    categories: Sequence[str],
    addresses: Sequence[str] | None,
    said: str,
    now: datetime,
    at: datetime | None = None,
    key: writing.Key = None,
) -> AddressRequest:
    """Write down where the patient asked to be written to about these sorts of messages: at these addresses
    and at no other, or (None) at any again. `said` are their words, or how they said it.

    R-04: they need not say why. Whoever wants nothing at all revokes the consent, or wants `no_messages`. An
    address that was to call by is given for messages now (R-05); leave for its channel is asked for as ever.
    """

    def make(row_id: UUID) -> AddressRequest:
        patient = queries.patient(actor=actor, patient_id=patient_id, lock=True)
        problems = fields.Problems()
        if not categories or not {*categories} <= {*CATEGORIES}:
            problems.add("categories", f"At least one of {', '.join(CATEGORIES)}.")
        words = fields.text(problems, "said", said, longest=300, lines=True)
        decided_at = fields.instant(problems, "at", at or now, not_after=now)
        points = patient.contact_points.filter(is_active=True)
        held = {value.casefold(): value for value in points.values_list("value", flat=True)}
        named = None if addresses is None else [held.get(one.strip().casefold(), "") for one in addresses]
        if named is not None and not (named and all(named)):
            problems.add("addresses", "At least one of the addresses that are on file.")
        problems.raise_if_any()
        points.filter(value__in=named or (), purpose=Purpose.CALLS).update(purpose=Purpose.VISITS)
        return AddressRequest.objects.create(
            id=row_id,
            patient=patient,
            categories=[one for one in CATEGORIES if one in categories],
            addresses=None if named is None else sorted({*named}),
            said=words,
            decided_at=decided_at,
            decided_by=actor.ref,
        )

    queries.patient(actor=actor, patient_id=patient_id)
    return writing.create(
        actor=actor,
        capability="patients.record_consent",
        key=key,
        now=now,
        kind="address_request",
        make=make,
        load=lambda row_id: AddressRequest.objects.get(pk=row_id, patient_id=patient_id),
        patient_id=patient_id,
    )
