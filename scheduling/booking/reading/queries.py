"""Reading courses, visits and follow-up units: the API's and the pages' only way to them.

Every function sees the actor's practice only, asks for the capability first, and costs the same few
statements however many rows it returns.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from clinic.practice import paging, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import StaffMember, TrailEntry
from scheduling.booking.reading import decided, fetched, rows
from scheduling.models import Appointment, CoursePhase, CourseReview, RuleOverride, TreatmentCourse


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed by; None narrows nothing. Starts are half-open: from <= start < before."""

    patient: UUID | None = None
    course: UUID | None = None
    status: str | None = None
    kind: str | None = None
    practitioner: UUID | None = None
    room: UUID | None = None
    site: UUID | None = None
    protocol: str | None = None
    assignee: UUID | None = None
    severity: str | None = None
    flagged: bool | None = None
    start_from: datetime | None = None
    start_before: datetime | None = None
    updated_since: datetime | None = None


# --- visits ---------------------------------------------------------------------------------------------
def visits(*, actor: Actor, filters: Filters, part: paging.Cut) -> paging.Page[rows.Visit]:
    """One page of visits, ordered by `part.order` (`start` or `updated_at`), then id."""
    permissions.check(actor=actor, capability="appointments.read")
    found = Appointment.objects.filter(practice_id=actor.practice_id).only("id", "start", "updated_at")
    for field in ("patient", "course", "room", "site"):
        if (value := getattr(filters, field)) is not None:
            found = found.filter(**{f"{field}_id": value})
    if filters.status:
        found = found.filter(status=filters.status)
    if filters.kind:
        found = found.filter(kind=filters.kind)
    if filters.practitioner:
        found = with_practitioner(found, filters.practitioner)
    if filters.start_from:
        found = found.filter(start__gte=filters.start_from)
    if filters.start_before:
        found = found.filter(start__lt=filters.start_before)
    if filters.updated_since:
        found = found.filter(updated_at__gte=filters.updated_since)
    stored, last = paging.cut(rows=found, part=part)
    read = {visit.id: visit for visit in fetched.visits(actor=actor, ids=[one.pk for one in stored])}
    return paging.Page(rows=tuple(read[one.pk] for one in stored), next=last)


def visit(*, actor: Actor, appointment_id: UUID, capability: str = "appointments.read") -> rows.Visit:
    """One visit; raises NotFound, also for a visit of another practice.

    `capability` is another one where the answer is to a write: who may book may see what they booked.
    """
    permissions.check(actor=actor, capability=capability)
    found = fetched.visits(actor=actor, ids=[appointment_id])
    if not found:
        raise NotFound()
    return found[0]


def visits_named(*, actor: Actor, ids: Iterable[UUID], capability: str) -> tuple[rows.Visit, ...]:
    """These visits of the practice, by start: the answer to a write of several."""
    permissions.check(actor=actor, capability=capability)
    return fetched.visits(actor=actor, ids=list(ids))


def with_practitioner(found: QuerySet[Appointment], practitioner_id: UUID) -> QuerySet[Appointment]:
    """Those in which this person has a part. A group's visits have no staff of their own: the session owns
    them.
    """
    staffed = Q(staffing__staff_id=practitioner_id) | Q(group_session__staff=practitioner_id)
    return found.filter(pk__in=Appointment.objects.filter(staffed).values("pk"))


# --- courses --------------------------------------------------------------------------------------------
def courses(*, actor: Actor, filters: Filters, part: paging.Cut) -> paging.Page[rows.Course]:
    """One page of courses, without their visits."""
    permissions.check(actor=actor, capability="courses.read")
    found = _courses_of(actor)
    if filters.patient:
        found = found.filter(patient_id=filters.patient)
    if filters.site:
        found = found.filter(site_id=filters.site)
    if filters.status:
        found = found.filter(status=filters.status)
    if filters.protocol:
        found = found.filter(protocol_version__template__key=filters.protocol)
    if filters.updated_since:
        found = found.filter(updated_at__gte=filters.updated_since)
    stored, last = paging.cut(rows=found, part=part)
    phases = _phases([one.id for one in stored])
    return paging.Page(rows=tuple(_course_row(one, phases.get(one.id, ())) for one in stored), next=last)


def course(*, actor: Actor, course_id: UUID, capability: str = "courses.read") -> rows.WholeCourse:
    """One course with its visits, units and overrides; raises NotFound, also for another practice's."""
    permissions.check(actor=actor, capability=capability)
    found = next(iter(_courses_of(actor).filter(pk=course_id)), None)
    if found is None:
        raise NotFound()
    overrides = RuleOverride.objects.filter(course_id=course_id) if found.overridden else ()
    reviews = CourseReview.objects.filter(course_id=course_id).select_related("phase", "next_phase")
    gaps = fetched.gaps_of(actor).filter(course_id=course_id).order_by("closes_at", "id")
    return rows.WholeCourse(
        course=_course_row(found, _phases([course_id]).get(course_id, ())),
        visits=fetched.visits(actor=actor, course=course_id),
        gaps=fetched.gaps(gaps[: fetched.WHOLE]),
        overrides=decided.overrides(overrides),
        reviews=decided.reviews(reviews if found.reviewed else ()),
    )


