"""Somebody falls out for a while: their visits go to others who can, or need another time."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from clinic.practice import idempotency, permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from scheduling.booking.guard import access
from scheduling.booking.moving import acts, cascades, fitting, moves, previews, relocations, stranded
from scheduling.booking.moving.acts import Act
from scheduling.booking.moving.cascades import Ask, Cascade
from scheduling.booking.moving.fitting import Taking
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.moving.relocations import Place, Relocation
from scheduling.booking.moving.standing import StandingCourse
from scheduling.booking.wanted import nearest
from scheduling.models import Appointment
from scheduling.planning.values import Availability, Practitioner, Span, Staffing
from scheduling.roster import availability, rosters, spans

VERB = "reassign"
CAPABILITY = "appointments.book"
LONGEST = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose visits, when, and to whom: to whoever fits unless somebody is named."""

    practitioner_id: UUID
    start: datetime
    end: datetime
    to_id: UUID | None = None


def preview(*, actor: Actor, asked: Asked, ways: Ways, now: datetime) -> Preview:
    """What would become of each of the person's visits in the span (`act.outcomes`); writes nothing.

    Raises NotFound, NotAllowed, and Invalid for a span that is empty, over, or longer than 92 days.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    return previews.make(actor=actor, act=_decide(actor, asked, ways, now), now=now)


def apply(
    *,
    actor: Actor,
    asked: Asked,
    now: datetime,
    token: str | None = None,
    ways: Ways | None = None,
    key: idempotency.Key | None = None,
) -> UUID:
    """Give the visits away in one transaction; returns the act's id.

    The visits of one course all change or none does. Of those that stay a task asks for a new place. Raises
    what `moves.apply` raises.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    ways = ways or Ways(cascade=False)

    def decide() -> Act:
        if token is not None:
            act = moves.shown(
                actor=actor, token=token, verb=VERB, subject_id=asked.practitioner_id, now=now
            ).excused(ways.overrides)
        else:
            ids = [visit.pk for visit in visits_of(actor=actor, asked=asked, now=now)]
            access.visits_for_update(actor=actor, appointment_ids=ids, capability=CAPABILITY)
            act = _decide(actor, asked, ways, now)
        _ask_people(actor, act, now)
        return act

    return acts.carry_out(actor=actor, now=now, key=key, capability=CAPABILITY, decide=decide)


def _decide(actor: Actor, asked: Asked, ways: Ways, now: datetime) -> Act:
    stamp = rosters.stamp(practice_id=actor.practice_id)
    _check(actor, asked, now)
    visits = visits_of(actor=actor, asked=asked, now=now)
    courses = acts.courses_of(visits=visits, now=now)
    acts.making_way(courses=courses.values(), pins=ways.pins, cascade=False)
    work_of: dict[UUID | None, list[Appointment]] = defaultdict(list)
    for visit in visits:
        # A visit of no course stands for itself.
        work_of[visit.course_id or visit.pk].append(visit)
    desk = _Desk(actor, asked, ways, now, _familiar(visits))
    for key, mine in work_of.items():
        desk.give_away(mine, courses.get(key) if key else None)
    whole = desk.done
    return Act(
        verb=VERB,
        subject_id=asked.practitioner_id,
        relocations=whole.relocations,
        seen=acts.versions(visits=visits, courses=courses.values()),
        asked=frozenset(visit.pk for visit in visits),
        violations=whole.violations,
        excuses=tuple(ways.overrides),
        reason=ways.reason,
        stamp=stamp,
        unmet=whole.unmet,
        added=whole.added,
        ended=whole.ended,
        outcomes=tuple(desk.outcomes),
    )


def _check(actor: Actor, asked: Asked, now: datetime) -> None:
    queries.practitioner(actor=actor, staff_id=asked.practitioner_id)
    if not asked.start < asked.end <= asked.start + LONGEST or asked.end <= now:
        raise Invalid({"end": ["After start, to come, and within 92 days of it."]})
    if asked.to_id is None:
        return
    try:
        taker = queries.practitioner(actor=actor, staff_id=asked.to_id)
    except NotFound:
        raise Invalid({"to": ["There is no such object here."]}) from None
    if taker.pk == asked.practitioner_id or not taker.is_active:
        raise Invalid({"to": ["Somebody else, who is active."]})


def visits_of(*, actor: Actor, asked: Asked, now: datetime) -> list[Appointment]:
    """The person's visits that touch the span and are not over, by start."""
    mine = Q(staffing__staff_id=asked.practitioner_id) | Q(group_session__staff=asked.practitioner_id)
    found = Appointment.objects.filter(
        mine,
        practice_id=actor.practice_id,
        status__in=stranded.STATES,
        start__lt=asked.end,
        end__gt=max(asked.start, now),
    )
    ids = found.values_list("pk", flat=True)
    return access.visits_by_start(appointment_ids=set(ids))


def _familiar(visits: Sequence[Appointment]) -> Mapping[UUID, Counter[str]]:
    """How often each patient has met each person: whom they know is asked first."""
    met: dict[UUID, Counter[str]] = defaultdict(Counter)
    parts = Appointment.objects.filter(patient_id__in={visit.patient_id for visit in visits})
    for patient_id, staff_id in parts.values_list("patient_id", "staffing__staff_id"):
        met[patient_id][str(staff_id)] += 1
    return met


