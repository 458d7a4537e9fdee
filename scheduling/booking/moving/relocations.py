"""A visit that goes elsewhere: where it stands, where it goes, and how that is written.

All places of one act are released and taken under one sorted lock, so that visits may exchange places, and
two acts that want the same ones wait for each other instead of for ever.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from clinic.practice import trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.guard import access, locks
from scheduling.booking.moving.additions import Added
from scheduling.booking.writing import seats, visits
from scheduling.booking.writing.visits import Placement
from scheduling.models import Appointment, AppointmentPractitioner
from scheduling.models.appointment import ENDED_UNATTENDED
from scheduling.planning.protocol import Presence
from scheduling.planning.values import PlannedVisit, Staffing
from scheduling.roster import rosters

# What a visit was accepted in goes with its old time: a move gives no grace.
_ACCEPTED = (
    "window_opens_at",
    "window_ideal_from",
    "window_ideal_to",
    "window_closes_at",
    "window_grace_until",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visit stands or would stand: site, time, people, room. `planned.ref` is the visit's id."""

    site_id: UUID
    planned: PlannedVisit

    def told(self) -> tuple[UUID, datetime, datetime, str]:
        """What the patient has to know of it."""
        return self.site_id, self.planned.start, self.planned.end, self.planned.mode

    def taken(self) -> tuple[Any, ...]:
        """All that it takes: two places that are equal in this are one."""
        visit = self.planned
        people = sorted((one.role, one.practitioner) for one in visit.staffing)
        return *self.told(), tuple(people), visit.room, visit.group_session


Confirmed = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Relocation:
    """One visit that goes elsewhere, with the version of it that was seen. Without a place before it had lost
    its own.

    `confirmed` is when and by whom its new time has been confirmed: where it stood before a move that the
    patient never heard of.
    """

    visit_id: UUID
    version: int
    before: Place
    after: Place
    confirmed: Confirmed | None = None


def verb_of(*, status: str, before: Place, after: Place) -> str:
    """`move`, or `reassign` where the patient comes to the same site at the same time in the same way."""
    return "move" if status == "displaced" or before.told() != after.told() else "reassign"


def place_of(*, visit: Appointment) -> Place:
    """Where a stored visit stands, with its people, room and phase already read."""
    return Place(
        visit.site_id,
        PlannedVisit(
            ref=str(visit.pk),
            kind=visit.kind,
            phase=visit.phase.name if visit.phase else None,
            sequence=visit.sequence or 1,
            start=visit.start,
            end=visit.end,
            mode=visit.mode,
            staffing=tuple(
                Staffing(one.role, str(one.staff_id), Presence(one.presence), one.seats)
                for one in sorted(visit.staffing.all(), key=lambda one: (one.role, str(one.staff_id)))
            ),
            room=str(visit.room_id) if visit.room_id else None,
            turnover_minutes=visit.turnover_minutes,
            follows=str(visit.follows_id) if visit.follows_id else None,
            group_session=str(visit.group_session_id) if visit.group_session_id else None,
        ),
    )


