"""Booking a course: who, what and from when; up to three whole plans; any row elsewhere; one click to book.

Proposing and changing a proposal write nothing. They are POSTs all the same: what is asked for, and the token
of a proposal, stand in no address.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.web import pages, times
from patients.errors import Merged
from patients.models import Patient
from scheduling.booking.course import courses, tailoring
from scheduling.booking.course.tailoring import Tailored
from scheduling.booking.guard import rulebook
from scheduling.booking.own import own_messages
from scheduling.booking.protocol import catalogue
from scheduling.booking.protocol.catalogue import Offered
from scheduling.errors import ProposalExpired, SlotTaken, Unplannable
from scheduling.planning import windows
from scheduling.web import forms, queries, words
from scheduling.web.book import asking, newcomers, proposed
from scheduling.web.book.asking import Wishes
from scheduling.web.messages import coming

HERE = "book"
BOOKS = "courses.book"
TAKEN = "Somebody was faster: the visits below are taken by now. This is what can be booked instead."
NO_FIT = "That time does not fit. The plan is as it was."
EXPIRED = "That proposal had become too old to book. Here it is again, as things stand now."
# A second course may be booked; nobody should do it without knowing.
RUNNING = ("active", "paused", "review_due")
FORGOTTEN = "That proposal is not known any more. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A change that would give a plan. `patch` is what its button sends; blank where the form cannot ask."""

    change: str
    allows: str
    patch: str
    needs_reason: bool
    may: bool


