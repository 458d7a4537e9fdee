"""The desk's home: one day of a site by person or by room, or one column's week."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.models import Site
from clinic.practice.permissions import CLINICIANS
from clinic.practice.web import pages, times
from scheduling.booking.openings import days
from scheduling.booking.reading import rows
from scheduling.booking.visit import group_sessions
from scheduling.planning import windows
from scheduling.web import forms, queries, shown, words
from scheduling.web.day import blocks, columns, grid, roster
from scheduling.web.day.columns import GONE, Column, May
from scheduling.web.visit import moved

BYS = {"people": "By person", "rooms": "By room"}
VIEWS = {"day": "Day", "week": "Week"}
# A column's name where nothing is planned for a visit.
NOBODY = {"people": "Nobody yet", "rooms": "Without a room"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for. `column` is the person or room that a phone and a week show."""

    site: Site
    day: date
    today: date
    by: str
    view: str
    column: UUID | None

    @property
    def days(self) -> list[date]:
        if self.view == "day":
            return [self.day]
        monday = self.day - timedelta(days=self.day.weekday())
        return [monday + timedelta(days=count) for count in range(7)]

    def address(self, **changes: str | None) -> str:
        """The page with something else: `date`, `by`, `view`, `column`; None leaves it out."""
        wanted: dict[str, str | None] = {
            "site": str(self.site.pk),
            "date": self.day.isoformat(),
            "by": self.by,
            "view": self.view,
            "column": str(self.column) if self.column else None,
        }
        told = {name: value for name, value in {**wanted, **changes}.items() if value}
        plain = {"by": "people", "view": "day"}
        return f"{reverse('day')}?{urlencode([one for one in told.items() if plain.get(one[0]) != one[1]])}"


