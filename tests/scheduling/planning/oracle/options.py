"""What each kind of visit may be at each start, looked at alone: people, rooms, and its unmet wishes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from tests.scheduling.planning.oracle.facts import Dose
from tests.scheduling.planning.oracle.ground import Ground

IN_PERSON = "in_person"


@dataclass(frozen=True, slots=True)
class DoseOption:
    """A dose at a start: the fewest wishes unmet by any staffing, and the rooms (empty: at home)."""

    start: int
    unmet: int
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VisitOption:
    """Another visit at a start.

    `people` maps who may hold it to their unmet wishes; `rooms` are free ones (none: remote only); `remote`:
    whether it may go without; `unmet_*` count wishes by time, and by mode when in person or remote.
    """

    start: int
    end: int
    people: dict[str, int]
    rooms: tuple[str, ...]
    remote: bool
    unmet_time: int
    unmet_in_person: int
    unmet_remote: int
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What a visit other than a dose needs."""

    role: str
    modes: tuple[str, ...]
    room_kinds: tuple[str, ...]
    minutes: int


def dose_options(*, ground: Ground, dose: Dose) -> list[DoseOption]:
    """Every start of a dose that is possible by itself."""
    found = []
    protocol = ground.protocol
    for start in ground.minutes:
        rooms: tuple[str, ...] = ()
        if protocol.room_kinds:
            rooms = ground.where(
                kinds=protocol.room_kinds, start=start, length=dose.minutes + protocol.turnover_minutes
            )
            if not rooms:
                continue
        staffed = _best_staffing(ground=ground, dose=dose, start=start)
        if staffed is None or start + dose.minutes > ground.line.end:
            continue
        if ground.patient_can(start=start, length=dose.minutes):
            unmet = staffed + _unmet_by_time(ground=ground, start=start, end=start + dose.minutes)
            found.append(DoseOption(start=start, unmet=unmet, rooms=rooms))
    return found


def _best_staffing(*, ground: Ground, dose: Dose, start: int) -> int | None:
    """The fewest unmet person-wishes over all ways to staff it with different people; None: no way."""
    best: int | None = None
    able = [set(ground.who(role=n.role, start=start, length=dose.minutes, seats=n.seats)) for n in dose.needs]
    if not all(able):
        return None
    for people in permutations(sorted(ground.people), len(dose.needs)):
        if all(person in who for person, who in zip(people, able, strict=True)):
            unmet = unmet_people(ground=ground, roles=[need.role for need in dose.needs], people=people)
            best = unmet if best is None else min(best, unmet)
    return best


def unmet_people(*, ground: Ground, roles: Sequence[str], people: Sequence[str]) -> int:
    """Unmet wishes for people at a visit that needs these roles and has these people."""
    wishes = ground.request.preferences
    unmet = 0
    if any(role in ground.roles.get(wished, ()) for wished in wishes.practitioners for role in roles):
        unmet += not set(wishes.practitioners) & set(people)
    if wishes.therapist and "therapist" in roles and "therapist" in ground.roles.get(wishes.therapist, ()):
        unmet += wishes.therapist not in people
    return unmet


def _unmet_by_time(*, ground: Ground, start: int, end: int) -> int:
    wishes = ground.request.preferences
    wall, wall_end = ground.local(start), ground.local(end)
    unmet = int(bool(wishes.weekdays) and wall.isoweekday() not in wishes.weekdays)
    if wishes.time_of_day:
        early, late = wishes.time_of_day
        kept = wall.time() >= early and wall_end.time() <= late and wall.date() == wall_end.date()
        unmet += not kept
    return unmet


def visit_options(*, ground: Ground, step: Step, free_of_charge: bool = False) -> list[VisitOption]:
    """Every start of a preparation, follow-up or review possible by itself; wishes may be free of charge."""
    found = []
    for start in ground.minutes:
        end = start + step.minutes
        people = ground.who(role=step.role, start=start, length=step.minutes, seats=12)
        if not people or end > ground.line.end:
            continue
        rooms = (
            ground.where(kinds=step.room_kinds, start=start, length=step.minutes)
            if IN_PERSON in step.modes
            else ()
        )
        remote = any(mode != IN_PERSON for mode in step.modes)
        if (rooms or remote) and ground.patient_can(start=start, length=step.minutes):
            found.append(
                _visit_option(
                    ground=ground, step=step, start=start, people=people, rooms=rooms, free=free_of_charge
                )
            )
    return found


def _visit_option(
    *, ground: Ground, step: Step, start: int, people: tuple[str, ...], rooms: tuple[str, ...], free: bool
) -> VisitOption:
    wish = ground.request.preferences.modality
    asked = wish in step.modes and not free
    unmet = {p: 0 if free else unmet_people(ground=ground, roles=[step.role], people=[p]) for p in people}
    return VisitOption(
        start=start,
        end=start + step.minutes,
        people=unmet,
        rooms=rooms,
        remote=any(mode != IN_PERSON for mode in step.modes),
        unmet_time=0 if free else _unmet_by_time(ground=ground, start=start, end=start + step.minutes),
        unmet_in_person=int(asked and wish != IN_PERSON),
        unmet_remote=int(asked and wish == IN_PERSON),
    )


def group_options(*, ground: Ground) -> list[VisitOption]:
    """The group sessions that this patient could join."""
    found = []
    for session in ground.availability.group_sessions:
        start, end = ground.line.minute(session.span.start), ground.line.minute(session.span.end)
        joinable = session.kind == "group_integration" and session.places_left > 0
        in_time = ground.first_minute <= start and end <= ground.line.end
        if joinable and in_time and ground.patient_can(start=start, length=end - start):
            person = session.practitioners[0] if session.practitioners else ""
            unmet = _unmet_by_time(ground=ground, start=start, end=end)
            found.append(VisitOption(start, end, {person: 0}, (), True, unmet, 0, 0, session.id))
    return found
