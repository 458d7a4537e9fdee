"""What a move does to the follow-up units: the pure rules asked twice, the second time as if it were done."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from scheduling.booking.moving.relocations import Place
from scheduling.followups import facts, rules
from scheduling.followups.facts import CourseFacts
from scheduling.followups.rules import FollowUpUnit
from scheduling.followups.units import DoseFact, VisitFact
from scheduling.models import Appointment
from scheduling.planning.values import Window

Fact = TypeVar("Fact", DoseFact, VisitFact)


@dataclass(frozen=True, slots=True)
class UnitState:
    status: str
    severity: str
    flagged: bool
    window: Window | None
    visits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitChange:
    """One follow-up unit before and after; None where there is no such unit then (doses of a week may leave
    it)."""

    course_id: UUID
    gap_id: UUID | None
    unit: str
    doses: tuple[str, ...]
    before: UnitState | None
    after: UnitState | None


def of_units(
    *,
    course_ids: Collection[UUID],
    places: Mapping[UUID, Place],
    now: datetime,
    added: Collection[Appointment] = (),
    ended: Collection[UUID] = (),
) -> tuple[UnitChange, ...]:
    """The units that read otherwise when these visits stand at these places, others are added (as rows that
    are not stored yet), and others ended; writes nothing."""
    gone = {str(one) for one in ended}
    found: list[UnitChange] = []
    for course in facts.load(course_ids=course_ids):
        before = {one.key: one for one in _evaluate(course, now)}
        course.doses = [_ended(_moved_dose(one, places), gone) for one in course.doses]
        course.visits = [_ended(_moved_visit(one, places), gone) for one in course.visits]
        for row in added:
            _add(course, row)
        after = {one.key: one for one in _evaluate(course, now)}
        for key in sorted(before.keys() | after.keys()):
            change = _change(course, key, before.get(key), after.get(key))
            if change.before != change.after:
                found.append(change)
    return tuple(sorted(found, key=_by_time))


def _add(course: CourseFacts, row: Appointment) -> None:
    if row.course_id != course.course.pk:
        return
    if row.kind == course.protocol.dose_kind:
        phase = row.phase.name if row.phase else ""
        course.doses.append(
            DoseFact(str(row.pk), phase, row.sequence or 1, row.start, row.end, status="booked")
        )
    else:
        course.visits.append(VisitFact(str(row.pk), row.kind, row.start, row.end, status="booked"))


def _evaluate(course: CourseFacts, now: datetime) -> tuple[FollowUpUnit, ...]:
    return rules.evaluate(
        rule=course.protocol.follow_up,
        zone=course.course.site.time_zone,
        doses=course.doses,
        visits=course.visits,
        now=now,
        waived=course.waived,
        overrides=course.overrides,
        hours=course.hours,
    )


def _ended(one: Fact, gone: Collection[str]) -> Fact:
    """Cancelled: a dose that is owed nothing is still told of."""
    return dataclasses.replace(one, status="cancelled") if one.id in gone else one


def _moved_dose(dose: DoseFact, places: Mapping[UUID, Place]) -> DoseFact:
    place = places.get(UUID(dose.id))
    if place is None:
        return dose
    status = "booked" if dose.status == "displaced" else dose.status
    return dataclasses.replace(dose, start=place.planned.start, planned_end=place.planned.end, status=status)


def _moved_visit(visit: VisitFact, places: Mapping[UUID, Place]) -> VisitFact:
    """At a new time it is accepted in no window yet; at its old time it keeps what it has."""
    place = None if visit.external_unit else places.get(UUID(visit.id))
    if place is None or (place.planned.start, place.planned.end) == (visit.start, visit.end):
        return visit
    status = "booked" if visit.status == "displaced" else visit.status
    return dataclasses.replace(
        visit, start=place.planned.start, end=place.planned.end, status=status, accepted=None
    )


def _change(
    course: CourseFacts, key: str, before: FollowUpUnit | None, after: FollowUpUnit | None
) -> UnitChange:
    gap = course.gaps.get(key)
    return UnitChange(
        course_id=course.course.pk,
        gap_id=gap.pk if gap else None,
        unit=key,
        doses=after.dose_ids if after else before.dose_ids if before else (),
        before=_state(before),
        after=_state(after),
    )


def _state(unit: FollowUpUnit | None) -> UnitState | None:
    if unit is None:
        return None
    return UnitState(
        unit.state.value, unit.severity.value, unit.flagged, unit.window, tuple(sorted(unit.visits))
    )


def _by_time(change: UnitChange) -> tuple[str, str]:
    window = (change.after and change.after.window) or (change.before and change.before.window)
    return (window.opens_at.isoformat() if window else "", change.unit)
