"""Moving one visit: to another time, site, room, person or way of meeting, with all that has to follow."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from scheduling import states
from scheduling.booking.guard import access
from scheduling.booking.moving import acts, cascades, fitting, previews, relocations, standing
from scheduling.booking.moving.acts import Act
from scheduling.booking.moving.fitting import Found, Wish
from scheduling.booking.moving.previews import Preview
from scheduling.models import Appointment
from scheduling.roster import rosters

VERB = "move"
CAPABILITY = "appointments.move"


@dataclass(frozen=True, slots=True)
class Ways:
    """How a move is made: what must stay, whether others may move for it, why, and which rules it may break
    (`{"rule_id", "visit"?, "reason"}`)."""

    pins: frozenset[UUID] = frozenset()
    cascade: bool = True
    reason: str = ""
    overrides: Sequence[dict[str, Any]] = field(default_factory=tuple)


def preview(
    *,
    actor: Actor,
    appointment_id: UUID,
    wish: Wish,
    ways: Ways,
    now: datetime,
    version: int | None = None,
) -> Preview:
    """What would follow if the visit went where it is wished, with a token that does exactly this.

    Writes nothing. Raises NotFound, NotAllowed, Stale, Invalid, InvalidTransition for a visit that has begun
    or is over, and SlotTaken with the nearest free start.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    visit = access.visit(actor=actor, appointment_id=appointment_id)
    access.check_version(found=visit.version, expected=version)
    return previews.make(actor=actor, act=_decide(visit, wish, ways, now), now=now)


def fits(*, actor: Actor, appointment_id: UUID, wish: Wish, now: datetime) -> Found:
    """Whether the visit itself fits where it is wished, without what would have to follow: quick enough to be
    asked while somebody drags it.

    Writes nothing. The place found names the rules that it breaks; raises what `preview` raises.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    visit = access.visit(actor=actor, appointment_id=appointment_id)
    acts.check_may_move(visit=visit, now=now)
    check_state(visit=visit, wish=wish)
    return fitting.place(
        visit=visit,
        current=relocations.place_of(visit=visit),
        wish=wish,
        now=now,
        ignoring=_making_way(visit, now),
    )


def _making_way(visit: Appointment, now: datetime) -> list[UUID]:
    courses = acts.courses_of(visits=[visit], now=now)
    return acts.making_way(courses=courses.values(), pins=frozenset(), cascade=True)


def apply(
    *,
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    wish: Wish | None = None,
    token: str | None = None,
    ways: Ways | None = None,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> UUID:
    """Move the visit, and all that the cascade moves, in one transaction; returns the act's id.

    With a `token` of `preview` exactly that, or PreviewStale with what has changed since; without one the
    cascade is computed now, and done. A repeated `key` gives the first act. Raises besides RuleViolation for
    rules that nobody has excused, Busy, and what `preview` raises.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    ways = ways or Ways()

    def decide() -> Act:
        if token is not None:
            return shown(
                actor=actor, token=token, verb=VERB, subject_id=appointment_id, version=version, now=now
            ).excused(ways.overrides)
        rows = access.visits_for_update(actor=actor, appointment_ids=[appointment_id], capability=CAPABILITY)
        access.check_version(found=rows[appointment_id].version, expected=version)
        return replace(_decide(rows[appointment_id], wish or Wish(), ways, now), locked=rows)

    return acts.carry_out(actor=actor, now=now, key=key, capability=CAPABILITY, decide=decide)


def shown(
    *, actor: Actor, token: str, verb: str, subject_id: UUID, now: datetime, version: int | None = None
) -> Act:
    """The act that a preview showed, with everything that it rests on locked and found unchanged."""
    act = previews.read(actor=actor, token=token, verb=verb, subject_id=subject_id, now=now)
    rows = access.visits_for_update(actor=actor, appointment_ids=list(act.seen), capability=CAPABILITY)
    if subject_id in rows:
        access.check_version(found=rows[subject_id].version, expected=version)
    courses = {visit.course_id for visit in rows.values() if visit.course_id}
    here = standing.load(practice_id=actor.practice_id, course_ids=courses, now=now)
    for one in here.values():
        rows |= {key: visit for key, visit in one.visits.items() if key not in rows}
    acts.check_unchanged(act=act, rows=rows, now=now)
    return act


def is_there(*, actor: Actor, appointment_id: UUID) -> bool:
    """Whether there is such a visit in this practice."""
    return Appointment.objects.filter(practice_id=actor.practice_id, pk=appointment_id).exists()


def _decide(visit: Appointment, wish: Wish, ways: Ways, now: datetime) -> Act:
    """Where the visit goes, and what has to follow."""
    stamp = rosters.stamp(practice_id=visit.practice_id)
    current = relocations.place_of(visit=visit)
    acts.check_may_move(visit=visit, now=now)
    check_state(visit=visit, wish=wish)
    courses = acts.courses_of(visits=[visit], now=now)
    ignoring = acts.making_way(courses=courses.values(), pins=ways.pins, cascade=ways.cascade)
    found = fitting.place(visit=visit, current=current, wish=wish, now=now, ignoring=ignoring)
    cascade = cascades.of_visits(
        found={visit.pk: found},
        visits={visit.pk: visit},
        courses=courses,
        pins=ways.pins,
        cascade=ways.cascade,
        now=now,
    )
    if not cascade.relocations:
        raise Invalid({"start": ["The visit is there already."]})
    return Act(
        verb=VERB,
        subject_id=visit.pk,
        relocations=cascade.relocations,
        seen=acts.versions(visits=[visit], courses=courses.values()),
        asked=frozenset({visit.pk}),
        violations=cascade.violations,
        excuses=tuple(ways.overrides),
        reason=ways.reason,
        stamp=stamp,
        stays=cascade.stays,
        unmet=cascade.unmet,
        added=cascade.added,
        ended=cascade.ended,
    )


def check_state(*, visit: Appointment, wish: Wish) -> None:
    """Raise InvalidTransition where the state does not allow it at all, before anybody looks for a place."""
    elsewhere = any((wish.start, wish.end, wish.site_id, wish.mode, wish.group_session_id))
    verb = "move" if elsewhere or visit.status == "displaced" else "reassign"
    states.find(machine=states.APPOINTMENT, state=visit.status, verb=verb, kind=visit.kind)
