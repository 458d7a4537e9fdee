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
    rooms = {kinds for kinds in _rooms(protocol) if not served.intersection(kinds)}
    return Lacking(
        roles=tuple(sorted(set(_roles(protocol)) - set(roles))),
        rooms=tuple(sorted(rooms)),
    )


def _roles(protocol: Protocol) -> Iterator[str]:
    yield from (need.role for need in protocol.staff)
    yield from (part.role for part in _parts(protocol))


def _rooms(protocol: Protocol) -> Iterator[tuple[str, ...]]:
    if protocol.room_kinds:
        yield protocol.room_kinds
    for part in _parts(protocol):
        # What can be met by video needs no room.
        if part.room_kinds and set(part.modes) == {IN_PERSON}:
            yield part.room_kinds


def _parts(protocol: Protocol) -> Iterator[FollowUpRule | Preparation | Series | Review]:
    once = (protocol.preparation, protocol.follow_up, protocol.plan_review, protocol.medication_review)
    yield from (part for part in once if part is not None)
    yield from protocol.series
