"""One visit booked by itself: a missing follow-up, a visit outside a course, or, with a reason, one that
already happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid
from clinic.practice.ids import new_id
from clinic.practice.models import StaffMember
from scheduling import reasons, states
from scheduling.booking.guard import access, locks, overrides
from scheduling.booking.reading import progress, queries, rows
from scheduling.booking.visit import appointments, spacing
from scheduling.booking.wanted import given, holding, nearest
from scheduling.booking.wanted.holding import Hold
from scheduling.booking.wanted.nearest import Fit, Refusal, Wanted
from scheduling.booking.writing import reminders, visits
from scheduling.booking.writing.visits import Placement
from scheduling.errors import RuleViolation, SlotTaken
from scheduling.followups import facts, gaps
from scheduling.models import Appointment, FollowUpGap, RuleOverride
from scheduling.models.appointment import ENDED_UNATTENDED
from scheduling.models.course import CourseStatus
from scheduling.models.followup import UNMET
from scheduling.planning.values import PlannedVisit, Span
from scheduling.roster import rosters

LONGEST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Visit:
    """What is asked for. What is not given is found: the length from the protocol, people and a room among
    those free."""

    patient_id: UUID
    kind: str
    start: datetime
    end: datetime | None = None
    course_id: UUID | None = None
    follows_id: UUID | None = None
    practitioner_ids: tuple[UUID, ...] = ()
    room_id: UUID | None = None
    site_id: UUID | None = None
    mode: str = "in_person"
    late_entry_reason: str = ""
    hold: Hold | None = None
    # Only while this follow-up unit still needs a visit: asked under the lock of its course.
    unit_id: UUID | None = None
    overrides: Sequence[dict[str, Any]] = field(default_factory=tuple)

    @property
    def capability(self) -> str:
        """What its booking asks for: patients fill a unit of theirs, and nothing else."""
        return "gaps.fill" if self.unit_id else "appointments.book"


def book(*, actor: Actor, now: datetime, visit: Visit, key: idempotency.Key | None = None) -> UUID:
    """`booked`, for who needs the visit's id only."""
    return booked(actor=actor, now=now, visit=visit, key=key).id


def booked(*, actor: Actor, now: datetime, visit: Visit, key: idempotency.Key | None = None) -> rows.Visit:
    """Book one visit and return it; the same key returns the first one as it is now.

    A start in the past needs `late_entry_reason`; where a late entry clashes with the plan it is kept without
    occupying anything, because what happened is never refused. With `hold` the visit is only reserved, for
    minutes (see `holds`).

    Raises SlotTaken with the nearest free start, RuleViolation where people or rooms do not fit, NotFound,
    TooManyHolds, Invalid.
    """
    permissions.check(actor=actor, capability=visit.capability)
    if before := idempotency.find(key=key, now=now):
        return _read(actor, before.object_id, visit)
    late = visit.start < now
    if late and not visit.late_entry_reason.strip():
        raise Invalid({"start": ["That time is past: say why it is entered late."]})
    if visit.late_entry_reason and not late:
        raise Invalid({"late_entry_reason": ["Only a visit that already happened is a late entry."]})
    if visit.hold and late:
        raise Invalid({"hold_minutes": ["What already happened cannot be held."]})
    wanted: list[Wanted] = []
    try:
        with locks.unit_of_work():
            appointment_id = new_id()
            replay = idempotency.claim(
                key=key, now=now, status_code=201, object_kind="appointment", object_id=appointment_id
            )
            if replay:
                return _read(actor, replay.object_id, visit)
            placement = _place(actor, now, visit)
            wanted.append(_wanted(placement, visit))
            row = _write(placement, visit, wanted[0], appointment_id, late=late)
            # The refresh may have put a visit of a course into its follow-up unit's window.
            return row if placement.course is None else _read(actor, appointment_id, visit)
    except SlotTaken as taken:
        if wanted and not late:
            found = nearest.start(wanted=wanted[0], now=now)
            taken.offer({"start": found.isoformat()} if found else None)
        raise


def add(*, actor: Actor, now: datetime, visit: Visit, appointment_id: UUID) -> None:
    """Book one coming visit inside the caller's transaction; refuses what `book` refuses."""
    placement = _place(actor, now, visit)
    _write(placement, visit, _wanted(placement, visit), appointment_id, late=False)


def _read(actor: Actor, appointment_id: UUID, visit: Visit) -> rows.Visit:
    return queries.visit(actor=actor, appointment_id=appointment_id, capability=visit.capability)


