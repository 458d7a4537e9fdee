"""A course where nothing is in the way: what a protocol looks like, and whether it can be kept at all."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from scheduling.planning import course, windows
from scheduling.planning.needs import roles_of, rooms_of
from scheduling.planning.protocol import Protocol
from scheduling.planning.values import (
    Availability,
    NoPlan,
    Plan,
    PlanRequest,
    Practitioner,
    Room,
    Span,
)

OPENS, CLOSES = time(8), time(18)
WEEKS = 40
WORKDAYS = 5


# Whoever tries what messages would say of a course looks at the same course again and again.
@lru_cache(maxsize=32)
def plan(*, protocol: Protocol, zone: str, monday: date) -> Plan | NoPlan:
    """The best course from that Monday on, with one of everybody and of every room, from eight to six on
    weekdays, and nobody else booked. NoPlan: no clinic can keep this protocol. Not for a protocol of groups,
    which are planned into sessions that exist.
    """
    hours = tuple(_hours(zone, monday))
    there = Availability(
        practitioners=tuple(
            Practitioner(role, role, frozenset({role}), hours) for role in roles_of(protocol)
        ),
        rooms=tuple(Room(kinds[0], kinds[0], kinds[0], hours) for kinds in rooms_of(protocol)),
    )
    request = PlanRequest(
        protocol=protocol,
        zone=zone,
        start_on_or_after=monday + timedelta(weeks=3),
        not_before=hours[0].start,
        proposals=1,
    )
    found = course.plan_course(request=request, availability=there)
    return found if isinstance(found, NoPlan) else found[0]


def _hours(zone: str, monday: date) -> Iterator[Span]:
    for day in range(WEEKS * 7):
        if day % 7 < WORKDAYS:
            local = monday + timedelta(days=day)
            opens, closes = datetime.combine(local, OPENS), datetime.combine(local, CLOSES)
            yield Span(
                windows.resolve_local(zone=zone, wall=opens, fold=0),
                windows.resolve_local(zone=zone, wall=closes, fold=0),
            )
