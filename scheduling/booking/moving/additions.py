"""What a course needs anew when it is re-planned, and what it needs no longer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import trail
from clinic.practice.actor import Actor
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.guard import access
from scheduling.booking.writing import cancellations, releasing, seats, visits
from scheduling.booking.writing.seats import Need
from scheduling.booking.writing.visits import Placement
from scheduling.followups import facts
from scheduling.models import Appointment, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED, Status
from scheduling.planning.values import PlannedVisit

WHY_ENDED = "No longer needed in the re-planned course."


@dataclass(frozen=True, slots=True)
class Addition:
    """A visit that its course needs anew; it follows a visit by its id, or another addition by its ref."""

    course_id: UUID
    planned: PlannedVisit


@dataclass(frozen=True, slots=True)
class Added:
    """Additions about to be written, course by course, with the places that they need."""

    parts: tuple[tuple[Placement, tuple[PlannedVisit, ...]], ...] = ()

    def needs(self) -> list[Need]:
        return [
            need
            for placement, planned in self.parts
            for visit in planned
            for need in visits.needs(placement, visit, placement.ids[visit.ref])
        ]

    def planned(self) -> list[PlannedVisit]:
        return [visit for _, planned in self.parts for visit in planned]

    def rows(self) -> list[Appointment]:
        """As they would be stored."""
        return [row for placement, planned in self.parts for row in visits.rows(placement, planned)]


def prepare(*, actor: Actor, additions: Sequence[Addition], now: datetime) -> Added:
    """Read what the additions name, and give each an id and the lowest free ref of its course."""
    by_course: dict[UUID, list[PlannedVisit]] = {}
    for one in additions:
        by_course.setdefault(one.course_id, []).append(one.planned)
    courses = TreatmentCourse.objects.select_related("site", "patient").in_bulk(list(by_course))
    return Added(tuple(_part(actor, courses[key], mine, now) for key, mine in by_course.items()))


def _part(
    actor: Actor, course: TreatmentCourse, planned: Sequence[PlannedVisit], now: datetime
) -> tuple[Placement, tuple[PlannedVisit, ...]]:
    placement = Placement(actor=actor, patient=course.patient, site=course.site, now=now, course=course)
    placement.protocol = facts.protocol_of(course.protocol_version_id)
    placement.phases = {phase.name: phase for phase in course.phases.all()}
    live = Appointment.objects.filter(course=course).exclude(status__in=ENDED_UNATTENDED)
    placement.ids = {str(key): key for key in live.values_list("pk", flat=True)}
    taken = set(live.values_list("ref", flat=True))
    names: dict[str, str] = {}
    for visit in planned:
        name = "dose" if visit.kind in states.DOSES else visit.kind
        names[visit.ref] = visits.free_ref(name=name, taken=taken)
        taken.add(names[visit.ref])
    named = tuple(
        replace(visit, ref=names[visit.ref], follows=names.get(visit.follows or "", visit.follows))
        for visit in planned
    )
    visits.resolve(placement, named)
    visits.give_ids(placement, named)
    return placement, named


def insert(*, actor: Actor, added: Added, act_id: UUID, reason: str, now: datetime) -> list[Appointment]:
    """Write the visits; their places are taken already."""
    booked = [one for placement, planned in added.parts for one in visits.insert(placement, planned)]
    trail.record(actor=actor, at=now, steps=[_step(one, "booked", act_id, reason) for one in booked])
    return booked


def end(
    *, actor: Actor, rows: Mapping[UUID, Appointment], ids: Iterable[UUID], act_id: UUID, now: datetime
) -> None:
    """Cancel visits that nothing needs any more; raises InvalidTransition for one that has begun."""
    ended = [rows[key] for key in ids]
    if not ended:
        return
    for visit in ended:
        move = states.find(machine=states.APPOINTMENT, state=visit.status, verb="cancel", kind=visit.kind)
        Appointment.objects.filter(pk=visit.pk).update(
            status=move.target,
            cancelled_at=now,
            cancelled_by=actor.ref,
            cancel_reason=WHY_ENDED,
            **access.touched(),
        )
        visit.status, visit.version = Status.CANCELLED, visit.version + 1
    seats.release(appointment_ids=[visit.pk for visit in ended])
    trail.record(actor=actor, at=now, steps=[_step(one, "cancel", act_id, WHY_ENDED) for one in ended])
    cancellations.on_cancelled(actor=actor, appointments=ended, now=now)
    releasing.settle(actor=actor, visits=ended, now=now)


def _step(visit: Appointment, verb: str, act_id: UUID, reason: str) -> Step:
    data: dict[str, Any] = {"by_act": str(act_id), "ref": visit.ref, "start": visit.start.isoformat()}
    return Step(
        f"appointment.{verb}", "appointment", visit.pk, visit.course_id, visit.patient_id, reason, data
    )
