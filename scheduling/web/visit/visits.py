"""One visit: what is planned, what happened, and what may be done: each step one POST and one use case."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, DomainError, Invalid, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from patients import own
from scheduling import reasons, states
from scheduling.booking.guard import rulebook
from scheduling.booking.own import own_acts
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.booking.visit import appointments
from scheduling.booking.waiting import waiting, wishes
from scheduling.web import forms, queries, shown, story, words
from scheduling.web.visit import mending, moved

# What an early discharge breaks: its reason is asked at once, not after a refusal.
OBSERVATION = "S-09"
# An entry this much after the fact is a late one; less is the time it takes to reach the keyboard.
LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class FactLine:
    """What happened, when and by whom; `entered` is when it was written down, when that was later."""

    what: str
    at: times.Moment
    who: str
    entered: times.Moment | None


@dataclass(frozen=True, slots=True)
class OverrideLine:
    """A rule that was broken for this visit on purpose."""

    rule: str
    reason: str
    who: str
    at: times.Moment


@pages.staff_page("GET", "HEAD")
def detail(request: HttpRequest, actor: Actor, visit_id: UUID) -> HttpResponse:
    return _page(request, actor, visit_id, None)


@pages.staff_page("POST")
def move(request: HttpRequest, actor: Actor, visit_id: UUID, verb: str) -> HttpResponse:
    """Take one step. What is refused is shown on the visit's page, with the reason and what was typed."""
    mend = mending.MENDS.get(verb)
    # What a cancellation leads to is seen first, on a page of its own.
    if mend is None and (verb not in appointments.CAPABILITY or verb == "cancel"):
        raise NotFound()
    now = timezone.now()
    visit = booked.visit(actor=actor, appointment_id=visit_id)
    try:
        reason = forms.text(request, "override_reason")
        overrides = [{"rule_id": rule, "reason": reason} for rule in _overridden(request) if reason]
        if mend is not None:
            mend.do(request, actor, visit, overrides, now)
        else:
            _step(request, actor, visit, verb, overrides, now)
    except DomainError as error:
        return _page(request, actor, visit_id, pages.refusal(request, form=verb, error=error))
    messages.success(request, mend.done if mend is not None else words.VERBS[verb].done)
    back = pages.back_to(request, reverse("visit", kwargs={"visit_id": visit_id}))
    return pages.done(f"{back.partition('#')[0]}#visit-{visit_id}")


def _step(
    request: HttpRequest,
    actor: Actor,
    visit: rows.Visit,
    verb: str,
    overrides: list[dict[str, str]],
    now: datetime,
) -> None:
    appointments.transition(
        actor=actor,
        appointment_id=visit.id,
        verb=verb,
        now=now,
        at=_when(request, visit, verb, now),
        overrides=overrides,
        version=forms.version(request),
    )


@pages.staff_page("POST")
def send_link(request: HttpRequest, actor: Actor, visit_id: UUID) -> HttpResponse:
    """Send the patient the link of this visit; one that was locked is replaced."""
    try:
        key = forms.once(request, actor, what="link")
        own_acts.send_for(actor=actor, appointment_id=visit_id, now=timezone.now(), key=key)
    except Conflict:
        messages.warning(request, "Not sent: the visit is not one that is still to come.")
    else:
        messages.success(request, "The link goes to the patient, three times a day at most.")
    return pages.done(reverse("visit", kwargs={"visit_id": visit_id}))


def _when(request: HttpRequest, visit: rows.Visit, verb: str, now: datetime) -> datetime | None:
    """When it happened, None for now. A roster that stood open all day may not write now for this morning."""
    at = forms.local_time(request, "at", zone=visit.time_zone)
    if at is None and shown.asks(visit=visit, verb=verb, now=now):
        raise Invalid({"at": ["The planned time is over: say when it happened."]})
    return at


def _overridden(request: HttpRequest) -> list[str]:
    """The rules that the page named when it asked for a reason."""
    return [rule for rule in request.POST.getlist("rule")[:10] if len(rule) <= 60]


