"""Two records of one patient become one, and nothing of either is lost.

Everything that names the duplicate is given to the survivor, then the duplicate's row is deleted: the
database's own keys prove that nothing is left behind, and refuse whatever is written there a moment later. A
test holds `OWNED` against the database's catalogue.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Max

from clinic.practice import fields, idempotency, permissions, trail, writing
from clinic.practice.actor import Actor
from clinic.practice.models import WorkItem
from clinic.practice.trail import Step
from notifications.models import Inbound, Message
from patients import queries as patients
from patients.errors import Merged
from patients.models import (
    AddressRequest,
    ContactPoint,
    EligibilityDecision,
    Escort,
    ExternalIdentifier,
    Measure,
    MeasureForm,
    MergedPatient,
    MessagingConsent,
    Patient,
    TreatmentConsent,
)
from scheduling.booking.guard import access, locks
from scheduling.errors import MergeClash
from scheduling.followups import gaps
from scheduling.models import Appointment, CalendarFeed, FollowUpGap, TreatmentCourse, WaitlistEntry

REVOKED = MessagingConsent.Decision.REVOKED
# What belongs to a patient and only changes hands; what must be looked at besides is in `_give`.
# In the order in which everybody locks them.
VERSIONED: tuple[Any, ...] = (WaitlistEntry, TreatmentCourse, Appointment, FollowUpGap, CalendarFeed)
PLAIN: tuple[Any, ...] = (
    EligibilityDecision,
    TreatmentConsent,
    Measure,
    MeasureForm,
    Escort,
    ExternalIdentifier,
    MessagingConsent,
    AddressRequest,
    Message,
    Inbound,
)
OWNED = (*VERSIONED, *PLAIN, ContactPoint, WorkItem)


def merge(
    *,
    actor: Actor,
    survivor_id: UUID,
    duplicate_id: UUID,
    reason: str,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Give everything of the duplicate to the survivor, whose name and birth date stay; a STOP holds.

    Merging the same two again changes nothing. Raises NotAllowed, NotFound, Merged for one who is merged into
    somebody else, MergeClash where both have coming visits at one time, Stale, Invalid.
    """
    permissions.check(actor=actor, capability="patients.merge")
    problems = fields.Problems()
    why = fields.text(problems, "reason", reason, longest=300)
    if survivor_id == duplicate_id:
        problems.add("duplicate", "Must be another patient.")
    problems.raise_if_any()
    with locks.unit_of_work():
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="patient", object_id=survivor_id):
            return
        try:
            survivor, duplicate = _lock(actor, survivor_id, duplicate_id)
        except Merged as gone:
            if gone.data["merged_into"] == str(survivor_id):
                # It was done already, perhaps a moment ago.
                return
            raise
        writing.fresh(held=survivor.version, read=version)
        _check_places(survivor, duplicate, now)
        stops = _stops(survivor, duplicate)
        asked = [patients.standing_requests(patient=one) for one in (survivor, duplicate)]
        told = _give(survivor, duplicate)
        _keep_stops(actor, survivor, stops, now)
        _keep_asked(actor, survivor, asked, now)
        writing.save(row=survivor, values={"no_messages": survivor.no_messages or duplicate.no_messages})
        _bury(actor, survivor, duplicate, why, now)
        steps = [
            Step("merge", "patient", survivor.pk, None, survivor.pk, why, {"of": str(duplicate.pk), **told}),
            Step("merge_into", "patient", duplicate.pk, None, duplicate.pk, why, {"to": str(survivor.pk)}),
        ]
        trail.record(actor=actor, at=now, steps=steps)
        courses = TreatmentCourse.objects.filter(patient=survivor).values_list("id", flat=True)
        gaps.refresh(course_ids=list(courses), now=now, actor=actor)


def _lock(actor: Actor, survivor_id: UUID, duplicate_id: UUID) -> tuple[Patient, Patient]:
    """Everything that a booking for either locks, in its order, then the two patients themselves."""
    both = [survivor_id, duplicate_id]
    resources = [patients.patient(actor=actor, patient_id=one).resource_id for one in both]
    for model in VERSIONED:
        rows = model.objects.filter(patient_id__in=both).order_by("id")
        list(rows.select_for_update(no_key=True).values_list("id"))
    locks.lock_resources(resources)
    held = {one: patients.patient(actor=actor, patient_id=one, lock=True) for one in sorted(both)}
    return held[survivor_id], held[duplicate_id]


