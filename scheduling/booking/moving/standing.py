"""A course as it stands: its live and given visits, and what the repair planner is asked about them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from clinic.practice.joined import Joined
from scheduling import states
from scheduling.booking.guard import access
from scheduling.booking.moving import relocations
from scheduling.booking.moving.relocations import Place
from scheduling.booking.wanted import orders
from scheduling.booking.wanted.orders import Order
from scheduling.followups import facts
from scheduling.models import Appointment, RuleOverride, TreatmentCourse
from scheduling.planning.protocol import Protocol
from scheduling.planning.repair import Standing
from scheduling.planning.values import Availability, PlanRequest, Span
from scheduling.roster import availability

_COURSES = Joined(TreatmentCourse, "site__practice", "practice", "patient")
_EXCUSES = Joined(RuleOverride)
STANDING = sorted(states.LIVE | states.ATTENDED)
# From these a visit may be moved; the others have begun, are over, or are only held for somebody.
MOVABLE = frozenset({"booked", "confirmed"})
# How far beyond its last visit a course may be pushed by a repair.
SLACK = timedelta(weeks=6)


@dataclass(frozen=True, slots=True)
class StandingCourse:
    """One course with its live and given visits, by id, and the request that it would be planned by now."""

    course: TreatmentCourse
    protocol: Protocol
    plan: PlanRequest
    visits: Mapping[UUID, Appointment]

    def is_fixed(self, visit: Appointment) -> bool:
        """Whether nobody can move it any more: it happened, has begun, or its time has come."""
        return visit.status not in MOVABLE or visit.start < self.plan.not_before

    def may_move(self, visit: Appointment, pins: Collection[UUID]) -> bool:
        """Whether a cascade may move it."""
        return not (self.is_fixed(visit) or self.is_pinned(visit, pins))

    def is_pinned(self, visit: Appointment, pins: Collection[UUID]) -> bool:
        """Whether it stays for a person's sake, or because it is at another site of the practice."""
        return visit.pinned_at is not None or visit.pk in pins or visit.site_id != self.course.site_id

    def standings(
        self, *, pins: Collection[UUID], told: Mapping[UUID, datetime | None]
    ) -> dict[UUID, Standing]:
        """The visits as the planner reads them."""
        return {
            visit.pk: Standing(
                visit=relocations.place_of(visit=visit).planned,
                given=self.is_fixed(visit),
                pinned=self.is_pinned(visit, pins),
                told=told.get(visit.pk) == visit.start,
            )
            for visit in self.visits.values()
        }

    def calendar(
        self, *, places: Iterable[Place], now: datetime, ignoring: Collection[UUID] = ()
    ) -> Availability:
        """What is free at the course's site while the course itself takes nothing."""
        opens = datetime.combine(self.plan.start_on_or_after, time(12), UTC)
        ends = [
            now,
            opens,
            *(visit.end for visit in self.visits.values()),
            *(one.planned.end for one in places),
        ]
        return availability.calendar(
            practice_id=self.course.practice_id,
            site_id=self.course.site_id,
            patient_id=self.course.patient_id,
            span=Span(now - timedelta(days=1), max(ends) + SLACK),
            now=now,
            ignore_appointments={*self.visits, *ignoring},
        ).availability()


def load(
    *,
    practice_id: UUID,
    course_ids: Collection[UUID],
    now: datetime,
    wishes: Mapping[str, Any] | None = None,
) -> dict[UUID, StandingCourse]:
    """These courses as they stand, in the order of their ids, in a number of queries that does not grow.

    `wishes` replace what a course is planned by: `start_on_or_after` and `preferences`. Raises Invalid for
    preferences that cannot be understood.
    """
    ids = list(course_ids)
    courses = _COURSES.fetch(
        "WHERE one.practice_id = %s AND one.id = ANY(%s::uuid[]) ORDER BY one.id", [practice_id, ids]
    )
    rows = access.with_all(
        "WHERE one.course_id = ANY(%s::uuid[]) AND one.status = ANY(%s::text[]) ORDER BY one.start, one.id",
        [ids, STANDING],
    )
    excuses = _EXCUSES.fetch(
        "WHERE one.course_id = ANY(%s::uuid[]) AND one.rule_id = ANY(%s::text[]) ORDER BY one.at, one.id",
        [ids, list(orders.PLANNED)],
    )
    return {
        course.pk: _standing(
            course,
            [row for row in rows if row.course_id == course.pk],
            [one for one in excuses if one.course_id == course.pk],
            now,
            wishes or {},
        )
        for course in courses
    }


def _standing(
    course: TreatmentCourse,
    rows: list[Appointment],
    changed: list[RuleOverride],
    now: datetime,
    wishes: Mapping[str, Any],
) -> StandingCourse:
    protocol = facts.protocol_of(course.protocol_version_id)
    order = Order(
        patient=str(course.patient_id),
        version=str(course.protocol_version_id),
        site=str(course.site_id),
        start_on_or_after=wishes.get("start_on_or_after", course.start_on_or_after.isoformat()),
        through_phase=course.through_phase or None,
        preferences=wishes.get("preferences", course.preferences),
        overrides=[
            {"rule_id": one.rule_id, "visit": one.visit_ref, "value": one.value, "reason": one.reason}
            for one in changed
        ],
    )
    live = (
        row
        for row in rows
        if states.is_live(status=row.status, hold_expires_at=row.hold_expires_at, now=now)
        or row.status in states.ATTENDED
    )
    return StandingCourse(
        course=course,
        protocol=protocol,
        plan=orders.request(order=order, protocol=protocol, site=course.site, now=now),
        visits={row.pk: row for row in live},
    )
