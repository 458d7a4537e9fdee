"""What mends courses that stand: each act one call of a use case in the small world, as in `world`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduling import states
from scheduling.booking.course import pauses, reviews
from scheduling.booking.intake import adoption
from scheduling.booking.moving import acts, moves, reassignments, replans, swaps
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.reassignments import Asked
from scheduling.booking.visit import corrections, reinstating
from scheduling.errors import RuleViolation
from scheduling.models import Appointment, TreatmentCourse
from tests import factories
from tests.machine.world import REASON, World

ZONE = ZoneInfo(factories.NEW_YORK)
Excuses = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class How:
    """With what has to follow or alone; shown first or at once; and with a reason for each broken rule."""

    cascade: bool
    seen_first: bool
    excuse: bool

    def ways(self, excuses: Excuses) -> Ways:
        return Ways(cascade=self.cascade, reason=REASON, overrides=excuses)


def move(*, world: World, visit: Appointment, days: int, hour: int, person: int | None, how: How) -> None:
    """To another day at another hour, with whoever fits or with one of the therapists."""
    local = visit.start.astimezone(ZONE) + timedelta(days=days)
    wish = Wish(
        start=local.replace(hour=hour, minute=0).astimezone(UTC),
        practitioner_ids=None if person is None else (world.clinic.therapists[person].pk,),
    )
    given = {"actor": world.actor, "appointment_id": visit.pk, "now": world.now}

    def call(excuses: Excuses) -> Any:
        if not how.seen_first:
            return moves.apply(wish=wish, ways=how.ways(excuses), **given)
        return moves.apply(token=moves.preview(wish=wish, ways=how.ways(excuses), **given).token, **given)

    world.act("move", _excused(call, how))


def swap(*, world: World, visit: Appointment, other: Appointment, how: How) -> None:
    """Two visits change places."""
    given = {"actor": world.actor, "appointment_id": visit.pk, "other_id": other.pk, "now": world.now}

    def call(excuses: Excuses) -> Any:
        if not how.seen_first:
            return swaps.apply(ways=how.ways(excuses), **given)
        return swaps.apply(token=swaps.preview(ways=how.ways(excuses), **given).token, **given)

    world.act("swap", _excused(call, how))


def reinstate(*, world: World, visit: Appointment, how: How) -> None:
    given = {"actor": world.actor, "appointment_id": visit.pk, "now": world.now, "reason": REASON}
    world.act(
        f"reinstate {visit.status}",
        _excused(lambda excuses: reinstating.reinstate(overrides=excuses, **given), how),
    )


def correct(*, world: World, visit: Appointment, target: str, minutes: int) -> None:
    """The visit was in another state, or ended `minutes` from what is planned or recorded."""
    same = target == visit.status
    ended = max(visit.start + timedelta(minutes=40), _ended(visit) + timedelta(minutes=minutes))
    happened = {
        "arrived": visit.start + timedelta(minutes=5),
        "started": visit.start + timedelta(minutes=10),
        "administration_ended": visit.start + timedelta(minutes=30),
        "discharged": ended,
        "completed": ended,
    }
    facts: dict[str, datetime | None] = {
        name: min(world.now, happened[name])
        for name in states.needed_facts(status=target, kind=visit.kind)
        if name in happened and (getattr(visit, f"{name}_at") is None or same)
    }
    world.act(
        f"correct {visit.kind} time" if same else f"correct to {target}",
        _excused(
            lambda excuses: corrections.correct(
                actor=world.actor,
                appointment_id=visit.pk,
                reason=REASON,
                now=world.now,
                status=target,
                facts=facts,
                overrides=excuses,
            ),
            How(cascade=False, seen_first=False, excuse=True),
        ),
    )


def enter_in_error(*, world: World, visit: Appointment) -> None:
    given = {"actor": world.actor, "appointment_id": visit.pk, "reason": REASON, "now": world.now}
    world.act("enter in error", lambda: corrections.enter_in_error(**given))


def enter_course_in_error(*, world: World, course: TreatmentCourse) -> None:
    given = {"actor": world.actor, "course_id": course.pk, "reason": REASON, "now": world.now}
    world.act("enter course in error", lambda: corrections.enter_course_in_error(**given))


def pause(*, world: World, course: TreatmentCourse, days: int) -> None:
    """Pause for some days, or without saying until when."""
    until = world.now + timedelta(days=days) if days else None
    given = {"actor": world.actor, "course_id": course.pk, "reason": REASON, "now": world.now}
    world.act("pause", lambda: pauses.pause(until=until, **given))


def go_on(*, world: World, course: TreatmentCourse) -> None:
    """A course that rests or is over goes on."""
    verb: Callable[..., None] = pauses.resume if course.status == "paused" else pauses.reopen
    given = {"actor": world.actor, "course_id": course.pk, "reason": REASON, "now": world.now}
    world.act(verb.__name__, lambda: verb(**given))


def complete(*, world: World, course: TreatmentCourse) -> None:
    given = {"actor": world.actor, "course_id": course.pk, "reason": REASON, "now": world.now}
    world.act("complete course", lambda: pauses.complete(**given))


def review(*, world: World, course: TreatmentCourse, decision: str) -> None:
    """Decide how the course goes on; a change goes on with its only phase."""
    named = course.phases.order_by("position").values_list("name", flat=True)
    world.act(
        f"review: {decision}",
        lambda: reviews.review(
            actor=world.actor,
            course_id=course.pk,
            decision=decision,
            phase=named[0] if decision == "change" else None,
            reason=REASON,
            now=world.now,
        ),
    )


def replan(*, world: World, course: TreatmentCourse, days: int, how: How) -> None:
    """What is missing, and with `days` all that is still to come, from so many days on."""
    start = _local_day(world) + timedelta(days=days) if days else None
    given = {"actor": world.actor, "course_id": course.pk, "now": world.now}

    def call(excuses: Excuses) -> Any:
        ways = how.ways(excuses)
        if not how.seen_first:
            return replans.apply(ways=ways, start_on_or_after=start, **given)
        token = replans.preview(ways=ways, start_on_or_after=start, **given).token
        return replans.apply(token=token, start_on_or_after=start, **given)

    act_id = world.act("replan", _excused(call, how))
    if act_id is not None and acts.done(actor=world.actor, act_id=act_id).changed:
        world.done["replan: something changed"] += 1


def reassign(*, world: World, person: int, days: int, how: How) -> None:
    """One of the staff falls out from now on, for so many days."""
    clinic = world.clinic
    staff = [*clinic.therapists, clinic.monitor, clinic.prescriber]
    asked = Asked(staff[person % len(staff)].pk, world.now, world.now + timedelta(days=days))
    given = {"actor": world.actor, "asked": asked, "now": world.now}

    def call(excuses: Excuses) -> Any:
        ways = how.ways(excuses)
        if not how.seen_first:
            return reassignments.apply(ways=ways, **given)
        return reassignments.apply(token=reassignments.preview(ways=ways, **given).token, **given)

    act_id = world.act("reassign", _excused(call, how))
    if act_id is not None:
        outcomes = {one["outcome"] for one in acts.done(actor=world.actor, act_id=act_id).outcomes}
        world.done.update(f"reassign: {outcome}" for outcome in outcomes)


def adopt(*, world: World, patient: int, ago: Sequence[int], followed: str, plan: bool) -> None:
    """A course under way, its doses given so many days ago (in falling order), each with its follow-up
    `followed`: here, `outside`, or `not` at all."""
    today = _local_day(world)
    given = []
    for days in ago:
        start = datetime.combine(today - timedelta(days=days), time(10), ZONE)
        # The day after the dose; of yesterday's dose it may not be over yet.
        after = start + timedelta(hours=24)
        dose: dict[str, Any] = {"start": start}
        if followed != "not" and after + timedelta(hours=1) < world.now:
            dose["follow_ups"] = [{"attended_at": after, "external": followed == "outside"}]
        given.append(dose)
    version = world.version.template_id
    course = {"patient": world.patients[patient].pk, "protocol_id": version}
    world.act(
        "adopt and plan" if plan else "adopt",
        lambda: adoption.adopt(actor=world.actor, now=world.now, given=given, course=course, plan=plan),
    )


def _excused(call: Callable[[Excuses], Any], how: How) -> Callable[[], Any]:
    """The call; where rules stand in the way, if asked a second time with a reason for each of them."""

    def made() -> Any:
        try:
            return call(())
        except RuleViolation as refusal:
            if not how.excuse or not all(one["overridable"] for one in refusal.violations):
                raise
            broken = {(one["rule_id"], one["visit"]) for one in refusal.violations}
        return call([{"rule_id": rule, "visit": visit, "reason": REASON} for rule, visit in sorted(broken)])

    return made


def _ended(visit: Appointment) -> datetime:
    return visit.discharged_at or visit.completed_at or visit.end


def _local_day(world: World) -> date:
    return world.now.astimezone(ZONE).date()
