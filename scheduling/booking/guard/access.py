"""Loaders: permission, scope and row lock in one place. What is not there and what is not yours look the
same."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import F, Prefetch, QuerySet

from clinic.practice import permissions
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
    found = (
        TreatmentCourse.objects.select_for_update(of=("self",), no_key=True)
        .select_related("site", "practice", "patient")
        .filter(practice_id=actor.practice_id, id=course_id)
        .first()
    )
    if found is None or (actor.kind == "patient" and actor.id != found.patient_id):
        raise NotFound()
    return found


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
    permissions.check(actor=actor, capability=capability)
    scoped = visits(actor=actor).filter(id=appointment_id)
    course_id = scoped.values_list("course_id", flat=True).first()
    if course_id:
        TreatmentCourse.objects.select_for_update(no_key=True).filter(id=course_id).values_list("id").first()
    found = with_all(scoped).select_for_update(of=("self",), no_key=True).first()
    if found is None:
        raise NotFound()
    check_version(found=found.version, expected=version)
    return found


def visits_for_update(
    *, actor: Actor, appointment_ids: Collection[UUID], capability: str
) -> dict[UUID, Appointment]:
    """Several visits by id, locked after all of their courses, both in the order of their ids, with what
    `appointment_for_update` reads. Raises NotFound unless all are of the practice."""
    permissions.check(actor=actor, capability=capability)
    scoped = visits(actor=actor).filter(id__in=appointment_ids)
    courses = {one for one in scoped.values_list("course_id", flat=True) if one}
    locked = TreatmentCourse.objects.select_for_update(no_key=True).filter(id__in=courses).order_by("id")
    list(locked.values_list("id"))
    found = {
        visit.pk: visit
        for visit in with_all(scoped).select_for_update(of=("self",), no_key=True).order_by("id")
    }
    if set(appointment_ids) - found.keys():
        raise NotFound()
    return found


def with_all(found: QuerySet[Appointment]) -> QuerySet[Appointment]:
    """Visits with all that a write of them reads."""
    return (
        found.select_related(
            "site",
            "practice",
            "patient__site",
            "course__protocol_version__template",
            "course__site",
            "phase",
            "room",
        )
        .defer("course__protocol_version__document")
        .prefetch_related(Prefetch("staffing", AppointmentPractitioner.objects.select_related("staff")))
    )


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
