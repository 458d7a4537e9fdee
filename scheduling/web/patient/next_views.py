"""The page on which patients choose the time of a visit that is not booked yet; each form one use case."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from clinic.practice.errors import Busy, Conflict, Invalid, NotFound
from scheduling.booking.own import own_next
from scheduling.booking.own.own_next import Stage
from scheduling.booking.writing import links
from scheduling.booking.writing.links import Link, Proof
from scheduling.errors import RuleViolation, SlotTaken
from scheduling.models.patient_link import Purpose
from scheduling.web.patient import frame, page, shown

TEMPLATE = "scheduling/patient/next.html"
HERE = frame.PAGES[Purpose.NEXT]


@frame.link_page("GET", "HEAD", purpose=Purpose.NEXT)
def choose(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    return _show(request, link, now)


@frame.link_page("POST", purpose=Purpose.NEXT)
def act(request: HttpRequest, link: Link, now: datetime, what: str) -> HttpResponse:
    """One form. What is refused is told beside the times as they are now."""
    do = _OPEN.get(what) or _PROVED.get(what)
    if do is None:
        raise NotFound()
    if what in _PROVED and not frame.is_proved(request, link, now):
        return _show(request, link, now, problem="needs_proof", status=403)
    try:
        return do(request, link, now)
    except Busy:
        return _show(request, link, now, problem="busy", status=409)


@frame.guarded
def again(request: HttpRequest, token: str) -> HttpResponse:
    """A new link to the address on file; the answer is the same whoever asks."""
    return frame.sent_again(request, token, purpose=Purpose.NEXT, send=own_next.send_again)


def _show(
    request: HttpRequest, link: Link, now: datetime, *, problem: str = "", status: int = 200
) -> HttpResponse:
    front = own_next.front(link=link, now=now)
    language = shown.language_of(request, front.language)
    context = page.frame_of(request, front, problem, at=HERE)
    context |= {"front": front, "phone": shown.readable(front.phone)}
    context["proved"] = proved = frame.is_proved(request, link, now)
    if proved and front.stage is Stage.CHOOSE:
        own_next.log_read(link=link, now=now)
        context |= shown.of_choice(own_next.offered(link=link, now=now), front.zone, language)
        context["chosen"] = request.POST.get("start", "")
    return render(request, TEMPLATE, context, status=status)


# --- what each form does --------------------------------------------------------------------------------
Do = Callable[[HttpRequest, Link, datetime], HttpResponse]


def _open(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    told = frame.date_of(request)
    proof = links.prove(link=link, birth_date=told, now=now) if told else Proof.WRONG
    if proof is Proof.RIGHT:
        frame.remember(request, link, now)
        own_next.seek(link=link, now=now)
        return frame.go(request, frame.token_of(request), "", to=HERE)
    if proof is Proof.LOCKED:
        fresh = links.find(token=frame.token_of(request), now=now, purpose=Purpose.NEXT)
        return _show(request, fresh, now, status=403)
    return _show(request, link, now, problem="wrong_date", status=422)


def _close(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    frame.forget(request)
    return frame.go(request, frame.token_of(request), "", to=HERE)


def _ask(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    own_next.ask_to_call(link=link, now=now)
    return frame.go(request, frame.token_of(request), "ask", to=HERE)


def _book(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    start = frame.instant_of(request)
    if start is None:
        return _show(request, link, now, problem="choose_first", status=422)
    try:
        token = own_next.book(link=link, start=start, now=now)
    except (SlotTaken, RuleViolation, Conflict, Invalid):
        own_next.seek(link=link, now=now)
        return _show(request, link, now, problem="taken", status=409)
    # Who has proved who they are to choose the time need not do so again to see it.
    frame.remember(request, links.find(token=token, now=now), now)
    return frame.go(request, token, "book")


_OPEN: dict[str, Do] = {"open": _open, "close": _close}
_PROVED: dict[str, Do] = {"book": _book, "ask": _ask}
