"""Visits that a person chose themselves: read, completed from the protocol, and turned into what the
planner's rules check."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import StaffMember
from scheduling import states
from scheduling.booking.wanted import orders
from scheduling.booking.wanted.orders import Order
from scheduling.followups import facts
from scheduling.models.appointment import Kind, Mode
from scheduling.planning.protocol import Presence, Protocol
from scheduling.planning.values import SEATS, PlannedVisit, Staffing, Violation

# Violations that mean "somebody was faster", told as a clash and not as a broken rule.
TAKEN_RULES = {"patient_busy", "staff_busy", "room_busy", "room_turnover", "group_full"}
MAX_VISITS = 200


def read(
    *, actor: Actor, chosen: Mapping[str, Any], now: datetime, before: Sequence[PlannedVisit] = ()
) -> tuple[Order, tuple[PlannedVisit, ...]]:
    """`{"patient", "protocol" | "protocol_key", "site"?, "visits": [...], "overrides"?}` as an order and its
    visits.

    A visit is `{"kind", "start", "end"?, "phase"?, "practitioners", "room"?, "mode"?, "follows"?}`; what is
    missing comes from the protocol. `before` are the doses that were given already: the numbers go on after
    them. Raises Invalid naming the field.
    """
    listed = chosen.get("visits") or []
    if not listed or len(listed) > MAX_VISITS:
        raise Invalid({"visits": [f"Between 1 and {MAX_VISITS} visits."]})
    doses = sorted(one["start"] for one in listed if one["kind"] in states.DOSES)
    if not doses and not before:
        raise Invalid({"visits": ["A course has at least one dose."]})
    first = doses[0] if doses else min(one["start"] for one in listed)
    order, version, _ = orders.place(
        actor=actor,
        patient_id=chosen["patient"],
        protocol_id=chosen.get("protocol"),
        protocol_key=chosen.get("protocol_key"),
        start_on_or_after=chosen.get("start_on_or_after") or first.date() - timedelta(days=1),
        site_id=chosen.get("site"),
        through_phase=chosen.get("through_phase"),
        preferences={},
        overrides=chosen.get("overrides") or (),
        alternatives=1,
        now=now,
        may_excuse=True,
    )
    protocol = facts.protocol_of(version.id)
    people = {one for visit in listed for one in visit.get("practitioners") or ()}
    roles = dict(
        StaffMember.objects.filter(practice_id=actor.practice_id, id__in=people).values_list("id", "roles")
    )
    in_order = sorted(enumerate(listed), key=lambda pair: (pair[1]["start"], pair[0]))
    return order, tuple(_complete(protocol, in_order, roles, before))


def _complete(
    protocol: Protocol,
    listed: Sequence[tuple[int, Mapping[str, Any]]],
    roles: Mapping[UUID, list[str]],
    before: Sequence[PlannedVisit],
) -> list[PlannedVisit]:
    """Number the visits, and give each follow-up the latest dose before it unless it names one."""
    counts: dict[str, int] = {"dose": len(before)}
    sequences: dict[str | None, int] = {dose.phase: dose.sequence for dose in before}
    found: list[PlannedVisit] = []
    last_dose: str | None = before[-1].ref if before else None
    # `position` is where the caller wrote the visit: errors point there.
    for position, one in listed:
        kind = one["kind"]
        name = "dose" if kind in states.DOSES else kind
        counts[name] = counts.get(name, 0) + 1
        ref = one.get("ref") or f"{name}-{counts[name]}"
        phase = one.get("phase")
        if name == "dose":
            phase = phase or _phase_after(protocol, before, sequences)
            if phase not in {known.name for known in protocol.phases}:
                raise Invalid({f"visits.{position}.phase": ["The protocol has no phase of this name."]})
            last_dose = ref
        key = phase if name == "dose" else kind
        sequences[key] = sequences.get(key, 0) + 1
        minutes = minutes_of(protocol=protocol, kind=kind, phase=phase)
        end = one.get("end") or one["start"] + timedelta(minutes=minutes)
        if end <= one["start"]:
            raise Invalid({f"visits.{position}.end": ["It must be after the start."]})
        found.append(
            PlannedVisit(
                ref=ref,
                kind=kind,
                phase=phase,
                sequence=sequences[key],
                start=one["start"],
                end=end,
                mode=one.get("mode") or Mode.IN_PERSON.value,
                staffing=staffing(
                    protocol=protocol,
                    kind=kind,
                    ordinal=counts[name],
                    chosen=one.get("practitioners") or (),
                    roles=roles,
                    where=f"visits.{position}.practitioners",
                ),
                room=str(one["room"]) if one.get("room") else None,
                turnover_minutes=protocol.turnover_minutes if name == "dose" else 0,
                follows=one.get("follows")
                or (last_dose if kind in ("integration", "group_integration") else None),
                group_session=str(one["group_session"]) if one.get("group_session") else None,
            )
        )
    return found


def _phase_after(
    protocol: Protocol, before: Sequence[PlannedVisit], sequences: Mapping[str | None, int]
) -> str:
    """The phase of a dose when nobody says: the first; of a course under way, the present one until its doses
    are used up.
    """
    if not before:
        return protocol.phases[0].name
    return next_phase(protocol=protocol, phase=before[-1].phase, sequences=sequences)


def next_phase(*, protocol: Protocol, phase: str | None, sequences: Mapping[str | None, int]) -> str:
    """This phase until its doses are used up, then the one after it."""
    names = [one.name for one in protocol.phases]
    for one in protocol.phases[names.index(phase) if phase in names else 0 :]:
        if one.sessions is None or sequences.get(one.name, 0) < one.sessions:
            return one.name
    return names[-1]


def minutes_of(*, protocol: Protocol | None, kind: str, phase: str | None = None) -> int:
    """How long a visit of this kind lasts when nobody says: the protocol's minutes, or 60 without one."""
    if protocol is None:
        return 60
    if kind in states.DOSES:
        named = next((one for one in protocol.phases if one.name == phase), None)
        return (named.minutes if named else None) or protocol.block.minutes
    step = step_of(protocol=protocol, kind=kind)
    return step.minutes if step else 60


