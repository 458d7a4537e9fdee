"""Chosen visits that name no people or no room get whoever and whatever is free, as a visit booked by itself
does."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clinic.practice.models import Site
from scheduling import states
from scheduling.booking.wanted import given, nearest
from scheduling.booking.wanted.nearest import Fit, Wanted
from scheduling.booking.wanted.orders import Order
from scheduling.planning.protocol import Protocol
from scheduling.planning.values import IN_PERSON, PlannedVisit, Span


def fill(
    *, order: Order, protocol: Protocol, site: Site, planned: Sequence[PlannedVisit], now: datetime
) -> tuple[PlannedVisit, ...]:
    """The visits with people and rooms where they lacked them. What nobody can fill stays as it is: the rules
    say why. The therapist of one follow-up is tried first for the next.
    """
    lacking = {visit.ref for visit in planned if _lacks(protocol, visit)}
    if not lacking:
        return tuple(planned)
    first, last = min(visit.start for visit in planned), max(visit.end for visit in planned)
    wanted = [_wanted(order, protocol, site, visit) for visit in planned]
    span = Span(first - timedelta(hours=1), last + timedelta(hours=4))
    free = nearest.calendar(wanted=wanted[0], span=span, now=now)
    filled: list[PlannedVisit] = []
    familiar: tuple[str, ...] = ()
    for visit, want in zip(planned, wanted, strict=True):
        done = visit
        if visit.ref in lacking:
            known = dataclasses.replace(want, familiar=familiar)
            fit = nearest.fit(wanted=known, free=free, start=visit.start)
            if isinstance(fit, Fit):
                done = dataclasses.replace(visit, staffing=fit.staffing, room=fit.room)
        if done.kind not in states.DOSES:
            familiar = tuple(one.practitioner for one in done.staffing) or familiar
        filled.append(done)
    return tuple(filled)


def _ordinal(visit: PlannedVisit) -> int:
    """A dose's number in the course: its ref's (`dose-4`)."""
    return int(visit.ref.rpartition("-")[2]) if visit.ref.startswith("dose-") else 1


def _lacks(protocol: Protocol, visit: PlannedVisit) -> bool:
    if visit.group_session:
        return False
    needed = given.needs_of(protocol=protocol, kind=visit.kind, ordinal=_ordinal(visit))
    kinds = given.room_kinds_of(protocol=protocol, kind=visit.kind)
    without_room = visit.mode == IN_PERSON and visit.room is None and bool(kinds)
    return len(visit.staffing) < len(needed) or without_room


def _wanted(order: Order, protocol: Protocol, site: Site, visit: PlannedVisit) -> Wanted:
    return Wanted(
        practice_id=site.practice_id,
        site_id=site.id,
        patient_id=UUID(order.patient),
        kind=visit.kind,
        start=visit.start,
        length=visit.end - visit.start,
        grid_minutes=site.grid_minutes,
        mode=visit.mode,
        protocol=protocol,
        ordinal=_ordinal(visit),
        people=tuple(UUID(one.practitioner) for one in visit.staffing),
        room_id=UUID(visit.room) if visit.room else None,
    )
