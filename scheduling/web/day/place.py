"""A place of the day grid that somebody points at: what is possible there, and for a visit in hand, rule by
rule, why it cannot go there and where it can."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import Room, Site, StaffMember
from clinic.practice.permissions import CLINICIANS
from clinic.practice.web import pages, times
from scheduling.booking.moving import moves, vacancies
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.openings import days, whynot
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.planning import windows
from scheduling.states import InvalidTransition
from scheduling.web import forms, queries, shown, words
from scheduling.web.day import roster
from scheduling.web.visit import why_not

# Of a day's visits, so many are offered to be asked for.
MOST = 100
FIRST = time(9)


@dataclass(frozen=True, slots=True)
class Asked:
    """A place, with the people's and rooms' rows that the address names; `day` is the site's."""

    site: Site
    day: Any
    start: datetime
    wall: str
    who: StaffMember | None
    room: Room | None
    visit: rows.Visit | None
    back: str

    def query(self, start: datetime | None = None) -> dict[str, str]:
        """The place as the form of a booking and of a move takes it; or the same people and room at another
        start."""
        named = {"who": self.who, "room": self.room}
        wall = times.wall(start, self.site.time_zone) if start else self.wall
        return {"start": wall} | {name: str(one.pk) for name, one in named.items() if one}


