"""Visits that take place after all, at their old time and place: one, or all that a course gave up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.guard import access, locks, overrides
from scheduling.booking.visit import consequences, spacing
from scheduling.booking.wanted import nearest
from scheduling.booking.wanted.nearest import Wanted
from scheduling.booking.writing import cancellations, reminders, visits
from scheduling.booking.writing.visits import Placement
from scheduling.errors import RuleViolation, SlotTaken
from scheduling.followups import facts, gaps
from scheduling.models import Appointment, RuleOverride
from scheduling.models.appointment import ENDED_UNATTENDED
from scheduling.planning.protocol import Presence
from scheduling.planning.values import Availability, PlannedVisit, Span, Staffing

CAPABILITY = "appointments.book"
_OPEN_COURSES = ("draft", "active", "review_due")


def reinstate(
    *,
    actor: Actor,
    appointment_id: UUID,
    reason: str,
    now: datetime,
    overrides: Sequence[dict[str, Any]] = (),
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> Appointment:
    """Bring a cancelled, missed or displaced visit back to where and when it was.

    Its places are taken again, its follow-up units judged again and its reminders armed again. The name that
    another visit has taken over meanwhile stays with that one. What is past is not reinstated but corrected
    (`corrections.correct`).

    Raises InvalidTransition, Conflict for a visit that has begun or whose course is not open, SlotTaken with
    the nearest time that is free, RuleViolation, Stale.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    if not reason.strip():
        raise Invalid({"reason": ["Say why the visit takes place after all."]})
    lost: list[Appointment] = []
    try:
        with locks.unit_of_work():
            replay = idempotency.claim(
                key=key, now=now, status_code=200, object_kind="appointment", object_id=appointment_id
            )
            visit = access.appointment_for_update(
                actor=actor,
                appointment_id=appointment_id,
                capability=CAPABILITY,
                version=None if replay else version,
            )
            if replay:
                return visit
            lost.append(visit)
            check(visit=visit, now=now)
            _excuse(actor, visit, overrides, now)
            _bring(actor, [visit], reason, now)
            if visit.course_id:
                gaps.refresh(course_ids=[visit.course_id], now=now, actor=actor)
            return visit
    except SlotTaken as taken:
        if lost:
            found = nearest.start(wanted=wanted_of(visit=lost[0]), now=now)
            taken.offer({"start": found.isoformat()} if found else None)
        raise


def bring_back(
    *, actor: Actor, visits: Sequence[Appointment], reason: str, now: datetime
) -> list[dict[str, Any]]:
    """All of these visits of one locked course, or none: what stands in the way of them, empty when they are
    back. The caller owns the transaction and refreshes the follow-up units."""
    if not visits:
        return []
    broken = [one for visit in visits for one in violations(visit=visit, beside=visits, now=now)]
    if broken:
        return [
            {"visit": one["visit"], "rule_id": one["rule_id"], "message": one["message"]} for one in broken
        ]
    try:
        # A savepoint: what was taken for the first is given back when there is no place for the last.
        with locks.savepoint():
            _bring(actor, visits, reason, now)
    except SlotTaken as taken:
        told = "Somebody else has the place now."
        return [
            {"visit": clash["visit"], "rule_id": "slot_taken", "message": told} for clash in taken.clashes
        ]
    return []


def check(*, visit: Appointment, now: datetime) -> None:
    """Raise InvalidTransition, or Conflict, for a visit that cannot come back."""
    states.find(machine=states.APPOINTMENT, state=visit.status, verb="reinstate", kind=visit.kind)
    if visit.start <= now:
        raise Conflict(
            "The visit's time has come: correct the record instead.", start=visit.start.isoformat()
        )
    if visit.course is not None and visit.course.status not in _OPEN_COURSES:
        raise Conflict(f"The course is {visit.course.status}.", state=visit.course.status)


def _excuse(actor: Actor, visit: Appointment, asked: Sequence[dict[str, Any]], now: datetime) -> None:
    """Keep the overrides that are used; raise RuleViolation for what still stands."""
    left, used = overrides.remaining(
        actor=actor, violations=violations(visit=visit, beside=[visit], now=now), asked=asked
    )
    if left:
        raise RuleViolation(violations=left)
    if visit.course is not None:
        rows = overrides.rows(actor=actor, used=used, course=visit.course, appointment=visit, now=now)
        RuleOverride.objects.bulk_create(rows)


def violations(*, visit: Appointment, beside: Sequence[Appointment], now: datetime) -> list[dict[str, Any]]:
    """The rules that the visit would break at its old time, among those that can have changed since: who
    works and which room is open, and for a dose spacing and caps, with `beside` back as well."""
    span = Span(visit.start - timedelta(hours=1), visit.end + timedelta(hours=4))
    free = nearest.calendar(wanted=wanted_of(visit=visit), span=span, now=now)
    broken = _roster(visit, free)
    if visit.kind in states.DOSES and visit.course is not None:
        placement = placement_of(actor=None, visit=visit, now=now)
        phase = visit.phase.name if visit.phase else None
        others = [one for one in beside if one.pk != visit.pk and one.kind == visit.kind]
        broken += spacing.violations(
            placement=placement, start=visit.start, end=visit.end, phase=phase, beside=others
        )
    name = visit.ref or str(visit.pk)
    return [{"severity": "error", "overridable": True} | one | {"visit": name} for one in broken]