def _place(actor: Actor, now: datetime, visit: Visit) -> Placement:
    course = protocol = None
    if visit.course_id:
        course = access.course_for_update(actor=actor, course_id=visit.course_id, capability=visit.capability)
        if course.patient_id != visit.patient_id:
            raise Invalid({"patient": ["The course belongs to another patient."]})
        if course.status == CourseStatus.DRAFT:
            raise Invalid({"course": ["The course is only held: book it first."]})
        progress.check_takes(course=course, kind=visit.kind)
        _check_needed(visit)
        protocol = facts.protocol_of(course.protocol_version_id)
    elif visit.kind in states.DOSES or visit.follows_id:
        raise Invalid({"course": ["Doses and follow-ups belong to a course."]})
    if visit.follows_id:
        doses = Appointment.objects.filter(id=visit.follows_id, course=course, kind__in=states.DOSES)
        if not doses.exists():
            raise Invalid({"follows": ["A dose of this course."]})
    roster = rosters.of(practice_id=actor.practice_id)
    patient = access.patient(actor=actor, patient_id=visit.patient_id, roster=roster)
    site = roster.site(visit.site_id or (course.site_id if course else patient.site_id))
    placement = Placement(actor=actor, patient=patient, site=site, now=now, course=course, protocol=protocol)
    placement.roster = roster
    placement.late_entry_reason = visit.late_entry_reason
    if visit.hold:
        placement.held_until = holding.until(
            hold=visit.hold, practice=site.practice, first_start=visit.start, now=now
        )
    if course is not None:
        placement.phases = {phase.name: phase for phase in course.phases.order_by("position")}
    return placement


def _check_needed(visit: Visit) -> None:
    """Raise Conflict where the unit that the visit is booked for has been met meanwhile."""
    if visit.unit_id is None:
        return
    mine = FollowUpGap.objects.filter(pk=visit.unit_id, course_id=visit.course_id)
    status = mine.values_list("status", flat=True).first()
    if status not in UNMET:
        raise Conflict(f"The follow-up is {status}: there is nothing to book.")


def _wanted(placement: Placement, visit: Visit) -> Wanted:
    protocol, course = placement.protocol, placement.course
    minutes = given.minutes_of(protocol=protocol, kind=visit.kind)
    length = (visit.end - visit.start) if visit.end else timedelta(minutes=minutes)
    if not timedelta(0) < length <= LONGEST:
        raise Invalid({"end": ["It must be after the start, and within twelve hours."]})
    roster = placement.roster or rosters.of(practice_id=placement.actor.practice_id)
    roles = {one: roster.people[one].roles for one in visit.practitioner_ids if one in roster.people}
    ordinal = 1
    familiar: tuple[str, ...] = ()
    if course is not None:
        same = Appointment.objects.filter(course=course, kind=visit.kind)
        ordinal = same.count() + 1
        people = same.order_by("-start").values_list("staffing__staff_id", flat=True)
        familiar = tuple(str(one) for one in people[:8] if one)
    # Refuses whoever has no part in such a visit, before anybody looks for a time.
    given.staffing(
        protocol=protocol,
        kind=visit.kind,
        ordinal=ordinal,
        chosen=visit.practitioner_ids,
        roles=roles,
        where="practitioners",
    )
    return Wanted(
        practice_id=placement.actor.practice_id,
        site_id=placement.site.id,
        patient_id=placement.patient.id,
        kind=visit.kind,
        start=visit.start,
        length=length,
        grid_minutes=placement.site.grid_minutes,
        mode=visit.mode,
        protocol=protocol,
        ordinal=ordinal,
        people=tuple(visit.practitioner_ids),
        room_id=visit.room_id,
        familiar=familiar,
        patient_resource=placement.patient.resource_id,
    )


