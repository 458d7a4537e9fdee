"""The follow-ups that need a person, what is lost first at the top: take it, put it off, or waive it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, DomainError, Invalid, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from scheduling.booking.openings import days
from scheduling.booking.own import own_next
from scheduling.booking.reading import queries as booked
from scheduling.booking.reading import rows
from scheduling.booking.visit import gaps
from scheduling.errors import NotSent
from scheduling.planning import windows
from scheduling.web import forms, queries, reasons, shown, words
from scheduling.web.follow_ups import filling
from scheduling.web.queries import Wanted

SHOWS = {"flagged": "Needs somebody now", "unbooked": "Everything not booked", "snoozed": "Put off"}
# When somebody who puts a thing off wants to see it again; `later` is today, the others are mornings.
SNOOZES = {"hours": "for 2 hours", "tomorrow": "until tomorrow, 08:00", "monday": "until Monday, 08:00"}
MORNING = time(8)
# Reasons that people give for a waiver.
SAID = (
    "The patient declines",
    "Sees a therapist elsewhere",
    "Not needed clinically",
    "The patient is in hospital",
    "Met at the next dose",
)


@dataclass(frozen=True, slots=True)
class May:
    """What this actor may do with follow-ups."""

    work: bool
    waive: bool
    send: bool
    book: bool


@pages.staff_page("GET", "HEAD")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?show=` `?severity=` `?mine=1` `?who=` `?site=`; an address can be kept and sent."""
    now = timezone.now()
    wanted = _wanted(request, actor)
    context = lines(request, actor, wanted, now) | {
        "counts": queries.flagged_counts(actor=actor, now=now),
        "wanted": wanted,
        "shows": SHOWS,
        "severities": words.SEVERITIES,
        "sites": list(places.sites(actor=actor)),
        "people": queries.clinicians(actor=actor),
        "undo": filling.just_booked(request, actor, now),
    }
    patients = [line.gap.patient.id for line in context["lines"]]
    return pages.show(request, "scheduling/worklist.html", context, here="worklist", patients=patients)


def lines(
    request: HttpRequest, actor: Actor, wanted: Wanted, now: datetime, *, most: int = queries.LISTED
) -> dict[str, Any]:
    """The rows of a list of follow-ups with all that they need, for this page and for a clinician's own."""
    found, count = queries.worklist(actor=actor, wanted=wanted, now=now, most=most)
    doses = queries.doses_of(actor=actor, gaps=found).values()
    return {
        "lines": [shown.gap_line(actor=actor, gap=gap, doses=doses, now=now) for gap in found],
        "count": count,
        "cut": count > len(found),
        "may": may(actor),
        "said": SAID,
        "key": forms.page_key(request),
        "back": request.get_full_path(),
    }


def may(actor: Actor) -> May:
    return May(
        work=permissions.allows(actor=actor, capability="gaps.work"),
        waive=permissions.allows(actor=actor, capability="gaps.waive"),
        send=permissions.allows(actor=actor, capability="messages.work"),
        book=filling.may_book(actor),
    )


def _wanted(request: HttpRequest, actor: Actor) -> Wanted:
    show = request.GET.get("show") or "flagged"
    severity = request.GET.get("severity") or ""
    if show not in SHOWS or (severity and severity not in words.SEVERITIES):
        raise NotFound()
    site = forms.uuid(request.GET.get("site"))
    if site:
        places.site(actor=actor, site_id=site)
    who = forms.uuid(request.GET.get("who"))
    if who:
        places.practitioner(actor=actor, staff_id=who)
    return Wanted(show=show, severity=severity, mine=request.GET.get("mine") == "1", site=site, who=who)


@pages.staff_page("GET", "HEAD")
def detail(request: HttpRequest, actor: Actor, gap_id: UUID) -> HttpResponse:
    return _page(request, actor, gap_id, None)


@pages.staff_page("GET", "HEAD")
def more(request: HttpRequest, actor: Actor, gap_id: UUID) -> HttpResponse:
    """The forms of a row's menu, fetched when it is opened. `?back=`: the list that it stands in."""
    now = timezone.now()
    gap = booked.gap(actor=actor, gap_id=gap_id)
    doses = queries.doses_of(actor=actor, gaps=[gap]).values()
    context = {
        "line": shown.gap_line(actor=actor, gap=gap, doses=doses, now=now),
        "may": may(actor),
        "snoozes": SNOOZES,
        "key": forms.page_key(request),
        "back": pages.back_to(request, reverse("worklist")),
    }
    # Who it is about stands in the row already, and was written down with it.
    return pages.show(request, "scheduling/_gap_more.html", context, here="worklist")


@pages.staff_page("POST")
def work(request: HttpRequest, actor: Actor, gap_id: UUID, verb: str) -> HttpResponse:
    """Do one thing with a follow-up. What is refused is shown on its page, with what was typed."""
    do, told = VERBS.get(verb, (None, ""))
    if do is None:
        raise NotFound()
    gap = booked.gap(actor=actor, gap_id=gap_id)
    try:
        do(request, actor, gap, timezone.now())
    except DomainError as error:
        return _page(request, actor, gap_id, pages.refusal(request, form=verb, error=error))
    messages.success(request, told)
    back = pages.back_to(request, reverse("follow-up", kwargs={"gap_id": gap_id}))
    return pages.done(f"{back.partition('#')[0]}#gap-{gap_id}")


