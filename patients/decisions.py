"""What a clinician or the patient decided: messaging consent, treatment consent, eligibility, and what was
measured.

Decisions are added, never changed: the latest one holds. Each function is one transaction with its trail
row; `at` is when it was decided, now unless told. All raise NotAllowed, NotFound and Invalid.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from uuid import UUID

from django.db.models import Model

from clinic.practice import fields, permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from patients import ports, queries
from patients.models import (
    ContactPoint,
    EligibilityDecision,
    Measure,
    MessagingConsent,
    Patient,
    TreatmentConsent,
)
from patients.models.contact import CATEGORIES, Channel, Purpose

Row = TypeVar("Row", bound=Model)
# Leave for these is leave for all messages of a course.
GENERAL = "reminders"
# The whole range of each scale that we know; of another scale only the number is checked.
RANGES = {"PHQ-9": (0, 27), "GAD-7": (0, 21), "PCL-5": (0, 80), "MADRS": (0, 60), "QIDS": (0, 27)}


def decide_messaging(
    *,
    actor: Actor,
    patient_id: UUID,
    channel: str,
    decision: str,
    now: datetime,
    category: str = "reminders",
    warning_version: str = "",
    source: str = "",
    at: datetime | None = None,
    key: writing.Key = None,
) -> MessagingConsent:
    """Grant or revoke (`granted`, `revoked`) messages of one category by one channel.

    R-03: a grant names the text about unencrypted messages that the patient was shown (45 CFR
    164.522(b), 2013 Omnibus). R-07: a revocation needs no form and holds at once. Who wanted no messages
    at all and agrees to staff wants messages by that channel again, and by no other.
    """

    def make(row_id: UUID, patient: Patient) -> MessagingConsent:
        problems = fields.Problems()
        fields.choice(problems, "channel", channel, Channel.values)
        fields.choice(problems, "category", category, CATEGORIES)
        fields.choice(problems, "decision", decision, MessagingConsent.Decision.values)
        warning = fields.text(problems, "warning_version", warning_version, longest=20, blank=True)
        told_by = fields.text(problems, "source", source, longest=40, blank=True)
        if decision == MessagingConsent.Decision.GRANTED and not warning:
            problems.add("warning_version", "A grant names the warning that the patient was shown.")
        decided_at = fields.instant(problems, "at", at or now, not_after=now)
        problems.raise_if_any()
        made = MessagingConsent.objects.create(
            id=row_id,
            patient=patient,
            channel=channel,
            category=category,
            decision=decision,
            warning_version=warning,
            source=told_by,
            decided_at=decided_at,
            decided_by=actor.ref,
        )
        if decision == MessagingConsent.Decision.GRANTED:
            agreed(patient_id=patient.pk, channel=channel)
        if decision == MessagingConsent.Decision.GRANTED and actor.kind == "staff" and category == GENERAL:
            _wanted_again(actor, patient, made, now)
        if (channel, decision, actor.kind) == (Channel.SMS, MessagingConsent.Decision.GRANTED, "staff"):
            ports.texts_agreed(patient_id=patient.pk, now=now)
        return made

    return _add(
        actor, patient_id, "patients.record_consent", "messaging_consent", now, key, make, MessagingConsent
    )


def _wanted_again(actor: Actor, patient: Patient, granted: MessagingConsent, now: datetime) -> None:
    """Whoever wanted nothing at all wants what they agree to now, and not what they had agreed to before."""
    if not patient.no_messages:
        return
    held = queries.patient(actor=actor, patient_id=patient.pk, lock=True)
    writing.save(row=held, values={"no_messages": False})
    latest = MessagingConsent.objects.filter(patient=patient, category=GENERAL).exclude(
        channel=granted.channel
    )
    for one in latest.order_by("channel", "-decided_at", "-recorded_at").distinct("channel"):
        if one.decision == MessagingConsent.Decision.GRANTED:
            MessagingConsent.objects.create(
                patient=patient,
                channel=one.channel,
                category=GENERAL,
                decision=MessagingConsent.Decision.REVOKED,
                source="wanted no messages at all",
                decided_at=now,
                decided_by=actor.ref,
            )


def agreed(*, patient_id: UUID, channel: str) -> None:
    """Who agrees to messages by a channel gives the addresses of it for them (R-05)."""
    given = ContactPoint.objects.filter(patient_id=patient_id, channel=channel, is_active=True)
    given.filter(purpose=Purpose.CALLS).update(purpose=Purpose.VISITS)


def record_consent(
    *,
    actor: Actor,
    patient_id: UUID,
    protocol_key: str,
    protocol_version: int,
    now: datetime,
    at: datetime | None = None,
    key: writing.Key = None,
) -> TreatmentConsent:
    """The patient's informed consent to one version of one protocol (S-02); a change of either needs a new
    one.
    """

    def make(row_id: UUID, patient: Patient) -> TreatmentConsent:
        problems = fields.Problems()
        name = fields.text(problems, "protocol", protocol_key, longest=100)
        version = fields.integer(problems, "version", protocol_version, least=1, most=1_000_000)
        given_at = fields.instant(problems, "at", at or now, not_after=now)
        problems.raise_if_any()
        return TreatmentConsent.objects.create(
            id=row_id,
            patient=patient,
            protocol_key=name,
            protocol_version=version,
            given_at=given_at,
            recorded_by=actor.ref,
        )

    return _add(
        actor, patient_id, "patients.record_consent", "treatment_consent", now, key, make, TreatmentConsent
    )


def withdraw_consent(*, actor: Actor, patient_id: UUID, consent_id: UUID, now: datetime) -> TreatmentConsent:
    """The patient takes a treatment consent back; withdrawing twice is harmless."""
    permissions.check(actor=actor, capability="patients.record_consent")
    with writing.transaction():
        patient = queries.patient(actor=actor, patient_id=patient_id, lock=True)
        consent = TreatmentConsent.objects.filter(patient=patient, pk=consent_id).first()
        if consent is None:
            raise NotFound()
        if consent.withdrawn_at is None:
            consent.withdrawn_at = now
            consent.save(update_fields=["withdrawn_at"])
            writing.tell(
                actor=actor,
                now=now,
                verb="withdraw",
                kind="treatment_consent",
                row_id=consent.pk,
                patient_id=patient.pk,
            )
    return consent


def decide_eligibility(
    *,
    actor: Actor,
    patient_id: UUID,
    protocol_key: str,
    decision: str,
    now: datetime,
    expires_on: date | None = None,
    reason: str = "",
    at: datetime | None = None,
    key: writing.Key = None,
) -> EligibilityDecision:
    """A clinician's decision on whether the patient is suitable for a protocol (S-01: ASKP, Basics of
    Administration).

    `decision` is `eligible`, `deferred` or `not_eligible`; anything but `eligible` says why.
    """

    def make(row_id: UUID, patient: Patient) -> EligibilityDecision:
        problems = fields.Problems()
        name = fields.text(problems, "protocol", protocol_key, longest=100)
        fields.choice(problems, "decision", decision, EligibilityDecision.Decision.values)
        why = fields.text(problems, "reason", reason, longest=300, blank=True, lines=True)
        if decision != EligibilityDecision.Decision.ELIGIBLE and not why:
            problems.add("reason", "Say why.")
        decided_at = fields.instant(problems, "at", at or now, not_after=now)
        if expires_on is not None and not decided_at.date() <= expires_on <= fields.LATEST.date():
            problems.add("expires_on", "Must not be before the decision.")
        problems.raise_if_any()
        return EligibilityDecision.objects.create(
            id=row_id,
            patient=patient,
            protocol_key=name,
            decision=decision,
            decided_at=decided_at,
            decided_by=actor.ref,
            expires_on=expires_on,
            reason=why,
        )

    return _add(
        actor, patient_id, "patients.decide_eligibility", "eligibility", now, key, make, EligibilityDecision
    )


def record_measure(
    *,
    actor: Actor,
    patient_id: UUID,
    code: str,
    score: int | str | Decimal,
    now: datetime,
    at: datetime | None = None,
    key: writing.Key = None,
) -> Measure:
    """One score of a scale (`PHQ-9`, `GAD-7`, `PCL-5` ...), within the scale's range."""

    def make(row_id: UUID, patient: Patient) -> Measure:
        problems = fields.Problems()
        name = fields.text(problems, "code", code, longest=20)
        taken_at = fields.instant(problems, "at", at or now, not_after=now)
        number = _score(problems, name, score)
        problems.raise_if_any()
        return Measure.objects.create(
            id=row_id, patient=patient, code=name, score=number, taken_at=taken_at, recorded_by=actor.ref
        )

    return _add(actor, patient_id, "patients.record_measure", "measure", now, key, make, Measure)


def _score(problems: fields.Problems, code: str, score: int | str | Decimal) -> Decimal:
    least, most = RANGES.get(code, (-9999, 9999))
    try:
        number = Decimal(score)
        fits = least <= number <= most and number == number.quantize(Decimal("0.01"))
    except (InvalidOperation, TypeError, ValueError):
        fits = False
    if isinstance(score, bool) or not fits:
        problems.add("score", f"Must be a number from {least} to {most} with at most two decimals.")
        return Decimal(0)
    return number


def _add(
    actor: Actor,
    patient_id: UUID,
    capability: str,
    kind: str,
    now: datetime,
    key: writing.Key,
    make: Callable[[UUID, Patient], Row],
    model: type[Row],
) -> Row:
    permissions.check(actor=actor, capability=capability)
    patient = queries.patient(actor=actor, patient_id=patient_id)
    return writing.create(
        actor=actor,
        capability=capability,
        key=key,
        now=now,
        kind=kind,
        make=lambda row_id: make(row_id, patient),
        load=lambda row_id: model._default_manager.get(pk=row_id, patient_id=patient.pk),
        patient_id=patient.pk,
    )
