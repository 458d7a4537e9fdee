"""The day's roster of a site: who comes when, to whom, where, in which state, and what is the next step."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.models import Site
from clinic.practice.web import actors, pages, times
from scheduling.booking.openings import days
from scheduling.booking.reading import rows
from scheduling.planning import windows
from scheduling.web import forms, queries, shown, words
from scheduling.web.day import beside
from scheduling.web.follow_ups import filling, worklist
from scheduling.web.queries import Wanted

# So many of a clinician's own follow-ups stand below their day; the rest are on the list.
OWN = 8
CLINICIANS = {"therapist", "prescriber", "clinical_lead"}


@dataclass(frozen=True, slots=True)
class Count:
    badge: words.Badge
    number: int


@pages.staff_page("GET", "HEAD")
def day(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?site=` `?date=` `?who=`; without them the person's own site, today, everybody."""
    now = timezone.now()
    sites = list(places.sites(actor=actor))
    if not sites:
        return pages.show(request, "scheduling/no_site.html", {}, here="roster")
    site = chosen_site(request, actor, sites)
    today = windows.local_day(zone=site.time_zone, instant=now)
    asked = forms.day(request.GET.get("date"), default=today)
    who = forms.uuid(request.GET.get("who"))
    roster = days.site_day(actor=actor, site_id=site.pk, day=asked)
    if who:
        places.practitioner(actor=actor, staff_id=who)
    visits = [
        one for one in roster.visits if who is None or any(part.id == who for part in one.practitioners)
    ]
    around = queries.around(actor=actor, visits=visits, now=now)
    lines = [shown.visit_line(actor=actor, visit=one, around=around, now=now) for one in visits]
    context = _own(request, actor, who, now) | {
        "site": site,
        "sites": sites,
        "day": asked,
        "heading": times.long_day(asked),
        "is_today": asked == today,
        "zone": times.zone_words(windows.day_start(zone=site.time_zone, day=asked), site.time_zone),
        "lines": lines,
        "entries": beside.entries(actor=actor, lines=lines, now=now),
        "now_before": _now_before(lines, now) if asked == today else None,
        "now": times.moment(now, site.time_zone),
        "counts": _counts(visits),
        "who": who,
        "people": [line.practitioner for line in roster.lines],
        "on_shift": [
            (line.practitioner.name, _hours(line, site.time_zone)) for line in roster.lines if line.on_shift
        ],
        "closures": [times.span(one.start, one.end, site.time_zone) for one in roster.closures],
        "previous": _address(site, asked - timedelta(days=1), who),
        "next": _address(site, asked + timedelta(days=1), who),
        "today": _address(site, None, who),
        "back": request.get_full_path(),
    }
    patients = [one.patient.id for one in visits] + [one.gap.patient.id for one in context["own"]]
    return pages.show(request, "scheduling/roster.html", context, here="roster", patients=patients)


def _own(request: HttpRequest, actor: Actor, who: UUID | None, now: datetime) -> dict[str, Any]:
    """The follow-ups that need somebody, of the patients of the person whose day this is, or of the clinician
    who looks."""
    person = who or (actor.id if actor.roles & CLINICIANS else None)
    if person is None:
        return {"own": [], "own_count": 0}
    found = worklist.lines(request, actor, Wanted(who=person), now, most=OWN)
    undo = filling.just_booked(request, actor, now)
    return {**found, "own": found["lines"], "own_count": found["count"], "own_of": person, "undo": undo}


def chosen_site(request: HttpRequest, actor: Actor, sites: list[Site]) -> Site:
    """The site that the address names, else the person's own, else the first."""
    asked = forms.uuid(request.GET.get("site"))
    if asked:
        return places.site(actor=actor, site_id=asked)
    home = actors.staff_of(request).home_site_id
    return next((site for site in sites if site.pk == home), sites[0])


def _address(site: Site, day: date | None, who: UUID | None) -> str:
    wanted = {"site": str(site.pk)}
    if day:
        wanted["date"] = day.isoformat()
    if who:
        wanted["who"] = str(who)
    return f"{reverse('roster')}?{urlencode(wanted)}"


def _now_before(lines: list[shown.VisitLine], now: datetime) -> UUID | None:
    """The visit above which the present moment lies."""
    return next((line.visit.id for line in lines if line.visit.start > now), None)


def _counts(visits: list[rows.Visit]) -> list[Count]:
    found: dict[str, int] = {}
    for visit in visits:
        found[visit.status] = found.get(visit.status, 0) + 1
    return [Count(badge, found[status]) for status, badge in words.STATUSES.items() if status in found]


def _hours(line: rows.RosterLine, zone: str) -> str:
    spans = ((times.moment(one.start, zone), times.moment(one.end, zone)) for one in line.on_shift)
    return ", ".join(f"{first.clock} to {last.clock}" for first, last in spans)
