"""The stored follow-up gaps: made true by every write that touches them, and by the sweep where only time
passes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef

from clinic.practice import actor as actors
from clinic.practice import bulk, trail
from clinic.practice.actor import Actor
from clinic.practice.ids import new_id
from clinic.practice.trail import Step
from scheduling.followups import escalation, owners, rules
from scheduling.followups import facts as fact_rows
from scheduling.followups.facts import CourseFacts
from scheduling.followups.rules import FollowUpUnit
from scheduling.models import Appointment, FollowUpGap, GapDose, GapVisit, TreatmentCourse
from scheduling.models.followup import UNMET

_WINDOW = ("opens_at", "ideal_from", "ideal_to", "closes_at", "grace_until")


@dataclass(frozen=True, slots=True)
class Change:
    """One record that a refresh changed."""

    gap_id: UUID
    course_id: UUID
    before: str | None
    after: str
    became_flagged: bool


def refresh(*, course_ids: Collection[UUID], now: datetime, actor: Actor | None = None) -> list[Change]:
    """Recompute every unit of these courses and store what differs. Idempotent.

    Runs inside the caller's transaction, with the courses locked. `actor` is whose write made this necessary;
    without one it was time.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("gaps are refreshed in the transaction of what changes them")
    changes: list[Change] = []
    for facts in fact_rows.load(course_ids=course_ids):
        changes += _refresh_course(facts, now, actor or actors.system(practice_id=facts.course.practice_id))
    return changes


def begin(*, course: TreatmentCourse, now: datetime, actor: Actor) -> list[Change]:
    """The first records of a course that this transaction has just written, with `course` as it stands."""
    return _refresh_course(fact_rows.of_new(course=course), now, actor)


def _refresh_course(facts: CourseFacts, now: datetime, actor: Actor) -> list[Change]:
    answers = rules.evaluate(
        rule=facts.protocol.follow_up,
        zone=facts.course.site.time_zone,
        doses=facts.doses,
        visits=facts.visits,
        now=now,
        waived=facts.waived,
        overrides=facts.overrides,
        hours=facts.hours,
    )
    _accept(facts, answers)
    fresh, changes = [], []
    for answer in answers:
        gap = facts.gaps.get(answer.key)
        if gap is None:
            fresh.append(_new(facts.course, answer, now))
        elif change := _update(gap, answer):
            changes.append(change)
    bulk.insert(FollowUpGap, map(vars, fresh))
    changes += [Change(gap.id, gap.course_id, None, gap.status, gap.flagged) for gap in fresh]
    known = facts.gaps | {gap.unit_key: gap for gap in fresh}
    _link(facts, known, answers)
    changes += _void(facts, {answer.key for answer in answers})
    _hand_over(facts.course, changes, actor, now)
    _tell(facts.course, changes, actor, now)
    return changes


def _values(answer: FollowUpUnit) -> dict[str, Any]:
    window = answer.window
    return {
        "needed": answer.needed,
        "opens_at": window and window.opens_at,
        "ideal_from": window and window.ideal_from,
        "ideal_to": window and window.ideal_to,
        "closes_at": window and window.closes_at,
        "grace_until": window and window.grace_until,
        "status": answer.state.value,
        "severity": answer.severity.value,
        "flagged": answer.flagged,
        "late": answer.late,
        "booked_late": answer.booked_late,
        "attendance_unrecorded": answer.attendance_unrecorded,
        "review_needed": answer.review_needed,
        "attended_after": answer.attended_after,
        "next_change_at": answer.next_change_at,
    }


def _new(course: TreatmentCourse, answer: FollowUpUnit, now: datetime) -> FollowUpGap:
    return FollowUpGap(
        id=new_id(),
        practice_id=course.practice_id,
        course=course,
        patient_id=course.patient_id,
        site_id=course.site_id,
        unit_key=answer.key,
        created_at=now,
        **_values(answer),
    )


def _stored_values(gap: FollowUpGap, answer: FollowUpUnit) -> dict[str, Any]:
    values = _values(answer)
    if answer.window is None:
        # A void unit keeps the window it had: what was owed stays readable.
        values |= {name: getattr(gap, name) for name in _WINDOW}
    return values


def differs(*, gap: FollowUpGap, answer: FollowUpUnit) -> bool:
    """Whether the stored record says anything else than the answer."""
    return any(getattr(gap, name) != value for name, value in _stored_values(gap, answer).items())


def _update(gap: FollowUpGap, answer: FollowUpUnit) -> Change | None:
    if not differs(gap=gap, answer=answer):
        return None
    values = _stored_values(gap, answer)
    change = Change(
        gap.id, gap.course_id, gap.status, values["status"], bool(values["flagged"]) and not gap.flagged
    )
    for name, value in values.items():
        setattr(gap, name, value)
    FollowUpGap.objects.filter(id=gap.id).update(**values, version=F("version") + 1)
    return change


