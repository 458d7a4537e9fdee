"""Taking places: which of a resource's twelve seats each need gets.

A need is a number of seats of a resource during a span. A resource can take it exactly when the seats in use
never add up to more than twelve. Which seats those are is bookkeeping: where the free ones are fragmented,
the neighbours are re-seated, which always works, because first-fit by start time colours intervals with no
more seats than their greatest load. Everything here runs under the resources' locks (`locks.lock_resources`).
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from clinic.practice.models.place import SEATS
from scheduling.errors import SlotTaken

Run = tuple[int, int]
FULL = (1 << SEATS) - 1


@dataclass(frozen=True, slots=True)
class Need:
    """`seats` of `resource_id` from `start` to `end`, for one visit or one group session. `label` names the
    visit to people."""

    resource_id: int
    seats: int
    start: datetime
    end: datetime
    appointment_id: UUID | None = None
    group_session_id: UUID | None = None
    expires_at: datetime | None = None
    label: str = ""


@dataclass(slots=True)
class _Taken:
    """All the seats that one visit or session has of one resource."""

    need: Need
    mask: int


def runs_of(mask: int) -> list[Run]:
    """The contiguous seat runs `[low, high)` of a bit mask."""
    runs, seat = [], 0
    while mask >> seat:
        if mask >> seat & 1:
            low = seat
            while mask >> seat & 1:
                seat += 1
            runs.append((low, seat))
        seat += 1
    return runs


def lowest(free: int, count: int) -> int:
    """The `count` lowest seats of a mask, as one contiguous run where there is one."""
    for low, high in runs_of(free):
        if high - low >= count:
            return ((1 << count) - 1) << low
    mask = 0
    for seat in range(SEATS):
        if count and free >> seat & 1:
            mask |= 1 << seat
            count -= 1
    return mask


def take(*, practice_id: UUID, needs: Sequence[Need], now: datetime) -> None:
    """Write the occupancy of all the needs, or raise SlotTaken naming those that do not fit.

    Expired holds in the way are removed. The resources must be locked by the caller.
    """
    if not needs:
        return
    taken = _in_the_way(needs, now)
    clashes, rows, fragmented = [], [], []
    for need in sorted(needs, key=lambda n: (n.resource_id, n.start)):
        near = [t for t in taken[need.resource_id] if t.need.start < need.end and need.start < t.need.end]
        free = FULL & ~_union(near)
        if free.bit_count() >= need.seats:
            rows.append(_Taken(need, lowest(free, need.seats)))
            # The next of these needs may be at the same time, with the same person.
            taken[need.resource_id].append(rows[-1])
        elif _greatest_load(need, near) + need.seats > SEATS:
            clashes.append(need)
        else:
            fragmented.append(need)
            # Counts as load; its seats are found when its neighbours are re-seated.
            taken[need.resource_id].append(_Taken(need, 0))
    if clashes:
        raise SlotTaken(clashes=[describe(need) for need in clashes])
    _insert(practice_id, rows)
    for need in fragmented:
        _reseat(practice_id, need)


def release(*, appointment_ids: Sequence[UUID]) -> None:
    """Free everything that these visits occupy."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM scheduling_occupancy WHERE appointment_id = ANY(%s::uuid[])", [list(appointment_ids)]
        )


def describe(need: Need) -> dict[str, str]:
    """A clash as the public error shows it."""
    return {"visit": need.label, "start": need.start.isoformat(), "end": need.end.isoformat()}


def _union(taken: Sequence[_Taken]) -> int:
    mask = 0
    for item in taken:
        mask |= item.mask
    return mask


def _greatest_load(need: Need, near: Sequence[_Taken]) -> int:
    """The most seats in use at any moment of the need's span; it changes only where something starts."""
    moments = [need.start, *(item.need.start for item in near if item.need.start > need.start)]
    return max(
        sum(item.need.seats for item in near if item.need.start <= moment < item.need.end)
        for moment in moments
    )