def _page(request: HttpRequest, actor: Actor, visit_id: UUID, refusal: Refusal | None) -> HttpResponse:
    now = timezone.now()
    visit = booked.visit(actor=actor, appointment_id=visit_id)
    around = queries.around(actor=actor, visits=[visit], now=now)
    line = shown.visit_line(actor=actor, visit=visit, around=around, now=now)
    told = tuple(times.localized(text, visit.time_zone) for text in refusal.reasons) if refusal else ()
    roster = f"{reverse('roster')}?site={visit.site.id}&date={line.start.iso[:10]}"
    context = {
        "line": line,
        "refusal": refusal,
        "reasons": told,
        "refused": _label(refusal.form) if refusal else "",
        "mends": mending.offered(actor=actor, visit=visit, refusal=refusal, now=now),
        # A refused step that the state no longer offers has no form to show again.
        "may_override": _may_override(actor, refusal.rules if refusal else ()),
        "observation": OBSERVATION,
        "may_let_go": _may_override(actor, [OBSERVATION]),
        "overrides": _overrides(actor, visit),
        "cancelled_why": reasons.in_words(code=visit.cancel_code, note=visit.cancel_reason),
        "ambiguous": forms.TWICE in told,
        "facts": _facts(actor, visit),
        "protocol": around.protocols.get(visit.course_id) if visit.course_id else None,
        "asked": [
            story.WORK.get(one.kind, one.kind) for one in queries.asked(actor=actor, subject_id=visit_id)
        ],
        "ride": own.ride(patient_id=visit.patient.id, visit_id=visit_id)
        if visit.kind in states.DOSES
        else None,
        "may_send_link": visit.status in ("booked", "confirmed")
        and visit.start > now
        and permissions.allows(actor=actor, capability="messages.work"),
        # A follow-up that is booked is moved: the list fills windows that still need one.
        "may_wait": visit.status in ("booked", "confirmed")
        and visit.start > now
        and visit.kind in wishes.KINDS
        and visit.kind not in waiting.FOLLOW_UPS
        and permissions.allows(actor=actor, capability="waitlist.work"),
        # Its place, as long as somebody can still come to it.
        "freed": visit.status in ("cancelled", "no_show")
        and visit.end > now
        and permissions.allows(actor=actor, capability="waitlist.read"),
        "zone": times.zone_words(visit.start, visit.time_zone),
        "latest": times.wall(now, visit.time_zone),
        "key": forms.page_key(request),
        "back": pages.back_to(request, roster),
        "day": roster,
        "moved": moved.of(request, actor),
        "movable": "move" in visit.allowed
        and permissions.allows(actor=actor, capability="appointments.book"),
    }
    status = refusal.status if refusal else 200
    template, patients = "scheduling/visit.html", [visit.patient.id]
    return pages.show(request, template, context, here="roster", patients=patients, status=status)


def _label(verb: str) -> str:
    return mending.MENDS[verb].label if verb in mending.MENDS else words.VERBS[verb].do


def _may_override(actor: Actor, rules: Iterable[str]) -> bool:
    """Whether this actor may break all the rules for which a reason is asked."""
    asked = {rulebook.of(rule).capability for rule in rules}
    return bool(asked) and all(name and permissions.allows(actor=actor, capability=name) for name in asked)


def _overrides(actor: Actor, visit: rows.Visit) -> list[OverrideLine]:
    people = queries.names(actor=actor, refs=[one.author for one in visit.overrides])
    return [
        OverrideLine(
            rule=one.rule_id,
            reason=one.reason,
            who=who(one.author, people),
            at=times.moment(one.at, visit.time_zone),
        )
        for one in visit.overrides
    ]


def _facts(actor: Actor, visit: rows.Visit) -> list[FactLine]:
    people = queries.names(actor=actor, refs=[fact.by for fact in visit.facts])
    entered = queries.entered(actor=actor, visit_id=visit.id)
    return [
        FactLine(
            what=words.FACTS[fact.name],
            at=times.moment(fact.at, visit.time_zone),
            who=who(fact.by, people),
            entered=later(fact.at, entered.get(fact.name), visit.time_zone),
        )
        for fact in visit.facts
    ]


def later(happened: datetime, entered: datetime | None, zone: str) -> times.Moment | None:
    """When a late entry was written down; None when that was at once."""
    late = entered is not None and entered - happened >= LATE
    return times.optional(entered, zone) if late else None


def who(ref: str, people: dict[str, str]) -> str:
    """An actor's reference in words."""
    kinds = {
        "staff": "a member of staff",
        "client": "a program",
        "patient": "the patient",
        "system": "the system",
    }
    return people.get(ref) or kinds.get(ref.partition(":")[0], ref)
