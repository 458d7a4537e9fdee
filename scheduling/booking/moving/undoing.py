"""Taking a move back: every visit that it moved returns to where it stood, in one act of its own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, NotFound
from clinic.practice.models import TrailEntry
from scheduling.booking.guard import access
from scheduling.booking.moving import acts, cascades, fitting, notices, relocations
from scheduling.booking.moving.acts import Act
from scheduling.booking.moving.fitting import Found, Wish
from scheduling.booking.moving.relocations import Relocation
from scheduling.errors import PreviewStale
from scheduling.models import Appointment
from scheduling.roster import rosters

VERB = "undo"
CAPABILITY = "appointments.book"


def undo(*, actor: Actor, act_id: UUID, now: datetime, key: idempotency.Key | None = None) -> UUID:
    """Move everything back that an act moved; returns the id of the act that does it. What patients are told
    follows as from every move: within the grace, a move and its undo say nothing, and who had confirmed the
    old time has confirmed it again.

    Raises NotFound, PreviewStale naming the visits that were changed since, SlotTaken where an old place is
    somebody else's by now, RuleViolation, Conflict for an act that also booked or ended visits.
    """
    permissions.check(actor=actor, capability=CAPABILITY)

    def decide() -> Act:
        steps = _steps(actor, act_id)
        visits = access.visits_for_update(actor=actor, appointment_ids=list(steps), capability=CAPABILITY)
        _check_untouched(visits, steps)
        stamp = rosters.stamp(practice_id=actor.practice_id)
        courses = acts.courses_of(visits=list(visits.values()), now=now)
        cascade = cascades.of_visits(
            found={key: _back(visit, steps[key], list(visits), now) for key, visit in visits.items()},
            visits=visits,
            courses=courses,
            pins=frozenset(),
            cascade=False,
            now=now,
        )
        return Act(
            verb=VERB,
            subject_id=act_id,
            relocations=_confirmed(cascade.relocations, steps),
            seen=acts.versions(visits=list(visits.values()), courses=list(courses.values())),
            asked=frozenset(visits),
            violations=cascade.violations,
            stamp=stamp,
            locked=visits,
        )

    return acts.carry_out(actor=actor, now=now, key=key, capability=CAPABILITY, decide=decide)


def _confirmed(
    back: tuple[Relocation, ...], steps: Mapping[UUID, Mapping[str, Any]]
) -> tuple[Relocation, ...]:
    """With the confirmations that the move took away, of visits whose patient never heard of the move."""
    lost = {key: step["confirmed"] for key, step in steps.items() if step.get("confirmed")}
    heard = notices.heard(versions={key: int(steps[key]["version"]) for key in lost})
    return tuple(
        replace(one, confirmed=(datetime.fromisoformat(lost[one.visit_id]["at"]), lost[one.visit_id]["by"]))
        if one.visit_id in lost.keys() - heard
        else one
        for one in back
    )


def _steps(actor: Actor, act_id: UUID) -> dict[UUID, Mapping[str, Any]]:
    """What the act did with each visit, as the trail tells it."""
    act = TrailEntry.objects.filter(practice_id=actor.practice_id, subject_kind=acts.KIND, subject_id=act_id)
    told = act.values_list("data", flat=True).first()
    if told is None:
        raise NotFound()
    if told["added"] or told["ended"]:
        raise Conflict("It also booked or ended visits: change those one by one.")
    steps = TrailEntry.objects.filter(practice_id=actor.practice_id, data__act=str(act_id))
    return dict(steps.filter(subject_id__in=told["visits"]).values_list("subject_id", "data"))


def _check_untouched(visits: Mapping[UUID, Appointment], steps: Mapping[UUID, Mapping[str, Any]]) -> None:
    changed = [
        {
            "what": "visit",
            "visit": visit.ref or visit.kind,
            "appointment": str(key),
            "message": "The visit has changed since.",
        }
        for key, visit in visits.items()
        if visit.version != steps[key]["version"]
    ]
    if changed:
        raise PreviewStale(changed=changed)


def _back(visit: Appointment, step: Mapping[str, Any], together: list[UUID], now: datetime) -> Found:
    acts.check_may_move(visit=visit, now=now)
    before = relocations.from_words(step["before"])
    wish = Wish(
        start=before["start"],
        end=before["end"],
        practitioner_ids=tuple(UUID(str(one["id"])) for one in before["practitioners"]),
        room_id=UUID(before["room"]) if before["room"] else None,
        site_id=UUID(str(before["site"])),
        mode=before["mode"],
        group_session_id=UUID(before["group_session"]) if before["group_session"] else None,
    )
    return fitting.place(
        visit=visit, current=relocations.place_of(visit=visit), wish=wish, now=now, ignoring=together
    )
