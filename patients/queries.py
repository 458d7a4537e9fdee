"""Reading who is treated. Every function sees one practice only: the actor's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F, Prefetch, QuerySet, Window
from django.db.models.functions import RowNumber

from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from patients.errors import Merged
from patients.models import (
    AddressRequest,
    ContactPoint,
    EligibilityDecision,
    Escort,
    ExternalIdentifier,
    Measure,
    MergedPatient,
    MessagingConsent,
    Patient,
    TreatmentConsent,
)
from patients.models.contact import Purpose


def patients(*, actor: Actor) -> QuerySet[Patient]:
    """The practice's patients, each with its site, active contact points and external identifiers: three
    queries in all.
    """
    active = ContactPoint.objects.filter(is_active=True).order_by("channel", "rank", "id")
    return (
        Patient.objects.filter(practice_id=actor.practice_id)
        .select_related("site")
        .prefetch_related(Prefetch("contact_points", queryset=active, to_attr="addresses"), "external_ids")
        .order_by("id")
    )


def patient(*, actor: Actor, patient_id: UUID | str, lock: bool = False) -> Patient:
    """One patient; raises NotFound, also for a patient of another practice, and Merged for a duplicate."""
    if not isinstance(patient_id, UUID):
        try:
            patient_id = UUID(patient_id)
        except (ValueError, TypeError, AttributeError):
            raise NotFound() from None
    rows = patients(actor=actor).filter(pk=patient_id)
    found = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if found is None:
        tombstone = MergedPatient.objects.filter(practice_id=actor.practice_id, pk=patient_id).first()
        if tombstone is None:
            raise NotFound()
        raise Merged(merged_into=str(tombstone.into_id))
    return found


def by_external_ids(*, actor: Actor, named: Collection[tuple[str, str]]) -> dict[tuple[str, str], Patient]:
    """The patients whom other systems know by these (system, value), as `patients` reads them."""
    rows = ExternalIdentifier.objects.filter(
        practice_id=actor.practice_id,
        system__in={system for system, _ in named},
        value__in={value for _, value in named},
    )
    pairs = {(row.system, row.value): row.patient_id for row in rows}
    wanted = {pair: pairs[pair] for pair in named if pair in pairs}
    found = patients(actor=actor).in_bulk(list(set(wanted.values())))
    return {pair: found[patient_id] for pair, patient_id in wanted.items()}


def first_address(patient: Patient, channel: str, only: Collection[str] | None = None) -> str:
    """Where a patient that `patients` has read is reached first by this channel, of `only` these; empty:
    nowhere."""
    points = getattr(patient, "addresses", ())
    found = (point.value for point in points if point.channel == channel)
    return next((value for value in found if only is None or value in only), "")


def addresses(*, patient: Patient, channel: str) -> list[str]:
    """The patient's active addresses of a channel (`sms`, `email`), the one to try first at the front."""
    rows = patient.contact_points.filter(channel=channel, is_active=True).order_by("rank", "id")
    return list(rows.values_list("value", flat=True))


def address_requests(*, patient: Patient) -> QuerySet[AddressRequest]:
    return AddressRequest.objects.filter(patient=patient).order_by("-decided_at", "-recorded_at")


def standing_requests(*, patient: Patient) -> dict[str, AddressRequest]:
    """What the patient asked last of where to write about each sort of message, where it holds (R-04)."""
    latest: dict[str, AddressRequest] = {}
    for row in address_requests(patient=patient):
        for category in row.categories:
            latest.setdefault(category, row)
    return {category: row for category, row in latest.items() if row.addresses is not None}


def asked_for(*, patient: Patient) -> set[str]:
    """Every address at which the patient asked to be written to about something."""
    standing = standing_requests(patient=patient).values()
    return {value for row in standing for value in row.addresses or ()}


def asked_addresses(*, patient_ids: Collection[UUID], category: str) -> dict[UUID, list[str]]:
    """The only addresses for this sort of message, of those patients who asked for it (R-04); one query."""
    latest = (
        AddressRequest.objects.filter(patient_id__in=patient_ids, categories__contains=[category])
        .order_by("patient_id", "-decided_at", "-recorded_at")
        .distinct("patient_id")
    )
    return {row.patient_id: row.addresses for row in latest if row.addresses is not None}


def usable_points(*, patient_id: UUID, channel: str, category: str) -> list[ContactPoint]:
    """The addresses of a channel that were given for messages (R-05) and may be used for this sort of them
    (R-04), the one to try first at the front."""
    only = asked_addresses(patient_ids=[patient_id], category=category).get(patient_id)
    points = ContactPoint.objects.filter(
        patient_id=patient_id, channel=channel, is_active=True, purpose=Purpose.VISITS
    ).order_by("rank", "id")
    return [one for one in points if only is None or one.value in only]


