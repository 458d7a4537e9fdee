"""When a site is open and when its people work there.

It is worked out from the roster for a fortnight at a time, when first asked for, and kept as long as the
roster is: every booking asks, and the answer changes with the roster alone.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduling.planning.values import Span
from scheduling.roster import recurrence, spans
from scheduling.roster.rosters import Roster

FIRST = datetime(2000, 1, 3, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)
# Fortnights that are kept with a roster, of a site or of a person there: half a year of two hundred people.
KEPT = 3_000


def opened(*, roster: Roster, site_id: UUID, span: Span) -> tuple[Span, ...]:
    """When the site is open: its hours, less the closures of the whole site. Raises NotFound."""
    return _cut((_opened(roster, site_id, block) for block in _fortnights(span)), span)


def working(
    *, roster: Roster, site_id: UUID, staff_ids: Collection[UUID], span: Span
) -> dict[UUID, tuple[Span, ...]]:
    """When each of these people works at the site while it is open, by their id: their shifts less breaks and
    absences. Nothing for who has no shift there. Raises NotFound.
    """
    here = {shift.staff_id for shift in roster.shifts.get(site_id, ())}
    blocks = tuple(_fortnights(span))
    return {
        one: _cut((_worked(roster, site_id, one, block) for block in blocks), span)
        for one in staff_ids
        if one in here
    }


def _fortnights(span: Span) -> Iterator[Span]:
    """The fortnights that the span touches: the same ones for everybody who asks."""
    start = FIRST + (span.start - FIRST) // FORTNIGHT * FORTNIGHT
    while start < span.end:
        yield Span(start, start + FORTNIGHT)
        start += FORTNIGHT


def _opened(roster: Roster, site_id: UUID, block: Span) -> tuple[Span, ...]:
    key = (site_id, None, block.start)
    if (known := roster.kept.get(key)) is not None:
        return known
    found = recurrence.open_spans(
        hours=roster.hours.get(site_id, ()), zone=roster.site(site_id).time_zone, within=block
    )
    shut = (
        Span(one.starts_at, one.ends_at)
        for one in roster.closures.get(site_id, ())
        if one.room_id is None and one.starts_at < block.end and one.ends_at > block.start
    )
    return _keep(roster, key, spans.subtract(spans=found, minus=shut))


def _worked(roster: Roster, site_id: UUID, staff_id: UUID, block: Span) -> tuple[Span, ...]:
    key = (site_id, staff_id, block.start)
    if (known := roster.kept.get(key)) is not None:
        return known
    zone = roster.site(site_id).time_zone
    on = (
        stretch
        for shift in roster.shifts.get(site_id, ())
        if shift.staff_id == staff_id
        for stretch in recurrence.working(shift=shift, zone=zone, within=block)
    )
    away = (
        Span(one.starts_at, one.ends_at)
        for one in roster.absences.get(staff_id, ())
        if one.starts_at < block.end and one.ends_at > block.start
    )
    here = spans.intersect(spans=on, others=_opened(roster, site_id, block))
    return _keep(roster, key, spans.subtract(spans=here, minus=away))


def _keep(
    roster: Roster, key: tuple[UUID, UUID | None, datetime], found: tuple[Span, ...]
) -> tuple[Span, ...]:
    if len(roster.kept) >= KEPT:
        roster.kept.clear()
    roster.kept[key] = found
    return found


def _cut(blocks: Iterable[tuple[Span, ...]], span: Span) -> tuple[Span, ...]:
    """What of the blocks lies in the span. Blocks are in order; what touches where two meet is one."""
    found: list[Span] = []
    for block in blocks:
        for one in block:
            if one.end <= span.start or one.start >= span.end:
                continue
            if one.start < span.start or one.end > span.end:
                one = Span(max(one.start, span.start), min(one.end, span.end))
            if found and found[-1].end == one.start:
                one = Span(found.pop().start, one.end)
            found.append(one)
    return tuple(found)
