"""Two visits change places: of one course, or of two patients."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from scheduling import states
from scheduling.booking.guard import access
from scheduling.booking.moving import acts, cascades, fitting, moves, previews, relocations
from scheduling.booking.moving.acts import Act
from scheduling.booking.moving.fitting import Taking, Wish
from scheduling.booking.moving.moves import CAPABILITY, Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.moving.relocations import Place
from scheduling.models import Appointment
from scheduling.roster import rosters

VERB = "swap"


def preview(
    *,
    actor: Actor,
    appointment_id: UUID,
    other_id: UUID,
    ways: Ways,
    now: datetime,
    version: int | None = None,
) -> Preview:
    """What would follow if the two visits changed places; writes nothing.

    Visits of one kind exchange times, people and rooms; of two kinds times, and each keeps its people and its
    room where it can. Raises what `moves.preview` raises.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    first = access.visit(actor=actor, appointment_id=appointment_id)
    access.check_version(found=first.version, expected=version)
    _check_other(appointment_id, other_id)
    second = access.visit(actor=actor, appointment_id=other_id)
    return previews.make(actor=actor, act=_decide(first, second, ways, now), now=now)


def apply(
    *,
    actor: Actor,
    appointment_id: UUID,
    other_id: UUID,
    now: datetime,
    token: str | None = None,
    ways: Ways | None = None,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> UUID:
    """Let the two visits change places in one transaction, with all that has to follow; returns the act's id.

    Both courses are locked, in the order of their ids, before either visit. Raises what `moves.apply` raises.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    ways = ways or Ways()

    def decide() -> Act:
        if token is not None:
            act = moves.shown(
                actor=actor, token=token, verb=VERB, subject_id=appointment_id, version=version, now=now
            )
            if other_id not in act.asked:
                raise Invalid({"with": ["The preview shows another visit."]})
            return act.excused(ways.overrides)
        _check_other(appointment_id, other_id)
        rows = access.visits_for_update(
            actor=actor, appointment_ids=[appointment_id, other_id], capability=CAPABILITY
        )
        access.check_version(found=rows[appointment_id].version, expected=version)
        return replace(_decide(rows[appointment_id], rows[other_id], ways, now), locked=rows)

    return acts.carry_out(actor=actor, now=now, key=key, capability=CAPABILITY, decide=decide)


def _check_other(appointment_id: UUID, other_id: UUID) -> None:
    if other_id == appointment_id:
        raise Invalid({"with": ["Another visit."]})


def _decide(first: Appointment, second: Appointment, ways: Ways, now: datetime) -> Act:
    stamp = rosters.stamp(practice_id=first.practice_id)
    for visit in (first, second):
        acts.check_may_move(visit=visit, now=now)
        if visit.status == "displaced":
            raise states.InvalidTransition(
                machine=states.APPOINTMENT.name, state=visit.status, verb=VERB, allowed=()
            )
        states.find(machine=states.APPOINTMENT, state=visit.status, verb="move", kind=visit.kind)
    visits = {first.pk: first, second.pk: second}
    courses = acts.courses_of(visits=list(visits.values()), now=now)
    ignoring = [
        *visits,
        *acts.making_way(courses=courses.values(), pins=ways.pins, cascade=ways.cascade),
    ]
    there = fitting.place(
        visit=first, current=_over(first, second), wish=_at(second), now=now, ignoring=ignoring
    )
    here = fitting.place(
        visit=second,
        current=_over(second, first),
        wish=_at(first),
        now=now,
        ignoring=ignoring,
        taken=[Taking(first.patient_id, there.place)],
    )
    cascade = cascades.of_visits(
        found={first.pk: there, second.pk: here},
        visits=visits,
        courses=courses,
        pins=ways.pins,
        cascade=ways.cascade,
        now=now,
    )
    if not cascade.relocations:
        raise Invalid({"with": ["The visits stand at the same place."]})
    return Act(
        verb=VERB,
        subject_id=first.pk,
        relocations=cascade.relocations,
        seen=acts.versions(visits=list(visits.values()), courses=courses.values()),
        asked=frozenset(visits),
        violations=cascade.violations,
        excuses=tuple(ways.overrides),
        reason=ways.reason,
        stamp=stamp,
        stays=cascade.stays,
        unmet=cascade.unmet,
        added=cascade.added,
        ended=cascade.ended,
    )


def _at(other: Appointment) -> Wish:
    if other.group_session_id:
        return Wish(group_session_id=other.group_session_id)
    return Wish(start=other.start)


def _over(visit: Appointment, other: Appointment) -> Place:
    """Where `visit` starts from when it takes over the place of `other`: with its people and its room where
    both are of one kind."""
    mine, theirs = relocations.place_of(visit=visit), relocations.place_of(visit=other)
    if visit.kind == other.kind:
        taken_over = replace(
            mine.planned, staffing=theirs.planned.staffing, room=theirs.planned.room, mode=theirs.planned.mode
        )
        return Place(theirs.site_id, taken_over)
    same_site = mine.site_id == theirs.site_id
    return Place(theirs.site_id, mine.planned if same_site else replace(mine.planned, staffing=(), room=None))
