"""Loaders: permission, scope and row lock in one place. What is not there and what is not yours look the
same."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from clinic.practice import joined, permissions, prepared
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound, Stale
from clinic.practice.joined import Joined
from clinic.practice.models import Site
from patients.models import Patient
from scheduling.models import (
    Appointment,
    AppointmentPractitioner,
    FollowUpGap,
    ProtocolVersion,
    TreatmentCourse,
)
from scheduling.roster import rosters
from scheduling.roster.rosters import Roster

_PATIENTS = Joined(Patient)
_COURSES = Joined(TreatmentCourse, "site", "practice", "patient")
_VISITS = Joined(
    Appointment,
    *("site", "practice", "patient__site", "course__protocol_version__template", "course__site"),
    *("phase", "room"),
    without=["course__protocol_version__document"],
)
_STAFFING = Joined(AppointmentPractitioner, "staff")


def check_version(*, found: int, expected: int | None) -> None:
    """Raise Stale when the caller saw another version; without an expectation anything goes."""
    if expected is not None and found != expected:
        raise Stale(version=found)


def patient(*, actor: Actor, patient_id: UUID, roster: Roster | None = None) -> Patient:
    """A patient of the actor's practice, with site and practice. `roster` is the practice's, where the caller
    has read it.
    """
    here = _PATIENTS.fetch("WHERE one.practice_id = %s AND one.id = %s", [actor.practice_id, patient_id])
    if not here or (actor.kind == "patient" and actor.id != patient_id):
        raise NotFound()
    [found] = here
    roster = roster or rosters.of(practice_id=actor.practice_id)
    found.site = roster.site(found.site_id)
    found.practice = found.site.practice
    return found


def site(*, actor: Actor, site_id: UUID) -> Site:
    """A site of the actor's practice, with the practice."""
    return rosters.of(practice_id=actor.practice_id).site(site_id)


def protocol_version(
    *, actor: Actor, protocol_id: UUID | None = None, key: str | None = None, version: int | None = None
) -> ProtocolVersion:
    """The current version of an active protocol (or the one asked for), by the protocol's id or key; without
    its document, which `facts.protocol_of` has read.
    """
    found = (
        ProtocolVersion.objects.filter(template__practice_id=actor.practice_id, template__is_active=True)
        .select_related("template")
        .defer("document")
    )
    found = found.filter(template__key=key) if key else found.filter(template_id=protocol_id)
    row = found.filter(version=version).first() if version else found.order_by("-version").first()
    if row is None:
        raise NotFound()
    return row


def course_for_update(*, actor: Actor, course_id: UUID, capability: str) -> TreatmentCourse:
    """The course, locked until the transaction ends: everything that changes its visits or gaps starts
    here."""
    permissions.check(actor=actor, capability=capability)
    theirs, values = _theirs(actor)
    found = _COURSES.fetch(f"WHERE {theirs} AND one.id = %s FOR NO KEY UPDATE OF one", [*values, course_id])
    if not found:
        raise NotFound()
    return found[0]


def visits(*, actor: Actor) -> QuerySet[Appointment]:
    """The visits that are there for this actor: the practice's, and for patients their own."""
    found = Appointment.objects.filter(practice_id=actor.practice_id)
    if actor.kind != "patient":
        return found
    return found.filter(patient_id=actor.id) if actor.id else found.none()


def gaps(*, actor: Actor) -> QuerySet[FollowUpGap]:
    """The follow-up units that are there for this actor: the practice's, and for patients their own."""
    found = FollowUpGap.objects.filter(practice_id=actor.practice_id)
    if actor.kind != "patient":
        return found
    return found.filter(patient_id=actor.id) if actor.id else found.none()


def appointment_for_update(
    *, actor: Actor, appointment_id: UUID, capability: str, version: int | None = None
) -> Appointment:
    """The visit, locked after its course, with staffing, room and patient."""
    found = visits_for_update(actor=actor, appointment_ids=[appointment_id], capability=capability)
    visit = found[appointment_id]
    check_version(found=visit.version, expected=version)
    return visit


def visits_for_update(
    *, actor: Actor, appointment_ids: Collection[UUID], capability: str
) -> dict[UUID, Appointment]:
    """Several visits by id, locked after all of their courses, both in the order of their ids, with what
    `appointment_for_update` reads. Raises NotFound unless all are there for the actor."""
    permissions.check(actor=actor, capability=capability)
    theirs, values = _theirs(actor)
    prepared.fetch(
        f"""
        SELECT id FROM scheduling_treatmentcourse WHERE id IN (
            SELECT one.course_id FROM scheduling_appointment one WHERE {theirs} AND one.id = ANY(%s::uuid[]))
        ORDER BY id FOR NO KEY UPDATE
        """,
        [*values, list(appointment_ids)],
    )
    rows = with_all(
        f"WHERE {theirs} AND one.id = ANY(%s::uuid[]) ORDER BY one.id FOR NO KEY UPDATE OF one",
        [*values, list(appointment_ids)],
    )
    found = {visit.pk: visit for visit in rows}
    if set(appointment_ids) - found.keys():
        raise NotFound()
    return found


def visit(*, actor: Actor, appointment_id: UUID) -> Appointment:
    """The visit with all that a write would read, not locked. Raises NotFound."""
    theirs, values = _theirs(actor)
    found = with_all(f"WHERE {theirs} AND one.id = %s", [*values, appointment_id])
    if not found:
        raise NotFound()
    return found[0]


def visits_by_start(*, appointment_ids: Collection[UUID]) -> list[Appointment]:
    """Visits that the caller has found for the actor, by start, with all that a write would read."""
    return with_all("WHERE one.id = ANY(%s::uuid[]) ORDER BY one.start, one.id", [list(appointment_ids)])


def with_all(ending: str, params: Sequence[Any]) -> list[Appointment]:
    """The visits that a statement of `Joined` ends in, with all that a write of them reads."""
    found = _VISITS.fetch(ending, params)
    staffing = _STAFFING.fetch(
        "WHERE one.appointment_id = ANY(%s::uuid[]) ORDER BY one.id", [[visit.pk for visit in found]]
    )
    joined.fill(found, "staffing", staffing, "appointment_id")
    return found


def _theirs(actor: Actor) -> tuple[str, list[object]]:
    """Which visits, or courses, are there for this actor, as `visits` has it; a patient without an id has
    none."""
    if actor.kind != "patient":
        return "one.practice_id = %s", [actor.practice_id]
    return "one.practice_id = %s AND one.patient_id = %s", [actor.practice_id, actor.id]


def gap_for_update(*, actor: Actor, gap_id: UUID, capability: str, version: int | None = None) -> FollowUpGap:
    """The gap, locked after its course."""
    permissions.check(actor=actor, capability=capability)
    scoped = FollowUpGap.objects.filter(practice_id=actor.practice_id, id=gap_id)
    course_id = scoped.values_list("course_id", flat=True).first()
    if course_id is None:
        raise NotFound()
    TreatmentCourse.objects.select_for_update(no_key=True).filter(id=course_id).values_list("id").first()
    found = scoped.select_for_update(of=("self",), no_key=True).select_related("site", "course").get()
    check_version(found=found.version, expected=version)
    return found


def touched() -> dict[str, object]:
    """What every update of a versioned row adds: the next version. The time is the database's own doing."""
    return {"version": F("version") + 1}
