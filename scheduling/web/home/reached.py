"""How a patient is reached: the addresses on file, where they asked to be written to (R-04), what they agreed
to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from clinic.practice.web.times import Moment
from patients import addresses, decisions
from patients import queries as people
from patients.models import ContactPoint, MessagingConsent, Patient
from patients.models.contact import WRITTEN, Purpose
from scheduling.web import forms, queries, words
from scheduling.web.book import newcomers
from scheduling.web.visit import visits

# The sorts of messages, as people speak of them.
SORTS = {
    "reminders": "visits and their times",
    "check_ins": "how they are after a dose",
    "forms": "questions to answer",
    "billing": "billing",
}
PURPOSES = {Purpose.VISITS: "messages", Purpose.CALLS: "to call by alone"}
DECISIONS = {"granted": "agreed", "revoked": "wants none"}
# How they said so, where nothing else is written down.
TOLD = "told the front desk"
RECENT = 10
TYPED = ("value", "said", "source", "channel", "category")


@dataclass(frozen=True, slots=True)
class Line:
    """An address; `about` is what may be written there."""

    point: ContactPoint
    channel: str
    about: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the patient asked for or agreed to, as it was written down."""

    what: str
    said: str
    who: str
    at: Moment


@pages.staff_page("GET", "HEAD")
def detail(request: HttpRequest, actor: Actor, patient_id: UUID) -> HttpResponse:
    return _page(request, actor, patient_id, None)


@pages.staff_page("POST")
def work(request: HttpRequest, actor: Actor, patient_id: UUID, verb: str) -> HttpResponse:
    """Do one thing with the addresses. What is refused is told on the page, with what was typed."""
    do, told = VERBS.get(verb, (None, ""))
    if do is None:
        raise NotFound()
    try:
        do(request, actor, patient_id, timezone.now())
    except DomainError as error:
        return _page(request, actor, patient_id, pages.refusal(request, form=verb, error=error))
    messages.success(request, told)
    return pages.done(reverse("patient", kwargs={"patient_id": patient_id}))


# --- what each form does --------------------------------------------------------------------------------
def _add(request: HttpRequest, actor: Actor, patient_id: UUID, now: datetime) -> None:
    value = forms.text(request, "value", longest=254)
    addresses.add(
        actor=actor,
        patient_id=patient_id,
        channel="email" if "@" in value else "sms",
        value=value,
        # After what is known already.
        rank=addresses.LATER,
        may_message=request.POST.get("may_message") == "1",
        warning_version=newcomers.WARNING,
        now=now,
        key=forms.once(request, actor, what=f"address:{patient_id}"),
    )


def _remove(request: HttpRequest, actor: Actor, patient_id: UUID, now: datetime) -> None:
    point_id = forms.uuid(request.POST.get("point"))
    if point_id is None:
        raise Invalid({"point": ["Choose an address."]})
    addresses.remove(actor=actor, patient_id=patient_id, point_id=point_id, now=now)


def _ask(request: HttpRequest, actor: Actor, patient_id: UUID, now: datetime) -> None:
    _asked(request, actor, patient_id, request.POST.getlist("address")[: addresses.MOST], now)


def _anywhere(request: HttpRequest, actor: Actor, patient_id: UUID, now: datetime) -> None:
    _asked(request, actor, patient_id, None, now)


def _asked(
    request: HttpRequest, actor: Actor, patient_id: UUID, chosen: list[str] | None, now: datetime
) -> None:
    if not (sorts := request.POST.getlist("sort")[: len(SORTS)]):
        raise Invalid({"categories": ["Tick what it is for."]})
    addresses.ask(
        actor=actor,
        patient_id=patient_id,
        categories=sorts,
        addresses=chosen,
        said=forms.text(request, "said"),
        now=now,
        key=forms.once(request, actor, what=f"ask:{patient_id}"),
    )


def _agree(request: HttpRequest, actor: Actor, patient_id: UUID, now: datetime) -> None:
    channel, category = request.POST.get("channel", ""), request.POST.get("category", "")
    # without it the other sorts would not go all the same.
    other = category in WRITTEN and category != decisions.GENERAL
    if other and (patient_id, channel) not in people.may_message(patient_ids=[patient_id]):
        raise Invalid({"category": ["Leave for visits and their times comes first."]})
    _decide(request, actor, patient_id, now, "granted")


def _stop(request: HttpRequest, actor: Actor, patient_id: UUID, now: datetime) -> None:
    _decide(request, actor, patient_id, now, "revoked")


