"""One visit booked on the day grid: somebody walks in, or a visit that took place is written down late."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import idempotency, permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.models import Site
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from patients.errors import Merged
from patients.models import Patient
from scheduling.booking.guard import rulebook
from scheduling.booking.visit import single
from scheduling.errors import SlotTaken
from scheduling.web import forms, queries, words
from scheduling.web.day import roster
from scheduling.web.visit import moved

CAPABILITY = "appointments.book"
FIELDS = ("start", "fold", "minutes", "who", "room", "kind", "mode", "patient", "name", "late", "once")
LONGEST = 200
# So many letters of a name are looked for.
ENOUGH = 2
MODES = {"in_person": "In person", "video": "By video", "phone": "By phone"}
# The courses to which a visit can belong.
OPEN = ("active", "paused", "review_due")


@dataclass(frozen=True, slots=True)
class Choice:
    """A patient, or a patient's course, that the visit may be of."""

    value: str
    name: str
    told: str


@pages.staff_page("GET", "HEAD", "POST")
def book(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?site=` `?start=` `?who=` `?room=` begin the form. A POST with `find` looks for the patient and books
    nothing: no name stands in an address (ASVS 14.2.1).
    """
    permissions.check(actor=actor, capability=CAPABILITY)
    sites = list(places.sites(actor=actor))
    if not sites:
        return pages.show(request, "scheduling/no_site.html", {}, here="day")
    given = request.POST if request.method == "POST" else request.GET
    typed = {name: given.get(name, "").replace("\x00", "").strip()[:LONGEST] for name in FIELDS}
    site = _site(request, actor, sites)
    if request.method != "POST" or "find" in request.POST:
        return _page(request, actor, site, typed, None)
    now = timezone.now()
    try:
        visit = _visit(request, site, typed)
        visit_id = single.book(actor=actor, now=now, visit=visit, key=_key(actor, typed))
    except DomainError as error:
        instead, explained = _instead(site, error), not isinstance(error, Invalid)
        return _page(request, actor, site, typed, _refused(request, error), instead, explained)
    messages.success(request, f"{words.KINDS[visit.kind]} booked.")
    return pages.done(f"{moved.without(_back(request, site))}#visit-{visit_id}")


def _site(request: HttpRequest, actor: Actor, sites: list[Site]) -> Site:
    asked = forms.uuid(request.POST.get("site"))
    return places.site(actor=actor, site_id=asked) if asked else roster.chosen_site(request, actor, sites)


def _back(request: HttpRequest, site: Site) -> str:
    return pages.back_to(request, f"{reverse('day')}?site={site.pk}")


def _visit(request: HttpRequest, site: Site, typed: dict[str, str]) -> single.Visit:
    # The name that was looked for is no part of it.
    for field in (one for one in FIELDS if one != "name"):
        forms.text(request, field, longest=LONGEST)
    start = forms.instant(typed["start"], name="start", zone=site.time_zone, fold=typed["fold"])
    if start is None:
        raise Invalid({"start": ["A date and a time."]})
    patient, _, course = typed["patient"].partition("/")
    if not patient:
        raise Invalid({"patient": ["Find the patient, and choose one."]})
    if typed["kind"] not in words.KINDS or typed["mode"] not in MODES:
        raise Invalid({"kind": ["Choose one of the list."]})
    who = forms.uuid(typed["who"])
    reason = forms.text(request, "override_reason")
    return single.Visit(
        patient_id=UUID(str(forms.uuid(patient))),
        kind=typed["kind"],
        start=start,
        end=_end(start, typed["minutes"]),
        course_id=forms.uuid(course),
        practitioner_ids=(who,) if who else (),
        room_id=forms.uuid(typed["room"]) if typed["mode"] == "in_person" else None,
        site_id=site.pk,
        mode=typed["mode"],
        late_entry_reason=typed["late"],
        overrides=[
            {"rule_id": rule, "reason": reason} for rule in request.POST.getlist("rule")[:20] if reason
        ],
    )


def _end(start: datetime, minutes: str) -> datetime | None:
    """As long as was said; unsaid, as long as its protocol has it."""
    if not minutes:
        return None
    if not (minutes.isascii() and minutes.isdigit() and 5 <= int(minutes) <= 720):
        raise Invalid({"minutes": ["From 5 to 720 minutes."]})
    return start + timedelta(minutes=int(minutes))


def _key(actor: Actor, typed: dict[str, str]) -> idempotency.Key | None:
    """A form that is sent twice books once."""
    if not typed["once"]:
        return None
    told = repr(sorted((name, value) for name, value in typed.items() if name != "name"))
    return idempotency.Key(
        scope=actor.ref,
        value=f"walk-in-{typed['once'][:60]}",
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
    )


def _refused(request: HttpRequest, error: DomainError) -> Refusal:
    found = pages.refusal(request, form="book", error=error)
    if not isinstance(error, SlotTaken):
        return found
    told = [one["message"] for one in error.clashes]
    if error.alternative:
        told.append(f"The nearest free start is {error.alternative['start']}.")
    return replace(found, reasons=tuple(told))


def _instead(site: Site, error: DomainError) -> tuple[str, str] | None:
    """The nearest start that is free, as the form takes it and in words: a button books there instead."""
    if not isinstance(error, SlotTaken) or not error.alternative:
        return None
    start = datetime.fromisoformat(error.alternative["start"])
    return times.wall(start, site.time_zone), str(times.moment(start, site.time_zone))


def _page(
    request: HttpRequest,
    actor: Actor,
    site: Site,
    typed: dict[str, str],
    refusal: Refusal | None,
    instead: tuple[str, str] | None = None,
    explained: bool = True,
) -> HttpResponse:
    """The form, as it was typed; `explained`: "Why not?" can tell more than the refusal does."""
    now = timezone.now()
    whom, patients, cut = choices(actor, typed)
    rules = refusal.rules if refusal else ()
    context = {
        "site": site,
        "typed": typed,
        "once": typed["once"] or uuid4().hex,
        "starts": typed["start"] or _next_start(site, now),
        "late": typed["late"] or _is_past(site, typed["start"], now),
        "kinds": words.KINDS,
        "modes": MODES,
        "people": [one for one in places.practitioners(actor=actor) if one.is_active],
        "rooms": [one for one in places.rooms(actor=actor) if one.site_id == site.pk and one.is_active],
        "choices": whom,
        "cut": cut,
        "searched": len(typed["name"]) >= ENOUGH,
        "newcomer": _newcomer(request, site, typed),
        "reasons": [times.localized(text, site.time_zone) for text in refusal.reasons] if refusal else [],
        "ambiguous": refusal is not None and forms.TWICE in refusal.reasons,
        "why": _why(site, typed) if refusal and explained else "",
        "rules": rules,
        "instead": instead,
        "refusal": refusal,
        "may_override": all(
            (name := rulebook.of(rule).capability) and permissions.allows(actor=actor, capability=name)
            for rule in rules
        ),
        "zone": times.zone_words(now, site.time_zone),
        "back": _back(request, site),
    }
    status = refusal.status if refusal else 200
    part = request.headers.get("HX-Request") == "true"
    page = "scheduling/_patient_choice.html" if part else "scheduling/walk_in.html"
    return pages.show(request, page, context, here="day", patients=patients, status=200 if part else status)


def _next_start(site: Site, now: datetime) -> str:
    """The next start on the site's grid: the present would be over by the time the form is sent."""
    ahead = -int(now.timestamp()) % (60 * site.grid_minutes)
    return times.wall(now + timedelta(seconds=ahead), site.time_zone)


def _newcomer(request: HttpRequest, site: Site, typed: dict[str, str]) -> str:
    """The way back to this form as it stands, for whoever writes somebody new down."""
    kept = {name: typed[name] for name in ("start", "who", "room", "kind", "mode") if typed[name]}
    return f"{reverse('walk-in')}?{urlencode({'site': site.pk, **kept, 'back': _back(request, site)})}"


def _why(site: Site, typed: dict[str, str]) -> str:
    """What the page that explains a refusal is asked, rule by rule."""
    try:
        start = forms.instant(typed["start"], name="start", zone=site.time_zone, fold="0")
    except Invalid:
        return ""
    if start is None:
        return ""
    wanted = {"site": str(site.pk), "start": start.isoformat()}
    wanted |= {"practitioner": typed["who"]} if typed["who"] else {}
    return urlencode(wanted | ({"room": typed["room"]} if typed["room"] else {}))


def _is_past(site: Site, start: str, now: datetime) -> bool:
    try:
        asked = forms.instant(start, name="start", zone=site.time_zone, fold="0")
    except Invalid:
        return False
    return asked is not None and asked < now


def choices(actor: Actor, typed: Mapping[str, str]) -> tuple[list[Choice], list[UUID], bool]:
    """Who was chosen, and whom the name means: each once a course that is under way, and once without one."""
    found: list[Patient] = []
    known = forms.uuid(typed["patient"].partition("/")[0])
    if len(typed["name"]) >= ENOUGH:
        found = queries.find_patients(actor=actor, name=typed["name"])
    shown = found[: queries.MATCHES]
    if known and known not in [one.pk for one in shown]:
        # A duplicate that was merged meanwhile is found again by name.
        with suppress(Merged):
            shown.insert(0, queries.patient(actor=actor, patient_id=known))
    courses = queries.courses_of(actor=actor, patient_ids=[one.pk for one in shown])
    made = []
    for one in shown:
        name = f"{one}, born {one.birth_date:%-d %b %Y}"
        made += [
            Choice(f"{one.pk}/{course.pk}", name, course.protocol_version.name)
            for course in courses.get(one.pk, ())
            if course.status in OPEN
        ]
        made.append(Choice(str(one.pk), name, "a visit by itself"))
    return made, [one.pk for one in shown], len(found) > queries.MATCHES
