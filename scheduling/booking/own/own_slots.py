"""Where patients may put their visit themselves: times at which it fits while nothing else moves.

The rules are those of every move; a time that breaks one which is kept now is not offered. What is offered
holds nothing: taking it asks again, under the locks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from scheduling.booking.guard import access
from scheduling.booking.moving import acts, cascades, fitting, relocations
from scheduling.booking.moving.relocations import Place
from scheduling.booking.own import own_visit
from scheduling.booking.own.own_visit import Stage
from scheduling.booking.wanted import nearest
from scheduling.booking.writing.links import Link
from scheduling.models import Appointment
from scheduling.planning import windows
from scheduling.planning.values import Span

# Nobody is expected sooner than this, and nobody looks further ahead.
NOTICE, AHEAD = timedelta(hours=4), timedelta(days=42)
# Around where the visit stands: who cannot come that day comes in the days before or after it.
AROUND = timedelta(days=14)
MOST_A_DAY, MOST_DAYS = 5, 8


@dataclass(frozen=True, slots=True)
class Day:
    """The times of one local day, in order."""

    day: date
    starts: tuple[datetime, ...]


def may_move(*, link: Link, now: datetime) -> bool:
    """Whether patients can move this visit themselves: not one of a group, which others depend on."""
    visit = link.visit
    coming = own_visit.stage_of(visit=visit, now=now) is Stage.COMING
    return coming and visit.group_session_id is None and visit.pinned_at is None


def offered(*, link: Link, now: datetime) -> list[Day]:
    """The nearest days on which it fits, each with a few times; none where nothing does."""
    if not may_move(link=link, now=now):
        return []
    look = _Look(link, now)
    days: dict[date, list[datetime]] = {}
    for start in look.candidates():
        day = windows.local_day(zone=look.visit.time_zone, instant=start)
        if day not in days and len(days) == MOST_DAYS:
            continue
        if len(days.get(day, ())) < MOST_A_DAY and look.fits(start):
            days.setdefault(day, []).append(start)
    return [Day(day, tuple(sorted(starts))) for day, starts in sorted(days.items())]


def fits(*, link: Link, start: datetime, now: datetime) -> bool:
    """Whether this start would be offered, were there no bound on how many are."""
    if not may_move(link=link, now=now):
        return False
    look = _Look(link, now)
    return look.first <= start <= look.last and look.is_on_grid(start) and look.fits(start)


class _Look:
    """One visit, its course and its site's calendar, read once for many starts."""

    def __init__(self, link: Link, now: datetime) -> None:
        self.visit: Appointment = access.visit(actor=link.actor, appointment_id=link.visit.pk)
        self.place = relocations.place_of(visit=self.visit)
        self.first = max(now + NOTICE, self.visit.start - AROUND)
        self.last = min(now + AHEAD, self.visit.start + AROUND)
        self._grid = timedelta(minutes=self.visit.site.grid_minutes)
        self._wanted = fitting.wanted_at(visit=self.visit, place=self.place, ignoring=())
        until = max(self.last, self.visit.end) + self._wanted.length + timedelta(hours=4)
        self._free = nearest.calendar(wanted=self._wanted, span=Span(self.first, until), now=now)
        courses = acts.courses_of(visits=[self.visit], now=now)
        self._course = next(iter(courses.values()), None)
        self._judge = (
            cascades.Judge(
                standing=self._course,
                visit_id=self.visit.pk,
                free=self._course.calendar(places=[self._at(self.last)], now=now),
            )
            if self._course
            else None
        )

    def candidates(self) -> Iterator[datetime]:
        """Starts on the grid: the nearest days first, and of each day the hours most like the present one."""
        hours = sorted(range(-11, 12), key=lambda hour: (abs(hour), hour))
        days = sorted(range(-AROUND.days, AROUND.days + 1), key=lambda day: (abs(day), -day))
        for day in days:
            for hour in hours:
                start = self.visit.start + timedelta(days=day, hours=hour)
                if start != self.visit.start and self.first <= start <= self.last:
                    yield start

    def is_on_grid(self, start: datetime) -> bool:
        since = start.astimezone(UTC) - datetime(2000, 1, 1, tzinfo=UTC)
        return not since % self._grid

    def fits(self, start: datetime) -> bool:
        wanted = replace(self._wanted, start=start)
        found = nearest.offered(wanted=wanted, free=self._free, start=start)
        if found is None:
            return False
        place = self._at(start)
        planned = replace(place.planned, staffing=found.staffing, room=found.room)
        return self._judge is None or self._judge.keeps(Place(place.site_id, planned))

    def _at(self, start: datetime) -> Place:
        planned = self.place.planned
        there = replace(planned, start=start, end=start + (planned.end - planned.start))
        return Place(self.place.site_id, there)
