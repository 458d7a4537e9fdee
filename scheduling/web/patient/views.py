"""The patient's page: one visit, opened by its link; each form one use case."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from clinic.practice.errors import Busy, Conflict, DomainError, Invalid, NotFound, Stale
from notifications.wording import invitation
from patients import own
from scheduling.booking.own import own_acts, own_slots, own_visit
from scheduling.booking.writing import links
from scheduling.booking.writing.links import Link, Proof
from scheduling.errors import RuleViolation, SlotTaken
from scheduling.models.patient_link import Purpose
from scheduling.web import forms
from scheduling.web.patient import frame, page, questions, shown

# The text about unencrypted messages that stands beside the choice of channels.
WARNING = "page-2"
TIMES = "scheduling/patient/times.html"


@frame.link_page("GET", "HEAD")
def visit(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    return page.show(request, link, now)


@frame.link_page("GET", "HEAD")
def calendar(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    """The visit for a calendar, with a title that tells nothing."""
    front = own_visit.front(link=link, now=now)
    if front.start is None:
        raise NotFound()
    content, _ = invitation.build(
        visits=[own_visit.calendar_entry(link=link)],
        clinic=front.clinic,
        attendee="",
        language=shown.language_of(request, front.language),
        now=now,
    )
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="visit.ics"'
    return response


@frame.link_page("GET", "HEAD")
def times(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    if not frame.is_proved(request, link, now):
        return page.show(request, link, now, problem="needs_proof", status=403)
    return _times(request, link, now)


@frame.link_page("POST")
def act(request: HttpRequest, link: Link, now: datetime, what: str) -> HttpResponse:
    """One form. What is refused is told beside the visit as it is now."""
    if what in _OPEN:
        do = _OPEN[what]
    elif what not in _PROVED:
        raise NotFound()
    elif not frame.is_proved(request, link, now):
        return page.show(request, link, now, problem="needs_proof", status=403)
    else:
        do = _PROVED[what]
    try:
        refused = do(request, link, now)
    except DomainError as error:
        fresh = links.find(token=frame.token_of(request), now=now)
        if what == "move" and isinstance(error, SlotTaken | RuleViolation | Invalid | Stale):
            told = "afresh" if isinstance(error, Stale) else "taken"
            return _times(request, fresh, now, problem=told, status=409)
        problem, status = _in_words(error, what)
        return page.show(request, fresh, now, problem=problem, status=status)
    if refused:
        return refused
    return frame.go(request, frame.token_of(request), what)


@frame.guarded
def again(request: HttpRequest, token: str) -> HttpResponse:
    """A new link to the address on file; the answer is the same whoever asks."""
    return frame.sent_again(request, token, purpose=Purpose.VISIT, send=own_acts.send_again)


def _times(
    request: HttpRequest, link: Link, now: datetime, *, problem: str = "", status: int = 200
) -> HttpResponse:
    front = own_visit.front(link=link, now=now)
    language = shown.language_of(request, front.language)
    days = own_slots.offered(link=link, now=now)
    context = page.frame_of(request, front, problem) | shown.of_front(front, language)
    context |= {
        "days": shown.of_days(days, front.zone, language),
        "version": link.visit.version,
        "chosen": request.POST.get("start", ""),
        "may_move": own_slots.may_move(link=link, now=now),
    }
    return render(request, TIMES, context, status=status)


def _in_words(error: DomainError, what: str) -> tuple[str, int]:
    """Which words of the page say it."""
    if isinstance(error, RuleViolation):
        return "not_ready", 409
    if isinstance(error, Stale):
        return "afresh", 409
    if isinstance(error, Busy):
        return "busy", 409
    if isinstance(error, Invalid) and what == "ride":
        return ("bad_phone" if "phone" in error.fields else "bad_name"), 422
    if isinstance(error, Conflict | Invalid):
        return "not_possible", 409
    raise error


# --- what each form does; a page where it is refused ----------------------------------------------------
Do = Callable[[HttpRequest, Link, datetime], HttpResponse | None]


def _confirm(request: HttpRequest, link: Link, now: datetime) -> None:
    own_acts.confirm(link=link, now=now)


def _cannot_come(request: HttpRequest, link: Link, now: datetime) -> None:
    own_acts.cannot_come(link=link, now=now)


def _open(request: HttpRequest, link: Link, now: datetime) -> HttpResponse | None:
    told = frame.date_of(request)
    if told is None:
        return _wrong(request, link, now)
    proof = links.prove(link=link, birth_date=told, now=now)
    if proof is Proof.RIGHT:
        frame.remember(request, link, now)
        return questions.go_on(request, link, now)
    if proof is Proof.LOCKED:
        fresh = links.find(token=frame.token_of(request), now=now)
        return page.show(request, fresh, now, status=403)
    return _wrong(request, link, now)


def _wrong(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    kept = questions.carried(request)
    return page.show(request, link, now, problem="wrong_date", status=422, kept=kept)


def _close(request: HttpRequest, link: Link, now: datetime) -> None:
    frame.forget(request)


def _cancel(request: HttpRequest, link: Link, now: datetime) -> None:
    code = forms.text(request, "reason_code", longest=30)
    own_acts.cancel(link=link, reason_code=code, version=forms.version(request), now=now)


def _move(request: HttpRequest, link: Link, now: datetime) -> HttpResponse | None:
    start = frame.instant_of(request)
    if start is None:
        return _times(request, link, now, problem="choose_first", status=422)
    own_acts.move(link=link, start=start, version=forms.version(request), now=now)
    return None


def _ride(request: HttpRequest, link: Link, now: datetime) -> None:
    own.name_ride(
        actor=link.actor,
        visit_id=link.visit.pk,
        name=forms.text(request, "name", longest=200),
        phone=forms.text(request, "phone", longest=40),
        now=now,
    )


def _messages(request: HttpRequest, link: Link, now: datetime) -> None:
    stop = "stop" in request.POST
    wanted = frozenset() if stop else frozenset(request.POST.getlist("channel"))
    own.choose_channels(actor=link.actor, wanted=wanted, warning_version=WARNING, now=now)


def _language(request: HttpRequest, link: Link, now: datetime) -> None:
    own.choose_language(actor=link.actor, language=forms.text(request, "language", longest=5), now=now)


_OPEN: dict[str, Do] = {
    "confirm": _confirm,
    "cannot-come": _cannot_come,
    "open": _open,
    "close": _close,
}
_PROVED: dict[str, Do] = {
    "move": _move,
    "cancel": _cancel,
    "ride": _ride,
    "messages": _messages,
    "language": _language,
}