def write(
    *,
    actor: Actor,
    relocations: Sequence[Relocation],
    rows: Mapping[UUID, Appointment],
    act_id: UUID,
    reason: str,
    now: datetime,
    added: Added | None = None,
    ended: Collection[UUID] = (),
    stamp: str,
) -> list[Appointment]:
    """Put the visits where they go, in the caller's transaction, with their courses and rows locked.

    Returns the rows as they are now. Raises InvalidTransition for a visit that has begun or is over,
    SlotTaken naming those whose place is gone, Conflict where another visit has taken over what this one was
    for. The places of visits that are `added` in the same act are taken, and those of `ended` ones freed,
    under the same lock. `stamp` is of the roster that they were decided on; Busy when it has changed since.
    """
    chosen = sorted(relocations, key=lambda one: str(one.visit_id))
    moves = {one.visit_id: _move_of(rows[one.visit_id], one) for one in chosen}
    _check_names(chosen, rows)
    placements = _placements(actor, chosen, rows, now)
    zones = {
        one.visit_id: (rows[one.visit_id].time_zone, placements[one.visit_id].site.time_zone)
        for one in chosen
    }
    _change_places(actor, placements, chosen, now, added or Added(), ended, stamp)
    lost = {one.visit_id: _confirmation(rows[one.visit_id], moves[one.visit_id]) for one in chosen}
    for one in chosen:
        _update(rows[one.visit_id], placements[one.visit_id], one, moves[one.visit_id])
    _restaff(chosen)
    trail.record(
        actor=actor,
        at=now,
        steps=[
            _step(
                rows[one.visit_id],
                moves[one.visit_id].verb,
                reason,
                {"act": str(act_id), **_places(one, zones[one.visit_id]), **lost[one.visit_id]},
            )
            for one in chosen
        ],
    )
    return [rows[one.visit_id] for one in chosen]


def _move_of(visit: Appointment, one: Relocation) -> states.Move:
    verb = verb_of(status=visit.status, before=one.before, after=one.after)
    return states.find(machine=states.APPOINTMENT, state=visit.status, verb=verb, kind=visit.kind)


def _check_names(chosen: Iterable[Relocation], rows: Mapping[UUID, Appointment]) -> None:
    """A visit that lost its place lost its name too: somebody may have booked another one for it."""
    lost = [rows[one.visit_id] for one in chosen if rows[one.visit_id].status in ENDED_UNATTENDED]
    for visit in lost:
        others = Appointment.objects.filter(course_id=visit.course_id, ref=visit.ref).exclude(pk=visit.pk)
        if visit.course_id and visit.ref and others.exclude(status__in=ENDED_UNATTENDED).exists():
            raise Conflict("Another visit has been booked in its stead.", visit=visit.ref)


def _placements(
    actor: Actor, chosen: Sequence[Relocation], rows: Mapping[UUID, Appointment], now: datetime
) -> dict[UUID, Placement]:
    people = {UUID(one.practitioner) for move in chosen for one in move.after.planned.staffing}
    rooms = {UUID(move.after.planned.room) for move in chosen if move.after.planned.room}
    roster = rosters.of(practice_id=actor.practice_id)
    known = {one: roster.people[one] for one in people & roster.people.keys()}
    places = {one: roster.rooms[one] for one in rooms & roster.rooms.keys()}
    if people - known.keys():
        raise Invalid({"practitioners": ["A practitioner of this practice, who is active."]})
    for one in chosen:
        room = one.after.planned.room
        if room and (UUID(room) not in places or places[UUID(room)].site_id != one.after.site_id):
            raise Invalid({"room": ["An active room of the site."]})
    return {
        one.visit_id: Placement(
            actor=actor,
            patient=rows[one.visit_id].patient,
            site=roster.site(one.after.site_id),
            now=now,
            staff=known,
            rooms=places,
        )
        for one in chosen
    }


def _change_places(
    actor: Actor,
    placements: Mapping[UUID, Placement],
    chosen: Sequence[Relocation],
    now: datetime,
    added: Added,
    ended: Collection[UUID],
    stamp: str,
) -> None:
    """Free every old place and take every new one, under one lock of all their resources."""
    ids = [*(one.visit_id for one in chosen), *ended]
    needs = [
        need
        for one in chosen
        for need in visits.needs(placements[one.visit_id], one.after.planned, one.visit_id)
    ]
    needs += added.needs()
    joining = [*(one.after.planned for one in chosen), *added.planned()]
    visits.lock_groups(practice_id=actor.practice_id, joining=joining, leaving=ids, now=now)
    locks.lock_resources({*_held_by(ids), *(need.resource_id for need in needs)})
    visits.check_roster(practice_id=actor.practice_id, stamp=stamp)
    seats.release(appointment_ids=ids)
    seats.take(practice_id=actor.practice_id, needs=needs, now=now)


