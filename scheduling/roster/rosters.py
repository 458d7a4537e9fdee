"""A practice's roster in memory: read once, and again when its stamp has changed.

Who works when changes a few times a day and is asked for by every booking. The database keeps the stamp (see
`RosterStamp`), so a change by any process is seen by the next reader.
"""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from clinic.practice import prepared
from clinic.practice.errors import NotFound
from clinic.practice.models import Closure, OpeningHours, Practice, Room, Site, StaffMember
from scheduling.models import Absence, Shift
from scheduling.planning.values import Span

# Practices whose rosters a process keeps: the ones asked for last.
KEPT = 64
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Roster:
    """The rows of one practice. They are shared by threads: nobody changes them.

    `rooms` and `people` are the active ones, by id; `people` also without a shift. `kept` is what `hours`
    worked out from these rows.
    """

    stamp: str
    sites: Mapping[UUID, Site]
    hours: Mapping[UUID, list[OpeningHours]]
    closures: Mapping[UUID, list[Closure]]
    rooms: Mapping[UUID, Room]
    people: Mapping[UUID, StaffMember]
    shifts: Mapping[UUID, list[Shift]]
    absences: Mapping[UUID, list[Absence]]
    kept: dict[tuple[UUID, UUID | None, datetime], tuple[Span, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def site(self, site_id: UUID) -> Site:
        """One site, with its practice; raises NotFound."""
        if site_id not in self.sites:
            raise NotFound()
        return self.sites[site_id]


_kept: OrderedDict[UUID, Roster] = OrderedDict()
_lock = threading.Lock()


def stamp(*, practice_id: UUID) -> str:
    """A text that differs whenever a shift, absence, closure, room, site, opening hour, person or setting of
    the practice has changed.
    """
    [(found,)] = prepared.fetch(
        "SELECT md5(string_agg(value::text, ' ' ORDER BY slot)) FROM practice_rosterstamp"
        " WHERE practice_id = %s",
        [practice_id],
    )
    return str(found)


def of(*, practice_id: UUID) -> Roster:
    """The practice's roster as it is now."""
    now = stamp(practice_id=practice_id)
    with _lock:
        found = _kept.get(practice_id)
        if found is not None and found.stamp == now:
            _kept.move_to_end(practice_id)
            return found
    # The stamp was read first: a change that comes between the two makes the next reader read again.
    fresh = _read(practice_id, now)
    with _lock:
        _kept[practice_id] = fresh
        _kept.move_to_end(practice_id)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return fresh


def _read(practice_id: UUID, stamp: str) -> Roster:
    practice = Practice.objects.filter(pk=practice_id).first()
    sites = Site.objects.filter(practice_id=practice_id).in_bulk()
    for site in sites.values():
        site.practice = practice  # type: ignore[assignment]  # without a practice there is no site
    people = StaffMember.objects.filter(practice_id=practice_id, is_active=True).defer("password")
    shifts = Shift.objects.filter(site__in=list(sites), staff__in=people).prefetch_related("breaks")
    rooms = Room.objects.filter(site__in=list(sites), is_active=True)
    return Roster(
        stamp=stamp,
        sites=sites,
        hours=_by(OpeningHours.objects.filter(site__in=list(sites)), lambda one: one.site_id),
        closures=_by(Closure.objects.filter(site__in=list(sites)), lambda one: one.site_id),
        rooms={room.pk: room for room in rooms.order_by("id")},
        people={person.pk: person for person in people.order_by("id")},
        shifts=_by(shifts, lambda one: one.site_id),
        absences=_by(Absence.objects.filter(staff__in=people), lambda one: one.staff_id),
    )


def _by(rows: Iterable[Row], key: Callable[[Row], Any]) -> Mapping[UUID, list[Row]]:
    found: dict[UUID, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)