def _in_the_way(needs: Sequence[Need], now: datetime) -> dict[int, list[_Taken]]:
    """What overlaps any need, by resource, and the expired holds there deleted: one statement, in which the
    reading sees what stood before.
    """
    told = json.dumps([{"r": n.resource_id, "s": n.start, "e": n.end} for n in needs], default=str)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH needed AS (
                SELECT r, tstzrange(s, e) AS d
                FROM json_to_recordset(%s::json) AS n (r bigint, s timestamptz, e timestamptz)
            ), gone AS (
                DELETE FROM scheduling_occupancy o USING needed
                WHERE o.resource_id = r AND o.during && d AND o.expires_at <= %s
            )
            SELECT DISTINCT {_COLUMNS}
            FROM needed JOIN scheduling_occupancy o ON o.resource_id = r AND o.during && d
            WHERE o.expires_at IS NULL OR o.expires_at > %s
            """,
            [told, now, now],
        )
        found = _gather(cursor.fetchall())
    by_resource: dict[int, list[_Taken]] = defaultdict(list)
    for item in found:
        by_resource[item.need.resource_id].append(item)
    return by_resource


_COLUMNS = """o.resource_id, o.appointment_id, o.group_session_id, lower(o.during), upper(o.during),
    o.expires_at, lower(o.seats), upper(o.seats)"""


def _gather(rows: Sequence[tuple[Any, ...]]) -> list[_Taken]:
    """One entry an owner, whose seats may stand in several rows."""
    masks: dict[tuple[Any, ...], int] = defaultdict(int)
    for *owner, low, high in rows:
        masks[tuple(owner)] |= ((1 << (high - low)) - 1) << low
    return [
        _Taken(Need(resource, mask.bit_count(), start, end, visit, group, expires), mask)
        for (resource, visit, group, start, end, expires), mask in masks.items()
    ]


def _reseat(practice_id: UUID, need: Need) -> None:
    """Give new seats to the need and to everybody who touches it, directly or through a neighbour.

    Delete first, then insert: an UPDATE would pass through overlaps.
    """
    start, end = need.start, need.end
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f"""
                SELECT {_COLUMNS} FROM scheduling_occupancy o
                WHERE o.resource_id = %s AND o.during && %s
                """,
                [need.resource_id, DateTimeTZRange(start, end)],
            )
            others = _gather(cursor.fetchall())
            wider = min(start, *(o.need.start for o in others)), max(end, *(o.need.end for o in others))
            if wider == (start, end):
                break
            start, end = wider
        cursor.execute(
            "DELETE FROM scheduling_occupancy WHERE resource_id = %s AND during && %s",
            [need.resource_id, DateTimeTZRange(start, end)],
        )
    placed: list[_Taken] = []
    for item in sorted([need, *(o.need for o in others)], key=lambda n: (n.start, n.end)):
        used = _union([p for p in placed if p.need.end > item.start])
        placed.append(_Taken(item, lowest(FULL & ~used, item.seats)))
    _insert(practice_id, placed)


def _row(low: int, high: int, need: Need) -> dict[str, Any]:
    return {
        "r": need.resource_id,
        "low": low,
        "high": high,
        "s": need.start,
        "e": need.end,
        "a": need.appointment_id,
        "g": need.group_session_id,
        "x": need.expires_at,
    }


def _insert(practice_id: UUID, taken: Sequence[_Taken]) -> None:
    """One statement, in the order of resource and time; a row that the constraint refuses is counted, not
    raised."""
    flat = sorted(
        (
            (item.need.resource_id, item.need.start, low, high, item.need)
            for item in taken
            for low, high in runs_of(item.mask)
        ),
        key=lambda row: row[:4],
    )
    if not flat:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO scheduling_occupancy
                (practice_id, resource_id, seats, during, appointment_id, group_session_id, expires_at)
            SELECT %s, r, int4range(low, high), tstzrange(s, e), a, g, x
            FROM json_to_recordset(%s::json) AS t (
                r bigint, low int, high int, s timestamptz, e timestamptz, a uuid, g uuid, x timestamptz
            )
            ON CONFLICT DO NOTHING
            RETURNING resource_id, lower(during)
            """,
            [practice_id, json.dumps([_row(low, high, need) for _, _, low, high, need in flat], default=str)],
        )
        written = cursor.fetchall()
    if len(written) < len(flat):
        kept = set(written)
        raise SlotTaken(clashes=[describe(need) for r, start, _, _, need in flat if (r, start) not in kept])
