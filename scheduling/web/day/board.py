"""The tracking board: who is expected, here, in treatment or watched, and gone, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.models import Site
from clinic.practice.web import pages, times
from scheduling.booking.openings import days
from scheduling.booking.reading import rows
from scheduling.planning import windows
from scheduling.web import queries, shown
from scheduling.web.day import roster
from scheduling.web.day.cards import Card, Clock, Drawer
from scheduling.web.shown import VisitLine

# The lanes, with the states that each holds. What was cancelled or lost its place is on the day's list.
LANES: Mapping[str, tuple[str, ...]] = {
    "Expected": ("booked", "confirmed"),
    "Here": ("arrived",),
    "In treatment": ("in_progress", "monitoring"),
    "Gone": ("fulfilled", "no_show"),
}
# The fact with which each state began.
BEGAN = {
    "arrived": "arrived",
    "in_progress": "started",
    "monitoring": "administration_ended",
    "fulfilled": ("discharged", "completed"),
    "no_show": "no_show",
}


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    cards: tuple[SafeString, ...]


@pages.staff_page("GET", "HEAD")
def board(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?site=`, today. With `mark`, as a board that stands open asks: 204 when nothing has changed since."""
    now = timezone.now()
    sites = list(places.sites(actor=actor))
    if not sites:
        return pages.show(request, "scheduling/no_site.html", {}, here="board")
    site = roster.chosen_site(request, actor, sites)
    today = windows.local_day(zone=site.time_zone, instant=now)
    # Minutes are counted here, so each minute is a change.
    told = days.mark(actor=actor, site_id=site.pk, days=[today])
    mark = f"{told}-{int(now.timestamp()) // 60}"
    polled = request.headers.get("HX-Request") == "true" and "mark" in request.GET
    if polled and request.GET["mark"] == mark:
        return HttpResponse(status=204)
    address = f"{reverse('board')}?site={site.pk}"
    lanes, patients = _lanes(actor, site, now, address)
    context = {
        "site": site,
        "sites": sites,
        "lanes": lanes,
        "poll": f"{address}&mark={mark}",
        "back": address,
        "now": times.moment(now, site.time_zone),
        "heading": times.long_day(today),
        "zone": times.zone_words(now, site.time_zone),
    }
    page = "scheduling/_board.html" if polled else "scheduling/board.html"
    return pages.show(request, page, context, here="board", patients=patients)


def _lanes(actor: Actor, site: Site, now: datetime, back: str) -> tuple[list[Lane], list[UUID]]:
    today = windows.local_day(zone=site.time_zone, instant=now)
    visits = days.site_day(actor=actor, site_id=site.pk, day=today).visits
    around = queries.around(actor=actor, visits=visits, now=now)
    cards = [
        _card(shown.visit_line(actor=actor, visit=one, around=around, now=now), now)
        for one in visits
        if any(one.status in states for states in LANES.values())
    ]
    lanes, drawer = [], Drawer(back=back)
    for name, states in LANES.items():
        mine = [card for card in cards if card.line.visit.status in states]
        # Who left last stands first; elsewhere who came first.
        ordered = sorted(mine, key=lambda card: _since(card.line.visit), reverse=name == "Gone")
        lanes.append(Lane(name, tuple(drawer.draw(card) for card in ordered)))
    return lanes, [one.patient.id for one in visits]


def _since(visit: rows.Visit) -> datetime:
    """When the visit came into its state; for one that has not begun, its start."""
    named = BEGAN.get(visit.status, ())
    found = [fact.at for fact in visit.facts if fact.name == named or fact.name in named]
    return max(found, default=visit.start)


def _card(line: VisitLine, now: datetime) -> Card:
    visit = line.visit
    since = _since(visit)
    waiting = visit.status in LANES["Expected"]
    if waiting:
        told = f"{_length(now - since)} late" if since < now else f"in {_length(since - now)}"
    elif visit.status in LANES["Gone"]:
        told = f"since {times.moment(since, visit.time_zone).clock}"
    else:
        told = f"for {_length(now - since)}"
    return Card(
        line=line,
        told=told,
        late=waiting and since < now,
        clock=_clock(line, now),
    )


def _length(of: timedelta) -> str:
    """To the nearest minute: a clock that has just struck is not a minute behind."""
    return times.length(of + timedelta(seconds=30))


def _clock(line: VisitLine, now: datetime) -> Clock | None:
    if line.leaves is None:
        return None
    ends = datetime.fromisoformat(line.leaves.iso)
    started = next(fact.at for fact in line.visit.facts if fact.name == "started")
    of = round((ends - started).total_seconds() / 60)
    run = max(0, min(of, round((now - started).total_seconds() / 60)))
    told = (
        f"May leave since {line.leaves.clock}"
        if line.may_leave
        else f"{run} of {of} min, may leave at {line.leaves.clock}"
    )
    return Clock(run, of, told, line.may_leave)
