"""Reading courses, visits and follow-up units: the API's and the pages' only way to them.

Every function sees the actor's practice only, asks for the capability first, and costs the same few
statements however many rows it returns.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from clinic.practice import paging, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import StaffMember, TrailEntry
from scheduling.booking import decided, rows
from scheduling.models import (
    Appointment,
    AppointmentPractitioner,
    CoursePhase,
    FollowUpGap,
    TreatmentCourse,
)
from scheduling.models.appointment import FACTS

# A course's story and a day's visits are whole, so they are bounded by this instead of by pages.
WHOLE = 1000


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


_NAMED_BY_A_VISIT = (
    "patient__given_name",
    "patient__family_name",
    "site__name",
    "room__name",
    "room__kind",
    "phase__name",
    "group_session__room__name",
    "group_session__room__kind",
)
_OF_A_VISIT = (*(field.attname for field in Appointment._meta.concrete_fields), *_NAMED_BY_A_VISIT)
_OF_A_PART = (
    "appointment_id",
    "role",
    "presence",
    "staff__first_name",
    "staff__last_name",
    "staff__username",
)


# --- visits ---------------------------------------------------------------------------------------------
def visits(*, actor: Actor, filters: Filters, part: paging.Cut) -> paging.Page[rows.Visit]:
    """One page of visits, ordered by `part.order` (`start` or `updated_at`), then id."""
    permissions.check(actor=actor, capability="appointments.read")
    found = visits_of(actor)
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
    return paging.Page(rows=tuple(visit_row(visit) for visit in stored), next=last)


def visit(*, actor: Actor, appointment_id: UUID, capability: str = "appointments.read") -> rows.Visit:
    """One visit; raises NotFound, also for a visit of another practice.

    `capability` is another one where the answer is to a write: who may book may see what they booked.
    """
    permissions.check(actor=actor, capability=capability)
    found = visits_of(actor).filter(pk=appointment_id).first()
    if found is None:
        raise NotFound()
    return visit_row(found)


def visits_named(*, actor: Actor, ids: Iterable[UUID], capability: str) -> tuple[rows.Visit, ...]:
    """These visits of the practice, by start: the answer to a write of several."""
    permissions.check(actor=actor, capability=capability)
    found = visits_of(actor).filter(pk__in=list(ids)).order_by("start", "id")
    return tuple(visit_row(visit) for visit in found)


def visits_of(actor: Actor) -> QuerySet[Appointment]:
    """The practice's visits, with all that a row names."""
    parts = AppointmentPractitioner.objects.select_related("staff").only(*_OF_A_PART)
    return (
        Appointment.objects.filter(practice_id=actor.practice_id)
        .select_related("patient", "site", "room", "phase", "group_session__room")
        # Whole rows of all that is named are three times as much to read.
        .only(*_OF_A_VISIT)
        .prefetch_related(Prefetch("staffing", parts), "group_session__staff", "overrides")
    )


def with_practitioner(found: QuerySet[Appointment], practitioner_id: UUID) -> QuerySet[Appointment]:
    """Those in which this person has a part. A group's visits have no staff of their own: the session owns
    them.
    """
    staffed = Q(staffing__staff_id=practitioner_id) | Q(group_session__staff=practitioner_id)
    return found.filter(pk__in=Appointment.objects.filter(staffed).values("pk"))


