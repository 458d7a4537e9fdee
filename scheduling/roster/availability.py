"""Who and what is free: rows become spans here and nowhere else, in a number of queries that no calendar
changes.

Free is: on shift (less breaks and absences), at a site that is open (its hours, less closures), and not
taken. Taken is what `Occupancy` says, holds included until they expire. A person is also kept free for
their buffer before and after each of their visits, and for their travel time around visits at another
site.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q
from psycopg.types.range import TimestamptzRange

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import Closure, OpeningHours, Room, Site, StaffMember
from patients.models import Patient
from scheduling import states
from scheduling.models import Absence, GroupSession, Occupancy, Shift
from scheduling.planning import values
from scheduling.planning.values import Busy, Span
from scheduling.roster import recurrence, spans

# The longest buffer or travel time that a person can have: what lies further outside the span cannot matter.
REACH = timedelta(minutes=480)


@dataclass(frozen=True, slots=True)
class _Taken:
    """One row of Occupancy. `site_id` is where the visit or session is that owns it."""

    span: Span
    seats: int
    site_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Place:
    """A site with the spans in which it is open, and each room's own closures."""

    site: Site
    open: tuple[Span, ...]
    shut_rooms: dict[UUID, list[Span]]


def for_planning(
    *,
    practice_id: UUID,
    site_id: UUID,
    patient_id: UUID | None,
    span: Span,
    now: datetime,
    roles: Collection[str] | None = None,
    ignore_appointments: Collection[UUID] = (),
) -> values.Availability:
    """The calendar of one site, as the planner reads it.

    `roles` keeps only people who have one of them; `ignore_appointments` are treated as if they took
    nothing (a visit that is about to move). Raises NotFound for a site or a patient that is not of the
    practice.
    """
    place = _place(practice_id, site_id, span)
    people = _people(practice_id, site_id, roles)
    working = _working(place, list(people), span)
    rooms = list(Room.objects.filter(site_id=site_id, is_active=True).order_by("id"))
    patient = _patient_resource(practice_id, patient_id) if patient_id else None
    resources = {person.resource_id for person in people} | {room.resource_id for room in rooms} | {patient}
    taken = _taken(resources, span, now, ignore_appointments)
    return values.Availability(
        practitioners=tuple(
            values.Practitioner(
                id=str(person.pk),
                name=person.display_name,
                roles=frozenset(person.roles),
                on_shift=working.get(person.pk, ()),
                busy=_busy_person(person, site_id, taken[person.resource_id]),
            )
            for person in people
        ),
        rooms=tuple(
            values.Room(
                id=str(room.pk),
                name=room.name,
                kind=room.kind,
                open=spans.subtract(spans=place.open, minus=place.shut_rooms.get(room.pk, ())),
                busy=tuple(Busy(row.span, row.seats) for row in taken[room.resource_id]),
            )
            for room in rooms
        ),
        patient_busy=spans.merge(spans=(row.span for row in taken[patient])),
        group_sessions=_group_sessions(site_id, span, now, ignore_appointments),
    )


def free(
    *,
    actor: Actor,
    site_id: UUID,
    span: Span,
    now: datetime,
    practitioner_id: UUID | None = None,
    room_id: UUID | None = None,
    patient_id: UUID | None = None,
    minutes: int = 1,
) -> tuple[Span, ...]:
    """The stretches of at least `minutes` in which everybody and everything named is wholly free, at an
    open site.

    Whoever is not named does not matter. Raises NotFound for what is not of the practice or, a room, not
    of the site.
    """
    permissions.check(actor=actor, capability="availability.read")
    found = for_planning(
        practice_id=actor.practice_id, site_id=site_id, patient_id=patient_id, span=span, now=now
    )
    left: Iterable[Span] = _place(actor.practice_id, site_id, span).open
    if practitioner_id is not None:
        if not StaffMember.objects.filter(practice_id=actor.practice_id, pk=practitioner_id).exists():
            raise NotFound()
        # A person without a shift at the site is never free there.
        on_shift = [one for one in found.practitioners if one.id == str(practitioner_id)]
        left = spans.intersect(spans=left, others=on_shift[0].on_shift if on_shift else ())
        left = spans.subtract(spans=left, minus=(busy.span for one in on_shift for busy in one.busy))
    if room_id is not None:
        room = next((one for one in found.rooms if one.id == str(room_id)), None)
        if room is None:
            raise NotFound()
        left = spans.intersect(spans=left, others=room.open)
        left = spans.subtract(spans=left, minus=(busy.span for busy in room.busy))
    left = spans.subtract(spans=left, minus=found.patient_busy)
    shortest = timedelta(minutes=minutes)
    return tuple(one for one in left if one.end - one.start >= shortest)


def busy_patients(
    *, patient_ids: Collection[UUID], span: Span, now: datetime
) -> dict[UUID, tuple[Span, ...]]:
    """When each of these patients has a visit that touches the span; nothing for those who have none."""
    of = dict(Patient.objects.filter(pk__in=patient_ids).values_list("resource_id", "pk"))
    taken = _taken(of.keys(), span, now, ())
    return {of[resource]: spans.merge(spans=(row.span for row in taken[resource])) for resource in of}


def working(*, practice_id: UUID, site_id: UUID, span: Span) -> dict[UUID, tuple[Span, ...]]:
    """When each person works at a site, by their id, whether or not they are taken: what a day's roster
    shows.
    """
    place = _place(practice_id, site_id, span)
    return _working(place, list(_people(practice_id, site_id, None)), span)