def _roster(visit: Appointment, free: Availability) -> list[dict[str, Any]]:
    """People and room that are there no more. A group session owns its own."""
    if visit.group_session_id:
        return []
    people = {one.id: one for one in free.practitioners}
    found: list[dict[str, Any]] = []
    for part in visit.staffing.all():
        person, name = people.get(str(part.staff_id)), part.staff.display_name
        if not part.staff.is_active or part.role not in part.staff.roles:
            message = f"{name} does not work here as {part.role} any more."
            found.append({"rule_id": "staff", "overridable": False, "message": message})
        elif person is None or not nearest.covers(person.on_shift, visit.start, visit.end):
            found.append({"rule_id": "shift", "message": f"{name} is not on shift at that time."})
    rooms = {one.id: one for one in free.rooms}
    if visit.room_id is not None:
        room = rooms.get(str(visit.room_id))
        until = visit.end + timedelta(minutes=visit.turnover_minutes)
        if room is None or not nearest.covers(room.open, visit.start, until):
            found.append({"rule_id": "room", "message": "The room is not open at that time."})
    return found


def _bring(actor: Actor, lost: Sequence[Appointment], reason: str, now: datetime) -> None:
    """Places, rows, trail, messages and questions of visits that come back."""
    retake(actor=actor, lost=lost, now=now)
    steps = []
    for visit in lost:
        move = states.find(machine=states.APPOINTMENT, state=visit.status, verb="reinstate", kind=visit.kind)
        was = visit.status
        values: dict[str, Any] = {"status": move.target, "cancel_code": "", "cancel_reason": ""}
        values |= {f"{fact}_{part}": None for fact in move.clears for part in ("at", "by")}
        values |= {"ref": free_ref(visit=visit)}
        write(visit=visit, values=values)
        steps.append(
            Step(
                "appointment.reinstate",
                "appointment",
                visit.pk,
                visit.course_id,
                visit.patient_id,
                reason,
                {"ref": visit.ref, "before": was, "start": visit.start.isoformat()},
            )
        )
        consequences.after_return(actor=actor, appointment=visit, now=now)
    trail.record(actor=actor, at=now, steps=steps)
    cancellations.call_no_more(actor=actor, visits=lost, now=now)
    reminders.on_reinstated(appointments=lost, now=now)


def write(*, visit: Appointment, values: dict[str, Any]) -> None:
    """Store these values of a locked visit, as its next version."""
    Appointment.objects.filter(pk=visit.pk).update(**values, **access.touched())
    for name, value in values.items():
        setattr(visit, name, value)
    visit.version += 1


def retake(*, actor: Actor, lost: Sequence[Appointment], now: datetime) -> None:
    """Take the places of visits that had given theirs up; raises SlotTaken, or Invalid for a person or a room
    that is not there any more."""
    by_site: dict[UUID, list[Appointment]] = {}
    for visit in sorted(lost, key=lambda one: (str(one.site_id), one.start, str(one.pk))):
        by_site.setdefault(visit.site_id, []).append(visit)
    for here in by_site.values():
        placement = placement_of(actor=actor, visit=here[0], now=now)
        wanted = [planned_of(visit=visit) for visit in here]
        placement.ids = {one.ref: visit.pk for one, visit in zip(wanted, here, strict=True)}
        visits.resolve(placement, wanted)
        visits.occupy(placement, wanted)


def placement_of(*, actor: Actor | None, visit: Appointment, now: datetime) -> Placement:
    """Where the visit stands, as the writers of visits take it."""
    course = visit.course
    protocol = facts.protocol_of(course.protocol_version_id) if course else None
    who = actor or Actor(practice_id=visit.practice_id, kind="system")
    return Placement(
        actor=who, patient=visit.patient, site=visit.site, now=now, course=course, protocol=protocol
    )


def planned_of(*, visit: Appointment) -> PlannedVisit:
    """A stored visit as the plan of itself."""
    return PlannedVisit(
        ref=visit.ref or str(visit.pk),
        kind=visit.kind,
        phase=visit.phase.name if visit.phase else None,
        sequence=visit.sequence or 1,
        start=visit.start,
        end=visit.end,
        mode=visit.mode,
        staffing=tuple(
            Staffing(part.role, str(part.staff_id), Presence(part.presence), part.seats)
            for part in visit.staffing.all()
        ),
        room=str(visit.room_id) if visit.room_id else None,
        turnover_minutes=visit.turnover_minutes,
        group_session=str(visit.group_session_id) if visit.group_session_id else None,
    )


def wanted_of(*, visit: Appointment) -> Wanted:
    """The visit as the search for a free time takes it: with the same people, wherever there is room."""
    course = visit.course
    return Wanted(
        practice_id=visit.practice_id,
        site_id=visit.site_id,
        patient_id=visit.patient_id,
        kind=visit.kind,
        start=visit.start,
        length=visit.end - visit.start,
        grid_minutes=visit.site.grid_minutes,
        mode=visit.mode,
        protocol=facts.protocol_of(course.protocol_version_id) if course else None,
        ordinal=_ordinal(visit),
        people=tuple(part.staff_id for part in visit.staffing.all()),
    )


def _ordinal(visit: Appointment) -> int:
    """A dose's number in its course."""
    if visit.kind not in states.DOSES or visit.course_id is None:
        return 1
    before = Appointment.objects.filter(course_id=visit.course_id, kind=visit.kind, start__lt=visit.start)
    return before.exclude(status__in=ENDED_UNATTENDED).count() + 1


def free_ref(*, visit: Appointment) -> str:
    """The visit's own name, or the lowest number that no live visit of its course has."""
    if visit.course_id is None or not visit.ref:
        return visit.ref
    others = Appointment.objects.filter(course_id=visit.course_id).exclude(pk=visit.pk)
    taken = set(others.exclude(status__in=ENDED_UNATTENDED).values_list("ref", flat=True))
    if visit.ref not in taken:
        return visit.ref
    name = visit.ref.rpartition("-")[0] or visit.ref
    return next(
        ref for ref in (f"{name}-{number}" for number in range(1, len(taken) + 2)) if ref not in taken
    )