def visit_row(visit: Appointment, *, people: Iterable[rows.Person] | None = None) -> rows.Visit:
    """A stored visit, with what it names already read, as a plain row. `people` are its own where the caller
    knows them.
    """
    return rows.Visit(
        id=visit.pk,
        version=visit.version,
        status=visit.status,
        kind=visit.kind,
        ref=visit.ref,
        phase=visit.phase.name if visit.phase else None,
        sequence=visit.sequence,
        mode=visit.mode,
        start=visit.start,
        end=visit.end,
        time_zone=visit.time_zone,
        turnover_minutes=visit.turnover_minutes,
        patient=rows.Named(id=visit.patient_id, name=str(visit.patient)),
        site=rows.Named(id=visit.site_id, name=visit.site.name),
        course_id=visit.course_id,
        practitioners=tuple(sorted(_people(visit) if people is None else people, key=_by_role)),
        room=_place(visit),
        follows=visit.follows_id,
        window=_accepted_window(visit),
        group_session=visit.group_session_id,
        facts=_facts(visit),
        hold_expires_at=visit.hold_expires_at,
        cancel_code=visit.cancel_code,
        cancel_reason=visit.cancel_reason,
        late_entry_reason=visit.late_entry_reason,
        overrides=decided.overrides(visit.overrides.all()),
        updated_at=visit.updated_at,
        pinned_at=visit.pinned_at,
        pinned_by=visit.pinned_by,
    )


def _by_role(person: rows.Person) -> tuple[str, str]:
    return person.role, str(person.id)


def _people(visit: Appointment) -> list[rows.Person]:
    own = [
        rows.Person(id=part.staff_id, name=part.staff.display_name, role=part.role, presence=part.presence)
        for part in visit.staffing.all()
    ]
    if not own and visit.group_session:
        own = [
            rows.Person(id=person.pk, name=person.display_name, role="therapist", presence="exclusive")
            for person in visit.group_session.staff.all()
        ]
    return own


def _place(visit: Appointment) -> rows.Place | None:
    room = visit.room or (visit.group_session.room if visit.group_session else None)
    return rows.Place(id=room.pk, name=room.name, kind=room.kind) if room else None


def _accepted_window(visit: Appointment) -> rows.Window | None:
    if visit.window_opens_at is None and visit.window_closes_at is None:
        return None
    return rows.Window(
        opens_at=visit.window_opens_at,
        ideal_from=visit.window_ideal_from,
        ideal_to=visit.window_ideal_to,
        closes_at=visit.window_closes_at,
        grace_until=visit.window_grace_until,
    )


def _facts(visit: Appointment) -> tuple[rows.Fact, ...]:
    known = (
        rows.Fact(name=name, at=getattr(visit, f"{name}_at"), by=getattr(visit, f"{name}_by"))
        for name in FACTS
        if getattr(visit, f"{name}_at") is not None
    )
    return tuple(sorted(known, key=lambda fact: fact.at))


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
    return paging.Page(rows=tuple(_course_row(course) for course in stored), next=last)


def course(*, actor: Actor, course_id: UUID, capability: str = "courses.read") -> rows.WholeCourse:
    """One course with its visits, units and overrides; raises NotFound, also for another practice's."""
    permissions.check(actor=actor, capability=capability)
    whole = ("overrides", "reviews__phase", "reviews__next_phase")
    found = _courses_of(actor).filter(pk=course_id).prefetch_related(*whole).first()
    if found is None:
        raise NotFound()
    stored_visits = visits_of(actor).filter(course_id=course_id).order_by("start", "id")[:WHOLE]
    stored_gaps = gaps_of(actor).filter(course_id=course_id).order_by("closes_at", "id")[:WHOLE]
    return rows.WholeCourse(
        course=_course_row(found),
        visits=tuple(visit_row(visit) for visit in stored_visits),
        gaps=tuple(gap_row(gap) for gap in stored_gaps),
        overrides=decided.overrides(found.overrides.all()),
        reviews=decided.reviews(found.reviews.all()),
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
        for entry in told[:WHOLE]
    )


def _courses_of(actor: Actor) -> QuerySet[TreatmentCourse]:
    return (
        TreatmentCourse.objects.filter(practice_id=actor.practice_id)
        .select_related("patient", "site", "protocol_version__template", "responsible_clinician")
        .defer("protocol_version__document")
        .prefetch_related("phases")
    )