def _held_by(ids: Collection[UUID]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT resource_id FROM scheduling_occupancy WHERE appointment_id = ANY(%s::uuid[])",
            [list(ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def _confirmation(visit: Appointment, move: states.Move) -> dict[str, Any]:
    """What the move takes away of a confirmation, as the trail keeps it: an undo may give it back."""
    if "confirmed" not in move.clears or visit.confirmed_at is None:
        return {}
    return {"confirmed": {"at": visit.confirmed_at.isoformat(), "by": visit.confirmed_by}}


def _update(visit: Appointment, placement: Placement, one: Relocation, move: states.Move) -> None:
    planned = one.after.planned
    wall = planned.start.astimezone(ZoneInfo(placement.site.time_zone))
    values: dict[str, Any] = {
        "status": move.target,
        "site_id": placement.site.pk,
        "start": planned.start,
        "end": planned.end,
        "local_date": wall.date(),
        "local_time": wall.time(),
        "time_zone": placement.site.time_zone,
        "mode": planned.mode,
        "room_id": UUID(planned.room) if planned.room else None,
        "group_session_id": UUID(planned.group_session) if planned.group_session else None,
    }
    if move.verb == "move":
        values |= dict.fromkeys(_ACCEPTED) | {"accepted_unit": ""}
    for fact in move.clears:
        values |= {f"{fact}_at": None, f"{fact}_by": None}
    if one.confirmed:
        at, by = one.confirmed
        values |= {"status": "confirmed", "confirmed_at": at, "confirmed_by": by}
    Appointment.objects.filter(pk=visit.pk).update(**values, **access.touched())
    for name, value in values.items():
        setattr(visit, name, value)
    visit.site, visit.version = placement.site, visit.version + 1


def _restaff(chosen: Sequence[Relocation]) -> None:
    changed = [one for one in chosen if set(one.before.planned.staffing) != set(one.after.planned.staffing)]
    AppointmentPractitioner.objects.filter(appointment_id__in=[one.visit_id for one in changed]).delete()
    AppointmentPractitioner.objects.bulk_create(
        AppointmentPractitioner(
            appointment_id=move.visit_id,
            staff_id=UUID(one.practitioner),
            role=one.role,
            presence=one.presence.value,
            seats=one.seats,
        )
        for move in changed
        for one in move.after.planned.staffing
    )


def _step(visit: Appointment, verb: str, reason: str, told: Mapping[str, Any]) -> Step:
    return Step(
        verb=f"appointment.{verb}",
        subject_kind="appointment",
        subject_id=visit.pk,
        course_id=visit.course_id,
        patient_id=visit.patient_id,
        reason=reason,
        data={"ref": visit.ref, "version": visit.version, **told},
    )


def _places(one: Relocation, zones: tuple[str, str]) -> dict[str, Any]:
    return {"before": in_words(one.before, zones[0]), "after": in_words(one.after, zones[1])}


def in_words(place: Place, zone: str) -> dict[str, Any]:
    """A place as the trail keeps it: ids, times and codes."""
    return as_dict(place, zone) | {
        "site": str(place.site_id),
        "start": place.planned.start.isoformat(),
        "end": place.planned.end.isoformat(),
    }


def from_words(words: Mapping[str, Any]) -> dict[str, Any]:
    """A place out of the trail, as `as_dict` gives it."""
    return {**words, **{name: datetime.fromisoformat(words[name]) for name in ("start", "end")}}


def as_dict(place: Place, zone: str) -> dict[str, Any]:
    """A place as the surface shows it; `zone` is its site's."""
    visit = place.planned
    return {
        "site": place.site_id,
        "time_zone": zone,
        "start": visit.start,
        "end": visit.end,
        "mode": visit.mode,
        "practitioners": [
            {"id": one.practitioner, "role": one.role, "presence": one.presence.value}
            for one in visit.staffing
        ],
        "room": visit.room,
        "group_session": visit.group_session,
    }