def _take(request: HttpRequest, actor: Actor, gap: rows.Gap, now: datetime) -> None:
    gaps.assign(actor=actor, gap_id=gap.id, assignee_id=actor.id, now=now, version=forms.version(request))


def _release(request: HttpRequest, actor: Actor, gap: rows.Gap, now: datetime) -> None:
    gaps.assign(actor=actor, gap_id=gap.id, assignee_id=None, now=now, version=forms.version(request))


def _snooze(request: HttpRequest, actor: Actor, gap: rows.Gap, now: datetime) -> None:
    until = _until(request.POST.get("until", ""), gap.time_zone, now)
    gaps.snooze(actor=actor, gap_id=gap.id, until=until, now=now, version=forms.version(request))


def _waive(request: HttpRequest, actor: Actor, gap: rows.Gap, now: datetime) -> None:
    reason = forms.text(request, "reason")
    gaps.waive(actor=actor, gap_id=gap.id, reason=reason, now=now, version=forms.version(request))


def _unwaive(request: HttpRequest, actor: Actor, gap: rows.Gap, now: datetime) -> None:
    reason = forms.text(request, "reason")
    gaps.unwaive(actor=actor, gap_id=gap.id, reason=reason, now=now, version=forms.version(request))


def _send_link(request: HttpRequest, actor: Actor, gap: rows.Gap, now: datetime) -> None:
    key = forms.once(request, actor, what=f"choose:{gap.id}")
    try:
        own_next.send_for(actor=actor, gap_id=gap.id, now=now, key=key)
    except NotSent as error:
        raise Conflict(f"The link was not sent: {reasons.why(error.reason)}.") from None


def _attest(request: HttpRequest, actor: Actor, gap: rows.Gap, now: datetime) -> None:
    gaps.attest(
        actor=actor,
        gap_id=gap.id,
        attended_on=_attended(request),
        provider=forms.text(request, "provider", longest=200),
        now=now,
        version=forms.version(request),
    )


def _attended(request: HttpRequest) -> date:
    try:
        found = date.fromisoformat(request.POST.get("attended_on", ""))
    except ValueError:
        raise Invalid({"attended_on": ["Say on which day the patient was seen."]}) from None
    if not 2000 <= found.year <= 2100:
        raise Invalid({"attended_on": ["A date between the years 2000 and 2100."]})
    return found


Do = Callable[[HttpRequest, Actor, rows.Gap, datetime], None]
VERBS: dict[str, tuple[Do, str]] = {
    "take": (_take, "It is yours."),
    "release": (_release, "It is nobody's again."),
    "snooze": (_snooze, "Put off; it comes back by itself."),
    "attest": (_attest, "Recorded: the patient was seen elsewhere."),
    "send-link": (_send_link, "The link goes to the patient, in their morning if it is night there."),
    "waive": (_waive, "Waived."),
    "unwaive": (_unwaive, "The waiver is taken back."),
}


def _until(choice: str, zone: str, now: datetime) -> datetime:
    """The instant that a choice of SNOOZES means at the site."""
    today = windows.local_day(zone=zone, instant=now)
    if choice == "hours":
        return now + timedelta(hours=2)
    days_ahead = {"tomorrow": 1, "monday": 7 - today.weekday()}.get(choice)
    if days_ahead is None:
        raise Invalid({"until": ["Choose until when."]})
    morning = datetime.combine(today + timedelta(days=days_ahead), MORNING)
    return windows.resolve_local(zone=zone, wall=morning, fold=0)


def _page(request: HttpRequest, actor: Actor, gap_id: UUID, refusal: Refusal | None) -> HttpResponse:
    now = timezone.now()
    told = days.explain(actor=actor, gap_id=gap_id, now=now)
    gap = told.gap
    visits = (*told.doses, *told.visits)
    around = queries.around(actor=actor, visits=visits, now=now)
    context = {
        "line": shown.gap_line(actor=actor, gap=gap, doses=told.doses, now=now),
        "because": told.because,
        "visits": [shown.visit_line(actor=actor, visit=one, around=around, now=now) for one in visits],
        "zone": times.zone_words(now, gap.time_zone),
        "may": may(actor),
        "snoozes": SNOOZES,
        "said": SAID,
        "refusal": refusal,
        "reasons": tuple(times.localized(text, gap.time_zone) for text in refusal.reasons) if refusal else (),
        "settled": gap.status not in queries.NOT_BOOKED,
        "may_wait": permissions.allows(actor=actor, capability="waitlist.work"),
        "left": filling.left(actor=actor, gap=gap, now=now),
        "why_not": filling.why_not(gap, now),
        "undo": filling.just_booked(request, actor, now),
        "key": forms.page_key(request),
        "back": pages.back_to(request, reverse("worklist")),
    }
    status = refusal.status if refusal else 200
    template, patients = "scheduling/follow_up.html", [gap.patient.id]
    return pages.show(request, template, context, here="worklist", patients=patients, status=status)
