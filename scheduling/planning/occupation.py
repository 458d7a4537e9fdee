"""Whether a visit that a person chose has its patient, people and room: the physical rules, which nobody can
override."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from scheduling.planning import cost as costs
from scheduling.planning import grid as grids
from scheduling.planning import windows
from scheduling.planning.protocol import StaffNeed, room_kinds_of
from scheduling.planning.steps import dose_needs
from scheduling.planning.values import (
    IN_PERSON,
    SEATS,
    Availability,
    Busy,
    PlannedVisit,
    PlanRequest,
    Practitioner,
    Room,
    Severity,
    Span,
    Staffing,
    Violation,
)


def broken(rule: str, visit: PlannedVisit | None, message: str, *, overridable: bool = False) -> Violation:
    """A violation that stops a booking."""
    return Violation(rule, Severity.ERROR, overridable, visit.ref if visit else None, message)


def check_patient(
    request: PlanRequest, availability: Availability, visits: Sequence[PlannedVisit]
) -> Iterator[Violation]:
    """The patient is free, in one place, and within the hard limits."""
    tz, limits = windows.load_zone(request.zone), request.hard_limits
    ordered = sorted(visits, key=lambda visit: (visit.start, visit.ref))
    for before, after in zip(ordered, ordered[1:], strict=False):
        if after.start < before.end:
            yield broken("patient_twice", after, f"{after.ref} begins before {before.ref} is over.")
    for visit in ordered:
        if any(span.start < visit.end and visit.start < span.end for span in availability.patient_busy):
            yield broken("patient_busy", visit, "The patient is somewhere else at this time.")
        start, end = visit.start.astimezone(tz), visit.end.astimezone(tz)
        if start.isoweekday() in limits.weekdays_never:
            yield broken(
                "patient_limits", visit, "The patient can never come on this weekday.", overridable=True
            )
        if not costs.within_time_of_day(
            start=start, end=end, earliest=limits.not_before, latest=limits.not_after
        ):
            yield broken(
                "patient_limits", visit, "The patient cannot come at this time of day.", overridable=True
            )


def check_people(
    request: PlanRequest, availability: Availability, visit: PlannedVisit, ordinal: int | None
) -> Iterator[Violation]:
    """Every need has its person, different ones, on shift and with the seats free."""
    people = {person.id: person for person in availability.practitioners}
    named = [entry.practitioner for entry in visit.staffing]
    if len(set(named)) < len(named):
        yield broken("staff", visit, "One person cannot fill two needs of a visit.")
    for entry in visit.staffing:
        person = people.get(entry.practitioner)
        if person is None or entry.role not in person.roles:
            yield broken("staff", visit, f"Nobody with this id works as {entry.role}.")
        elif not _is_there(person, visit.start, visit.end):
            yield broken("staff_shift", visit, f"{person.name} is not on shift for the whole visit.")
        elif entry.seats and not _has_seats(person, visit.start, visit.end, entry.seats):
            yield broken("staff_busy", visit, f"{person.name} has no place left at this time.")
    missing = _unfilled(_needs(request, visit, ordinal), visit.staffing)
    for role in missing:
        yield broken("staff_missing", visit, f"A {role.replace('_', ' ')} is needed.", overridable=True)


def _needs(request: PlanRequest, visit: PlannedVisit, ordinal: int | None) -> Sequence[StaffNeed | str]:
    protocol = request.protocol
    if visit.kind in ("dosing", "device"):
        return dose_needs(protocol, ordinal or 1)
    roles = {
        "integration": protocol.follow_up.role if protocol.follow_up else "therapist",
        "preparation": protocol.preparation.role if protocol.preparation else "therapist",
        "plan_review": protocol.plan_review.role if protocol.plan_review else "prescriber",
        "medication_review": protocol.medication_review.role if protocol.medication_review else "prescriber",
        "therapy": protocol.series[0].role if protocol.series else "therapist",
        "screening": "therapist",
    }
    return [roles[visit.kind]] if visit.kind in roles else []


def is_free(availability: Availability, entry: Staffing, visit: PlannedVisit) -> bool:
    """Whether a person at a visit is on shift and has the seats free."""
    person = next((one for one in availability.practitioners if one.id == entry.practitioner), None)
    if person is None or not _is_there(person, visit.start, visit.end):
        return False
    return not entry.seats or _has_seats(person, visit.start, visit.end, entry.seats)


def _unfilled(needs: Sequence[StaffNeed | str], staffing: Sequence[Staffing]) -> list[str]:
    left = list(staffing)
    missing = []
    for need in needs:
        role = need if isinstance(need, str) else need.role
        seats = SEATS if isinstance(need, str) else need.seats
        found = next((entry for entry in left if entry.role == role and entry.seats >= seats), None)
        if found is None:
            missing.append(role)
        else:
            left.remove(found)
    return missing


def _is_there(person: Practitioner, start: datetime, end: datetime) -> bool:
    return _inside(person.on_shift, grids.minute_of(start), grids.minute_after(end))


def _inside(spans: Sequence[Span], first: int, last: int) -> bool:
    """Whether the spans together cover the minutes; looks only at those that are near."""
    start, end = grids.instant_of(first), grids.instant_of(last)
    near = [span for span in spans if span.start <= end and start <= span.end]
    return any(begins <= first and last <= ends for begins, ends in grids.merged(near))


def _has_seats(person: Practitioner, start: datetime, end: datetime, seats: int) -> bool:
    return not _is_crowded(person.busy, grids.minute_of(start), grids.minute_after(end), seats)


def _is_crowded(busy: Sequence[Busy], first: int, last: int, seats: int) -> bool:
    """Whether somewhere in the minutes fewer than so many seats are free; looks only at what is near."""
    start, end = grids.instant_of(first), grids.instant_of(last)
    near = [one for one in busy if one.span.start < end and start < one.span.end]
    return any(begins < last and first < ends for begins, ends in grids.crowded(near, seats))


def check_room(
    request: PlanRequest, availability: Availability, visits: Sequence[PlannedVisit], visit: PlannedVisit
) -> Iterator[Violation]:
    """In person there is a room of a fitting kind, open and free, turnover included, also of the plan's own
    visits."""
    kinds = room_kinds_for(request, visit)
    if visit.mode != IN_PERSON or (visit.room is None and not kinds):
        return
    room = next((one for one in availability.rooms if one.id == visit.room), None)
    if room is None:
        yield broken("room_missing", visit, "A visit in person needs a room.", overridable=visit.room is None)
        return
    if kinds and not set(kinds).intersection(room_kinds_of(room.kind)):
        yield broken(
            "room_kind", visit, f"{room.name} is a {room.kind}; needed: {', '.join(kinds)}.", overridable=True
        )
    yield from _room_taken(visits, visit, room)


def _room_taken(visits: Sequence[PlannedVisit], visit: PlannedVisit, room: Room) -> Iterator[Violation]:
    first, last = grids.minute_of(visit.start), grids.minute_after(visit.end) + visit.turnover_minutes
    if not _inside(room.open, first, last):
        yield broken("room_closed", visit, f"{room.name} is not open for the visit and its turnover.")
    if _is_crowded(room.busy, first, last, SEATS):
        yield broken("room_busy", visit, f"{room.name} is taken at this time.")
    for other in visits:
        clear = grids.minute_after(other.end) + other.turnover_minutes
        if other.ref != visit.ref and other.room == room.id and other.end <= visit.start and clear > first:
            yield broken("room_turnover", visit, f"{room.name} is still being made ready after {other.ref}.")


def room_kinds_for(request: PlanRequest, visit: PlannedVisit) -> tuple[str, ...]:
    """The kinds of room that a visit in person may use; empty where none is asked for."""
    protocol = request.protocol
    if visit.kind in ("dosing", "device"):
        return protocol.room_kinds
    if visit.kind == "integration" and protocol.follow_up is not None:
        return protocol.follow_up.room_kinds
    if visit.kind == "preparation" and protocol.preparation is not None:
        return protocol.preparation.room_kinds
    if visit.kind == "plan_review" and protocol.plan_review is not None:
        return protocol.plan_review.room_kinds
    if visit.kind == "medication_review" and protocol.medication_review is not None:
        return protocol.medication_review.room_kinds
    return ()


def check_group(availability: Availability, visit: PlannedVisit) -> Iterator[Violation]:
    """A place in a group session that exists, at its own times."""
    session = next((one for one in availability.group_sessions if one.id == visit.group_session), None)
    if session is None:
        yield broken("group_session", visit, "There is no such group session: one is joined, never created.")
    elif session.places_left < 1:
        yield broken("group_full", visit, "The group session has no place left.")
    elif (session.span.start, session.span.end) != (visit.start, visit.end):
        yield broken("group_session", visit, "The group session is at another time.")
