"""Planning a course anew: what was given or pinned stays, the rest is placed where it is best by now."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from scheduling import states
from scheduling.booking.guard import access
from scheduling.booking.moving import acts, cascades, moves, previews, standing
from scheduling.booking.moving.acts import Act
from scheduling.booking.moving.cascades import Ask
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.reading import progress
from scheduling.booking.wanted import orders
from scheduling.errors import Unplannable
from scheduling.models import TreatmentCourse
from scheduling.roster import rosters

VERB = "replan"
CAPABILITY = "courses.book"
# A paused course is resumed first; one that is only held is booked, or held anew.
STATES = frozenset({"active", "review_due"})


def preview(
    *,
    actor: Actor,
    course_id: UUID,
    ways: Ways,
    now: datetime,
    start_on_or_after: date | None = None,
    preferences: Mapping[str, Any] | None = None,
    version: int | None = None,
) -> Preview:
    """The course as it would be planned now; writes nothing.

    Doses and visits of the protocol that are missing are planned too. Visits that patients were told of move
    only where a rule needs it, unless another earliest day or other preferences are given. Raises NotFound,
    NotAllowed, Stale, Invalid, InvalidTransition for a course that is held, rests or has ended, and
    Unplannable.
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    course = TreatmentCourse.objects.filter(practice_id=actor.practice_id, pk=course_id).first()
    if course is None:
        raise NotFound()
    access.check_version(found=course.version, expected=version)
    wishes = _wishes(start_on_or_after, preferences)
    return previews.make(actor=actor, act=_decide(course, ways, wishes, now), now=now)


def apply(
    *,
    actor: Actor,
    course_id: UUID,
    now: datetime,
    ways: Ways | None = None,
    start_on_or_after: date | None = None,
    preferences: Mapping[str, Any] | None = None,
    token: str | None = None,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> UUID:
    """Plan the course anew in one transaction; returns the act's id. Raises what `preview` and `moves.apply`
    raise."""
    permissions.check(actor=actor, capability=CAPABILITY)
    wishes = _wishes(start_on_or_after, preferences)

    def decide() -> Act:
        course = access.course_for_update(actor=actor, course_id=course_id, capability=CAPABILITY)
        access.check_version(found=course.version, expected=version)
        if token is None:
            act = _decide(course, ways or Ways(), wishes, now)
        else:
            shown = moves.shown(actor=actor, token=token, verb=VERB, subject_id=course_id, now=now)
            act = shown.excused(ways.overrides if ways else ())
        TreatmentCourse.objects.filter(pk=course_id).update(**access.touched())
        progress.settle(actor=actor, course=course, now=now, kinds=["course_to_replan"])
        return act

    return acts.carry_out(actor=actor, now=now, key=key, capability=CAPABILITY, decide=decide)


def _wishes(start_on_or_after: date | None, preferences: Mapping[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if start_on_or_after is not None:
        found["start_on_or_after"] = start_on_or_after.isoformat()
    if preferences is not None:
        found["preferences"] = orders.plain(preferences)
    return found


def _decide(course: TreatmentCourse, ways: Ways, wishes: Mapping[str, Any], now: datetime) -> Act:
    if course.status not in STATES:
        raise states.InvalidTransition(
            machine=states.COURSE.name,
            state=course.status,
            verb=VERB,
            allowed=states.allowed(machine=states.COURSE, state=course.status),
        )
    stamp = rosters.stamp(practice_id=course.practice_id)
    here = standing.load(practice_id=course.practice_id, course_ids=[course.pk], now=now, wishes=wishes)[
        course.pk
    ]
    acts.making_way(courses=[here], pins=ways.pins, cascade=False)
    ask = Ask(placed={}, pins=ways.pins, replan=True, anew=bool(wishes))
    found = cascades.of_course(standing=here, ask=ask, free=here.calendar(places=(), now=now))
    if found.unmet:
        raise Unplannable(
            rules=[
                {
                    "rule": one.rule,
                    "visit": _named(here, one.visit),
                    "message": one.message,
                    "relaxations": [],
                }
                for one in found.unmet
            ]
        )
    return Act(
        verb=VERB,
        subject_id=course.pk,
        relocations=found.relocations,
        seen=acts.versions(visits=[], courses=[here]),
        asked=frozenset(),
        violations=found.violations,
        excuses=tuple(ways.overrides),
        reason=ways.reason,
        stamp=stamp,
        stays=found.stays,
        added=found.added,
        ended=found.ended,
        wishes=wishes,
    )


def _named(here: standing.StandingCourse, visit: str | None) -> str | None:
    """A visit by its own name, where the planner named it by its id."""
    return next((row.ref for key, row in here.visits.items() if str(key) == visit), visit)
