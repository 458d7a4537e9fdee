"""Who comes, where and how, once a visit's time is fixed: the fewest wishes unmet, then the lowest ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from scheduling.planning.menus import MODES, Calendar, Step
from scheduling.planning.protocol import Presence, StaffNeed
from scheduling.planning.values import IN_PERSON, SEATS, Practitioner, Staffing


@dataclass(frozen=True, slots=True)
class Setting:
    """Mode, people and room of one visit."""

    mode: str
    staffing: tuple[Staffing, ...]
    room: str | None


def dose_staff(
    calendar: Calendar, needs: Sequence[StaffNeed], minutes: int, slot: int
) -> tuple[Staffing, ...] | None:
    """Different people for every need of a dose, or None where there are not enough."""
    best: tuple[int, tuple[Practitioner, ...]] | None = None
    for people in assignments(calendar, needs, minutes, slot, ()):
        unmet = wishes_unmet(calendar, [need.role for need in needs], people)
        if best is None or unmet < best[0]:
            best = (unmet, people)
        if not unmet:
            break
    if best is None:
        return None
    pairs = zip(needs, best[1], strict=True)
    return tuple(Staffing(need.role, person.id, need.presence, need.seats) for need, person in pairs)


def assignments(
    calendar: Calendar, needs: Sequence[StaffNeed], minutes: int, slot: int, used: tuple[Practitioner, ...]
) -> list[tuple[Practitioner, ...]]:
    """Every way to fill the needs with different people who are free, lowest ids first."""
    if not needs:
        return [()]
    found = []
    for person in calendar.with_role(needs[0].role):
        taken = any(person.id == other.id for other in used)
        if not taken and calendar.person_starts(person, minutes, needs[0].seats) >> slot & 1:
            for rest in assignments(calendar, needs[1:], minutes, slot, (*used, person)):
                found.append((person, *rest))
    return found


def wishes_unmet(calendar: Calendar, roles: Sequence[str], people: Sequence[Practitioner]) -> int:
    """Wishes about people that these people in these roles leave unmet."""
    wish, unmet = calendar.request.preferences, 0
    present = {person.id for person in people}
    could = {person.id for role in roles for person in calendar.with_role(role)}
    if could.intersection(wish.practitioners) and not present.intersection(wish.practitioners):
        unmet += 1
    if wish.therapist is not None and "therapist" in roles:
        holds = any(person.id == wish.therapist for person in calendar.with_role("therapist"))
        leads = any(
            role == "therapist" and person.id == wish.therapist
            for role, person in zip(roles, people, strict=True)
        )
        unmet += holds and not leads
    return unmet


def single(
    calendar: Calendar, step: Step, slot: int, *, person: str | None, but_room: str | None
) -> Setting | None:
    """The setting of a visit with one person; `person` fixes who, `but_room` is not to be used."""
    best: tuple[int, str] | None = None
    modes = possible_modes(calendar, step, slot, but_room)
    if not modes:
        return None
    for candidate in calendar.with_role(step.role):
        free = calendar.person_starts(candidate, step.minutes, SEATS) >> slot & 1
        if free and person in (None, candidate.id):
            unmet = calendar.person_wishes_unmet(candidate, step.role)
            if best is None or unmet < best[0]:
                best = (unmet, candidate.id)
    if best is None:
        return None
    mode, room = modes[0]
    return Setting(mode, (Staffing(step.role, best[1], Presence.EXCLUSIVE, SEATS),), room)


def possible_modes(
    calendar: Calendar, step: Step, slot: int, but_room: str | None
) -> list[tuple[str, str | None]]:
    """The modes a visit can be held in at a slot with the room for it, the wished one first."""
    wished = calendar.request.preferences.modality
    found: list[tuple[str, str | None]] = []
    for mode in sorted(MODES, key=lambda mode: mode != wished):
        if mode not in step.modes:
            continue
        if mode != IN_PERSON:
            found.append((mode, None))
            continue
        for room in calendar.of_kinds(step.room_kinds):
            if room.id != but_room and calendar.room_starts(room, step.minutes) >> slot & 1:
                found.append((mode, room.id))
                break
    return found