def _void(facts: CourseFacts, answered: set[str]) -> list[Change]:
    """Units whose doses have all moved to another unit."""
    changes = []
    for key, gap in facts.gaps.items():
        if key not in answered and gap.status != "void":
            FollowUpGap.objects.filter(id=gap.id).update(
                status="void",
                flagged=False,
                severity="low",
                next_change_at=None,
                version=F("version") + 1,
            )
            changes.append(Change(gap.id, gap.course_id, gap.status, "void", False))
    return changes


def _accept(facts: CourseFacts, answers: Iterable[FollowUpUnit]) -> None:
    """Store the window in which each visit counts, so that a later discharge does not take it away (see
    rules.acceptances)."""
    windows = {answer.key: answer.window for answer in answers}
    discharged = {dose.id for dose in facts.doses if dose.discharged_at}
    settled = {answer.key for answer in answers if set(answer.dose_ids) & discharged}
    held = {visit.id: visit.accepted for visit in facts.visits}
    for visit_id, accepted in rules.acceptances(answers=answers, visits=facts.visits).items():
        window = windows[accepted.unit]
        if held[visit_id] == accepted or window is None or accepted.unit in settled and held[visit_id]:
            continue
        if not visit_id.startswith("external:"):
            Appointment.objects.filter(id=visit_id).update(
                accepted_unit=accepted.unit,
                window_opens_at=window.opens_at,
                window_ideal_from=window.ideal_from,
                window_ideal_to=window.ideal_to,
                window_closes_at=window.closes_at,
                window_grace_until=window.grace_until,
            )


def _link(facts: CourseFacts, known: dict[str, FollowUpGap], answers: Iterable[FollowUpUnit]) -> None:
    """Make the rows that tie doses and visits to their unit say what the answers say, touching only what
    differs."""
    doses = {(known[answer.key].id, UUID(dose)) for answer in answers for dose in answer.dose_ids}
    visits = {
        (known[answer.key].id, UUID(visit))
        for answer in answers
        for visit in answer.visits
        if not visit.startswith("external:")
    }
    had_doses = {(row.gap_id, row.appointment_id): row.pk for row in facts.gap_doses}
    had_visits = {(row.gap_id, row.appointment_id): row.pk for row in facts.gap_visits}
    if gone := [pk for pair, pk in had_doses.items() if pair not in doses]:
        GapDose.objects.filter(pk__in=gone).delete()
    if gone := [pk for pair, pk in had_visits.items() if pair not in visits]:
        GapVisit.objects.filter(pk__in=gone).delete()
    bulk.insert(GapDose, map(_pair, sorted(doses - had_doses.keys())))
    bulk.insert(GapVisit, map(_pair, sorted(visits - had_visits.keys())))


def _pair(ids: tuple[UUID, UUID]) -> dict[str, UUID]:
    return {"gap_id": ids[0], "appointment_id": ids[1]}


def _hand_over(course: TreatmentCourse, changes: Iterable[Change], actor: Actor, now: datetime) -> None:
    """What began to need somebody gets its owner; what needs nobody any more is taken back from the lead."""
    if flagged := [change.gap_id for change in changes if change.became_flagged]:
        owners.give(course=course, gap_ids=flagged)
    settled = [change.gap_id for change in changes if change.before in UNMET and change.after not in UNMET]
    if settled:
        escalation.settle(course=course, gap_ids=settled, by=actor.ref, now=now)


def _tell(course: TreatmentCourse, changes: Iterable[Change], actor: Actor, now: datetime) -> None:
    steps = [
        Step(
            verb=f"follow_up.{change.after}",
            subject_kind="gap",
            subject_id=change.gap_id,
            course_id=course.id,
            patient_id=course.patient_id,
            data={"before": change.before, "flagged": change.became_flagged},
        )
        for change in changes
        if change.before != change.after or change.became_flagged
    ]
    if steps:
        trail.record(actor=actor, at=now, steps=steps)


def judge_anew(*, practice_id: UUID, now: datetime) -> None:
    """Put every unit of a practice before the sweep: its hours or its clock are others, no course is."""
    FollowUpGap.objects.filter(practice_id=practice_id).exclude(status="void").update(next_change_at=now)


def sweep(*, now: datetime, limit: int = 200) -> int:
    """Refresh the courses of which time alone has changed a unit; returns how many units were due.

    It reads only what is due, by index, one transaction a course. A course that somebody is writing to is
    skipped: that write refreshes it. One that another sweep has done meanwhile is not done again. So any
    number of sweeps may run at once, and they share the work.
    """
    waiting = FollowUpGap.objects.filter(next_change_at__lte=now)
    due = list(waiting.order_by("next_change_at").values_list("course_id", flat=True)[:limit])
    for course_id in dict.fromkeys(due):
        with transaction.atomic(durable=True):
            courses = TreatmentCourse.objects.select_for_update(skip_locked=True, no_key=True)
            still = courses.filter(Exists(waiting.filter(course_id=OuterRef("pk"))), id=course_id)
            if still.values_list("id").first() is not None:
                refresh(course_ids=[course_id], now=now)
    return len(due)