def _write(
    placement: Placement, visit: Visit, wanted: Wanted, appointment_id: UUID, *, late: bool
) -> rows.Visit:
    span = Span(wanted.start - timedelta(hours=1), wanted.start + wanted.length + timedelta(hours=4))
    free = nearest.calendar(wanted=wanted, span=span, now=placement.now, roster=placement.roster)
    found = nearest.fit(wanted=wanted, free=free, start=wanted.start)
    fit = found if isinstance(found, Fit) else _as_asked(visit, wanted, found, late=late)
    planned = _planned(placement, visit, wanted, fit)
    broken = [] if late else _broken(placement, visit, planned, found)
    left, used = overrides.remaining(actor=placement.actor, violations=broken, asked=visit.overrides)
    if left:
        raise RuleViolation(violations=left)
    placement.ids[planned.ref] = appointment_id
    visits.resolve(placement, [planned])
    # A late entry that clashes is kept as what happened, and occupies nothing.
    if isinstance(found, Fit) or not late:
        visits.occupy(placement, [planned])
    if placement.held_until:
        holding.check_number(actor=placement.actor, practice=placement.site.practice, now=placement.now)
    written = visits.insert(placement, [planned])[0]
    if visit.follows_id:
        Appointment.objects.filter(id=written.id).update(follows_id=visit.follows_id)
    if used and placement.course is not None:
        RuleOverride.objects.bulk_create(
            overrides.rows(
                actor=placement.actor,
                used=used,
                course=placement.course,
                appointment=written,
                now=placement.now,
            )
        )
    appointments.record(
        actor=placement.actor,
        appointment=written,
        verb="held" if placement.held_until else "booked",
        now=placement.now,
        moment=written.start,
        reason=visit.late_entry_reason,
    )
    if placement.course is not None:
        gaps.refresh(course_ids=[placement.course.id], now=placement.now, actor=placement.actor)
    if visit.hold and visit.hold.offer and placement.held_until:
        visit.hold.offer(written.pk, placement.held_until)
    if not late:
        reminders.on_appointments_booked(appointments=[written], now=placement.now)
    return visits.shown(placement, planned, written)


def _as_asked(visit: Visit, wanted: Wanted, refusal: Refusal, *, late: bool) -> Fit:
    """A visit that does not fit, as it was asked for: what happened is recorded, a broken rule may be
    overridden, a clash with another visit refuses.
    """
    if refusal.taken and not late:
        end = wanted.start + wanted.length
        clash = {"visit": visit.kind, "start": wanted.start.isoformat(), "end": end.isoformat()}
        raise SlotTaken(clashes=[clash | {"message": refusal.message}])
    staffing = given.staffing(
        protocol=wanted.protocol,
        kind=wanted.kind,
        ordinal=wanted.ordinal,
        chosen=visit.practitioner_ids,
        roles=dict(StaffMember.objects.filter(id__in=visit.practitioner_ids).values_list("id", "roles")),
        where="practitioners",
    )
    return Fit(wanted.start, staffing, str(visit.room_id) if visit.room_id else None)


def _broken(
    placement: Placement, visit: Visit, planned: PlannedVisit, found: Fit | Refusal
) -> list[dict[str, Any]]:
    """The rules that the visit breaks: people and places that do not fit, and for a dose spacing and caps."""
    broken: list[dict[str, Any]] = []
    if isinstance(found, Refusal):
        broken.append({"rule_id": found.rule_id, "message": found.message})
    if visit.kind in states.DOSES:
        broken += spacing.violations(
            placement=placement, start=planned.start, end=planned.end, phase=planned.phase
        )
    return [{"severity": "error", "overridable": True} | one | {"visit": visit.kind} for one in broken]


def _planned(placement: Placement, visit: Visit, wanted: Wanted, fit: Fit) -> PlannedVisit:
    dose = visit.kind in states.DOSES
    name = "dose" if dose else visit.kind
    phase = None
    if dose and placement.phases:
        last = Appointment.objects.filter(course=placement.course, kind=visit.kind).order_by("-start")
        phase = last.values_list("phase__name", flat=True).first() or next(iter(placement.phases))
    return PlannedVisit(
        ref=_free_ref(placement, name) if placement.course else name,
        kind=visit.kind,
        phase=phase,
        sequence=wanted.ordinal,
        start=fit.start,
        end=fit.start + wanted.length,
        mode=visit.mode,
        staffing=fit.staffing,
        room=fit.room,
        turnover_minutes=int(wanted.turnover.total_seconds() // 60),
    )


def _free_ref(placement: Placement, name: str) -> str:
    """The lowest number that no live visit of the course has: a visit that was left out or cancelled is
    replaced by name, but not one that a course which rests or was stopped may bring back."""
    named = Appointment.objects.filter(course=placement.course, ref__startswith=f"{name}-")
    free = Q(status__in=ENDED_UNATTENDED)
    if placement.course is not None and placement.course.status in (
        CourseStatus.PAUSED,
        CourseStatus.STOPPED,
    ):
        free &= ~Q(cancel_code__in=reasons.OF_THE_COURSE)
    return visits.free_ref(name=name, taken=set(named.exclude(free).values_list("ref", flat=True)))
