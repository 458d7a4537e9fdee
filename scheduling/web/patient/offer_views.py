"""The page on which patients take a place that is kept for them, or leave it; each form one use case."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from clinic.practice.errors import Busy, Conflict, NotFound
from scheduling.booking.own import own_acts, own_offer
from scheduling.booking.writing import links
from scheduling.booking.writing.links import Link, Proof
from scheduling.models.patient_link import Purpose
from scheduling.web.patient import frame, page, shown

TEMPLATE = "scheduling/patient/offer.html"
HERE = frame.PAGES[Purpose.OFFER]
Do = Callable[[HttpRequest, Link, datetime], HttpResponse]


@frame.link_page("GET", "HEAD", purpose=Purpose.OFFER)
def offer(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    return _show(request, link, now)


@frame.link_page("POST", purpose=Purpose.OFFER)
def act(request: HttpRequest, link: Link, now: datetime, what: str) -> HttpResponse:
    """One form. What is refused is told beside the offer as it is now."""
    if what not in ACTS:
        raise NotFound()
    try:
        return ACTS[what](request, link, now)
    except Busy:
        return _show(request, link, now, problem="busy", status=409)
    except Conflict:
        fresh = links.find(token=frame.token_of(request), now=now, purpose=Purpose.OFFER)
        return _show(request, fresh, now, problem="offer_late", status=409)


@frame.guarded
def again(request: HttpRequest, token: str) -> HttpResponse:
    """The link to the next visit, to the address on file; the answer is the same whoever asks."""
    return frame.sent_again(request, token, purpose=Purpose.OFFER, send=own_acts.send_again)


def _show(
    request: HttpRequest, link: Link, now: datetime, *, problem: str = "", status: int = 200
) -> HttpResponse:
    front = own_offer.front(link=link, now=now)
    language = shown.language_of(request, front.language)
    context = page.frame_of(request, front, problem, at=HERE) | shown.of_offer(front, language)
    return render(request, TEMPLATE, context, status=status)


# --- what each form does --------------------------------------------------------------------------------
def _take(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    """The birth date is asked for with the answer itself: there is nothing else to see."""
    told = frame.date_of(request)
    proof = links.prove(link=link, birth_date=told, now=now) if told else Proof.WRONG
    if proof is Proof.RIGHT:
        token = own_offer.take(link=link, now=now)
        frame.remember(request, links.find(token=token, now=now), now)
        return frame.go(request, token, "book")
    if proof is Proof.LOCKED:
        fresh = links.find(token=frame.token_of(request), now=now, purpose=Purpose.OFFER)
        return _show(request, fresh, now, status=403)
    return _show(request, link, now, problem="wrong_date", status=422)


def _leave(request: HttpRequest, link: Link, now: datetime) -> HttpResponse:
    own_offer.leave(link=link, now=now)
    return frame.go(request, frame.token_of(request), "leave", to=HERE)


ACTS: dict[str, Do] = {"take": _take, "leave": _leave}
