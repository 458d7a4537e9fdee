"""Taking over a course that is under way: what was given is recorded as it happened, the rest is booked.

The doses given occupy nothing and clash with nothing, because they happened. Their follow-up units are judged
from this moment: one whose time is over has lapsed, unless the follow-up is recorded or attested with it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.ids import new_id
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.course import courses, filling, plans
from scheduling.booking.guard import access, locks
from scheduling.booking.reading import progress
from scheduling.booking.wanted import given as chosen_visits
from scheduling.booking.wanted import orders, proposals
from scheduling.booking.wanted.orders import Order
from scheduling.booking.wanted.proposals import Proposal
from scheduling.booking.writing import visits
from scheduling.booking.writing.visits import Placement
from scheduling.errors import InTheFuture, SlotTaken
from scheduling.followups import facts, gaps
from scheduling.models import Appointment, ExternalVisit, FollowUpGap
from scheduling.models.appointment import Status
from scheduling.planning import windows
from scheduling.planning.protocol import Protocol
from scheduling.planning.values import PlannedVisit

MOST_GIVEN = 200
REASON = "Given before the course was taken over."
Given = Sequence[Mapping[str, Any]]


def propose(*, actor: Actor, now: datetime, given: Given, **asked: Any) -> list[Proposal]:
    """The rest of a course of which these doses were given: see `courses.propose` and `adopt`."""
    permissions.check(actor=actor, capability="courses.book")
    version = access.protocol_version(
        actor=actor, protocol_id=asked.get("protocol_id"), key=asked.get("protocol_key")
    )
    doses = _doses(facts.protocol_of(version.id), given, now) if version.is_plannable else []
    return courses.propose(actor=actor, now=now, given=_as_given(doses), **asked)


def adopt(
    *,
    actor: Actor,
    now: datetime,
    given: Given,
    course: Mapping[str, Any] | None = None,
    proposal: str | None = None,
    plan: bool = False,
    reason: str = "",
    key: idempotency.Key | None = None,
) -> UUID:
    """Take over a course under way, all of it in one transaction; returns its id, the same for the same key.

    `given` are its doses so far, in order: `{"start", "end"?, "phase"?, "follow_ups"?: [...]}`, each
    follow-up `{"attended_at" | "attended_on", "end"?, "external"?, "provider"?}`. What is missing comes from
    the protocol. The rest is a `proposal` that was made for these doses, or `course` (`{"patient",
    "protocol_id" | "protocol_key", "visits"?, ...}`) with visits that a person chose, with `plan` for the
    best plan there is, or with neither, to be booked later.

    Raises NotAllowed, NotFound, Invalid, InTheFuture, Unplannable, SlotTaken, RuleViolation, ProposalExpired.
    """
    permissions.check(actor=actor, capability="courses.book")
    if before := idempotency.find(key=key, now=now):
        return before.object_id
    if proposal is not None:
        order, planned, stamp = _of_proposal(actor, proposal, given, now)
    else:
        order, planned, stamp = _of_course(actor, course or {}, given, plan, now)
    taking = _Taking(actor, now, _doses(facts.protocol_of(UUID(order.version)), given, now), given, reason)
    try:
        with locks.unit_of_work():
            course_id = courses.commit(
                actor=actor,
                key=key,
                order=order,
                planned=planned,
                stamp=stamp,
                take_over=taking.write,
                now=now,
            )
            taking.finish(course_id)
            return course_id
    except SlotTaken as taken:
        taken.offer(plans.alternative(actor=actor, order=order, now=now))
        raise


Rest = tuple[Order, tuple[PlannedVisit, ...], str]


def _of_proposal(actor: Actor, token: str, given: Given, now: datetime) -> Rest:
    contents = proposals.read(actor=actor, token=token, now=now)
    doses = _doses(facts.protocol_of(UUID(contents.order.version)), given, now)
    if contents.order.given != _as_given(doses):
        raise Invalid({"given": ["The proposal was made for other doses: propose anew with these."]})
    return contents.order, contents.visits, contents.roster_stamp


def _of_course(actor: Actor, course: Mapping[str, Any], given: Given, plan: bool, now: datetime) -> Rest:
    version = access.protocol_version(
        actor=actor, protocol_id=course.get("protocol_id"), key=course.get("protocol_key")
    )
    doses = _doses(facts.protocol_of(version.id), given, now)
    asked: dict[str, Any] = {
        "patient_id": course["patient"],
        "protocol_id": course.get("protocol_id"),
        "protocol_key": course.get("protocol_key"),
        "site_id": course.get("site"),
        "through_phase": course.get("through_phase"),
        "preferences": course.get("preferences"),
        "alternatives": 1,
        "start_on_or_after": course.get("start_on_or_after") or now.date(),
    }
    if plan:
        best = courses.propose(actor=actor, now=now, given=_as_given(doses), **asked)[0]
        contents = proposals.read(actor=actor, token=best.token, now=now)
        return contents.order, contents.visits, contents.roster_stamp
    if course.get("visits"):
        named = {**course, "protocol": course.get("protocol_id")}
        order, planned = chosen_visits.read(actor=actor, chosen=named, now=now, before=doses)
        order.given.extend(_as_given(doses))
        site = access.site(actor=actor, site_id=UUID(order.site))
        protocol = facts.protocol_of(UUID(order.version))
        filled = filling.fill(order=order, protocol=protocol, site=site, planned=planned, now=now)
        return order, filled, ""
    order, _, _ = orders.place(actor=actor, overrides=(), now=now, given=_as_given(doses), **asked)
    return order, (), ""


# --- what was given -----------------------------------------------------------------------------------------
def _doses(protocol: Protocol, given: Given, now: datetime) -> list[PlannedVisit]:
    """The doses given, numbered. Raises Invalid naming the field, InTheFuture for one that has not ended."""
    if not 1 <= len(given) <= MOST_GIVEN:
        raise Invalid({"given": [f"Between 1 and {MOST_GIVEN} doses."]})
    names = [phase.name for phase in protocol.phases]
    sequences: dict[str | None, int] = {}
    found: list[PlannedVisit] = []
    phase = names[0]
    for number, one in enumerate(given):
        where = f"given.{number}"
        told = one.get("phase")
        if told is not None and (told not in names or names.index(told) < names.index(phase)):
            raise Invalid({f"{where}.phase": ["A phase of the protocol, not one before the dose before."]})
        phase = told or chosen_visits.next_phase(protocol=protocol, phase=phase, sequences=sequences)
        minutes = chosen_visits.minutes_of(protocol=protocol, kind=protocol.dose_kind, phase=phase)
        start = one["start"]
        end = one.get("end") or start + timedelta(minutes=minutes)
        if end <= start:
            raise Invalid({f"{where}.end": ["It must be after the start."]})
        if found and start < found[-1].end:
            raise Invalid({f"{where}.start": ["The doses are given in order, one after the other."]})
        if end > now:
            raise InTheFuture(at=end.isoformat())
        sequences[phase] = sequences.get(phase, 0) + 1
        found.append(
            PlannedVisit(f"dose-{number + 1}", protocol.dose_kind, phase, sequences[phase], start, end)
        )
    return found


def _as_given(doses: Sequence[PlannedVisit]) -> list[dict[str, Any]]:
    """The doses as an order carries them."""
    return [
        {
            "phase": dose.phase,
            "sequence": dose.sequence,
            "start": dose.start.astimezone(UTC).isoformat(),
            "end": dose.end.astimezone(UTC).isoformat(),
        }
        for dose in doses
    ]


class _Taking:
    """What is written of the past, once the course is there, and what follows from it."""

    def __init__(
        self, actor: Actor, now: datetime, doses: Sequence[PlannedVisit], given: Given, reason: str
    ) -> None:
        self.actor, self.now, self.doses, self.given = actor, now, doses, given
        self.reason = reason.strip() or REASON
        self.outside: list[tuple[str, Mapping[str, Any]]] = []
        self.written: dict[str, Appointment] = {}

    def write(self, placement: Placement) -> None:
        """The doses and follow-ups that took place, as late entries that occupy nothing."""
        past = list(self.doses)
        for dose, told in zip(self.doses, self.given, strict=True):
            past += self._follow_ups(placement, dose, told.get("follow_ups") or ())
        held, placement.held_until = placement.held_until, None
        placement.late_entry_reason = self.reason
        rows = visits.insert(placement, past)
        placement.late_entry_reason, placement.held_until = "", held
        for row in rows:
            self._record(row)
        self.written = {row.ref: row for row in rows}
        steps = [
            Step(
                "appointment.recorded",
                "appointment",
                row.pk,
                row.course_id,
                row.patient_id,
                self.reason,
                {"ref": row.ref, "start": row.start.isoformat()},
            )
            for row in rows
        ]
        trail.record(actor=self.actor, at=self.now, steps=steps)

    def _follow_ups(
        self, placement: Placement, dose: PlannedVisit, told: Sequence[Mapping[str, Any]]
    ) -> list[PlannedVisit]:
        """Those that took place here; the outside ones are kept for when their unit is there."""
        found = []
        for number, one in enumerate(told, start=1):
            where = f"given.{int(dose.ref.removeprefix('dose-')) - 1}.follow_ups.{number - 1}"
            start = _attended(placement.site.time_zone, one, where)
            assert placement.protocol is not None
            minutes = chosen_visits.minutes_of(protocol=placement.protocol, kind="integration")
            end = one.get("end") or start + timedelta(minutes=0 if one.get("external") else minutes)
            if start > self.now or (not one.get("attended_on") and end > self.now):
                raise InTheFuture(at=max(start, end).isoformat())
            if one.get("external"):
                self.outside.append((dose.ref, {**one, "at": start}))
                continue
            if end <= start:
                raise Invalid({f"{where}.end": ["It must be after the start."]})
            ref = f"given-{dose.ref.removeprefix('dose-')}-{number}"
            found.append(PlannedVisit(ref, "integration", None, number, start, end, follows=dose.ref))
        return found

    def _record(self, row: Appointment) -> None:
        ended = "discharged" if row.kind in states.MONITORED else "completed"
        happened = {"arrived": row.start, ended: row.end}
        if row.kind in states.DOSES:
            happened["started"] = row.start
        values: dict[str, Any] = {"status": Status.FULFILLED}
        for name, at in happened.items():
            values |= {f"{name}_at": at, f"{name}_by": self.actor.ref}
        Appointment.objects.filter(pk=row.pk).update(**values)
        for name, value in values.items():
            setattr(row, name, value)

    def finish(self, course_id: UUID) -> None:
        """Attest the outside follow-ups to their units, and ask for the review that the last dose makes due.

        Nothing for a repeated key: then nothing was written.
        """
        if not self.written:
            return
        for ref, one in self.outside:
            gap = FollowUpGap.objects.filter(doses__appointment_id=self.written[ref].pk).first()
            if gap is None:
                raise Invalid({"given": ["This protocol asks for no follow-up after a dose."]})
            outside = ExternalVisit.objects.create(
                id=new_id(),
                gap=gap,
                attended_at=one["at"],
                date_only=bool(one.get("attended_on")),
                provider=one.get("provider") or "",
                attested_at=self.now,
                attested_by=self.actor.ref,
            )
            told = {"attended_at": outside.attended_at.isoformat()}
            step = Step("follow_up.attested", "gap", gap.id, course_id, gap.patient_id, self.reason, told)
            trail.record(actor=self.actor, at=self.now, steps=[step])
        if self.outside:
            gaps.refresh(course_ids=[course_id], now=self.now, actor=self.actor)
        last = self.written[self.doses[-1].ref]
        planned = (last.phase and last.phase.planned_sessions) or MOST_GIVEN
        if last.course and last.sequence and last.sequence >= planned:
            progress.judge(actor=self.actor, course=last.course, now=self.now)


def _attended(zone: str, one: Mapping[str, Any], where: str) -> datetime:
    """When the patient came; a date alone means local noon, and is only for an outside visit."""
    at: datetime | None = one.get("attended_at")
    on: date | None = one.get("attended_on")
    if (at is None) == (on is None):
        raise Invalid({f"{where}.attended_at": ["Give a time, or a date alone."]})
    if at is not None:
        return at.astimezone(UTC)
    if not one.get("external"):
        raise Invalid({f"{where}.attended_on": ["A visit here has a time."]})
    assert on is not None
    return windows.resolve_local(zone=zone, wall=datetime.combine(on, time(12)))