class _Desk:
    """Gives visits away one course after the other, each knowing what the ones before it take."""

    def __init__(
        self,
        actor: Actor,
        asked: Asked,
        ways: Ways,
        now: datetime,
        familiar: Mapping[UUID, Counter[str]],
    ) -> None:
        self.actor, self.asked, self.ways, self.now, self.familiar = actor, asked, ways, now, familiar
        self.done = Cascade((), (), ())
        self.outcomes: list[dict[str, Any]] = []
        self._calendars: dict[UUID, Availability] = {}

    def give_away(self, visits: Sequence[Appointment], course: StandingCourse | None) -> None:
        """All visits of one course, or none."""
        given = {visit.pk: self._given(visit, visits) for visit in visits}
        stuck = [visit for visit in visits if given[visit.pk] is None]
        if not stuck:
            moved = tuple(one for one in given.values() if one is not None)
            patients = {visit.pk: visit.patient_id for visit in visits}
            self.done = self.done.joined(Cascade(moved, (), (), patients=patients))
            self.outcomes += [_outcome(visit, "reassigned") for visit in visits]
        elif not (course and self.ways.cascade and self._replanned(visits, course)):
            self.outcomes += [_outcome(visit, "needs_move" if visit in stuck else "left") for visit in visits]

    def _given(self, visit: Appointment, together: Sequence[Appointment]) -> Relocation | None:
        """The visit at its time with somebody else in the person's part; None when nobody can."""
        before = relocations.place_of(visit=visit)
        parts = [
            one for one in before.planned.staffing if one.practitioner == str(self.asked.practitioner_id)
        ]
        if not parts or len(parts) > 1:
            return None
        part = parts[0]
        free = fitting.overlaid(
            free=self._calendar(visit.site_id),
            site_id=visit.site_id,
            patient_id=visit.patient_id,
            taken=self._taken(),
        )
        taker = self._taker(visit, part, before, free)
        if taker is None:
            return None
        staffing = tuple(
            replace(one, practitioner=taker.id) if one is part else one for one in before.planned.staffing
        )
        after = Place(visit.site_id, replace(before.planned, staffing=staffing))
        return Relocation(visit.pk, visit.version, before, after)

    def _taker(
        self, visit: Appointment, part: Staffing, place: Place, free: Availability
    ) -> Practitioner | None:
        busy_here = {one.practitioner for one in place.planned.staffing}
        known = self.familiar.get(visit.patient_id, Counter())
        able = [
            one
            for one in free.practitioners
            if part.role in one.roles
            and one.id not in busy_here
            and (self.asked.to_id is None or one.id == str(self.asked.to_id))
            and nearest.is_free(person=one, start=visit.start, end=visit.end, seats=part.seats)
        ]
        return min(able, key=lambda one: (-known[one.id], one.id), default=None)

    def _replanned(self, visits: Sequence[Appointment], course: StandingCourse) -> bool:
        """The whole course repaired around the absence; False when it cannot be."""
        free = fitting.overlaid(
            free=_without(course.calendar(places=(), now=self.now), self.asked),
            site_id=course.course.site_id,
            patient_id=course.course.patient_id,
            taken=self._taken(),
        )
        ask = Ask(placed={}, pins=self.ways.pins)
        found = cascades.of_course(standing=course, ask=ask, free=free)
        still = {visit.pk for visit in visits} - {one.visit_id for one in found.relocations}
        if found.unmet or still:
            return False
        self.done = self.done.joined(replace(found, stays=()))
        self.outcomes += [
            _outcome(
                visit,
                "moved"
                if any(one.visit_id == visit.pk and acts.is_move(visit, one) for one in found.relocations)
                else "reassigned",
            )
            for visit in visits
        ]
        return True

    def _taken(self) -> list[Taking]:
        return [Taking(self.done.patients[one.visit_id], one.after) for one in self.done.relocations]

    def _calendar(self, site_id: UUID) -> Availability:
        """Who is free at a site in the span, whoever the patient: each keeps the time that they have."""
        if site_id not in self._calendars:
            self._calendars[site_id] = availability.calendar(
                practice_id=self.actor.practice_id,
                site_id=site_id,
                patient_id=None,
                span=Span(self.asked.start - fitting.LONGEST, self.asked.end + fitting.LONGEST),
                now=self.now,
            ).availability()
        return self._calendars[site_id]


def _without(free: Availability, asked: Asked) -> Availability:
    """The calendar without the one who falls out."""
    gone = [Span(asked.start, asked.end)]
    return replace(
        free,
        practitioners=tuple(
            replace(one, on_shift=spans.subtract(spans=one.on_shift, minus=gone))
            if one.id == str(asked.practitioner_id)
            else one
            for one in free.practitioners
        ),
    )


def _outcome(visit: Appointment, outcome: str) -> dict[str, Any]:
    return {
        "appointment": str(visit.pk),
        "visit": visit.ref or visit.kind,
        "course": str(visit.course_id) if visit.course_id else None,
        "patient": str(visit.patient_id),
        "start": visit.start.isoformat(),
        "outcome": outcome,
    }


def _ask_people(actor: Actor, act: Act, now: datetime) -> None:
    """A task for each visit that stays with somebody who will not be there."""
    for one in act.outcomes:
        if one["outcome"] in ("needs_move", "left"):
            stranded.ask_for_place(
                actor=actor,
                visit_id=UUID(one["appointment"]),
                version=act.seen[UUID(one["appointment"])],
                patient_id=UUID(one["patient"]),
                start=datetime.fromisoformat(one["start"]),
                why=stranded.ABSENT,
                now=now,
            )