@pages.staff_page("GET", "HEAD")
def place(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?site=` `?start=` (as the site's clock shows it) or `?date=`, `?who=` `?room=`, and `?visit=` for one
    that is to go there. Only the part of the page is sent to a drawer.
    """
    now = timezone.now()
    sites = list(places.sites(actor=actor))
    if not sites:
        return pages.show(request, "scheduling/no_site.html", {}, here="day")
    site = roster.chosen_site(request, actor, sites)
    context: dict[str, Any] = {"site": site, "fragment": request.headers.get("HX-Request") == "true"}
    context |= {"sites": sites, "back": _back(request, site)}
    try:
        asked = _asked(request, actor, site, now)
    except Invalid as error:
        told = pages.refusal(request, form="place", error=error).reasons
        context |= {"reasons": told, "wall": request.GET.get("start", "")[:20]}
        return _show(request, context, [])
    found = whynot.explain(
        actor=actor,
        site_id=site.pk,
        start=asked.start,
        now=now,
        visit_id=asked.visit.id if asked.visit else None,
        practitioner_id=asked.who.pk if asked.who else None,
        room_id=asked.room.pk if asked.room else None,
    )
    explained, patients = why_not.explained(actor=actor, found=found, addresses=_there(asked))
    of_day = _of_day(actor, asked)
    owed, owed_to = _owed(actor, asked, now)
    context |= explained | {
        "wall": asked.wall,
        "asked": asked,
        "with": " · ".join(str(one) for one in (asked.who and asked.who.display_name, asked.room) if one),
        "people": _people(actor, asked),
        "rooms": [one for one in places.rooms(actor=actor) if one.site_id == site.pk and one.is_active],
        "visits": [(one.id, _named(one)) for one in of_day],
        "owed": owed,
        "past": asked.start < now,
        "ways": _ways(actor, asked),
        "next": None if found.fits else _next(actor, asked, found, now),
    }
    return _show(request, context, [*patients, *(one.patient.id for one in of_day), *owed_to])


def _show(request: HttpRequest, context: dict[str, Any], patients: list[UUID]) -> HttpResponse:
    page = "scheduling/_place.html" if context["fragment"] else "scheduling/place.html"
    return pages.show(request, page, context, here="day", patients=patients)


def _back(request: HttpRequest, site: Site) -> str:
    return pages.back_to(request, f"{reverse('day')}?site={site.pk}")


def _asked(request: HttpRequest, actor: Actor, site: Site, now: datetime) -> Asked:
    wall = request.GET.get("start", "")[:20] or _usual(request, site, now)
    start = forms.instant(wall, name="start", zone=site.time_zone, fold=request.GET.get("fold", "0"))
    if start is None:
        raise Invalid({"start": ["A date and a time."]})
    who, room, visit = (forms.uuid(request.GET.get(name)) for name in ("who", "room", "visit"))
    return Asked(
        site=site,
        day=windows.local_day(zone=site.time_zone, instant=start),
        start=start,
        wall=times.wall(start, site.time_zone),
        who=places.practitioner(actor=actor, staff_id=who) if who else None,
        room=places.room(actor=actor, room_id=room) if room else None,
        visit=booked.visit(actor=actor, appointment_id=visit) if visit else None,
        back=_back(request, site),
    )


def _usual(request: HttpRequest, site: Site, now: datetime) -> str:
    """Where the form begins: the present step of the clock today, the morning of another day."""
    today = windows.local_day(zone=site.time_zone, instant=now)
    day = forms.day(request.GET.get("date"), default=today)
    if day != today:
        return datetime.combine(day, FIRST).isoformat(timespec="minutes")
    step = site.grid_minutes * 60
    return times.wall(datetime.fromtimestamp(-(-now.timestamp() // step) * step, now.tzinfo), site.time_zone)


def _there(asked: Asked) -> why_not.Addresses:
    """For the nearest start that fits: the move there. People and room are left to whoever is free."""
    visit = asked.visit
    if visit is None:
        return why_not.Addresses(back=asked.back)
    address = reverse("move", kwargs={"visit_id": visit.id})

    def move(start: datetime) -> str:
        wanted = {"start": times.wall(start, visit.time_zone), "back": asked.back}
        return f"{address}?{urlencode(wanted)}"

    return why_not.Addresses(nearest=move, back=asked.back)


def _ways(actor: Actor, asked: Asked) -> dict[str, str]:
    """What this actor may do with the place."""
    found = {}
    if permissions.allows(actor=actor, capability=moves.CAPABILITY):
        found["book"] = _book(asked)
        if asked.visit and "move" in asked.visit.allowed:
            found["move"] = _move(asked, asked.visit)
        found["offer"] = _offer(asked)
    if permissions.allows(actor=actor, capability="courses.book"):
        found["course"] = f"{reverse('book')}?{urlencode({'start': asked.day.isoformat()})}"
    return found


def _next(actor: Actor, asked: Asked, found: whynot.WhyNot, now: datetime) -> tuple[str, str] | None:
    """Where it does not fit: the next start at which it does, with the same person in the same room, in words
    and as the way there."""
    if not permissions.allows(actor=actor, capability=moves.CAPABILITY):
        return None
    visit, start = asked.visit, found.next
    if visit and "move" in visit.allowed and (asked.who or asked.room):
        start = _next_of(actor, asked, visit, now)
    if start is None:
        return None
    told = str(times.moment(start, asked.site.time_zone))
    return told, _move(asked, visit, start) if visit else _book(asked, start)


def _next_of(actor: Actor, asked: Asked, visit: rows.Visit, now: datetime) -> datetime | None:
    part, people = _part(asked, visit), None
    if asked.who:
        if part is None:
            return None
        people = tuple(asked.who.pk if one == part else one.id for one in visit.practitioners)
    room = asked.room.pk if asked.room else None
    wish = Wish(start=asked.start, practitioner_ids=people, room_id=room)
    try:
        return vacancies.after(actor=actor, appointment_id=visit.id, wish=wish, now=now)
    except InvalidTransition:
        return None


def _book(asked: Asked, start: datetime | None = None) -> str:
    wanted = {"site": str(asked.site.pk), **asked.query(start), "back": asked.back}
    return f"{reverse('walk-in')}?{urlencode(wanted)}"


def _offer(asked: Asked) -> str:
    wanted = {"site": str(asked.site.pk), **asked.query(), "back": asked.back}
    return f"{reverse('waitlist')}?{urlencode(wanted)}"


def _part(asked: Asked, visit: rows.Visit) -> rows.Person | None:
    """Whoever does now what the person pointed at could do."""
    able = asked.who.roles if asked.who else ()
    return next((one for one in visit.practitioners if one.role in able), None)


def _move(asked: Asked, visit: rows.Visit, start: datetime | None = None) -> str:
    """The preview of a move there; who was pointed at comes instead of whoever does the same part."""
    wanted = asked.query(start) | {"back": asked.back}
    if asked.who:
        part = _part(asked, visit)
        wanted |= {"instead": str(part.id)} if part else {}
        if part is None:
            wanted.pop("who")
    return f"{reverse('move', kwargs={'visit_id': visit.id})}?{urlencode(wanted)}"


def _of_day(actor: Actor, asked: Asked) -> list[rows.Visit]:
    """The visits of that day that may be moved, and the one in hand."""
    of_day = days.site_day(actor=actor, site_id=asked.site.pk, day=asked.day).visits
    found = [one for one in of_day if "move" in one.allowed][:MOST]
    if asked.visit and asked.visit.id not in {one.id for one in found}:
        found.insert(0, asked.visit)
    return found


def _named(visit: rows.Visit) -> str:
    at = times.moment(visit.start, visit.time_zone)
    return f"{at.clock} {visit.patient.name}, {words.title(visit)}"


def _people(actor: Actor, asked: Asked) -> list[StaffMember]:
    """Whom a visit can be with; the one that was pointed at is among them."""
    return [
        one
        for one in places.practitioners(actor=actor)
        if one.is_active and CLINICIANS & {*one.roles} or one == asked.who
    ]


def _owed(actor: Actor, asked: Asked, now: datetime) -> tuple[list[tuple[str, str, str]], list[UUID]]:
    """The follow-ups that nobody has booked and that could begin then: address, of whom, until when."""
    if asked.visit or asked.start < now:
        return [], []
    gaps = queries.owed_at(actor=actor, site_id=asked.site.pk, start=asked.start)
    doses = queries.doses_of(actor=actor, gaps=gaps).values()
    back = urlencode({"back": asked.back})
    lines = []
    for one in gaps:
        told = shown.gap_line(actor=actor, gap=one, doses=doses, now=now)
        address = f"{reverse('follow-up', kwargs={'gap_id': one.id})}?{back}"
        lines.append((address, f"{one.patient.name}, {told.need.lower()}", told.left))
    return lines, [one.patient.id for one in gaps]