def _check_places(survivor: Patient, duplicate: Patient, now: datetime) -> None:
    """Nobody is in two places: where both have a visit at one time, one that is over gives up its place, and
    two that are to come refuse the merge.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM scheduling_occupancy WHERE resource_id = ANY(%s) AND expires_at <= %s",
            [[survivor.resource_id, duplicate.resource_id], now],
        )
        cursor.execute(
            """
            SELECT mine.id, other.id, one.id, one.status, one.start, one."end", two.id, two.status
            FROM scheduling_occupancy mine
            JOIN scheduling_occupancy other ON other.during && mine.during AND other.resource_id = %s
            JOIN scheduling_appointment one ON one.id = mine.appointment_id
            JOIN scheduling_appointment two ON two.id = other.appointment_id
            WHERE mine.resource_id = %s ORDER BY one.start, one.id
            """,
            [survivor.resource_id, duplicate.resource_id],
        )
        over, clashes = [], []
        for mine, other, visit, status, start, end, against, its_status in cursor.fetchall():
            if status == "fulfilled":
                over.append(mine)
            elif its_status == "fulfilled":
                over.append(other)
            else:
                span = {"start": start.isoformat(), "end": end.isoformat()}
                clashes.append({"visit": str(visit), "against": str(against), **span})
        if clashes:
            raise MergeClash(clashes=clashes)
        cursor.execute("DELETE FROM scheduling_occupancy WHERE id = ANY(%s)", [over])


Stops = set[tuple[str, str]]


def _latest(patient: Patient) -> dict[tuple[str, str], str]:
    rows = patients.messaging_consents(patient=patient).order_by(
        "channel", "category", "-decided_at", "-recorded_at", "-id"
    )
    return {(row.channel, row.category): row.decision for row in rows.distinct("channel", "category")}


def _stops(survivor: Patient, duplicate: Patient) -> Stops:
    """The channels and categories that one of the two revoked last (R-07)."""
    both = [*_latest(survivor).items(), *_latest(duplicate).items()]
    return {what for what, decision in both if decision == REVOKED}


def _keep_stops(actor: Actor, survivor: Patient, stops: Stops, now: datetime) -> None:
    """A STOP outranks a grant on the other record, also a later one: who said stop is this person."""
    held = _latest(survivor)
    MessagingConsent.objects.bulk_create(
        MessagingConsent(
            patient=survivor,
            channel=channel,
            category=category,
            decision=REVOKED,
            source="merged records: one said stop",
            decided_at=now,
            decided_by=actor.ref,
        )
        for channel, category in sorted(stops)
        if held.get((channel, category)) != REVOKED
    )


def _keep_asked(
    actor: Actor, survivor: Patient, asked: Sequence[Mapping[str, AddressRequest]], now: datetime
) -> None:
    """What one record was asked of where to write (R-04) holds, also where the other's ended later."""
    held = patients.standing_requests(patient=survivor)
    lost = {category: row for each in asked for category, row in each.items() if category not in held}
    AddressRequest.objects.bulk_create(
        AddressRequest(
            patient=survivor,
            categories=[category],
            addresses=row.addresses,
            said=row.said,
            decided_at=now,
            decided_by=actor.ref,
        )
        for category, row in sorted(lost.items())
    )


def _give(survivor: Patient, duplicate: Patient) -> dict[str, int]:
    """Change the owner of every row; returns how many of each kind."""
    with connection.cursor() as cursor:
        # A course and its visits name the patient together: their keys are asked at the end.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(
            "UPDATE scheduling_occupancy SET resource_id = %s WHERE resource_id = %s",
            [survivor.resource_id, duplicate.resource_id],
        )
    given: dict[str, int] = {}

    def count(model: Any, rows: int) -> None:
        if rows:
            given[model._meta.model_name] = rows

    for model in VERSIONED:
        rows = model.objects.filter(patient_id=duplicate.pk)
        count(model, rows.update(patient_id=survivor.pk, **access.touched()))
    for model in PLAIN:
        rows = model.objects.filter(patient_id=duplicate.pk)
        count(model, rows.update(patient_id=survivor.pk))
    count(ContactPoint, _give_addresses(survivor, duplicate))
    items = WorkItem.objects.filter(practice_id=survivor.practice_id)
    count(WorkItem, items.filter(patient_id=duplicate.pk).update(patient_id=survivor.pk))
    items.filter(subject_kind="patient", subject_id=duplicate.pk).update(subject_id=survivor.pk)
    MergedPatient.objects.filter(into=duplicate).update(into=survivor)
    return given


def _give_addresses(survivor: Patient, duplicate: Patient) -> int:
    """The duplicate's addresses are tried after the survivor's own; one that both have is the survivor's."""
    own = ContactPoint.objects.filter(patient=survivor)
    held = set(own.values_list("channel", "value"))
    rows = 0
    for channel in {channel for channel, _ in held} | {"sms", "email"}:
        theirs = ContactPoint.objects.filter(patient=duplicate, channel=channel)
        theirs.filter(value__in=[value for one, value in held if one == channel]).delete()
        last = own.filter(channel=channel).aggregate(last=Max("rank"))["last"] or 0
        rows += theirs.update(patient=survivor, rank=F("rank") + last)
    return rows


def _bury(actor: Actor, survivor: Patient, duplicate: Patient, reason: str, now: datetime) -> None:
    """Delete the duplicate's row, and leave where its id leads."""
    MergedPatient.objects.create(
        id=duplicate.pk,
        practice_id=survivor.practice_id,
        into=survivor,
        given_name=duplicate.given_name,
        family_name=duplicate.family_name,
        birth_date=duplicate.birth_date,
        reason=reason,
        merged_at=now,
        merged_by=actor.ref,
    )
    with connection.cursor() as cursor:
        # Not Django's delete, which would take along what it finds: here nothing may be left to find. The
        # keys are asked at the commit.
        cursor.execute("DELETE FROM patients_patient WHERE id = %s", [duplicate.pk])
        cursor.execute("DELETE FROM practice_resource WHERE id = %s", [duplicate.resource_id])
