"""Somebody is put on the waitlist, or their wish is changed: when they could come, with whom, how urgent."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid, NotFound
from clinic.practice.models import Site
from clinic.practice.permissions import CLINICIANS
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.booking.waiting import waiting, waitlist, wishes
from scheduling.booking.waiting.waitlist import Wish
from scheduling.planning import windows
from scheduling.web import forms, words
from scheduling.web.day import roster, walkins

CAPABILITY = "waitlist.work"
FIELDS = ("patient", "name", "kind", "mode", "site", "follows", "from", "until", "time_of_day", "priority")
MANY = ("day", "who")
DAYS = {1: "Monday", 2: "Tuesday", 3: "Wednesday", 4: "Thursday", 5: "Friday", 6: "Saturday", 7: "Sunday"}
TIMES = {"": "At any time of day", "morning": "Morning", "afternoon": "Afternoon", "evening": "Evening"}
KINDS = {code: words.KINDS[code] for code in words.KINDS if code in wishes.KINDS}
# So far ahead somebody waits unless they say until when.
USUAL = timedelta(days=28)
ENDED = "They do not wait any more."


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form: one value of each field, several days and people."""

    one: Mapping[str, str]
    days: tuple[str, ...]
    who: tuple[str, ...]


@pages.staff_page("GET", "HEAD", "POST")
def add(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?visit=` whose patient wants something earlier, `?gap=` that is not booked, or `?patient=` begin it. A
    POST with `find` looks for the patient and writes nothing: no name stands in an address (ASVS 14.2.1).
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    sites = list(places.sites(actor=actor))
    if not sites:
        return pages.show(request, "scheduling/no_site.html", {}, here="worklist")
    now = timezone.now()
    if request.method != "POST":
        return _form(request, actor, sites, _begun(request, actor, sites, now), None)
    typed = _typed(request)
    if "find" in request.POST:
        return _form(request, actor, sites, typed, None)
    try:
        site = _site(actor, sites, typed.one["site"])
        wish = _wish(typed, site)
        waitlist.add(actor=actor, wish=wish, now=now, key=forms.once(request, actor, what="waits"))
    except DomainError as error:
        return _form(request, actor, sites, typed, pages.refusal(request, form="add", error=error))
    messages.success(request, "On the waitlist. Whoever frees a place is told whom it suits.")
    return pages.done(pages.back_to(request, f"{reverse('waitlist')}?{urlencode({'site': site.pk})}"))


@pages.staff_page("GET", "HEAD", "POST")
def change(request: HttpRequest, actor: Actor, entry_id: UUID) -> HttpResponse:
    """What somebody who waits wishes, changed; who looks only sees it."""
    entry = waiting.entry(actor=actor, entry_id=entry_id)
    if request.method != "POST":
        return _entry(request, actor, entry, _held(entry), None)
    typed = _typed(request)
    try:
        changes = {
            **_span(typed, entry.time_zone, entry),
            "practitioners": list(_people(typed)),
            **_rank(typed),
        }
        waitlist.change(
            actor=actor,
            entry_id=entry_id,
            changes=changes,
            now=timezone.now(),
            version=forms.version(request),
        )
    except DomainError as error:
        return _entry(request, actor, entry, typed, pages.refusal(request, form="change", error=error))
    messages.success(request, "Changed.")
    return pages.done(pages.back_to(request, f"{reverse('waitlist')}?{urlencode({'site': entry.site.id})}"))


# --- what was typed -------------------------------------------------------------------------------------
def _typed(request: HttpRequest) -> Typed:
    one = {name: request.POST.get(name, "").replace("\x00", "").strip()[: forms.LONGEST] for name in FIELDS}
    days, who = (tuple(request.POST.getlist(name)[:20]) for name in MANY)
    return Typed(one, days, who)


def _begun(request: HttpRequest, actor: Actor, sites: list[Site], now: datetime) -> Typed:
    """What the form begins with."""
    site = roster.chosen_site(request, actor, sites)
    one = dict.fromkeys(FIELDS, "")
    today = windows.local_day(zone=site.time_zone, instant=now)
    one |= {"kind": "therapy", "mode": "in_person", "site": str(site.pk), "from": today.isoformat()}
    one |= {"until": (today + USUAL).isoformat(), "priority": "0"}
    one["patient"] = str(forms.uuid(request.GET.get("patient")) or "")
    if gap_id := forms.uuid(request.GET.get("gap")):
        one |= _follow_up(actor, gap_id, today)
    if visit_id := forms.uuid(request.GET.get("visit")):
        one |= _earlier(actor, visit_id, today)
    return Typed(one, (), ())


def _earlier(actor: Actor, visit_id: UUID, today: date) -> dict[str, str]:
    """A patient with a visit would rather come before it."""
    visit = booked.visit(actor=actor, appointment_id=visit_id)
    patient = f"{visit.patient.id}/{visit.course_id}" if visit.course_id else str(visit.patient.id)
    before = windows.local_day(zone=visit.time_zone, instant=visit.start) - timedelta(days=1)
    return {
        "patient": patient,
        "kind": visit.kind if visit.kind in KINDS else "therapy",
        "mode": visit.mode,
        "site": str(visit.site.id),
        "until": max(before, today).isoformat(),
    }


def _follow_up(actor: Actor, gap_id: UUID, today: date) -> dict[str, str]:
    """A follow-up that finds no time: it is waited for until its window is over."""
    gap = booked.gap(actor=actor, gap_id=gap_id)
    begun = {
        "patient": f"{gap.patient.id}/{gap.course_id}",
        "kind": "integration",
        "site": str(gap.site.id),
        "follows": str(gap.doses[-1]) if gap.doses else "",
    }
    if gap.due_at:
        begun["until"] = max(_day(gap.due_at, gap.time_zone), today).isoformat()
    return begun


def _held(entry: rows.Waiting) -> Typed:
    one = dict.fromkeys(FIELDS, "")
    one |= {
        "from": _day(entry.earliest, entry.time_zone).isoformat(),
        "until": _day(entry.latest, entry.time_zone).isoformat(),
        "time_of_day": entry.time_of_day,
        "priority": str(entry.priority),
    }
    return Typed(one, tuple(map(str, entry.weekdays)), tuple(map(str, entry.practitioners)))


def _day(instant: datetime, zone: str) -> date:
    return windows.local_day(zone=zone, instant=instant)


# --- what it means --------------------------------------------------------------------------------------
def _site(actor: Actor, sites: list[Site], chosen: str) -> Site:
    asked = forms.uuid(chosen)
    return places.site(actor=actor, site_id=asked) if asked else sites[0]


def _wish(typed: Typed, site: Site) -> Wish:
    patient, _, course = typed.one["patient"].partition("/")
    if not patient:
        raise Invalid({"patient": ["Find the patient, and choose one."]})
    if typed.one["kind"] not in KINDS or typed.one["mode"] not in walkins.MODES:
        raise Invalid({"kind": ["Choose one of the list."]})
    span, rank = _span(typed, site.time_zone), _rank(typed)
    course_id, follows_id = forms.uuid(course), forms.uuid(typed.one["follows"])
    return Wish(
        patient_id=UUID(str(forms.uuid(patient))),
        kind=typed.one["kind"],
        site_id=site.pk,
        course_id=course_id,
        # It is the dose of a course: of another patient, or by itself, a visit follows none.
        follows_id=follows_id if course_id and typed.one["kind"] in waiting.FOLLOW_UPS else None,
        mode=typed.one["mode"],
        earliest=span["earliest"],
        latest=span["latest"],
        practitioner_ids=_people(typed),
        weekdays=tuple(rank["weekdays"]),
        time_of_day=rank["time_of_day"],
        priority=rank["priority"],
    )


def _span(typed: Typed, zone: str, held: rows.Waiting | None = None) -> dict[str, datetime]:
    """From the beginning of the one day to the end of the other, by the site's clock. A day that was not
    changed keeps the hour that a program said."""
    first, last = (_date(typed.one[name], name) for name in ("from", "until"))
    if held and first == _day(held.earliest, zone):
        earliest = held.earliest
    else:
        earliest = windows.day_start(zone=zone, day=first)
    if held and last == _day(held.latest, zone):
        latest = held.latest
    else:
        latest = windows.day_start(zone=zone, day=last + timedelta(days=1)) - timedelta(minutes=1)
    if latest <= earliest:
        raise Invalid({"until": ["The last day must not be before the first one."]})
    return {"earliest": earliest, "latest": latest}


def _date(value: str, name: str) -> date:
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise Invalid({name: ["A date, such as 2026-05-04."]}) from None
    if not 2000 <= found.year <= 2100:
        raise Invalid({name: ["A date between the years 2000 and 2100."]})
    return found


def _people(typed: Typed) -> tuple[UUID, ...]:
    return tuple(dict.fromkeys(one for who in typed.who if (one := forms.uuid(who)) is not None))


def _rank(typed: Typed) -> dict[str, Any]:
    """What ranks and does not exclude."""
    if not {*typed.days} <= {str(day) for day in DAYS}:
        raise Invalid({"day": ["Days of the week."]})
    if typed.one["priority"] not in {str(one) for one in range(wishes.MOST_PRIORITY + 1)}:
        raise Invalid({"priority": [f"From 0 to {wishes.MOST_PRIORITY}."]})
    return {
        "weekdays": sorted({int(day) for day in typed.days}),
        "time_of_day": typed.one["time_of_day"],
        "priority": int(typed.one["priority"]),
    }


# --- the pages ------------------------------------------------------------------------------------------
def _form(
    request: HttpRequest, actor: Actor, sites: list[Site], typed: Typed, refusal: Refusal | None
) -> HttpResponse:
    site = sites[0]
    with suppress(NotFound):
        site = _site(actor, sites, typed.one["site"])
    choices, patients, cut = walkins.choices(actor, dict(typed.one))
    context = {
        **_shared(request, actor, typed, refusal, site),
        "choices": choices,
        "cut": cut,
        "searched": len(typed.one["name"]) >= walkins.ENOUGH,
        "kinds": KINDS,
        "modes": walkins.MODES,
        "sites": sites,
        "instead": forms.uuid(request.GET.get("visit")) is not None,
    }
    status = refusal.status if refusal else 200
    part = request.headers.get("HX-Request") == "true"
    page = "scheduling/_patient_choice.html" if part else "scheduling/waitlist_add.html"
    return pages.show(
        request, page, context, here="worklist", patients=patients, status=200 if part else status
    )


def _entry(
    request: HttpRequest, actor: Actor, entry: rows.Waiting, typed: Typed, refusal: Refusal | None
) -> HttpResponse:
    site = places.site(actor=actor, site_id=entry.site.id)
    may = permissions.allows(actor=actor, capability=CAPABILITY)
    waits = entry.status in ("waiting", "offered")
    context = {
        **_shared(request, actor, typed, refusal, site),
        "entry": entry,
        "what": words.KINDS[entry.kind],
        "mode": walkins.MODES[entry.mode],
        "since": times.moment(entry.created_at, entry.time_zone),
        "may_work": may and waits,
        "ended": "" if waits else ENDED,
    }
    status = refusal.status if refusal else 200
    page = "scheduling/waitlist_entry.html"
    return pages.show(request, page, context, here="worklist", patients=[entry.patient.id], status=status)


def _shared(
    request: HttpRequest, actor: Actor, typed: Typed, refusal: Refusal | None, site: Site
) -> dict[str, Any]:
    return {
        "typed": typed.one,
        "first": typed.one["from"],
        "days": [(str(number), name, str(number) in typed.days) for number, name in DAYS.items()],
        "people": [
            (str(one.pk), one.display_name, str(one.pk) in typed.who)
            for one in places.practitioners(actor=actor)
            if one.is_active and CLINICIANS & {*one.roles}
        ],
        "times": TIMES,
        "priorities": [str(one) for one in range(wishes.MOST_PRIORITY + 1)],
        "reasons": [times.localized(text, site.time_zone) for text in refusal.reasons] if refusal else [],
        "site": site,
        "zone": times.zone_words(timezone.now(), site.time_zone),
        "key": forms.page_key(request),
        "back": pages.back_to(request, f"{reverse('waitlist')}?{urlencode({'site': site.pk})}"),
    }
