"""Where a visit fits at a wished time: with the people and the room that it has, if they are free."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

from clinic.practice.errors import Invalid, NotFound
from clinic.practice.models import Site, StaffMember
from scheduling import states
from scheduling.booking.guard import rulebook
from scheduling.booking.moving.relocations import Place
from scheduling.booking.wanted import given, nearest
from scheduling.booking.wanted.nearest import Fit, Refusal, Wanted
from scheduling.errors import SlotTaken
from scheduling.followups import facts
from scheduling.models import Appointment, GroupSession
from scheduling.models.appointment import ENDED_UNATTENDED
from scheduling.planning.protocol import Protocol
from scheduling.planning.values import IN_PERSON, SEATS, Availability, Busy, PlannedVisit, Span

LONGEST = timedelta(hours=12)
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a person wants a visit. What is not said stays as it is where it can, and is found where it
    cannot."""

    start: datetime | None = None
    end: datetime | None = None
    practitioner_ids: tuple[UUID, ...] | None = None
    room_id: UUID | None = None
    site_id: UUID | None = None
    mode: str | None = None
    group_session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Taking:
    """A place that a visit of this patient is about to take."""

    patient_id: UUID
    place: Place


@dataclass(frozen=True, slots=True)
class Found:
    """A place, and the rules about people, rooms and hours that it breaks by itself."""

    place: Place
    broken: tuple[dict[str, Any], ...] = ()


def place(
    *,
    visit: Appointment,
    current: Place,
    wish: Wish,
    now: datetime,
    ignoring: Collection[UUID] = (),
    taken: Collection[Taking] = (),
    free: Availability | None = None,
) -> Found:
    """The place for a visit at the wished time, starting from `current`: its own place, or one that it takes
    over. `free` is the calendar of the site, if it was read already.

    `ignoring` are visits that take nothing because they move too, `taken` where they go. Raises Invalid for
    what cannot be, NotFound for a site that is not the practice's, and SlotTaken, with the nearest free
    start, where somebody was faster.
    """
    if wish.group_session_id or visit.group_session_id:
        return _join(visit, current, wish, now)
    site = _site(visit, current, wish)
    planned = _wished(visit, current, wish, site, now)
    wanted = _wanted(visit, planned, wish, site, ignoring)
    free = free or nearest.calendar(wanted=wanted, span=_around(planned), now=now)
    free = overlaid(free=free, site_id=site.pk, patient_id=visit.patient_id, taken=taken)
    answer = _fit(wanted, planned, wish, free)
    if isinstance(answer, Refusal):
        if answer.taken:
            gone = SlotTaken(clashes=[_clash(visit, planned, answer.message)])
            gone.offer(alternative(wanted=wanted, now=now))
            raise gone
        broken = _broken(visit, answer)
        return Found(Place(site.pk, planned), (broken,))
    return Found(Place(site.pk, replace(planned, staffing=answer.staffing, room=answer.room)))


def still_fits(
    *, visit: Appointment, place: Place, ignoring: Collection[UUID], now: datetime
) -> Refusal | None:
    """What stands in the way of exactly this place by now; None when nothing does."""
    planned = place.planned
    if planned.group_session:
        return None
    site = Site.objects.get(pk=place.site_id)
    wish = Wish(
        practitioner_ids=tuple(UUID(one.practitioner) for one in planned.staffing),
        room_id=UUID(planned.room) if planned.room else None,
    )
    wanted = _wanted(visit, planned, wish, site, ignoring)
    answer = nearest.fit(
        wanted=wanted,
        free=nearest.calendar(wanted=wanted, span=_around(planned), now=now),
        start=planned.start,
    )
    if isinstance(answer, Refusal):
        return answer
    people = {one.practitioner for one in answer.staffing}
    if people != {one.practitioner for one in planned.staffing}:
        return Refusal("staff_shift", "Somebody is not there at that time any more.", taken=False)
    return None