def _course_row(course: TreatmentCourse) -> rows.Course:
    protocol = course.protocol_version
    return rows.Course(
        id=course.pk,
        version=course.version,
        status=course.status,
        patient=rows.Named(id=course.patient_id, name=str(course.patient)),
        site=rows.Named(id=course.site_id, name=course.site.name),
        time_zone=course.site.time_zone,
        protocol=rows.ProtocolRef(
            id=protocol.template_id,
            key=protocol.template.key,
            name=protocol.name,
            version=protocol.version,
        ),
        responsible_clinician=_named(course.responsible_clinician),
        start_on_or_after=course.start_on_or_after,
        through_phase=course.through_phase,
        preferences=course.preferences,
        phases=_phases(course.phases.all()),
        created_at=course.created_at,
        updated_at=course.updated_at,
    )


def _phases(phases: Iterable[CoursePhase]) -> tuple[rows.PhaseRow, ...]:
    return tuple(
        rows.PhaseRow(
            name=phase.name,
            planned_sessions=phase.planned_sessions,
            exit_review_required=phase.exit_review_required,
            review_on=phase.review_on,
        )
        for phase in sorted(phases, key=lambda phase: phase.position)
    )


# --- follow-up units ------------------------------------------------------------------------------------
def gaps(*, actor: Actor, filters: Filters, part: paging.Cut) -> paging.Page[rows.Gap]:
    """One page of follow-up units."""
    permissions.check(actor=actor, capability="gaps.read")
    found = gaps_of(actor)
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
    return paging.Page(rows=tuple(gap_row(gap) for gap in stored), next=last)


def worklist(*, actor: Actor, now: datetime, limit: int = paging.MAX_LIMIT) -> tuple[rows.Gap, ...]:
    """The flagged units that nobody has put off beyond `now`, the most urgent first."""
    permissions.check(actor=actor, capability="gaps.read")
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)
    found = gaps_of(actor).filter(awake, flagged=True).order_by("closes_at", "id")
    return tuple(gap_row(gap) for gap in found[:limit])


def gap(*, actor: Actor, gap_id: UUID, capability: str = "gaps.read") -> rows.Gap:
    """One follow-up unit; raises NotFound, also for a unit of another practice."""
    permissions.check(actor=actor, capability=capability)
    found = gaps_of(actor).filter(pk=gap_id).first()
    if found is None:
        raise NotFound()
    return gap_row(found)


def gaps_of(actor: Actor) -> QuerySet[FollowUpGap]:
    """The practice's units, with all that a row names."""
    return (
        FollowUpGap.objects.filter(practice_id=actor.practice_id)
        .select_related("patient", "site", "assignee", "owner", "course__protocol_version")
        .prefetch_related("doses", "visits")
    )


def gap_row(gap: FollowUpGap) -> rows.Gap:
    """A stored unit, with what it names already read, as a plain row."""
    return rows.Gap(
        id=gap.pk,
        version=gap.version,
        status=gap.status,
        severity=gap.severity,
        flagged=gap.flagged,
        unit=gap.unit_key,
        needed=gap.needed,
        window=rows.Window(gap.opens_at, gap.ideal_from, gap.ideal_to, gap.closes_at, gap.grace_until),
        due_at=gap.grace_until if gap.status == "open" else gap.closes_at,
        time_zone=gap.site.time_zone,
        patient=rows.Named(gap.patient_id, str(gap.patient)),
        site=rows.Named(gap.site_id, gap.site.name),
        course_id=gap.course_id,
        protocol_name=gap.course.protocol_version.name,
        doses=tuple(sorted(dose.appointment_id for dose in gap.doses.all())),
        visits=tuple(sorted(visit.appointment_id for visit in gap.visits.all())),
        late=gap.late,
        booked_late=gap.booked_late,
        attendance_unrecorded=gap.attendance_unrecorded,
        review_needed=gap.review_needed,
        attended_after=gap.attended_after,
        assignee=_named(gap.assignee),
        owner=_named(gap.assignee or gap.owner),
        escalated_at=gap.escalated_at,
        snoozed_until=gap.snoozed_until,
        waived_at=gap.waived_at,
        reason=gap.reason,
        next_change_at=gap.next_change_at,
        updated_at=gap.updated_at,
    )


def _named(staff: StaffMember | None) -> rows.Named | None:
    return rows.Named(staff.pk, staff.display_name) if staff else None