@dataclass(frozen=True, slots=True)
class Unmet:
    message: str
    relaxations: tuple[Relaxation, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking: plans, or why there are none; `notice` is what happened before."""

    plans: tuple[proposed.Shown, ...] = ()
    unmet: tuple[Unmet, ...] = ()
    reasons: tuple[str, ...] = ()
    notice: str = ""
    clashes: tuple[tuple[str, str], ...] = ()
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Chosen:
    """A protocol as the form offers it."""

    offered: Offered
    told: str
    lacks: str


# --- the page ---------------------------------------------------------------------------------------------
@pages.staff_page("GET", "HEAD", "POST")
def book(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?patient=`; without one, the way to a patient. `?start=` is the day from which on. A POST proposes."""
    now = timezone.now()
    if request.method == "POST":
        return _proposed(request, actor, now)
    permissions.check(actor=actor, capability=BOOKS)
    patient_id = forms.uuid(request.GET.get("patient"))
    if patient_id is None:
        return newcomers.page(request, actor)
    try:
        patient = queries.patient(actor=actor, patient_id=patient_id)
    except Merged as merged:
        return pages.done(f"{reverse('book')}?patient={merged.data['merged_into']}")
    offered = catalogue.at_site(actor=actor, site_id=patient.site_id, now=now)
    able = [one for one in offered if one.lacking.nothing]
    only = able[0].id if len(able) == 1 else None
    start = forms.optional_day(request.GET.get("start"))
    wishes = asking.fresh(patient=patient_id, site=patient.site, protocol=only, now=now, start=start)
    return _page(request, actor, wishes, Outcome(), now)


def _proposed(request: HttpRequest, actor: Actor, now: datetime) -> HttpResponse:
    wishes = asking.read(request)
    try:
        wishes = asking.with_overrides(request, wishes)
        found = courses.propose(actor=actor, now=now, **wishes.asked())
        plans = proposed.shown(actor=actor, proposals=found, now=now)
        outcome = Outcome(plans=plans)
    except Unplannable as none:
        outcome = _no_plan(actor, none)
    except DomainError as error:
        refused = pages.refusal(request, form=HERE, error=error)
        outcome = Outcome(reasons=refused.reasons, status=refused.status)
    return _answer(request, actor, wishes, outcome, now)


@pages.staff_page("POST")
def other_times(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The other times of one row. Reads only."""
    now, token = timezone.now(), request.POST.get("token", "")
    pinned = _pinned(request)
    try:
        ref = forms.text(request, "ref", longest=60)
        found = tailoring.choices(actor=actor, token=token, ref=ref, now=now, pinned=pinned)
    except DomainError as error:
        return _again(request, actor, error, now)
    plans = proposed.shown(
        actor=actor,
        proposals=[found.proposal],
        now=now,
        first=_number(request),
        pinned=pinned,
        asked=proposed.Asked(ref, found.found),
    )
    return _panel(request, actor, asking.of_order(found.order), plans, now)


@pages.staff_page("POST")
def change(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Put one row elsewhere and plan the rest around it, or let a row go that was fixed. Writes nothing."""
    now, token, pinned = timezone.now(), request.POST.get("token", ""), _pinned(request)
    try:
        if released := forms.text(request, "release", longest=60):
            left = [one for one in pinned if one != released]
            found = tailoring.opened(actor=actor, token=token, now=now, pinned=left)
        else:
            ref, start = _choice(request)
            found = tailoring.change(actor=actor, token=token, ref=ref, start=start, now=now, pinned=pinned)
    except DomainError as error:
        return _again(request, actor, error, now)
    plans = proposed.shown(
        actor=actor, proposals=found.proposals, now=now, first=_number(request), pinned=found.pinned
    )
    return _panel(request, actor, asking.of_order(found.order), plans, now)


@pages.staff_page("POST")
def told(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What the patient would get of one proposal, and when. Reads only."""
    now, token, pinned = timezone.now(), request.POST.get("token", ""), _pinned(request)
    try:
        seen = own_messages.of_proposal(actor=actor, token=token, now=now)
        found = tailoring.opened(actor=actor, token=token, now=now, pinned=pinned)
    except DomainError as error:
        return _again(request, actor, error, now)
    number, zone = _number(request), found.proposals[0].zone
    plans = proposed.shown(actor=actor, proposals=found.proposals, now=now, first=number, pinned=found.pinned)
    messages_to_come = coming.told(seen=seen, zone=zone, now=now, booked=False)
    plans = tuple(replace(one, coming=messages_to_come) for one in plans)
    return _panel(request, actor, asking.of_order(found.order), plans, now)


@pages.staff_page("POST")
def confirm(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Book it. The key is the page's: a double click, the way back and a second sending book once."""
    now, token = timezone.now(), request.POST.get("token", "")
    try:
        key = forms.once(request, actor, what=HERE)
        course_id = courses.book(actor=actor, now=now, key=key, proposal=token)
    except DomainError as error:
        return _again(request, actor, error, now)
    return pages.done(reverse("booked", kwargs={"course_id": course_id}))


# --- what comes back ----------------------------------------------------------------------------------------
def _again(request: HttpRequest, actor: Actor, error: DomainError, now: datetime) -> HttpResponse:
    """After a refusal: the same wishes proposed anew, with what was fixed where it still fits."""
    token, pinned = request.POST.get("token", ""), _pinned(request)
    try:
        if isinstance(error, ProposalExpired) or _gone(error):
            found = tailoring.anew(actor=actor, token=token, now=now, pinned=pinned)
        else:
            found = tailoring.opened(actor=actor, token=token, now=now, pinned=pinned)
    except Unplannable as none:
        wishes = asking.of_order(tailoring.asked(actor=actor, token=token))
        return _answer(request, actor, wishes, _no_plan(actor, none), now)
    except ProposalExpired:
        return _forgotten(request)
    outcome = _after(request, actor, error, found, now)
    return _answer(request, actor, asking.of_order(found.order), outcome, now)


def _gone(error: DomainError) -> bool:
    """Whether places of the plan itself are taken; a time that somebody chose says why it does not fit."""
    return isinstance(error, SlotTaken) and not any("message" in one for one in error.clashes)


def _forgotten(request: HttpRequest) -> HttpResponse:
    messages.warning(request, FORGOTTEN)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": reverse("book")})
    return pages.done(reverse("book"))


def _after(request: HttpRequest, actor: Actor, error: DomainError, found: Tailored, now: datetime) -> Outcome:
    first = 1 if len(found.proposals) > 1 else _number(request)
    plans = proposed.shown(actor=actor, proposals=found.proposals, now=now, first=first, pinned=found.pinned)
    zone, key = found.proposals[0].zone, forms.page_key(request)
    refused = pages.refusal(request, form=HERE, error=error)
    if isinstance(error, SlotTaken):
        clashes = tuple(_clash(one, zone, found.order.site) for one in error.clashes)
        notice = TAKEN if _gone(error) else NO_FIT
        return Outcome(plans=plans, notice=notice, clashes=clashes, key=key, status=409)
    if isinstance(error, ProposalExpired):
        return Outcome(plans=plans, notice=EXPIRED, key=key, status=409)
    told = tuple(times.localized(text, zone) for text in refused.reasons)
    return Outcome(plans=plans, reasons=told, key=key, status=refused.status)


def _clash(clash: Mapping[str, Any], zone: str, site: str) -> tuple[str, str]:
    """`Dose 3, Tue 12 May, 10:00`, never whose visit it is that stands there, and the address of that day."""
    name = words.sentence(str(clash.get("visit") or "visit").replace("-", " "))
    start, message = clash.get("start"), clash.get("message")
    if not start:
        return (f"{name}: {message}" if message else name), ""
    at = datetime.fromisoformat(start)
    told = f"{name}, {times.moment(at, zone)}"
    wanted = {"site": site, "date": windows.local_day(zone=zone, instant=at).isoformat(), "by": "rooms"}
    return (f"{told}: {message}" if message else told), f"{reverse('day')}?{urlencode(wanted)}"


def _no_plan(actor: Actor, error: Unplannable) -> Outcome:
    return Outcome(
        unmet=tuple(
            Unmet(rule["message"], tuple(_relaxation(actor, one) for one in rule["relaxations"]))
            for rule in error.rules
        ),
        status=422,
    )


def _relaxation(actor: Actor, one: Mapping[str, Any]) -> Relaxation:
    patch = one["patch"]
    overrides = asking.needs_reason(patch)
    rules = ("window", "spacing")
    may = not overrides or all(
        permissions.allows(actor=actor, capability=rulebook.of(rule).capability or "") for rule in rules
    )
    return Relaxation(
        change=one["change"][:1].upper() + one["change"][1:],
        allows=one["would_allow"],
        patch=asking.packed(patch) if asking.possible(patch) else "",
        needs_reason=overrides,
        may=may,
    )


def _answer(
    request: HttpRequest, actor: Actor, wishes: Wishes, outcome: Outcome, now: datetime
) -> HttpResponse:
    """The plans alone where a script asked for them, else the whole page with them."""
    if request.headers.get("HX-Request") == "true":
        context = {**_shared(actor, wishes), "outcome": outcome}
        template, patients = "scheduling/_plans.html", [wishes.patient]
        answer = pages.show(request, template, context, here=HERE, patients=patients)
        # Also where one row was asked about: after a refusal all plans are new.
        answer["HX-Retarget"], answer["HX-Reswap"] = "#plans", "innerHTML"
        return answer
    return _page(request, actor, wishes, outcome, now)


def _panel(
    request: HttpRequest,
    actor: Actor,
    wishes: Wishes,
    plans: tuple[proposed.Shown, ...],
    now: datetime,
) -> HttpResponse:
    outcome = Outcome(plans=plans, key=forms.page_key(request))
    if request.headers.get("HX-Request") == "true":
        context = {**_shared(actor, wishes), "outcome": outcome, "plan": plans[0], "swapped": True}
        return pages.show(request, "scheduling/_plan.html", context, here=HERE, patients=[wishes.patient])
    return _page(request, actor, wishes, outcome, now)


def _shared(actor: Actor, wishes: Wishes) -> dict[str, Any]:
    return {
        "wishes": wishes,
        "may_override": permissions.allows(actor=actor, capability="courses.override"),
    }


def _page(
    request: HttpRequest, actor: Actor, wishes: Wishes, outcome: Outcome, now: datetime
) -> HttpResponse:
    patient = queries.patient(actor=actor, patient_id=wishes.patient)
    site = places.site(actor=actor, site_id=wishes.site or patient.site_id)
    offered = [_chosen(one) for one in catalogue.at_site(actor=actor, site_id=site.pk, now=now)]
    people = queries.clinicians(actor=actor)
    context = {
        **_shared(actor, wishes),
        "outcome": outcome,
        # What was refused stands below the form: a whole page leads there.
        "whole": True,
        "patient": patient,
        "born": times.long_day(patient.birth_date).partition(" ")[2],
        "reached": _reached(patient),
        "running": _running(actor, patient),
        "site": site,
        "sites": list(places.sites(actor=actor)),
        "protocols": [one for one in offered if not one.lacks],
        "elsewhere": [one for one in offered if one.lacks],
        "therapists": [one for one in people if "therapist" in one.roles],
        "people": people,
        "weekdays": asking.WEEKDAYS,
        "times_of_day": asking.TIMES,
        "modes": asking.MODES,
        "zone": times.zone_words(now, site.time_zone),
    }
    template, patients = "scheduling/book.html", [patient.pk]
    return pages.show(request, template, context, here=HERE, patients=patients, status=outcome.status)


def _running(actor: Actor, patient: Patient) -> list[tuple[str, str, words.Badge]]:
    """The patient's courses that are not over: address, name, state."""
    found = queries.courses_of(actor=actor, patient_ids=[patient.pk]).get(patient.pk, ())
    return [
        (
            reverse("course", kwargs={"course_id": one.pk}),
            one.protocol_version.name,
            words.COURSES[one.status],
        )
        for one in found
        if one.status in RUNNING
    ]


def _reached(patient: Patient) -> str:
    """Where messages will go, or that none will: it is known before anything is booked."""
    addresses = getattr(patient, "addresses", ())
    if patient.no_messages:
        return "wants no messages"
    return "" if addresses else "no phone and no e-mail on file"


def _chosen(offered: Offered) -> Chosen:
    lacks = "; ".join(words.lacks(offered.lacking))
    return Chosen(offered, words.protocol(offered.protocol), lacks)


# --- what came with the form ------------------------------------------------------------------------------
def _pinned(request: HttpRequest) -> list[str]:
    return [one for one in request.POST.getlist("pin")[:200] if 0 < len(one) <= 60]


def _number(request: HttpRequest) -> int:
    value = request.POST.get("number", "")
    return int(value) if value in ("1", "2", "3") else 1


def _choice(request: HttpRequest) -> tuple[str, datetime]:
    ref, _, start = forms.text(request, "choice", longest=120).partition("|")
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise Invalid({"choice": ["Choose one of the times."]}) from None
    if moment.tzinfo is None:
        raise Invalid({"choice": ["Choose one of the times."]})
    return ref, moment