def overlaid(
    *, free: Availability, site_id: UUID, patient_id: UUID, taken: Collection[Taking]
) -> Availability:
    """A calendar in which these places are taken as well, as one patient at one site sees it."""
    if not taken:
        return free
    people: dict[str, list[Busy]] = defaultdict(list)
    rooms: dict[str, list[Busy]] = defaultdict(list)
    mine: list[Span] = []
    for one in taken:
        visit = one.place.planned
        span = Span(visit.start, visit.end)
        for part in visit.staffing:
            if part.seats:
                # Whoever is elsewhere cannot be shared here.
                seats = part.seats if one.place.site_id == site_id else SEATS
                people[part.practitioner].append(Busy(span, seats))
        if visit.room:
            until = visit.end + timedelta(minutes=visit.turnover_minutes)
            rooms[visit.room].append(Busy(Span(visit.start, until)))
        if one.patient_id == patient_id:
            mine.append(span)
    return replace(
        free,
        practitioners=tuple(
            replace(one, busy=(*one.busy, *people[one.id])) if one.id in people else one
            for one in free.practitioners
        ),
        rooms=tuple(
            replace(one, busy=(*one.busy, *rooms[one.id])) if one.id in rooms else one for one in free.rooms
        ),
        patient_busy=(*free.patient_busy, *mine),
    )


def wanted_at(*, visit: Appointment, place: Place, ignoring: Collection[UUID]) -> Wanted:
    """A visit at a place, as one looks for a time near it."""
    site = Site.objects.get(pk=place.site_id)
    return _wanted(visit, place.planned, Wish(), site, ignoring)


def alternative(*, wanted: Wanted, now: datetime) -> dict[str, Any] | None:
    """The nearest start at which the visit fits, with whoever is free."""
    anyone = replace(wanted, people=(), room_id=None)
    found = nearest.start(wanted=anyone, now=now)
    return {"start": found.isoformat()} if found else None


def _site(visit: Appointment, current: Place, wish: Wish) -> Site:
    site_id = wish.site_id or current.site_id
    if site_id == visit.site_id:
        return visit.site
    found = Site.objects.filter(practice_id=visit.practice_id, pk=site_id).first()
    if found is None:
        raise NotFound()
    return found


def _wished(visit: Appointment, place: Place, wish: Wish, site: Site, now: datetime) -> PlannedVisit:
    current = place.planned
    start = wish.start or current.start
    end = wish.end or start + (current.end - current.start)
    if not timedelta(0) < end - start <= LONGEST:
        raise Invalid({"end": ["It must be after the start, and within twelve hours."]})
    if start <= now and (start, end) != (visit.start, visit.end):
        raise Invalid({"start": ["A visit moves to a time that is to come."]})
    mode = wish.mode or current.mode
    room = str(wish.room_id) if wish.room_id else current.room if site.pk == place.site_id else None
    return replace(
        current,
        start=start,
        end=end,
        mode=mode,
        room=room if mode == IN_PERSON else None,
        staffing=_staffing(visit, current, wish),
        group_session=None,
    )


def _staffing(visit: Appointment, current: PlannedVisit, wish: Wish) -> tuple[Any, ...]:
    if wish.practitioner_ids is None:
        return current.staffing
    people = StaffMember.objects.filter(
        practice_id=visit.practice_id, is_active=True, pk__in=wish.practitioner_ids
    )
    return given.staffing(
        protocol=_protocol(visit),
        kind=visit.kind,
        ordinal=_ordinal(visit, current.start),
        chosen=wish.practitioner_ids,
        roles=dict(people.values_list("pk", "roles")),
        where="practitioners",
    )


def _protocol(visit: Appointment) -> Protocol | None:
    return facts.protocol_of(visit.course.protocol_version_id) if visit.course else None