def step_of(*, protocol: Protocol, kind: str) -> Any:
    """The protocol's rule for a kind of visit that is not a dose, or None."""
    return {
        Kind.PREPARATION: protocol.preparation,
        Kind.SCREENING: protocol.preparation,
        Kind.INTEGRATION: protocol.follow_up,
        Kind.GROUP_INTEGRATION: protocol.follow_up,
        Kind.PLAN_REVIEW: protocol.plan_review,
        Kind.MEDICATION_REVIEW: protocol.medication_review,
        Kind.THERAPY: next((one for one in protocol.series if one.kind == "therapy"), None),
    }.get(Kind(kind))


def role_of(*, protocol: Protocol | None, kind: str) -> str:
    """The role that a visit other than a dose needs: reviews a prescriber, the rest a therapist or whom the
    step names."""
    step = step_of(protocol=protocol, kind=kind) if protocol else None
    fallback = "prescriber" if kind in (Kind.PLAN_REVIEW, Kind.MEDICATION_REVIEW) else "therapist"
    return getattr(step, "role", None) or fallback


def staffing(
    *,
    protocol: Protocol | None,
    kind: str,
    ordinal: int,
    chosen: Sequence[UUID],
    roles: Mapping[UUID, Sequence[str]],
    where: str,
) -> tuple[Staffing, ...]:
    """Fit the chosen people to the needs of the visit, by role. Raises Invalid at `where` for one who has no
    part in it."""
    left = list(chosen)
    if any(person not in roles for person in left):
        raise Invalid({where: ["A practitioner of this practice."]})
    found = []
    needs = needs_of(protocol=protocol, kind=kind, ordinal=ordinal)
    for role, presence, seats in needs:
        person = next((who for who in left if role in roles[who]), None)
        if person is not None:
            left.remove(person)
            found.append(Staffing(role, str(person), presence, seats))
    if left:
        told = ", ".join(role for role, _, _ in needs)
        raise Invalid(
            {where: [f"Somebody here has no part in such a visit, which needs: {told or 'nobody'}."]}
        )
    return tuple(found)


def needs_of(*, protocol: Protocol | None, kind: str, ordinal: int) -> list[tuple[str, Presence, int]]:
    """Whom a visit needs: (role, presence, seats). `ordinal` is the dose's number in the course."""
    if protocol is not None and kind in states.DOSES:
        return [
            (need.role, need.presence, need.seats)
            for need in protocol.staff
            if need.doses is None or ordinal in need.doses
        ]
    return [(role_of(protocol=protocol, kind=kind), Presence.EXCLUSIVE, SEATS)]


def room_kinds_of(*, protocol: Protocol | None, kind: str) -> tuple[str, ...]:
    """The kinds of room that a visit in person may use; empty: any."""
    if protocol is None:
        return ()
    if kind in states.DOSES:
        return protocol.room_kinds
    return tuple(getattr(step_of(protocol=protocol, kind=kind), "room_kinds", ()) or ())


def violation_as_dict(one: Violation) -> dict[str, Any]:
    return {
        "rule_id": one.rule_id,
        "severity": one.severity.value,
        "overridable": one.overridable,
        "visit": one.visit,
        "message": one.message,
    }


def clashes(*, violations: Sequence[Violation], visits: Sequence[PlannedVisit]) -> list[dict[str, Any]]:
    """The violations that mean a place is taken, as clashes."""
    named = {visit.ref: visit for visit in visits}
    taken = dict.fromkeys(
        one.visit for one in violations if one.rule_id in TAKEN_RULES and one.visit in named
    )
    return [
        {"visit": ref, "start": named[ref].start.isoformat(), "end": named[ref].end.isoformat()}
        for ref in taken
        if ref
    ]
