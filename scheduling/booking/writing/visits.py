"""Writing visits: their rows, who takes part, and the places they occupy. Used by every use case that
books."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from clinic.practice import bulk
from clinic.practice.actor import Actor
from clinic.practice.errors import Busy, Invalid
from clinic.practice.ids import new_id
from clinic.practice.models import Room, Site, StaffMember
from clinic.practice.models.place import SEATS
from patients.models import Patient
from scheduling.booking.guard import locks
from scheduling.booking.reading import fetched
from scheduling.booking.reading.rows import Person, Place, Visit
from scheduling.booking.wanted import proposals
from scheduling.booking.writing import seats
from scheduling.booking.writing.seats import Need
from scheduling.errors import SlotTaken
from scheduling.followups import units
from scheduling.followups.units import DoseFact
from scheduling.models import Appointment, AppointmentPractitioner, CoursePhase, GroupSession, TreatmentCourse
from scheduling.models.appointment import ENDED_UNATTENDED, Status
from scheduling.planning.protocol import Coverage, Protocol
from scheduling.planning.values import PlannedVisit
from scheduling.roster import rosters
from scheduling.roster.rosters import Roster


@dataclass(slots=True)
class Placement:
    """Visits that are about to be written, with the rows that they name."""

    actor: Actor
    patient: Patient
    site: Site
    now: datetime
    course: TreatmentCourse | None = None
    protocol: Protocol | None = None
    phases: Mapping[str, CoursePhase] = field(default_factory=dict)
    staff: Mapping[UUID, StaffMember] = field(default_factory=dict)
    rooms: Mapping[UUID, Room] = field(default_factory=dict)
    late_entry_reason: str = ""
    # The visits are only held, until then.
    held_until: datetime | None = None
    # The practice's, where it was read already.
    roster: Roster | None = None
    # Ids that are promised already (to an idempotency key), by the visit's ref.
    ids: dict[str, UUID] = field(default_factory=dict)


def resolve(placement: Placement, visits: Sequence[PlannedVisit]) -> None:
    """Load the people and rooms that the visits name; raises Invalid for one that is not the practice's."""
    people, rooms, _ = proposals.ids_of(visits)
    roster = placement.roster or rosters.of(practice_id=placement.actor.practice_id)
    placement.staff = {one: roster.people[one] for one in people & roster.people.keys()}
    known = {one: roster.rooms[one] for one in rooms & roster.rooms.keys()}
    placement.rooms = {one: room for one, room in known.items() if room.site_id == placement.site.id}
    if people - placement.staff.keys():
        raise Invalid({"practitioners": ["A practitioner of this practice, who is active."]})
    if rooms - placement.rooms.keys():
        raise Invalid({"room": ["An active room of the site."]})


def occupy(placement: Placement, visits: Sequence[PlannedVisit]) -> None:
    """Take every place that the visits need, or raise SlotTaken; the caller owns the transaction.

    Resources are locked once, sorted, before the first look at what is free. It comes before any other row is
    written, so that whoever is too late holds the locks for a moment only; the foreign keys wait for the
    commit.
    """
    give_ids(placement, visits)
    wanted = [need for visit in visits for need in needs(placement, visit, placement.ids[visit.ref])]
    lock_groups(practice_id=placement.actor.practice_id, joining=visits, now=placement.now)
    locks.lock_resources(need.resource_id for need in wanted)
    if placement.roster is not None:
        check_roster(practice_id=placement.actor.practice_id, stamp=placement.roster.stamp)
    seats.take(practice_id=placement.actor.practice_id, needs=wanted, now=placement.now)


def check_roster(*, practice_id: UUID, stamp: str) -> None:
    """Raise Busy when the roster is not the one of this stamp any more. Asked under the resources' locks:
    whoever becomes absent takes them too, so that either sees the other.
    """
    if rosters.stamp(practice_id=practice_id) != stamp:
        raise Busy()


def free_ref(*, name: str, taken: set[str]) -> str:
    """The lowest number that no live visit of a course has: a visit that was left out is replaced by name."""
    refs = (f"{name}-{number}" for number in range(1, len(taken) + 2))
    return next(ref for ref in refs if ref not in taken)


def rows(placement: Placement, visits: Sequence[PlannedVisit]) -> list[Appointment]:
    """The visits as they would be stored."""
    ids = give_ids(placement, visits)
    return [_appointment(placement, visit, ids) for visit in visits]


def insert(placement: Placement, visits: Sequence[PlannedVisit]) -> list[Appointment]:
    """Insert the visits and who takes part in them."""
    ids = give_ids(placement, visits)
    appointments = rows(placement, visits)
    for one, made in zip(appointments, bulk.insert(Appointment, map(vars, appointments)), strict=True):
        vars(one).update(made)
    staffing = (
        {
            "appointment_id": ids[visit.ref],
            "staff_id": one.practitioner,
            "role": one.role,
            "presence": one.presence.value,
            "seats": one.seats,
        }
        for visit in visits
        for one in visit.staffing
    )
    bulk.insert(AppointmentPractitioner, staffing)
    return appointments


def shown(placement: Placement, visit: PlannedVisit, appointment: Appointment) -> Visit:
    """A visit that was just inserted, as `queries.visit` would read it back; not one of a group."""
    people = (
        Person(
            id=UUID(one.practitioner),
            name=placement.staff[UUID(one.practitioner)].display_name,
            role=one.role,
            presence=one.presence.value,
        )
        for one in visit.staffing
    )
    room, phase = appointment.room, appointment.phase
    return fetched.visit(
        appointment,
        patient=str(placement.patient),
        site=placement.site.name,
        phase=phase.name if phase else None,
        room=Place(room.pk, room.name, room.kind) if room else None,
        people=people,
    )