def _ordinal(visit: Appointment, start: datetime) -> int:
    """A dose's number in its course, if it starts then: some needs are of the first doses only."""
    if visit.course_id is None or visit.kind not in states.DOSES:
        return 1
    earlier = Appointment.objects.filter(course_id=visit.course_id, kind=visit.kind, start__lt=start)
    return earlier.exclude(pk=visit.pk).exclude(status__in=ENDED_UNATTENDED).count() + 1


def _wanted(
    visit: Appointment, planned: PlannedVisit, wish: Wish, site: Site, ignoring: Collection[UUID]
) -> Wanted:
    return Wanted(
        practice_id=visit.practice_id,
        site_id=site.pk,
        patient_id=visit.patient_id,
        kind=visit.kind,
        start=planned.start,
        length=planned.end - planned.start,
        grid_minutes=site.grid_minutes,
        mode=planned.mode,
        protocol=_protocol(visit),
        ordinal=_ordinal(visit, planned.start),
        people=wish.practitioner_ids or (),
        room_id=wish.room_id,
        familiar=tuple(one.practitioner for one in planned.staffing),
        ignoring=(visit.pk, *ignoring),
        patient_resource=visit.patient.resource_id,
    )


def _fit(wanted: Wanted, planned: PlannedVisit, wish: Wish, free: Availability) -> Fit | Refusal:
    """The same people in the same room first, then the same people, then the same room, then anybody."""
    mine = tuple(UUID(one.practitioner) for one in planned.staffing)
    people = [mine, ()] if wish.practitioner_ids is None else [wish.practitioner_ids]
    current = UUID(planned.room) if planned.room else None
    rooms: list[UUID | None] = [wish.room_id] if wish.room_id else [current, None]
    answer: Fit | Refusal | None = None
    for who, room in dict.fromkeys(product(people, rooms)):
        tried = replace(wanted, people=who or (), room_id=room)
        answer = nearest.fit(wanted=tried, free=free, start=planned.start)
        if isinstance(answer, Fit):
            return answer
    assert answer is not None
    return answer


def _join(visit: Appointment, current: Place, wish: Wish, now: datetime) -> Found:
    """A place in a group session that exists; it has its own time, people and room."""
    if wish.group_session_id is None:
        raise Invalid({"group_session": ["A visit of a group moves to another session: name it."]})
    sessions = GroupSession.objects.filter(practice_id=visit.practice_id)
    session = sessions.filter(pk=wish.group_session_id).first()
    if session is None or session.kind != visit.kind:
        raise Invalid({"group_session": ["A group session of this practice, for such visits."]})
    if session.start <= now:
        raise Invalid({"group_session": ["A session that is to come."]})
    planned = replace(
        current.planned,
        start=session.start,
        end=session.end,
        mode=IN_PERSON,
        staffing=(),
        room=None,
        group_session=str(session.pk),
    )
    others = session.appointments.exclude(pk=visit.pk).exclude(status__in=ENDED_UNATTENDED)
    live = others.exclude(status="held", hold_expires_at__lte=now)
    if live.count() >= session.places:
        raise SlotTaken(clashes=[_clash(visit, planned, "The session has no place left.")])
    return Found(Place(session.site_id, planned))


def _around(planned: PlannedVisit) -> Span:
    return Span(planned.start - MARGIN, planned.end + MARGIN * 4)


def _clash(visit: Appointment, planned: PlannedVisit, message: str) -> dict[str, Any]:
    return {
        "visit": visit.ref or visit.kind,
        "appointment": str(visit.pk),
        "start": planned.start.isoformat(),
        "end": planned.end.isoformat(),
        "message": message,
    }


def _broken(visit: Appointment, refusal: Refusal) -> dict[str, Any]:
    return rulebook.told(
        {
            "rule_id": refusal.rule_id,
            "severity": rulebook.ERROR,
            "overridable": True,
            "visit": visit.ref or visit.kind,
            "appointment": str(visit.pk),
            "message": refusal.message,
        }
    )
