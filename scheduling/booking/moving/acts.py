"""An act: visits that go elsewhere together, shown as a preview, carried out whole or not at all."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, trail, work
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.ids import new_id
from clinic.practice.models import TrailEntry
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.guard import access, locks, overrides
from scheduling.booking.moving import additions, fitting, notices, relocations, standing
from scheduling.booking.moving.additions import Addition
from scheduling.booking.moving.cascades import Stay
from scheduling.booking.moving.relocations import Relocation
from scheduling.booking.moving.standing import StandingCourse
from scheduling.booking.reading import progress
from scheduling.booking.writing import releasing
from scheduling.errors import PreviewStale, RuleViolation, SlotTaken
from scheduling.followups import gaps
from scheduling.models import Appointment, RuleOverride, TreatmentCourse
from scheduling.planning.values import UnmetRule
from scheduling.roster import rosters

KIND = "act"


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done.

    `seen` are the versions of all visits that were looked at: those that move, and the others of their
    courses. `asked` were put there by a person, `violations` are the rules broken afterwards and not before,
    `excuses` the overrides that were given with reasons. `stays` and `unmet` are for people to read.
    """

    verb: str
    subject_id: UUID
    relocations: tuple[Relocation, ...]
    seen: Mapping[UUID, int]
    asked: frozenset[UUID]
    violations: tuple[dict[str, Any], ...] = ()
    excuses: tuple[dict[str, Any], ...] = ()
    reason: str = ""
    stamp: str = ""
    stays: tuple[Stay, ...] = ()
    unmet: tuple[UnmetRule, ...] = ()
    outcomes: tuple[dict[str, Any], ...] = field(default=())
    added: tuple[Addition, ...] = ()
    ended: tuple[UUID, ...] = ()
    # What the course is planned by from now on: its earliest day and its preferences, where they change.
    wishes: Mapping[str, Any] = field(default_factory=dict)
    # The visits that were locked to decide this, as they are, with all that a write of them reads.
    locked: Mapping[UUID, Appointment] = field(default_factory=dict, compare=False, repr=False)

    def excused(self, more: Iterable[dict[str, Any]]) -> "Act":
        """The same act with overrides that were given when it was applied."""
        return replace(self, excuses=(*self.excuses, *more))


def carry_out(
    *,
    actor: Actor,
    now: datetime,
    key: idempotency.Key | None,
    capability: str,
    decide: Callable[[], Act],
) -> UUID:
    """Do what `decide` says, in one transaction, and return the act's id; a repeated `key` gives the first's.

    `decide` is called under the key's lock, and locks the courses and visits that its answer rests on.
    Raises PreviewStale, SlotTaken with the nearest alternative, RuleViolation, InvalidTransition, Busy.
    """
    decided: list[Act] = []
    try:
        with locks.unit_of_work():
            act_id = new_id()
            replay = idempotency.claim(key=key, now=now, status_code=200, object_kind=KIND, object_id=act_id)
            if replay:
                return replay.object_id
            # Before anything is decided: what changes from here on is seen under the locks.
            stamp = rosters.stamp(practice_id=actor.practice_id)
            act = decide()
            decided.append(act)
            _do(actor, act, act_id, capability, stamp, now)
            return act_id
    except SlotTaken as taken:
        if decided:
            _offer(taken, decided[0], now)
        raise


def _do(actor: Actor, act: Act, act_id: UUID, capability: str, stamp: str, now: datetime) -> None:
    rows = _locked(actor, act, capability)
    used = _excuse(actor, act)
    moves = [one for one in act.relocations if is_move(rows[one.visit_id], one)]
    # Told apart before the rows change; the trail of this act does not count as told.
    before = {one.visit_id: one.before for one in moves}
    added = additions.prepare(actor=actor, additions=act.added, now=now)
    relocations.write(
        actor=actor,
        relocations=act.relocations,
        rows=rows,
        act_id=act_id,
        reason=act.reason,
        now=now,
        added=added,
        ended=act.ended,
        stamp=stamp,
    )
    booked = additions.insert(actor=actor, added=added, act_id=act_id, reason=act.reason, now=now)
    additions.end(actor=actor, rows=rows, ids=act.ended, act_id=act_id, now=now)
    work.settle(
        practice_id=actor.practice_id,
        subject_ids=rows,
        kinds=[releasing.NEW_PLACE_ITEM],
        by=actor.ref,
        now=now,
    )
    releasing.comes_after_all(actor=actor, visits=[rows[key] for key in before], now=now)
    if act.wishes:
        TreatmentCourse.objects.filter(pk=act.subject_id).update(**act.wishes)
    _store_excuses(actor, used, rows, now)
    _tell(actor, act, act_id, [one.pk for one in booked], now)
    courses = {visit.course_id for visit in (*rows.values(), *booked) if visit.course_id}
    gaps.refresh(course_ids=courses, now=now, actor=actor)
    moved = [rows[key] for key in before]
    told = notices.of_move(visits=moved, before=before, now=now)
    notices.carry_out(
        notices=told.joined(notices.of_changes(added=booked, ended=act.ended, now=now)), now=now
    )


