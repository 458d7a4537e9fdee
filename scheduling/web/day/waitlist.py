"""The waitlist at the desk: whom a free place would suit, the offers that stand, and who waits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid, NotFound
from clinic.practice.models import Site
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from clinic.practice.web.times import Moment
from scheduling.booking.reading import rows
from scheduling.booking.waiting import waiting, waitlist
from scheduling.booking.waiting.waiting import Opening
from scheduling.booking.waiting.waitlist import Place
from scheduling.web import forms, queries, words
from scheduling.web.day import roster
from scheduling.web.words import Badge

# So long a place is looked at where its end is not said.
USUAL = timedelta(hours=2)
# More people than that are no help to who calls them.
BEST = 10
MEETS = {
    "practitioners": "with somebody they asked for",
    "weekdays": "on a day they asked for",
    "time_of_day": "at the time of day they asked for",
}
DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ANSWERS = {
    "pending": Badge("Not answered yet", "clock", "warn"),
    "accepted": Badge("Taken", "check", "good"),
    "declined": Badge("Not taken", "minus", "done"),
    "expired": Badge("Not answered in time", "absent", "warn"),
    "retracted": Badge("Taken back by us", "cross", "done"),
}
UNTOLD = Badge("No message goes: call them", "alert", "bad")


@dataclass(frozen=True, slots=True)
class Asked:
    """The place that the address names, and how it is named again."""

    opening: Opening
    visit_id: UUID | None
    query: str


@dataclass(frozen=True, slots=True)
class Suits:
    """Somebody whom the place fits: when, with whom and where, and why they come in this order."""

    entry: rows.Waiting
    what: str
    when: str
    place: str
    why: tuple[str, ...]
    offer: Mapping[str, str]
    who: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody on the list, with the latest offer and whether they were told of it."""

    entry: rows.Waiting
    what: str
    could: str
    wishes: tuple[str, ...]
    since: Moment
    offered: str
    until: Moment | None
    answer: Badge | None
    told: Badge | None
    number: str