@pages.staff_page("GET", "HEAD")
def day(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?site=` `?date=` `?by=people|rooms` `?view=day|week` `?column=`. With `mark`, as a page that stands
    open asks: 204 when nothing has changed since, otherwise the grid alone.
    """
    now = timezone.now()
    sites = list(places.sites(actor=actor))
    if not sites:
        return pages.show(request, "scheduling/no_site.html", {}, here="day")
    asked = _asked(request, actor, sites, now)
    # Read before the day is: what comes between the two is shown, and asked for once more.
    mark = _mark(actor, asked, now)
    polled = request.headers.get("HX-Request") == "true" and "mark" in request.GET
    if polled and request.GET["mark"] == mark:
        return HttpResponse(status=204)
    context, patients = _grid(request, actor, asked, now)
    context |= {"mark": mark, "poll": asked.address(mark=mark)}
    if polled:
        return pages.show(request, "scheduling/_grid.html", context, here="day", patients=patients)
    context |= _around_it(request, actor, asked, sites, now)
    return pages.show(request, "scheduling/day.html", context, here="day", patients=patients)


def _asked(request: HttpRequest, actor: Actor, sites: list[Site], now: datetime) -> Asked:
    site = roster.chosen_site(request, actor, sites)
    today = windows.local_day(zone=site.time_zone, instant=now)
    by, view = request.GET.get("by") or "people", request.GET.get("view") or "day"
    if by not in BYS or view not in VIEWS:
        raise NotFound()
    asked = Asked(
        site=site,
        day=forms.day(request.GET.get("date"), default=today),
        today=today,
        by=by,
        view=view,
        column=forms.uuid(request.GET.get("column")),
    )
    return _with_column(actor, asked) if view == "week" and asked.column is None else asked


def _mark(actor: Actor, asked: Asked, now: datetime) -> str:
    """With the row that is now, on today's grid: the line of the present moves, and clocks run out."""
    told = days.mark(actor=actor, site_id=asked.site.pk, days=asked.days)
    return f"{told}-{int(now.timestamp()) // 300}" if asked.today in asked.days else told


def _grid(
    request: HttpRequest, actor: Actor, asked: Asked, now: datetime
) -> tuple[dict[str, object], list[UUID]]:
    """What the grid shows, and of whom."""
    whose = {"person" if asked.by == "people" else "room": asked.column} if asked.view == "week" else {}
    found = days.site_days(
        actor=actor,
        site_id=asked.site.pk,
        days=asked.days,
        **{name: one for name, one in whose.items() if one is not None},
    )
    visits = [visit for one in found for visit in one.visits]
    around = queries.around(actor=actor, visits=visits, now=now)
    lines = {one.id: shown.visit_line(actor=actor, visit=one, around=around, now=now) for one in visits}
    groups = _groups(actor, asked)
    spans = [*_spans(found, asked.by), *(rows.Interval(one.start, one.end) for one in groups)]
    scale = grid.scale(zone=asked.site.time_zone, spans=spans)
    made = columns.Maker(
        scale=scale,
        lines=lines,
        may=May(move=permissions.allows(actor=actor, capability="appointments.book")),
        now=now,
        back=asked.address(),
        groups=groups,
    )
    drawn = _week(made, asked, found) if asked.view == "week" else _day(made, asked, found[0])
    shown_columns = [replace(one, asks=_place(asked, one)) for one in drawn]
    chosen = _chosen(asked, shown_columns, actor)
    return {
        "scale": scale,
        "columns": shown_columns,
        "chosen": chosen,
        "gone": [lines[one.id] for one in visits if one.status in GONE],
        "asked": asked,
        "back": asked.address(),
        "book": _book(asked, scale) if made.may.move else "",
        "place": _place(asked),
        "ask_icon": blocks.icon("ask"),
        "site": asked.site,
        "heading": _heading(asked),
        "whose": _whose(asked, found[0]) if asked.view == "week" else [],
        "closures": [
            times.span(one.start, one.end, asked.site.time_zone) for each in found for one in each.closures
        ],
    }, [one.patient.id for one in visits]


def _groups(actor: Actor, asked: Asked) -> list[group_sessions.Standing]:
    zone = asked.site.time_zone
    first, last = (windows.day_bounds(zone=zone, day=day) for day in (asked.days[0], asked.days[-1]))
    return group_sessions.between(actor=actor, site_id=asked.site.pk, start=first.start, end=last.end)


def _book(asked: Asked, scale: grid.Scale) -> str:
    """Where a single visit is booked at this site: on another day than today from its first hour on."""
    wanted = {"site": asked.site.pk, "back": asked.address()}
    if asked.day > asked.today:
        wanted["start"] = times.wall(scale.begins(asked.day), scale.zone)
    return f"{reverse('walk-in')}?{urlencode(wanted)}"


def _place(asked: Asked, column: Column | None = None) -> str:
    """Where one asks what is possible at this site, in this column."""
    wanted = {"site": str(asked.site.pk), "date": column.day if column else asked.day.isoformat()}
    wanted |= {"who": column.who, "room": column.room} if column else {}
    told = {name: value for name, value in {**wanted, "back": asked.address()}.items() if value}
    return f"{reverse('place')}?{urlencode(told)}"


def _with_column(actor: Actor, asked: Asked) -> Asked:
    """A week is of one column: the person's own, or the first of the day."""
    roster_day = days.site_day(actor=actor, site_id=asked.site.pk, day=asked.day)
    known = (
        [line.practitioner.id for line in _people(roster_day)]
        if asked.by == "people"
        else [line.room.id for line in roster_day.rooms]
    )
    column = actor.id if actor.id in known else known[0] if known else None
    return replace(asked, column=column)


def _whose(asked: Asked, of: rows.RosterDay) -> list[rows.Named]:
    """Whose week there is to see."""
    if asked.by == "rooms":
        return [rows.Named(line.room.id, line.room.name) for line in of.rooms]
    return [line.practitioner for line in of.lines if line.visits or CLINICIANS & {*line.roles}]


def _spans(found: Sequence[rows.RosterDay], by: str) -> list[rows.Interval]:
    """What decides which hours are shown: shifts, and visits that lie outside of them."""
    spans = [span for one in found for line in _people(one) for span in line.on_shift]
    return spans + [
        rows.Interval(visit.start, visit.end)
        for one in found
        for visit in one.visits
        if visit.status not in GONE
    ]


def _people(of: rows.RosterDay) -> list[rows.RosterLine]:
    """Who has a column: whoever has a visit that day, or is there to have one."""
    here = [line for line in of.lines if line.visits or (line.on_shift and CLINICIANS & {*line.roles})]
    return sorted(here, key=lambda line: (words.rank(line.roles), line.practitioner.name))


def _day(made: columns.Maker, asked: Asked, of: rows.RosterDay) -> list[Column]:
    standing = [visit for visit in of.visits if visit.status not in GONE]
    if asked.by == "rooms":
        lines = [made.room(line, of.day, standing) for line in of.rooms]
        left = [visit for visit in standing if visit.room is None]
    else:
        lines = [made.person(line, of.day) for line in _people(of)]
        left = [visit for visit in standing if not columns.named(visit)]
    if left:
        lines.append(made.column(name=NOBODY[asked.by], day=of.day, visits=left))
    return [
        replace(one, address=asked.address(view="week", column=one.key)) if one.key else one for one in lines
    ]


def _week(made: columns.Maker, asked: Asked, found: Sequence[rows.RosterDay]) -> list[Column]:
    lines = []
    for of in found:
        standing = [visit for visit in of.visits if visit.status not in GONE]
        if asked.by == "rooms":
            room = next((line for line in of.rooms if line.room.id == asked.column), None)
            column = made.room(room, of.day, standing) if room else None
        else:
            person = next((line for line in of.lines if line.practitioner.id == asked.column), None)
            column = made.person(person, of.day) if person else None
        lines.append(
            made.dated(
                column or made.column(name="", day=of.day, visits=standing, open_=()), of.day, asked.today
            )
        )
    return lines


def _chosen(asked: Asked, shown_columns: list[Column], actor: Actor) -> str:
    """The key of the column that a phone shows: the one asked for, one's own, the day, one with visits."""
    keys = [one.key for one in shown_columns]
    busy = next((one.key for one in shown_columns if one.blocks), "")
    wanted = [str(asked.column), str(actor.id)] if asked.view == "day" else [asked.day.isoformat()]
    return next((one for one in [*wanted, busy, *keys] if one in keys), "")


def _heading(asked: Asked) -> str:
    """`Monday 11 May 2026`; `11 May to 17 May` of a week, whose columns name its weekdays."""
    first, last = asked.days[0], asked.days[-1]
    if first == last:
        return times.long_day(first)
    return " to ".join(times.short_day(day).partition(" ")[2] for day in (first, last))


def _around_it(
    request: HttpRequest, actor: Actor, asked: Asked, sites: list[Site], now: datetime
) -> dict[str, object]:
    """What stands around the grid and stays when it is drawn anew."""
    step = timedelta(days=7 if asked.view == "week" else 1)
    zone = asked.site.time_zone
    return {
        "sites": sites,
        "is_today": asked.today in asked.days,
        "zone": times.zone_words(windows.day_start(zone=zone, day=asked.day), zone),
        "previous": asked.address(date=(asked.day - step).isoformat()),
        "next": asked.address(date=(asked.day + step).isoformat()),
        "today": asked.address(date=None),
        "bys": [(word, asked.address(by=by, column=None), by == asked.by) for by, word in BYS.items()],
        "views": [(word, asked.address(view=view), view == asked.view) for view, word in VIEWS.items()],
        "moved": moved.of(request, actor),
        "roster": f"{reverse('roster')}?{urlencode({'site': asked.site.pk, 'date': asked.day})}",
    }
