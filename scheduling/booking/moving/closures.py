"""A site, or one room of it, is shut: what stands there then is put before people, and goes to other rooms
where there are any.

The closure itself belongs to the practice (`clinic.practice.directory`), which tells of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from clinic.practice import idempotency, permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.models import Closure
from clinic.practice.ports import Shut
from scheduling.booking.moving import acts, fitting, moves, previews, relocations, stranded
from scheduling.booking.moving.acts import Act
from scheduling.booking.moving.fitting import Taking
from scheduling.booking.moving.previews import Preview
from scheduling.booking.moving.relocations import Relocation
from scheduling.booking.wanted import nearest
from scheduling.models import Appointment
from scheduling.planning.values import Availability, Span
from scheduling.roster import availability, rosters

VERB = "rehouse"
CAPABILITY, SHUTS = "appointments.book", "closures.write"


def changed(*, actor: Actor, before: Shut | None, after: Shut | None, now: datetime) -> None:
    """Each visit that a closure hits becomes a task of the front desk, in the transaction of the closure; the
    tasks of those that nothing hits any more are done with."""
    if after:
        hit = stranded.in_shut(actor=actor, shut=after, now=now)
        stranded.ask_about(actor=actor, visits=hit, capability=SHUTS, now=now)
    if before:
        freed = stranded.in_shut(actor=actor, shut=before, now=now)
        stranded.ask_no_more(actor=actor, visits=freed, now=now)


def preview(*, actor: Actor, closure_id: UUID, now: datetime) -> Preview:
    """Which visits of a shut room can be in another one, with the same people at the same time: none of a
    whole site that is shut. Writes nothing. Raises NotFound, NotAllowed.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    return previews.make(actor=actor, act=_decide(actor, closure_id, now), now=now)


def apply(
    *, actor: Actor, closure_id: UUID, token: str, now: datetime, key: idempotency.Key | None = None
) -> UUID:
    """Do what the preview showed, in one transaction; returns the act's id. Raises what `moves.apply`
    raises."""
    permissions.check(actor=actor, capability=CAPABILITY)

    def decide() -> Act:
        return moves.shown(actor=actor, token=token, verb=VERB, subject_id=closure_id, now=now)

    return acts.carry_out(actor=actor, now=now, key=key, capability=CAPABILITY, decide=decide)


def _decide(actor: Actor, closure_id: UUID, now: datetime) -> Act:
    stamp = rosters.stamp(practice_id=actor.practice_id)
    closure = queries.closure(actor=actor, closure_id=closure_id)
    shut = Shut(closure.site_id, closure.room_id, closure.starts_at, closure.ends_at)
    visits = stranded.in_shut(actor=actor, shut=shut, now=now)
    courses = acts.courses_of(visits=visits, now=now)
    return Act(
        verb=VERB,
        subject_id=closure_id,
        relocations=tuple(_rehoused(actor, closure, visits, now)),
        seen=acts.versions(visits=visits, courses=courses.values()),
        asked=frozenset(visit.pk for visit in visits),
        stamp=stamp,
    )


def _rehoused(
    actor: Actor, closure: Closure, visits: Sequence[Appointment], now: datetime
) -> list[Relocation]:
    """Each visit in another room of its kinds, knowing what the ones before it take."""
    free = availability.calendar(
        practice_id=actor.practice_id,
        site_id=closure.site_id,
        patient_id=None,
        span=Span(closure.starts_at - fitting.LONGEST, closure.ends_at + fitting.LONGEST),
        now=now,
        groups=False,
    ).availability()
    found: list[Relocation] = []
    for visit in visits:
        taken = [Taking(visit.patient_id, one.after) for one in found]
        mine = fitting.overlaid(free=free, site_id=visit.site_id, patient_id=visit.patient_id, taken=taken)
        if moved := _in_another_room(visit, mine):
            found.append(moved)
    return found


def _in_another_room(visit: Appointment, free: Availability) -> Relocation | None:
    before = relocations.place_of(visit=visit)
    if before.planned.group_session:
        # The session owns the room.
        return None
    wanted = fitting.wanted_at(visit=visit, place=before, ignoring=())
    room = nearest.room(wanted=wanted, free=free, start=visit.start)
    after = replace(before, planned=replace(before.planned, room=room))
    return Relocation(visit.pk, visit.version, before, after) if room else None