def may_message(*, patient_ids: Collection[UUID], category: str = "reminders") -> set[tuple[UUID, str]]:
    """The pairs (patient, channel) whose latest consent of the category is a grant (R-03, R-05), in one
    query.
    """
    latest = (
        MessagingConsent.objects.filter(patient_id__in=patient_ids, category=category)
        .order_by("patient_id", "channel", "-decided_at", "-recorded_at", "-id")
        .distinct("patient_id", "channel")
    )
    return {
        (row.patient_id, row.channel)
        for row in latest.select_related("patient")
        if row.decision == MessagingConsent.Decision.GRANTED and not row.patient.no_messages
    }


def messaging_consents(*, patient: Patient) -> QuerySet[MessagingConsent]:
    return MessagingConsent.objects.filter(patient=patient).order_by("-decided_at", "-id")


def treatment_consents(*, patient: Patient) -> QuerySet[TreatmentConsent]:
    return TreatmentConsent.objects.filter(patient=patient).order_by("-given_at", "-id")


def eligibility_decisions(*, patient: Patient) -> QuerySet[EligibilityDecision]:
    return EligibilityDecision.objects.filter(patient=patient).order_by("-decided_at", "-id")


def measures(*, patient: Patient) -> QuerySet[Measure]:
    return Measure.objects.filter(patient=patient).order_by("-taken_at", "-id")


@dataclass(frozen=True, slots=True)
class Papers:
    """What a dose needs on file, of several patients for several protocols, as it stood at one moment."""

    decisions: Mapping[tuple[UUID, str], EligibilityDecision]
    consents: frozenset[tuple[UUID, str, int]]

    def why_not_eligible(self, *, patient_id: UUID, protocol_key: str, at: datetime) -> str:
        """What speaks against a dose of the protocol (S-01): empty when the latest decision is a yes that
        stands at that time. The day of expiry is the patient's site's; the decision still holds on it.
        """
        latest = self.decisions.get((patient_id, protocol_key))
        if latest is None:
            return "No eligibility decision is on file."
        if latest.decision != EligibilityDecision.Decision.ELIGIBLE:
            return "The latest eligibility decision is not 'eligible'."
        day = at.astimezone(ZoneInfo(latest.patient.site.time_zone)).date()
        if latest.expires_on is not None and latest.expires_on < day:
            return "The eligibility decision has expired."
        return ""

    def has_consent(self, *, patient_id: UUID, protocol_key: str, protocol_version: int) -> bool:
        """Whether an informed consent to exactly this protocol and version stands (S-02)."""
        return (patient_id, protocol_key, protocol_version) in self.consents


def papers(*, patient_ids: Collection[UUID], protocol_keys: Collection[str], now: datetime) -> Papers:
    """The latest decisions and the consents that stand, in two queries."""
    latest = (
        EligibilityDecision.objects.filter(
            patient_id__in=patient_ids, protocol_key__in=protocol_keys, decided_at__lte=now
        )
        .select_related("patient__site")
        .order_by("patient_id", "protocol_key", "-decided_at", "-id")
        .distinct("patient_id", "protocol_key")
    )
    standing = TreatmentConsent.objects.filter(
        patient_id__in=patient_ids,
        protocol_key__in=protocol_keys,
        given_at__lte=now,
        withdrawn_at__isnull=True,
    )
    return Papers(
        decisions={(one.patient_id, one.protocol_key): one for one in latest},
        consents=frozenset(standing.values_list("patient_id", "protocol_key", "protocol_version")),
    )


def escorts(*, patient_ids: Collection[UUID]) -> list[Escort]:
    """Who takes these patients home (S-11), the latest entry first; one query."""
    return list(Escort.objects.filter(patient_id__in=patient_ids).order_by("-id"))


@dataclass(frozen=True, slots=True)
class Score:
    """The latest score of the scale that a patient was asked last, and the one before it."""

    code: str
    score: Decimal
    taken_at: datetime
    before: Decimal | None


def last_scores(*, patient_ids: Collection[UUID], now: datetime) -> dict[UUID, Score]:
    """The latest score of each of these patients, by patient; one query."""
    newest = Window(
        RowNumber(),
        partition_by=[F("patient_id"), F("code")],
        order_by=[F("taken_at").desc(), F("id").desc()],
    )
    taken = Measure.objects.filter(patient_id__in=patient_ids, taken_at__lte=now)
    found: dict[UUID, Score] = {}
    rows = taken.annotate(place=newest).filter(place__lte=2).order_by("-taken_at", "-id")
    for row in rows:
        latest = found.get(row.patient_id)
        if latest is None:
            found[row.patient_id] = Score(row.code, row.score, row.taken_at, None)
        elif latest.code == row.code and latest.before is None:
            found[row.patient_id] = replace(latest, before=row.score)
    return found


@dataclass(frozen=True, slots=True)
class Taken:
    """One score, by whom it was recorded and when it was taken."""

    code: str
    score: Decimal
    taken_at: datetime
    recorded_by: str


def scores_of(*, patient_id: UUID, since: datetime, now: datetime, most: int = 200) -> list[Taken]:
    """The scores of one patient from a time on, newest first; one query."""
    found = Measure.objects.filter(patient_id=patient_id, taken_at__gte=since, taken_at__lte=now)
    named = found.order_by("-taken_at", "-id").values_list("code", "score", "taken_at", "recorded_by")
    return [Taken(*row) for row in named[:most]]
