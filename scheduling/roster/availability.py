"""Who and what is free: rows become spans here and nowhere else, in a number of queries that no calendar
changes.

Free is: on shift (less breaks and absences), at a site that is open (its hours, less closures), and not
taken. Taken is what `Occupancy` says, holds included until they expire. A person is also kept free for
their buffer before and after each of their visits, and for their travel time around visits at another
site.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from clinic.practice import permissions, prepared
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import StaffMember
from patients.models import Patient
from scheduling import states
from scheduling.planning import values
from scheduling.planning.values import Busy, Span
from scheduling.roster import hours, rosters, spans
from scheduling.roster.rosters import Roster

# The longest buffer or travel time that a person can have: what lies further outside the span cannot matter.
REACH = timedelta(minutes=480)


@dataclass(frozen=True, slots=True)
class _Taken:
    """One row of Occupancy. `site_id` is where the visit or session is that owns it."""

    span: Span
    seats: int
    site_id: UUID | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """One site's calendar as it was read. Two that are equal say the same, so that what was planned by one
    is what would be planned by the other.

    `people` and `rooms` are what is taken of each, by id.
    """

    roster: Roster = field(compare=False, repr=False)
    stamp: str
    site_id: UUID
    span: Span
    people: tuple[tuple[UUID, tuple[Busy, ...]], ...]
    rooms: tuple[tuple[UUID, tuple[Busy, ...]], ...]
    patient_busy: tuple[Span, ...]
    group_sessions: tuple[values.GroupSession, ...]

    def availability(self) -> values.Availability:
        """The calendar with shifts and hours, as the planner reads it."""
        roster, site_id, span = self.roster, self.site_id, self.span
        working = hours.working(
            roster=roster, site_id=site_id, staff_ids=[one for one, _ in self.people], span=span
        )
        is_open = hours.opened(roster=roster, site_id=site_id, span=span)
        shut = _shut_rooms(roster, site_id, span)
        return values.Availability(
            practitioners=tuple(
                _practitioner(roster.people[one], working.get(one, ()), busy) for one, busy in self.people
            ),
            rooms=tuple(
                values.Room(
                    id=str(one),
                    name=roster.rooms[one].name,
                    kind=roster.rooms[one].kind,
                    open=spans.subtract(spans=is_open, minus=shut[one]) if one in shut else is_open,
                    busy=busy,
                )
                for one, busy in self.rooms
            ),
            patient_busy=self.patient_busy,
            group_sessions=self.group_sessions,
        )


def calendar(
    *,
    practice_id: UUID,
    site_id: UUID,
    patient_id: UUID | None,
    span: Span,
    now: datetime,
    roles: Collection[str] | None = None,
    ignore_appointments: Collection[UUID] = (),
    roster: Roster | None = None,
    patient_resource: int | None = None,
    groups: bool = True,
) -> Calendar:
    """Who and what of one site is taken when.

    `roles` keeps only people who have one of them; `ignore_appointments` are treated as if they took
    nothing (a visit that is about to move); without `groups` the group sessions are not looked for. `roster`
    is the practice's and `patient_resource` the patient's, where the caller has read them. Raises NotFound
    for a site or a patient that is not of the practice.
    """
    roster = roster or rosters.of(practice_id=practice_id)
    roster.site(site_id)
    people = [one for one in _people(roster, site_id) if roles is None or set(roles) & set(one.roles)]
    rooms = [room for room in roster.rooms.values() if room.site_id == site_id]
    patient = patient_resource
    if patient is None and patient_id is not None:
        patient = _patient_resource(practice_id, patient_id)
    resources = {person.resource_id for person in people} | {room.resource_id for room in rooms} | {patient}
    taken = _taken(resources, span, now, ignore_appointments)
    return Calendar(
        roster=roster,
        stamp=roster.stamp,
        site_id=site_id,
        span=span,
        people=tuple((one.pk, _busy_person(one, site_id, taken[one.resource_id])) for one in people),
        rooms=tuple(
            (one.pk, tuple(Busy(row.span, row.seats) for row in taken[one.resource_id])) for one in rooms
        ),
        patient_busy=spans.merge(spans=(row.span for row in taken[patient])),
        group_sessions=_group_sessions(site_id, span, now, ignore_appointments) if groups else (),
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
    roster = rosters.of(practice_id=actor.practice_id)
    left: Iterable[Span] = hours.opened(roster=roster, site_id=site_id, span=span)
    person = _named_person(roster, actor.practice_id, practitioner_id) if practitioner_id else None
    room = roster.rooms.get(room_id) if room_id else None
    if room_id and (room is None or room.site_id != site_id):
        raise NotFound()
    patient = _patient_resource(actor.practice_id, patient_id) if patient_id else None
    named = {one.resource_id for one in (person, room) if one is not None} | {patient}
    taken = _taken(named, span, now, ())
    if practitioner_id is not None:
        # A person without a shift at the site is never free there.
        working = hours.working(roster=roster, site_id=site_id, staff_ids=[practitioner_id], span=span)
        left = spans.intersect(spans=left, others=working.get(practitioner_id, ()))
        busy = _busy_person(person, site_id, taken[person.resource_id]) if person else ()
        left = spans.subtract(spans=left, minus=(one.span for one in busy))
    if room is not None:
        left = spans.subtract(spans=left, minus=_shut_rooms(roster, site_id, span).get(room.pk, ()))
        left = spans.subtract(spans=left, minus=(row.span for row in taken[room.resource_id]))
    left = spans.subtract(spans=left, minus=(row.span for row in taken[patient]))
    shortest = timedelta(minutes=minutes)
    return tuple(one for one in left if one.end - one.start >= shortest)


def _named_person(roster: Roster, practice_id: UUID, staff_id: UUID) -> StaffMember | None:
    """The person, or None for one who no longer works; raises NotFound for somebody unknown."""
    person = roster.people.get(staff_id)
    if person is None and not StaffMember.objects.filter(practice_id=practice_id, pk=staff_id).exists():
        raise NotFound()
    return person


def busy_patients(
    *, patient_ids: Collection[UUID], span: Span, now: datetime
) -> dict[UUID, tuple[Span, ...]]:
    """When each of these patients has a visit that touches the span; nothing for those who have none."""
    of = dict(Patient.objects.filter(pk__in=patient_ids).values_list("resource_id", "pk"))
    taken = _taken(of.keys(), span, now, ())
    return {of[resource]: spans.merge(spans=(row.span for row in taken[resource])) for resource in of}


def working(*, roster: Roster, site_id: UUID, span: Span) -> dict[UUID, tuple[Span, ...]]:
    """When each person works at a site, by their id, whether or not they are taken: what a day's roster
    shows.
    """
    here = [person.pk for person in _people(roster, site_id)]
    return hours.working(roster=roster, site_id=site_id, staff_ids=here, span=span)


def rooms_open(*, roster: Roster, site_id: UUID, span: Span) -> dict[UUID, tuple[Span, ...]]:
    """When each room of a site can be used, by its id, whether or not it is taken."""
    is_open = hours.opened(roster=roster, site_id=site_id, span=span)
    shut = _shut_rooms(roster, site_id, span)
    return {
        room.pk: spans.subtract(spans=is_open, minus=shut[room.pk]) if room.pk in shut else is_open
        for room in roster.rooms.values()
        if room.site_id == site_id
    }


def _shut_rooms(roster: Roster, site_id: UUID, span: Span) -> Mapping[UUID, list[Span]]:
    """The closures of single rooms, by room."""
    shut: dict[UUID, list[Span]] = defaultdict(list)
    for one in roster.closures.get(site_id, ()):
        if one.room_id is not None and one.starts_at < span.end and one.ends_at > span.start:
            shut[one.room_id].append(Span(one.starts_at, one.ends_at))
    return shut


def _people(roster: Roster, site_id: UUID) -> list[StaffMember]:
    """Who has a shift at the site, by id."""
    here = {shift.staff_id for shift in roster.shifts.get(site_id, ())}
    return [person for person in roster.people.values() if person.pk in here]


def _practitioner(
    person: StaffMember, on_shift: tuple[Span, ...], busy: tuple[Busy, ...]
) -> values.Practitioner:
    return values.Practitioner(
        id=str(person.pk),
        name=person.display_name,
        roles=frozenset(person.roles),
        on_shift=on_shift,
        busy=busy,
    )


def _patient_resource(practice_id: UUID, patient_id: UUID) -> int:
    found = prepared.fetch(
        "SELECT resource_id FROM patients_patient WHERE practice_id = %s AND id = %s",
        [practice_id, patient_id],
    )
    if not found:
        raise NotFound()
    return int(found[0][0])


def _taken(
    resources: Collection[int | None], span: Span, now: datetime, ignored: Collection[UUID]
) -> defaultdict[int | None, list[_Taken]]:
    """The live occupancy of these resources around the span, by resource. An expired hold takes nothing."""
    around = DateTimeTZRange(span.start - REACH, span.end + REACH)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT o.resource_id, lower(o.during), upper(o.during), upper(o.seats) - lower(o.seats),
                   coalesce(a.site_id, g.site_id)
            FROM scheduling_occupancy o
            LEFT JOIN scheduling_appointment a ON a.id = o.appointment_id
            LEFT JOIN scheduling_groupsession g ON g.id = o.group_session_id
            WHERE o.resource_id = ANY(%s) AND o.during && %s
              AND (o.expires_at IS NULL OR o.expires_at > %s)
              AND (o.appointment_id IS NULL OR o.appointment_id <> ALL(%s::uuid[]))
            ORDER BY o.resource_id, o.during, o.seats
            """,
            [[one for one in resources if one is not None], around, now, list(ignored)],
        )
        rows = cursor.fetchall()
    taken: defaultdict[int | None, list[_Taken]] = defaultdict(list)
    for resource_id, start, end, seats, site_id in rows:
        taken[resource_id].append(_Taken(Span(start, end), seats, site_id))
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
    counted = [*(states.LIVE - {"held"}), *states.ATTENDED]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.id::text, s.kind, s.start, s."end", s.room_id::text,
                s.places - (
                    SELECT count(*) FROM scheduling_appointment a
                    WHERE a.group_session_id = s.id AND a.id <> ALL(%s::uuid[])
                      AND (a.status = ANY(%s) OR a.status = 'held' AND a.hold_expires_at > %s)
                ),
                ARRAY(
                    SELECT p.staffmember_id::text FROM scheduling_groupsession_staff p
                    WHERE p.groupsession_id = s.id ORDER BY p.staffmember_id
                )
            FROM scheduling_groupsession s
            WHERE s.site_id = %s AND s.start >= %s AND s."end" <= %s
            ORDER BY s.start, s.id
            """,
            [list(ignored), counted, now, site_id, span.start, span.end],
        )
        found = cursor.fetchall()
    return tuple(
        values.GroupSession(
            id=session_id,
            kind=kind,
            span=Span(start, end),
            places_left=max(0, left),
            practitioners=tuple(people),
            room=room_id,
        )
        for session_id, kind, start, end, room_id, left, people in found
    )