def _decide(request: HttpRequest, actor: Actor, patient_id: UUID, now: datetime, decision: str) -> None:
    """One sort by one channel. The warning of R-03 stands beside the choice."""
    decisions.decide_messaging(
        actor=actor,
        patient_id=patient_id,
        channel=request.POST.get("channel", ""),
        category=request.POST.get("category", ""),
        decision=decision,
        warning_version=newcomers.WARNING if decision == "granted" else "",
        source=forms.text(request, "source", longest=40) or TOLD,
        now=now,
        key=forms.once(request, actor, what=f"{decision}:{patient_id}"),
    )


Do = Callable[[HttpRequest, Actor, UUID, datetime], None]
VERBS: dict[str, tuple[Do, str]] = {
    "add": (_add, "The address is on file."),
    "remove": (_remove, "The address is used no longer."),
    "ask": (_ask, "It is written down: nothing of that goes anywhere else."),
    "anywhere": (_anywhere, "It is written down: every address may be used again."),
    "agree": (_agree, "It is written down: they may be written to about it."),
    "stop": (_stop, "It is written down: nothing of that goes out any more."),
}


# --- the page -------------------------------------------------------------------------------------------
def _page(request: HttpRequest, actor: Actor, patient_id: UUID, refusal: Refusal | None) -> HttpResponse:
    patient = queries.patient(actor=actor, patient_id=patient_id)
    now, zone = timezone.now(), patient.site.time_zone
    asked = list(people.address_requests(patient=patient)[:RECENT])
    agreed = list(people.messaging_consents(patient=patient)[:RECENT])
    refs = [*(one.decided_by for one in asked), *(one.decided_by for one in agreed)]
    names = queries.names(actor=actor, refs=refs)
    post = request.POST if refusal else None
    context: dict[str, Any] = {
        "patient": patient,
        "born": f"{patient.birth_date:%-d %b %Y}",
        "language": newcomers.LANGUAGES.get(patient.language, patient.language),
        "zone": times.zone_words(now, patient.time_zone),
        **_reached(patient),
        "asked": [_said(one, _request(one), one.said, names, zone) for one in asked],
        "agreed": [_said(one, _consent(one), one.source, names, zone) for one in agreed],
        "sorts": {one: SORTS[one] for one in WRITTEN},
        "sorts_chosen": post.getlist("sort") if post else [*WRITTEN],
        "chosen": post.getlist("address") if post else [],
        "typed": {name: post.get(name, "")[: forms.LONGEST] if post else "" for name in TYPED},
        "channels": words.CHANNELS,
        "may_message": refusal is None or refusal.form != "add" or "may_message" in request.POST,
        "refusal": refusal,
        "may_wait": permissions.allows(actor=actor, capability="waitlist.work"),
        "may_write": permissions.allows(actor=actor, capability="patients.write"),
        "may_record": permissions.allows(actor=actor, capability="patients.record_consent"),
        "key": forms.page_key(request),
        "back": pages.back_to(request, reverse("search")),
    }
    status = refusal.status if refusal else 200
    page = "scheduling/patient.html"
    return pages.show(request, page, context, here="search", patients=[patient.pk], status=status)


def _reached(patient: Patient) -> dict[str, Any]:
    """The addresses with what may be written there, and what can be written nowhere."""
    standing = people.standing_requests(patient=patient)
    points: list[ContactPoint] = getattr(patient, "addresses", [])
    may: dict[UUID, list[str]] = {one.pk: [] for one in points}
    nowhere = []
    for sort in WRITTEN:
        only = standing[sort].addresses if sort in standing else None
        here = [one for one in points if only is None or one.value in only]
        nowhere += [SORTS[sort]] if only is not None and not here else []
        for one in here:
            may[one.pk].append(SORTS[sort])
    return {
        "lines": [_line(one, may[one.pk]) for one in points],
        "nowhere": nowhere,
        "is_asked": bool(standing),
    }


def _line(point: ContactPoint, may: list[str]) -> Line:
    about = "everything" if len(may) == len(WRITTEN) else ", ".join(may) or "nothing: they asked for another"
    if point.purpose != Purpose.VISITS:
        about = PURPOSES[Purpose(point.purpose)]
    return Line(point, words.CHANNELS[point.channel], about)


def _request(row: Any) -> str:
    about = "; ".join(SORTS[one] for one in row.categories)
    where = f"only at {' or '.join(row.addresses)}" if row.addresses else "at any address again"
    return f"{about[:1].upper()}{about[1:]}: {where}"


def _consent(row: MessagingConsent) -> str:
    channel, about = words.CHANNELS[row.channel], SORTS[row.category]
    return f"{channel}, {about}: {DECISIONS[row.decision]}"


def _said(row: Any, what: str, said: str, names: dict[str, str], zone: str) -> Said:
    who = visits.who(row.decided_by, names)
    return Said(what, said, who, times.moment(row.decided_at, zone))
