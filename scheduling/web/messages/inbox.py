"""What patients write: the threads that wait for somebody, one of them with all that was said, an answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from clinic.practice.web.times import Moment
from notifications.inbox import threads
from notifications.inbox.threads import Row, Whole
from notifications.models import Inbound, Message, StaffReply
from patients.models import Patient
from scheduling.web import forms, queries, reasons, story, words
from scheduling.web.words import Badge

MEANINGS = {
    "stop": "No more texts",
    "start": "Texts again",
    "help": "Asks who writes",
    "confirm": "Confirms",
    "change": "Wants another time",
}
OUTCOMES = {
    "confirmed": "the visit is confirmed",
    "not_ready": "not confirmed: papers are missing; the link was sent",
    "link": "nothing was confirmed; the link to the visit was sent",
    "nothing": "nothing was confirmed: no visit is coming",
    "unclear": "nothing was done: it is not clear whose it is, or what it answers",
    "failed": "nothing was done: it did not work",
}
LONGEST = 160


@dataclass(frozen=True, slots=True)
class Line:
    """One thread of the list."""

    id: UUID
    who: str
    at: Moment
    text: str
    waits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One text. `theirs`: it came from the telephone."""

    theirs: bool
    who: str
    at: Moment
    text: str
    note: str
    state: Badge | None
    visit: str


@pages.staff_page("GET", "HEAD")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?show=all`: also what is handled."""
    everything = request.GET.get("show") == "all"
    zone, found = _zone(actor), threads.listing(actor=actor, everything=everything)
    context = {
        "lines": [_line(row, zone) for row in found],
        "everything": everything,
        "cut": len(found) == threads.MOST,
        "zone": times.zone_words(timezone.now(), zone),
    }
    shown = [one.pk for row in found for one in row.people]
    return pages.show(request, "scheduling/inbox.html", context, here="inbox", patients=shown)


@pages.staff_page("GET", "HEAD")
def thread(request: HttpRequest, actor: Actor, thread_id: UUID) -> HttpResponse:
    return _page(request, actor, thread_id, None)


@pages.staff_page("POST")
def work(request: HttpRequest, actor: Actor, thread_id: UUID, verb: str) -> HttpResponse:
    """Answer, say that it is handled, or that it meant stop. What is refused is shown with what was typed."""
    do, told = VERBS.get(verb, (None, ""))
    if do is None:
        raise NotFound()
    try:
        do(request, actor, thread_id)
    except DomainError as error:
        return _page(request, actor, thread_id, pages.refusal(request, form=verb, error=error))
    messages.success(request, told)
    return pages.done(reverse("inbox"))


def _reply(request: HttpRequest, actor: Actor, thread_id: UUID) -> None:
    threads.reply(
        actor=actor,
        thread_id=thread_id,
        body=forms.line(request, "body"),
        now=timezone.now(),
        version=forms.version(request),
        key=forms.once(request, actor, what=f"inbox:{thread_id}"),
    )


def _handle(request: HttpRequest, actor: Actor, thread_id: UUID) -> None:
    threads.handle(actor=actor, thread_id=thread_id, now=timezone.now(), version=forms.version(request))


def _stop(request: HttpRequest, actor: Actor, thread_id: UUID) -> None:
    threads.stop(actor=actor, thread_id=thread_id, now=timezone.now(), version=forms.version(request))


Do = Callable[[HttpRequest, Actor, UUID], None]
VERBS: dict[str, tuple[Do, str]] = {
    "reply": (_reply, "Your answer is on its way."),
    "handled": (_handle, "Handled."),
    "stop": (_stop, "No more texts go to this number."),
}


def _page(request: HttpRequest, actor: Actor, thread_id: UUID, refusal: Refusal | None) -> HttpResponse:
    zone, found = _zone(actor), threads.whole(actor=actor, thread_id=thread_id)
    row, now = found.row, timezone.now()
    ids = [one.pk for one in row.people]
    context = {
        "line": _line(row, zone),
        "thread": row.thread,
        "people": _people(actor, row.people),
        "said": [_said(one, found, zone) for one in found.said],
        "unwanted": reasons.why(found.unwanted) if found.unwanted else "",
        "may": permissions.allows(actor=actor, capability="messages.work"),
        "refusal": refusal,
        "longest": LONGEST,
        "key": forms.page_key(request),
        "zone": times.zone_words(now, zone),
    }
    status = refusal.status if refusal else 200
    return pages.show(request, "scheduling/thread.html", context, here="inbox", patients=ids, status=status)


def _line(row: Row, zone: str) -> Line:
    return Line(
        id=row.thread.pk,
        who=", ".join(str(one) for one in row.people) or row.thread.number,
        at=times.moment(row.thread.last_at, zone),
        text=row.last.body if row.last else "",
        waits=tuple(story.WORK[kind] for kind in row.waits),
    )


def _said(one: Inbound | Message | StaffReply, found: Whole, zone: str) -> Said:
    at = times.moment(threads.when(one), zone)
    if isinstance(one, Inbound):
        notes = [MEANINGS.get(one.meaning, ""), OUTCOMES.get(one.outcome, "")]
        notes.append(f"{one.media} pictures, which are not kept" if one.media else "")
        visit = reverse("visit", kwargs={"visit_id": one.visit_id}) if one.visit_id else ""
        note = ": ".join(part for part in notes if part)
        return Said(True, "From the telephone", at, one.body, note, None, visit)
    if isinstance(one, StaffReply):
        sent = found.states.get(one.pk)
        state = words.MESSAGES[sent.state] if sent else None
        why = reasons.why(sent.state_reason) if sent and sent.state_reason else ""
        return Said(False, one.staff.display_name, at, one.body, why, state, "")
    what = words.MESSAGE_KINDS.get(one.kind) or words.sentence(one.kind)
    return Said(False, what, at, one.sent_body, "", words.MESSAGES[one.state], "")


def _people(actor: Actor, people: Sequence[Patient]) -> list[tuple[Patient, str]]:
    """Each with the address of their latest course, blank where there is none."""
    courses = queries.courses_of(actor=actor, patient_ids=[one.pk for one in people])
    latest = {patient_id: found[0].pk for patient_id, found in courses.items() if found}
    return [
        (one, reverse("course", kwargs={"course_id": latest[one.pk]}) if one.pk in latest else "")
        for one in people
    ]


def _zone(actor: Actor) -> str:
    site = next(iter(places.sites(actor=actor)), None)
    return site.time_zone if site else "UTC"