def trail(*, actor: Actor, course_id: UUID) -> tuple[rows.TrailRow, ...]:
    """A course's story, oldest first."""
    permissions.check(actor=actor, capability="courses.read")
    told = TrailEntry.objects.filter(practice_id=actor.practice_id, course_id=course_id).order_by("id")
    return tuple(
        rows.TrailRow(
            at=entry.at,
            actor=entry.actor_label or entry.actor_ref,
            verb=entry.verb,
            subject_kind=entry.subject_kind,
            subject_id=entry.subject_id,
            reason=entry.reason,
            data=entry.data,
        )
        for entry in told[: fetched.WHOLE]
    )


@functools.cache
def _all_courses() -> fetched.Stored:
    of_course = {"course_id": OuterRef("pk")}
    return TreatmentCourse.objects.annotate(
        overridden=Exists(RuleOverride.objects.filter(**of_course)),
        reviewed=Exists(CourseReview.objects.filter(**of_course)),
    ).values_list(
        *fetched.own(TreatmentCourse),
        "overridden",
        "reviewed",
        "patient__given_name",
        "patient__family_name",
        "site__name",
        "site__time_zone",
        "protocol_version__name",
        "protocol_version__version",
        "protocol_version__template_id",
        "protocol_version__template__key",
        *(f"responsible_clinician__{part}" for part in StaffMember.NAMED_BY),
        named=True,
    )


def _courses_of(actor: Actor) -> fetched.Stored:
    return _all_courses().filter(practice_id=actor.practice_id)


def _course_row(stored: Any, phases: Iterable[rows.PhaseRow]) -> rows.Course:
    return rows.Course(
        id=stored.id,
        version=stored.version,
        status=stored.status,
        patient=fetched.patient(stored),
        site=rows.Named(stored.site_id, stored.site__name),
        time_zone=stored.site__time_zone,
        protocol=rows.ProtocolRef(
            id=stored.protocol_version__template_id,
            key=stored.protocol_version__template__key,
            name=stored.protocol_version__name,
            version=stored.protocol_version__version,
        ),
        responsible_clinician=fetched.staff(stored, "responsible_clinician"),
        start_on_or_after=stored.start_on_or_after,
        through_phase=stored.through_phase,
        preferences=stored.preferences,
        phases=tuple(phases),
        redisclosure=rows.REDISCLOSURE if stored.sensitive_sud else "",
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )


def _phases(course_ids: Sequence[UUID]) -> dict[UUID, list[rows.PhaseRow]]:
    found: dict[UUID, list[rows.PhaseRow]] = {}
    stored = CoursePhase.objects.filter(course_id__in=course_ids).order_by("position")
    fields = ("name", "planned_sessions", "exit_review_required", "review_on")
    for course_id, *phase in stored.values_list("course_id", *fields):
        found.setdefault(course_id, []).append(rows.PhaseRow(*phase))
    return found


# --- follow-up units ------------------------------------------------------------------------------------
def gaps(*, actor: Actor, filters: Filters, part: paging.Cut) -> paging.Page[rows.Gap]:
    """One page of follow-up units."""
    permissions.check(actor=actor, capability="gaps.read")
    found = fetched.gaps_of(actor)
    for field in ("patient", "course", "site", "assignee"):
        if (value := getattr(filters, field)) is not None:
            found = found.filter(**{f"{field}_id": value})
    if filters.status:
        found = found.filter(status=filters.status)
    if filters.severity:
        found = found.filter(severity=filters.severity)
    if filters.flagged is not None:
        found = found.filter(flagged=filters.flagged)
    if filters.updated_since:
        found = found.filter(updated_at__gte=filters.updated_since)
    stored, last = paging.cut(rows=found, part=part)
    return paging.Page(rows=fetched.gaps(stored), next=last)


def worklist(*, actor: Actor, now: datetime, limit: int = paging.MAX_LIMIT) -> tuple[rows.Gap, ...]:
    """The flagged units that nobody has put off beyond `now`, the most urgent first."""
    permissions.check(actor=actor, capability="gaps.read")
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)
    found = fetched.gaps_of(actor).filter(awake, flagged=True).order_by("closes_at", "id")
    return fetched.gaps(found[:limit])


def gap(*, actor: Actor, gap_id: UUID, capability: str = "gaps.read") -> rows.Gap:
    """One follow-up unit; raises NotFound, also for a unit of another practice."""
    permissions.check(actor=actor, capability=capability)
    found = fetched.gaps(fetched.gaps_of(actor).filter(pk=gap_id))
    if not found:
        raise NotFound()
    return found[0]