def give_ids(placement: Placement, visits: Sequence[PlannedVisit]) -> dict[str, UUID]:
    """Each visit's id by its ref; what has none gets one. Two of a name would get one id: the places of both
    would be those of one."""
    if len({visit.ref for visit in visits}) < len(visits):
        raise ValueError("two visits of one name")
    for visit in visits:
        placement.ids.setdefault(visit.ref, new_id())
    return placement.ids


def needs(placement: Placement, visit: PlannedVisit, appointment_id: UUID) -> Iterable[Need]:
    """The patient, the room with its turnover, and every person who is occupied; a group session owns its own
    places."""
    label = visit.ref

    def need(resource_id: int | None, count: int, end: datetime) -> Need:
        if resource_id is None:
            raise Invalid({"practitioners": ["This person cannot be booked."]})
        return Need(
            resource_id,
            count,
            visit.start,
            end,
            appointment_id=appointment_id,
            expires_at=placement.held_until,
            label=label,
        )

    yield need(placement.patient.resource_id, SEATS, visit.end)
    if visit.group_session:
        return
    if visit.room:
        until = visit.end + timedelta(minutes=visit.turnover_minutes)
        yield need(placement.rooms[UUID(visit.room)].resource_id, SEATS, until)
    for one in visit.staffing:
        if one.seats:
            yield need(placement.staff[UUID(one.practitioner)].resource_id, one.seats, visit.end)


def lock_groups(
    *, practice_id: UUID, joining: Sequence[PlannedVisit], now: datetime, leaving: Sequence[UUID] = ()
) -> None:
    """Lock the group sessions that visits join, sorted, and count their places; raises SlotTaken for a full
    one. Visits that are `leaving` their place take none."""
    joined: dict[UUID, list[PlannedVisit]] = defaultdict(list)
    for visit in joining:
        if visit.group_session:
            joined[UUID(visit.group_session)].append(visit)
    if not joined:
        return
    found = GroupSession.objects.filter(practice_id=practice_id, id__in=joined).order_by("id")
    sessions = list(found.select_for_update(no_key=True))
    if len(sessions) < len(joined):
        raise Invalid({"group_session": ["A group session of this practice."]})
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT group_session_id, count(*) FROM scheduling_appointment
            WHERE group_session_id = ANY(%s) AND NOT status = ANY(%s) AND NOT id = ANY(%s::uuid[])
              AND (hold_expires_at IS NULL OR hold_expires_at > %s)
            GROUP BY group_session_id
            """,
            [list(joined), [status.value for status in ENDED_UNATTENDED], list(leaving), now],
        )
        taken = dict(cursor.fetchall())
    full = [one.id for one in sessions if taken.get(one.id, 0) + len(joined[one.id]) > one.places]
    if full:
        raise SlotTaken(
            clashes=[
                {"visit": visit.ref, "start": visit.start.isoformat(), "end": visit.end.isoformat()}
                for session_id in full
                for visit in joined[session_id]
            ]
        )


def _appointment(placement: Placement, visit: PlannedVisit, ids: Mapping[str, UUID]) -> Appointment:
    wall = visit.start.astimezone(ZoneInfo(placement.site.time_zone))
    window = visit.window
    now = placement.now
    return Appointment(
        id=ids[visit.ref],
        practice_id=placement.actor.practice_id,
        patient=placement.patient,
        site=placement.site,
        course=placement.course,
        phase=placement.phases.get(visit.phase or ""),
        group_session_id=UUID(visit.group_session) if visit.group_session else None,
        kind=visit.kind,
        ref=visit.ref,
        sequence=visit.sequence,
        mode=visit.mode,
        status=Status.HELD if placement.held_until else Status.BOOKED,
        hold_expires_at=placement.held_until,
        start=visit.start,
        end=visit.end,
        local_date=wall.date(),
        local_time=wall.time(),
        time_zone=placement.site.time_zone,
        turnover_minutes=visit.turnover_minutes,
        room=placement.rooms.get(UUID(visit.room)) if visit.room else None,
        follows_id=ids.get(visit.follows) if visit.follows else None,
        accepted_unit=_accepted_unit(placement, visit, ids),
        window_opens_at=window.opens_at if window else None,
        window_ideal_from=window.ideal_from if window else None,
        window_ideal_to=window.ideal_to if window else None,
        window_closes_at=window.closes_at if window else None,
        window_grace_until=window.grace_until if window else None,
        late_entry_reason=placement.late_entry_reason,
        created_at=now,
        created_by=placement.actor.ref,
    )


def _accepted_unit(placement: Placement, visit: PlannedVisit, ids: Mapping[str, UUID]) -> str:
    """The follow-up unit that a planned follow-up was planned for, where its dose alone names it.

    The refresh in the same transaction fills in the others; writing it here saves one UPDATE a visit.
    """
    rule = placement.protocol.follow_up if placement.protocol else None
    if rule is None or visit.window is None or visit.follows is None or visit.follows not in ids:
        return ""
    if rule.coverage not in (Coverage.EACH_DOSING, Coverage.GROUP):
        return ""
    dose = DoseFact(
        id=str(ids[visit.follows]),
        phase="",
        sequence=1,
        start=visit.start,
        planned_end=visit.end,
        status="booked",
    )
    return units.unit_key(rule=rule, zone=placement.site.time_zone, dose=dose)