def _locked(actor: Actor, act: Act, capability: str) -> dict[UUID, Appointment]:
    """The visits that the act changes, in the order of their ids."""
    changed = {*(one.visit_id for one in act.relocations), *act.ended}
    if changed <= act.locked.keys():
        return {key: act.locked[key] for key in sorted(changed)}
    return access.visits_for_update(actor=actor, appointment_ids=changed, capability=capability)


def is_move(visit: Appointment, one: Relocation) -> bool:
    """Whether the patient's time or place changes, not only who and which room."""
    verb = relocations.verb_of(status=visit.status, before=one.before, after=one.after)
    return verb == "move"


def check_unchanged(*, act: Act, rows: Mapping[UUID, Appointment], now: datetime) -> None:
    """Raise PreviewStale when a visit that the act rests on, or the roster under it, is not as it was seen.

    `rows` are those visits as they are now, locked, with any others of their courses that live by now.
    """
    changed = [
        _changed(visit, "The visit has changed since.")
        for key, version in act.seen.items()
        if (visit := rows[key]).version != version
    ]
    changed += [_changed(visit, "It was booked since.") for key, visit in rows.items() if key not in act.seen]
    # An act that rests on no visit (somebody who falls out had none) cannot have gone stale.
    practice_id = next((visit.practice_id for visit in rows.values()), None)
    if not changed and practice_id is not None and act.stamp != rosters.stamp(practice_id=practice_id):
        changed = list(_gone(act, rows, now))
    if changed:
        raise PreviewStale(changed=changed)