def _place(practice_id: UUID, site_id: UUID, span: Span) -> _Place:
    site = Site.objects.filter(practice_id=practice_id, pk=site_id).first()
    if site is None:
        raise NotFound()
    hours = OpeningHours.objects.filter(site=site)
    shut: list[Span] = []
    rooms: dict[UUID, list[Span]] = defaultdict(list)
    for closure in Closure.objects.filter(site=site, starts_at__lt=span.end, ends_at__gt=span.start):
        where = shut if closure.room_id is None else rooms[closure.room_id]
        where.append(Span(closure.starts_at, closure.ends_at))
    opened = recurrence.open_spans(hours=hours, zone=site.time_zone, within=span)
    return _Place(site=site, open=spans.subtract(spans=opened, minus=shut), shut_rooms=rooms)


def _people(practice_id: UUID, site_id: UUID, roles: Collection[str] | None) -> list[StaffMember]:
    people = StaffMember.objects.filter(
        practice_id=practice_id,
        is_active=True,
        pk__in=Shift.objects.filter(site_id=site_id).values("staff_id"),
    )
    if roles is not None:
        people = people.filter(roles__overlap=list(roles))
    return list(people.order_by("id"))


def _working(place: _Place, people: list[StaffMember], span: Span) -> dict[UUID, tuple[Span, ...]]:
    ids = [person.pk for person in people]
    shifts = Shift.objects.filter(site=place.site, staff_id__in=ids).prefetch_related("breaks")
    on: dict[UUID, list[Span]] = defaultdict(list)
    for shift in shifts:
        on[shift.staff_id] += recurrence.working(shift=shift, zone=place.site.time_zone, within=span)
    off: dict[UUID, list[Span]] = defaultdict(list)
    absences = Absence.objects.filter(staff_id__in=ids, starts_at__lt=span.end, ends_at__gt=span.start)
    for absence in absences:
        off[absence.staff_id].append(Span(absence.starts_at, absence.ends_at))
    return {
        staff_id: spans.subtract(
            spans=spans.intersect(spans=stretches, others=place.open), minus=off.get(staff_id, ())
        )
        for staff_id, stretches in on.items()
    }


def _patient_resource(practice_id: UUID, patient_id: UUID) -> int:
    rows = Patient.objects.filter(practice_id=practice_id, pk=patient_id)
    resource_id = rows.values_list("resource_id", flat=True).first()
    if resource_id is None:
        raise NotFound()
    return resource_id


def _taken(
    resources: Collection[int | None], span: Span, now: datetime, ignored: Collection[UUID]
) -> defaultdict[int | None, list[_Taken]]:
    """The live occupancy of these resources around the span, by resource. An expired hold takes nothing."""
    rows = (
        Occupancy.objects.filter(
            resource_id__in=[one for one in resources if one is not None],
            during__overlap=TimestamptzRange(span.start - REACH, span.end + REACH),
        )
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .exclude(appointment_id__in=list(ignored))
        .order_by("resource_id", "during", "seats")
        .values_list("resource_id", "during", "seats", "appointment__site_id", "group_session__site_id")
    )
    taken: defaultdict[int | None, list[_Taken]] = defaultdict(list)
    for resource_id, during, seats, visit_site, group_site in rows:
        taken[resource_id].append(
            _Taken(Span(during.lower, during.upper), seats.upper - seats.lower, visit_site or group_site)
        )
    return taken


def _busy_person(person: StaffMember, site_id: UUID, taken: Iterable[_Taken]) -> tuple[Busy, ...]:
    """Each visit with the minutes that the person needs before and after it.

    Before as well as after: a visit booked in front of it must leave its own buffer free, and the way
    there takes as long as the way back.
    """
    found = []
    for row in taken:
        minutes, seats = person.buffer_minutes, row.seats
        if row.site_id != site_id:
            # Whoever is elsewhere, or on the way, cannot be shared here.
            minutes, seats = max(minutes, person.travel_minutes), values.SEATS
        around = timedelta(minutes=minutes)
        found.append(Busy(Span(row.span.start - around, row.span.end + around), seats))
    return tuple(found)


def _group_sessions(
    site_id: UUID, span: Span, now: datetime, ignored: Collection[UUID]
) -> tuple[values.GroupSession, ...]:
    """The sessions of the span, the full ones with no place left: who is too late for one is told that."""
    counted = Q(appointments__status__in=[*(states.LIVE - {"held"}), *states.ATTENDED]) | Q(
        appointments__status="held", appointments__hold_expires_at__gt=now
    )
    sessions = (
        GroupSession.objects.filter(site_id=site_id, start__gte=span.start, end__lte=span.end)
        .annotate(
            booked=Count("appointments", filter=counted & ~Q(appointments__in=list(ignored)), distinct=True)
        )
        .prefetch_related("staff")
        .order_by("start", "id")
    )
    return tuple(
        values.GroupSession(
            id=str(one.pk),
            kind=one.kind,
            span=Span(one.start, one.end),
            places_left=max(0, one.places - one.booked),
            practitioners=tuple(sorted(str(person.pk) for person in one.staff.all())),
            room=str(one.room_id) if one.room_id else None,
        )
        for one in sessions
    )
