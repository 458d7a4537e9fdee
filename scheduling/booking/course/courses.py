"""Courses: proposed without a trace, booked whole or not at all, cancelled with what they still owe left
standing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from clinic.practice import bulk, idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.ids import new_id
from clinic.practice.trail import Step
from scheduling import reasons, states
from scheduling.booking.course import filling, plans
from scheduling.booking.guard import access, locks, overrides
from scheduling.booking.reading import progress
from scheduling.booking.visit import consequences
from scheduling.booking.wanted import given, holding, orders, proposals
from scheduling.booking.wanted.holding import Hold
from scheduling.booking.wanted.orders import Order
from scheduling.booking.wanted.proposals import Proposal
from scheduling.booking.writing import releasing, reminders, visits
from scheduling.booking.writing.visits import Placement
from scheduling.errors import ProposalExpired, RuleViolation, SlotTaken
from scheduling.followups import facts, gaps
from scheduling.models import Appointment, CoursePhase, ProtocolVersion, RuleOverride, TreatmentCourse
from scheduling.models.course import CourseStatus
from scheduling.planning import rules
from scheduling.planning.protocol import Protocol
from scheduling.planning.values import PlannedVisit, Span
from scheduling.roster import availability, rosters


def propose(
    *,
    actor: Actor,
    patient_id: UUID,
    start_on_or_after: date,
    now: datetime,
    protocol_id: UUID | None = None,
    protocol_key: str | None = None,
    site_id: UUID | None = None,
    through_phase: str | None = None,
    preferences: Mapping[str, Any] | None = None,
    overrides: Sequence[Mapping[str, Any]] = (),
    alternatives: int = 3,
    given: Sequence[Mapping[str, Any]] = (),
) -> list[Proposal]:
    """Up to `alternatives` whole courses, best first. Writes nothing. With the doses that were `given` (see
    `adoption.propose`) only the rest of the course.

    Raises NotAllowed, NotFound, Invalid, or Unplannable with the rules that cannot hold together and what
    would help.
    """
    order, _, site = orders.place(
        actor=actor,
        patient_id=patient_id,
        protocol_id=protocol_id,
        protocol_key=protocol_key,
        start_on_or_after=start_on_or_after,
        site_id=site_id,
        through_phase=through_phase,
        preferences=preferences,
        overrides=overrides,
        alternatives=alternatives,
        now=now,
        given=given,
    )
    return plans.find(actor=actor, order=order, site=site, now=now)


def book(
    *,
    actor: Actor,
    now: datetime,
    key: idempotency.Key | None = None,
    proposal: str | None = None,
    chosen: Mapping[str, Any] | None = None,
    skip: Sequence[str] = (),
    hold: Hold | None = None,
) -> UUID:
    """Book a course: every visit, place, follow-up obligation, reminder and trail row in one transaction, or
    nothing.

    `proposal` is a token of `propose`; `chosen` is a course whose visits a person chose (see `given.read`).
    `skip` names visits of the proposal to leave out: a dose may be booked without its follow-up, and is
    flagged from that moment. `hold` only reserves it: a draft whose visits are held, for minutes (see
    `holds`). Returns the course's id; the same key returns the first one's.

    Raises SlotTaken with the clashing visits and the nearest alternative, RuleViolation, ProposalExpired,
    TooManyHolds, Invalid, Busy.
    """
    permissions.check(actor=actor, capability="courses.book")
    if before := idempotency.find(key=key, now=now):
        return before.object_id
    if (proposal is None) == (chosen is None):
        raise Invalid({"proposal": ["Give a proposal or the visits themselves, one of the two."]})
    if proposal is not None:
        contents = proposals.read(actor=actor, token=proposal, now=now)
        order, planned, stamp = contents.order, contents.visits, contents.roster_stamp
        if order.given:
            raise Invalid({"proposal": ["It is the rest of a course under way: adopt the course."]})
    else:
        order, planned = _read_chosen(actor=actor, chosen=chosen or {}, now=now)
        stamp = ""
    if unknown := set(skip) - {visit.ref for visit in planned}:
        raise Invalid({"skip": [f"Not visits of this course: {', '.join(sorted(unknown))}."]})
    kept = tuple(visit for visit in planned if visit.ref not in set(skip))
    if not any(visit.kind in ("dosing", "device") for visit in kept):
        raise Invalid({"visits": ["A course has at least one dose."]})
    try:
        with locks.unit_of_work():
            return commit(actor=actor, key=key, order=order, planned=kept, stamp=stamp, hold=hold, now=now)
    except SlotTaken as taken:
        taken.offer(plans.alternative(actor=actor, order=order, now=now))
        raise


def _read_chosen(
    *, actor: Actor, chosen: Mapping[str, Any], now: datetime
) -> tuple[Order, tuple[PlannedVisit, ...]]:
    order, planned = given.read(actor=actor, chosen=chosen, now=now)
    site = access.site(actor=actor, site_id=UUID(order.site))
    protocol = facts.protocol_of(UUID(order.version))
    return order, filling.fill(order=order, protocol=protocol, site=site, planned=planned, now=now)


def commit(
    *,
    actor: Actor,
    key: idempotency.Key | None,
    order: Order,
    planned: Sequence[PlannedVisit],
    stamp: str,
    now: datetime,
    hold: Hold | None = None,
    take_over: Callable[[Placement], None] | None = None,
) -> UUID:
    """Write a course in the caller's transaction. `take_over` writes what already happened, before the coming
    visits.
    """
    course_id = new_id()
    replay = idempotency.claim(key=key, now=now, status_code=201, object_kind="course", object_id=course_id)
    if replay:
        return replay.object_id
    roster = rosters.of(practice_id=actor.practice_id)
    patient = access.patient(actor=actor, patient_id=UUID(order.patient), roster=roster)
    site = roster.site(UUID(order.site))
    version = facts.version_of(UUID(order.version))
    protocol = facts.protocol_of(version.id)
    placement = Placement(actor=actor, patient=patient, site=site, now=now, protocol=protocol, roster=roster)
    if hold is not None:
        first = min(visit.start for visit in planned)
        placement.held_until = holding.until(hold=hold, practice=site.practice, first_start=first, now=now)
    visits.resolve(placement, planned)
    used = _check(actor=actor, order=order, placement=placement, planned=planned, stamp=stamp)
    visits.occupy(placement, planned)
    if hold is not None:
        holding.check_number(actor=actor, practice=site.practice, now=now)
    course = _store(placement, order, course_id, version, held=hold is not None)
    placement.course = course
    placement.phases = _phases(course, protocol)
    if take_over is not None:
        take_over(placement)
    booked = visits.insert(placement, planned)
    _store_overrides(actor, order, course, used, booked, now)
    done = "adopted" if take_over else "held" if hold else "booked"
    trail.record(actor=actor, at=now, steps=story(course=course, visits=booked, done=done))
    if take_over is None:
        gaps.begin(course=course, now=now, actor=actor)
    else:
        gaps.refresh(course_ids=[course.id], now=now, actor=actor)
    # It tells of visits that are booked: a hold tells nobody.
    reminders.on_course_booked(course=course, appointments=booked, now=now)
    return course_id


def _store(
    placement: Placement, order: Order, course_id: UUID, version: ProtocolVersion, *, held: bool
) -> TreatmentCourse:
    course = TreatmentCourse(
        id=course_id,
        practice_id=placement.actor.practice_id,
        patient=placement.patient,
        site=placement.site,
        protocol_version=version,
        status=CourseStatus.DRAFT if held else CourseStatus.ACTIVE,
        start_on_or_after=order.start_on_or_after,
        through_phase=order.through_phase or "",
        preferences=order.preferences,
        sensitive_sud=facts.is_sensitive(version.id),
        created_at=placement.now,
        created_by=placement.actor.ref,
    )
    bulk.insert(TreatmentCourse, [vars(course)])
    return course


def _check(
    *, actor: Actor, order: Order, placement: Placement, planned: Sequence[PlannedVisit], stamp: str
) -> list[dict[str, Any]]:
    """Re-check what can have changed since the proposal; returns the overrides that were used.

    The protocol's version cannot change and places are guarded by the lock and the constraint. Shifts,
    absences, closures, hours and rooms are compared by the roster's stamp, and all rules are checked again
    when it differs.
    """
    if not planned:
        return []
    if stamp and any(visit.start < placement.now for visit in planned):
        raise ProposalExpired()
    if stamp and placement.roster is not None and stamp == placement.roster.stamp:
        return []
    protocol = placement.protocol
    assert protocol is not None
    request = orders.request(order=order, protocol=protocol, site=placement.site, now=placement.now)
    first, last = min(visit.start for visit in planned), max(visit.end for visit in planned)
    violations = rules.check_visits(
        request=request,
        availability=availability.calendar(
            practice_id=actor.practice_id,
            site_id=placement.site.id,
            patient_id=placement.patient.id,
            span=Span(first - timedelta(days=1), last + timedelta(days=2)),
            now=placement.now,
            roster=placement.roster,
            patient_resource=placement.patient.resource_id,
        ).availability(),
        visits=planned,
    )
    if clashes := given.clashes(violations=violations, visits=planned):
        raise SlotTaken(clashes=clashes)
    found = [given.violation_as_dict(one) for one in violations]
    left, used = overrides.remaining(
        actor=actor,
        violations=found,
        asked=[one for one in order.overrides if one.get("rule_id") not in orders.PLANNED],
    )
    if left:
        raise RuleViolation(violations=left)
    return used


def _phases(course: TreatmentCourse, protocol: Protocol) -> dict[str, CoursePhase]:
    phases = [
        CoursePhase(
            course=course,
            position=position,
            name=phase.name,
            planned_sessions=phase.sessions,
            exit_review_required=phase.exit_review_required,
        )
        for position, phase in enumerate(protocol.phases, start=1)
    ]
    for phase, made in zip(phases, bulk.insert(CoursePhase, map(vars, phases)), strict=True):
        vars(phase).update(made)
    return {phase.name: phase for phase in phases}


def _store_overrides(
    actor: Actor,
    order: Order,
    course: TreatmentCourse,
    used: list[dict[str, Any]],
    booked: Sequence[Appointment],
    now: datetime,
) -> None:
    planned = [one for one in order.overrides if one.get("rule_id") in orders.PLANNED]
    rows = overrides.rows(
        actor=actor,
        used=[*planned, *used],
        course=course,
        visits={one.ref: one for one in booked},
        now=now,
    )
    if rows:
        RuleOverride.objects.bulk_create(rows)


def story(*, course: TreatmentCourse, visits: Sequence[Appointment], done: str) -> list[Step]:
    """The lines of the trail that tell what was `done` with a course and its visits: booked, held ..."""

    def step(verb: str, kind: str, subject: UUID, data: dict[str, Any]) -> Step:
        return Step(verb, kind, subject, course_id=course.id, patient_id=course.patient_id, data=data)

    return [
        step(f"course.{done}", "course", course.id, {"visits": len(visits)}),
        *(
            step(
                f"appointment.{done}", "appointment", one.id, {"ref": one.ref, "start": one.start.isoformat()}
            )
            for one in visits
        ),
    ]


def cancel(
    *,
    actor: Actor,
    course_id: UUID,
    now: datetime,
    reason: str = "",
    reason_code: str = "",
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Stop a course: future visits are freed, except follow-ups of doses already given, which people are
    asked about.

    A repeated `key` has no second effect. Raises NotFound, NotAllowed, Stale, InvalidTransition, Invalid
    without a reason.
    """
    permissions.check(actor=actor, capability="courses.book")
    code, note = reasons.read(code=reason_code, note=reason)
    with locks.unit_of_work():
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="course", object_id=course_id):
            return
        course = access.course_for_update(actor=actor, course_id=course_id, capability="courses.book")
        access.check_version(found=course.version, expected=version)
        states.move(machine=states.COURSE, state=course.status, verb="cancel")
        stop(actor=actor, course=course, reason=reasons.in_words(code=code, note=note), code=code, now=now)


def stop(*, actor: Actor, course: TreatmentCourse, reason: str, code: str, now: datetime) -> None:
    """Stop a locked course, in the caller's transaction: also what a review decides."""
    freed, kept = releasing.waiting(course=course, now=now)
    steps = [
        Step("course.cancelled", "course", course.id, course.id, course.patient_id, reason, {"code": code})
    ]
    steps += releasing.release(
        actor=actor, visits=freed, code=reasons.COURSE_STOPPED, reason=reason[:200], now=now
    )
    progress.write(course=course, status="stopped")
    trail.record(actor=actor, at=now, steps=steps)
    consequences.ask_about_kept(course=course, kept=kept, now=now)
    gaps.refresh(course_ids=[course.id], now=now, actor=actor)
    reminders.on_course_cancelled(course=course, now=now)
    progress.settle(actor=actor, course=course, now=now)