def check_may_move(*, visit: Appointment, now: datetime) -> None:
    """Raise InvalidTransition for a visit that is over without anybody having said how it went, and Conflict
    for a dose of a course that rests or is over: one whose hour had come when the course was stopped stands,
    and would be to come again.
    """
    if visit.status != "displaced" and visit.end <= now:
        raise states.InvalidTransition(
            machine=states.APPOINTMENT.name, state=f"{visit.status} and over", verb="move", allowed=()
        )
    if visit.course is not None:
        progress.check_takes(course=visit.course, kind=visit.kind)


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did. `relocated` is visit by visit in the order of time, each as `told` says it; `changed`
    is every visit that it moved, added or ended; `outcomes` what became of each that a reassignment was
    about.
    """

    relocated: list[dict[str, Any]]
    changed: list[UUID]
    outcomes: list[dict[str, Any]]


def done(*, actor: Actor, act_id: UUID) -> Done:
    """Read an act again, as it was told in the trail. Raises NotFound for an act of another practice."""
    row = TrailEntry.objects.filter(practice_id=actor.practice_id, subject_id=act_id).first()
    if row is None:
        raise NotFound()
    data = row.data
    return Done(
        relocated=_relocated(act_id, data),
        changed=[UUID(one) for one in (*data["visits"], *data["added"], *data["ended"])],
        outcomes=list(data["outcomes"]),
    )


def _relocated(act_id: UUID, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    visits = Appointment.objects.only("ref", "kind", "course", "patient").in_bulk(data["visits"])
    steps = TrailEntry.objects.filter(subject_id__in=visits, data__act=str(act_id))
    found = [
        told(
            visit=visits[step.subject_id],
            verb=step.verb.removeprefix("appointment."),
            asked=str(step.subject_id) in data["asked"],
            before=relocations.from_words(step.data["before"]),
            after=relocations.from_words(step.data["after"]),
        )
        for step in steps
    ]
    return sorted(found, key=lambda one: (one["after"]["start"], str(one["id"])))


def told(*, visit: Appointment, **of_it: Any) -> dict[str, Any]:
    """One relocated visit as the surface shows it."""
    return {
        "id": visit.pk,
        "ref": visit.ref,
        "kind": visit.kind,
        "course": visit.course_id,
        "patient": visit.patient_id,
        **of_it,
    }


def _changed(visit: Appointment, message: str) -> dict[str, Any]:
    return {
        "what": "visit",
        "visit": visit.ref or visit.kind,
        "appointment": str(visit.pk),
        "message": message,
    }


def _gone(act: Act, rows: Mapping[UUID, Appointment], now: datetime) -> Iterable[dict[str, Any]]:
    moving = [one.visit_id for one in act.relocations]
    excused = {(one["rule_id"], one.get("appointment")) for one in act.violations}
    for one in act.relocations:
        visit = rows[one.visit_id]
        refusal = fitting.still_fits(visit=visit, place=one.after, ignoring=moving, now=now)
        # What is taken is told as a clash, with an alternative, by whoever takes the places.
        if refusal and not refusal.taken and (refusal.rule_id, str(visit.pk)) not in excused:
            yield _changed(visit, refusal.message) | {"what": "roster"}


def _excuse(actor: Actor, act: Act) -> list[dict[str, Any]]:
    left, used = overrides.remaining(actor=actor, violations=act.violations, asked=list(act.excuses))
    if left:
        raise RuleViolation(violations=left)
    return used


def _store_excuses(
    actor: Actor, used: Sequence[dict[str, Any]], rows: Mapping[UUID, Appointment], now: datetime
) -> None:
    """With the visit that is named; without a name with the first of them, for the whole course."""
    for one in used:
        named = [visit for visit in rows.values() if one.get("visit") in (visit.ref, str(visit.pk))]
        visit = next((each for each in (*named, *rows.values()) if each.course), None)
        if visit is not None and visit.course is not None:
            about = visit if named else None
            RuleOverride.objects.bulk_create(
                overrides.rows(actor=actor, used=[one], course=visit.course, appointment=about, now=now)
            )


def _tell(actor: Actor, act: Act, act_id: UUID, booked: Sequence[UUID], now: datetime) -> None:
    """One row that holds the act together; what it did is told visit by visit."""
    data = {
        "subject": str(act.subject_id),
        "visits": [str(one.visit_id) for one in act.relocations],
        "asked": [str(one) for one in act.asked],
        "outcomes": list(act.outcomes),
        "added": [str(one) for one in booked],
        "ended": [str(one) for one in act.ended],
    }
    step = Step(f"visits.{act.verb}", KIND, act_id, reason=act.reason, data=data)
    trail.record(actor=actor, at=now, steps=[step])


def _offer(taken: SlotTaken, act: Act, now: datetime) -> None:
    """The nearest start for the first visit whose place is gone, and each clash by the visit's own name."""
    rows = Appointment.objects.select_related("site", "course", "patient").in_bulk(
        [one.visit_id for one in act.relocations]
    )
    places = {str(one.visit_id): one.after for one in act.relocations}
    for clash in taken.clashes:
        visit = next((row for row in rows.values() if str(row.pk) == clash["visit"]), None)
        if visit is None:
            continue
        clash |= {"visit": visit.ref or visit.kind, "appointment": str(visit.pk)}
        if taken.alternative is None:
            wanted = fitting.wanted_at(visit=visit, place=places[str(visit.pk)], ignoring=list(rows))
            found = fitting.alternative(wanted=wanted, now=now)
            taken.offer(found and found | {"visit": clash["visit"], "appointment": clash["appointment"]})


def courses_of(*, visits: Collection[Appointment], now: datetime) -> dict[UUID, StandingCourse]:
    """The courses of these visits as they stand, in the order of their ids."""
    ids = {visit.course_id for visit in visits if visit.course_id}
    if not ids:
        return {}
    return standing.load(practice_id=next(iter(visits)).practice_id, course_ids=ids, now=now)


def making_way(*, courses: Collection[StandingCourse], pins: frozenset[UUID], cascade: bool) -> list[UUID]:
    """The visits that a cascade may move out of the way. Raises Invalid for a pin on a visit that none of the
    courses has."""
    known = {key for course in courses for key in course.visits}
    if unknown := pins - known:
        raise Invalid({"pins": [f"Not a visit of this course that stands: {min(map(str, unknown))}."]})
    return [
        key
        for course in courses
        for key, visit in course.visits.items()
        if cascade and course.may_move(visit, pins)
    ]


def versions(*, visits: Collection[Appointment], courses: Collection[StandingCourse]) -> dict[UUID, int]:
    """The versions of these visits, and of all that live in their courses, by id."""
    others = [visit for course in courses for visit in course.visits.values()]
    return {visit.pk: visit.version for visit in (*others, *visits)}
