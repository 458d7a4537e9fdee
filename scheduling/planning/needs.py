"""What a protocol asks of a place: roles that must be there, and kinds of room of which one must be."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from scheduling.planning.protocol import FollowUpRule, Preparation, Protocol, Review, Series, room_kinds_of
from scheduling.planning.values import IN_PERSON


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a place has not: whole roles, and for a kind of visit every room that would do."""

    roles: tuple[str, ...]
    rooms: tuple[tuple[str, ...], ...]

    @property
    def nothing(self) -> bool:
        return not self.roles and not self.rooms


def lacking(*, protocol: Protocol, room_kinds: Collection[str], roles: Collection[str]) -> Lacking:
    """What keeps every course of this protocol from being planned, whatever the calendar says.

    `room_kinds` are those of the place's rooms, `roles` those of the people who have working time there.
    """
    served = {serves for kind in room_kinds for serves in room_kinds_of(kind)}
    rooms = {kinds for kinds in rooms_of(protocol) if not served.intersection(kinds)}
    return Lacking(
        roles=tuple(sorted(roles_of(protocol) - set(roles))),
        rooms=tuple(sorted(rooms)),
    )


def roles_of(protocol: Protocol) -> frozenset[str]:
    """Everybody whom some visit asks for."""
    return frozenset((*(need.role for need in protocol.staff), *(part.role for part in _parts(protocol))))


def rooms_of(protocol: Protocol) -> frozenset[tuple[str, ...]]:
    """For each kind of visit that needs a room, the kinds that would do."""
    # What can be met by video needs no room.
    parts = (part.room_kinds for part in _parts(protocol) if set(part.modes) == {IN_PERSON})
    return frozenset(kinds for kinds in (protocol.room_kinds, *parts) if kinds)


def _parts(protocol: Protocol) -> Iterator[FollowUpRule | Preparation | Series | Review]:
    once = (protocol.preparation, protocol.follow_up, protocol.plan_review, protocol.medication_review)
    yield from (part for part in once if part is not None)
    yield from protocol.series