@pages.staff_page("GET", "HEAD")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?site=`; and a place that is free: `?visit=` whose it was, or `?start=` `?until=` (as the site's clock
    shows them), `?who=` and `?room=`.
    """
    return _page(request, actor, None)


@pages.staff_page("POST")
def work(request: HttpRequest, actor: Actor, entry_id: UUID, verb: str) -> HttpResponse:
    """Do one thing for somebody on the list. What is refused is told on the page."""
    do, told = VERBS.get(verb, (None, ""))
    if do is None:
        raise NotFound()
    entry = waiting.entry(actor=actor, entry_id=entry_id)
    try:
        do(request, actor, entry, timezone.now())
    except DomainError as error:
        return _page(request, actor, pages.refusal(request, form=verb, error=error))
    messages.success(request, told)
    return pages.done(pages.back_to(request, f"{reverse('waitlist')}?{urlencode({'site': entry.site.id})}"))


# --- what each form does --------------------------------------------------------------------------------
def _offer(request: HttpRequest, actor: Actor, entry: rows.Waiting, now: datetime) -> None:
    start = forms.instant(
        request.POST.get("start", "")[:20],
        name="start",
        zone=entry.time_zone,
        fold=request.POST.get("fold", "0"),
    )
    if start is None:
        raise Invalid({"start": ["A date and a time."]})
    place = Place(
        start=start,
        practitioner_ids=tuple(
            one for who in request.POST.getlist("who")[:5] if (one := forms.uuid(who)) is not None
        ),
        room_id=forms.uuid(request.POST.get("room")),
        freed_id=forms.uuid(request.POST.get("freed")),
    )
    waitlist.offer(
        actor=actor,
        entry_id=entry.id,
        place=place,
        now=now,
        version=forms.version(request),
        key=forms.once(request, actor, what=f"offer:{entry.id}:{start.isoformat()}"),
    )


def _by_itself(act: Callable[..., object]) -> "Do":
    def do(request: HttpRequest, actor: Actor, entry: rows.Waiting, now: datetime) -> None:
        act(actor=actor, entry_id=entry.id, now=now, version=forms.version(request))

    return do


Do = Callable[[HttpRequest, Actor, rows.Waiting, datetime], None]
VERBS: dict[str, tuple[Do, str]] = {
    "offer": (_offer, "Offered: the place is kept for them until they answer."),
    "accept": (_by_itself(waitlist.accept), "Booked for them."),
    "decline": (_by_itself(waitlist.decline), "They wait on; the place is free again."),
    "retract": (_by_itself(waitlist.retract), "The offer is taken back: the place is free again."),
    "withdraw": (_by_itself(waitlist.withdraw), "Off the list."),
}


# --- the page -------------------------------------------------------------------------------------------
def _page(request: HttpRequest, actor: Actor, refusal: Refusal | None) -> HttpResponse:
    permissions.check(actor=actor, capability="waitlist.read")
    now, sites = timezone.now(), list(places.sites(actor=actor))
    if not sites:
        return pages.show(request, "scheduling/no_site.html", {}, here="worklist")
    asked, site = None, roster.chosen_site(request, actor, sites)
    wrong: tuple[str, ...] = ()
    try:
        asked = _asked(request, actor, site, now)
    except Invalid as error:
        wrong = pages.refusal(request, form="place", error=error).reasons
    if asked:
        site = places.site(actor=actor, site_id=asked.opening.site_id)
    found = waiting.fits(actor=actor, opening=asked.opening, now=now)[:BEST] if asked else ()
    desk = waiting.desk(actor=actor, site_id=site.pk, now=now)
    names = queries.place_names(actor=actor)
    told = queries.told_of_offers(
        actor=actor, visit_ids=[one.offer.appointment_id for one in desk.offered if one.offer]
    )
    offered = {one.patient.id for one in desk.offered}
    shown = {one.patient.id for one in (*desk.offered, *desk.answered, *desk.waiting)}
    shown |= {one.entry.patient.id for one in found}
    numbers = queries.numbers_of(actor=actor, ids=offered)
    context = {
        **_place(asked, site, names),
        "reasons": wrong or _told(refusal, site),
        "suits": [_suits(one, names, asked, now) for one in found] if asked else [],
        "offered": [_line(one, names, told, numbers) for one in desk.offered],
        "answered": [_line(one, names, {}, {}) for one in desk.answered],
        "waiting": [_line(one, names, {}, {}) for one in desk.waiting],
        "count": desk.count,
        "may_offer": permissions.allows(actor=actor, capability="appointments.book"),
        "may_answer": permissions.allows(actor=actor, capability="waitlist.answer"),
        "may_work": permissions.allows(actor=actor, capability="waitlist.work"),
        "site": site,
        "sites": sites,
        "zone": times.zone_words(now, site.time_zone),
        "key": forms.page_key(request),
        "back": pages.back_to(request, ""),
    }
    status = refusal.status if refusal else 200
    page = "scheduling/waitlist.html"
    return pages.show(request, page, context, here="worklist", patients=shown, status=status)


def _told(refusal: Refusal | None, site: Site) -> tuple[str, ...]:
    return tuple(times.localized(one, site.time_zone) for one in refusal.reasons) if refusal else ()


def _asked(request: HttpRequest, actor: Actor, site: Site, now: datetime) -> Asked | None:
    """The place that the address names; None where it names none. Raises Invalid, NotFound."""
    given = request.GET
    visit_id, who, room = (forms.uuid(given.get(name)) for name in ("visit", "who", "room"))
    if visit_id:
        opening = waiting.place_of(actor=actor, appointment_id=visit_id)
        return Asked(opening, visit_id, urlencode({"visit": visit_id}))
    start, end = (
        forms.instant(given.get(name, "")[:20], name=name, zone=site.time_zone, fold="0")
        for name in ("start", "until")
    )
    if start is None:
        return None
    end = end or start + USUAL
    if not start < end <= start + waiting.LONGEST:
        raise Invalid({"until": ["After the start, within 24 hours."]})
    if start < now - USUAL:
        raise Invalid({"start": ["That time is over."]})
    named = {"who": who, "room": room}
    query = {"site": site.pk, "start": times.wall(start, site.time_zone)}
    query |= {"until": times.wall(end, site.time_zone)} | {key: one for key, one in named.items() if one}
    return Asked(Opening(site.pk, start, end, who, room), None, urlencode(query))


def _place(asked: Asked | None, site: Site, names: Mapping[str, str]) -> dict[str, Any]:
    """The place in words, and what the form that asks for another begins with."""
    if asked is None:
        return {"asked": None}
    opening = asked.opening
    whose = (names.get(str(one), "") for one in (opening.practitioner_id, opening.room_id) if one)
    return {
        "asked": asked,
        "when": times.span(opening.start, opening.end, site.time_zone),
        "with": ", ".join(one for one in whose if one),
        "start": times.wall(opening.start, site.time_zone),
        "until": times.wall(opening.end, site.time_zone),
    }


def _suits(fit: rows.WaitlistFit, names: Mapping[str, str], asked: Asked, now: datetime) -> Suits:
    entry, zone = fit.entry, fit.entry.time_zone
    where = [names.get(str(one), "") for one in (*fit.practitioners, fit.room) if one]
    where.append(words.MODES[entry.mode])
    why = [f"urgency {entry.priority} of 9"] if entry.priority else []
    why += [MEETS[one] for one in fit.meets]
    why.append(f"has waited {times.length(now - entry.created_at)}")
    why.append(f"could come until {times.moment(entry.latest, zone).day}")
    return Suits(
        entry=entry,
        what=words.KINDS[entry.kind],
        when=times.span(fit.start, fit.end, zone),
        place=", ".join(one for one in where if one),
        why=tuple(why),
        offer={
            "start": times.wall(fit.start, zone),
            "fold": str(fit.start.astimezone(ZoneInfo(zone)).fold),
            "room": str(fit.room or ""),
            "freed": str(asked.visit_id or ""),
        },
        who=fit.practitioners,
    )


def _line(
    entry: rows.Waiting,
    names: Mapping[str, str],
    told: Mapping[UUID, str],
    numbers: Mapping[UUID, str],
) -> Line:
    zone, offer = entry.time_zone, entry.offer
    state = told.get(offer.appointment_id) if offer else None
    return Line(
        entry=entry,
        what=words.KINDS[entry.kind],
        could=f"{times.moment(entry.earliest, zone).day} to {times.moment(entry.latest, zone).day}",
        wishes=_wishes(entry, names),
        since=times.moment(entry.created_at, zone),
        offered=times.span(offer.start, offer.end, zone) if offer else "",
        until=times.moment(offer.expires_at, zone) if offer else None,
        answer=ANSWERS[offer.state] if offer else None,
        told=words.MESSAGES[state] if state else UNTOLD,
        number=numbers.get(entry.patient.id, ""),
    )


def _wishes(entry: rows.Waiting, names: Mapping[str, str]) -> tuple[str, ...]:
    who = [names[str(one)] for one in entry.practitioners if str(one) in names]
    days = [DAYS[one] for one in entry.weekdays]
    found = [f"with {' or '.join(who)}"] if who else []
    found += [" or ".join(days)] if days else []
    found += [f"in the {entry.time_of_day}"] if entry.time_of_day else []
    found += [f"urgency {entry.priority} of 9"] if entry.priority else []
    return tuple(found)
