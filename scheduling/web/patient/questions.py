"""The measures that a patient fills in: one calm page each, kept as they go, sent once.

The address holds a number that tells nothing. An answer that arrives when the proof has run out is carried
through the form that asks for it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from clinic.practice.errors import Busy, Conflict, Invalid, NotFound
from patients import instruments
from patients.instruments import MOST, Instrument
from scheduling.booking.own import own_measures, own_visit
from scheduling.booking.own.own_measures import Due
from scheduling.booking.writing.links import Link
from scheduling.web.patient import frame, page, shown, words

TEMPLATE = "scheduling/patient/questions.html"
ROUTE = "own-visit-questions"
# The button that keeps answers without sending them.
LATER = "later"


@dataclass(frozen=True, slots=True)
class Item:
    """One question. `chosen` is the answer that stands, `missing` whether it was asked for in vain."""

    number: int
    text: str
    chosen: int | None
    missing: bool


@frame.link_page("GET", "HEAD", "POST")
def questions(request: HttpRequest, link: Link, now: datetime, number: int) -> HttpResponse:
    instrument = instruments.BY_NUMBER.get(number)
    if instrument is None:
        raise NotFound()
    given = read(request, instrument)
    if not frame.is_proved(request, link, now):
        kept = _carried(request, instrument, given) if given else {}
        return page.show(request, link, now, problem="needs_proof", status=403, kept=kept)
    if request.method != "POST":
        return _page(request, link, now, instrument)
    return _save(request, link, now, instrument, given)


def go_on(request: HttpRequest, link: Link, now: datetime) -> HttpResponse | None:
    """After a proof: do with the answers that waited for it what was asked; None where none did. Whoever has
    pressed Send believes that they are sent."""
    instrument, given = _waiting(request)
    if instrument is None or not given:
        return None
    send = LATER not in request.POST
    missing = _keep(request, link, now, instrument, given, send=send)
    if isinstance(missing, HttpResponse):
        return missing
    if send and not missing:
        return frame.go(request, frame.token_of(request), "questions")
    return _back_to(request, instrument, "kept")


def carried(request: HttpRequest) -> dict[str, int]:
    """The answers that still wait for a proof, for its form to take along once more."""
    instrument, given = _waiting(request)
    return _carried(request, instrument, given) if instrument and given else {}


def _waiting(request: HttpRequest) -> tuple[Instrument | None, dict[int, int]]:
    told = request.POST.get("questions", "")
    known = {str(number): one for number, one in instruments.BY_NUMBER.items()}
    instrument = known.get(told)
    return instrument, read(request, instrument) if instrument else {}


def read(request: HttpRequest, instrument: Instrument) -> dict[int, int]:
    """The answers that a form holds, by item from 1; what is none is left out."""
    choices = {str(one): one for one in range(MOST + 1)}
    told = ((item, request.POST.get(f"q{item}", "")) for item in range(1, instrument.length + 1))
    return {item: choices[value] for item, value in told if value in choices}


def _save(
    request: HttpRequest, link: Link, now: datetime, instrument: Instrument, given: Mapping[int, int]
) -> HttpResponse:
    send = LATER not in request.POST
    missing = _keep(request, link, now, instrument, given, send=send)
    if isinstance(missing, HttpResponse):
        return missing
    if send and missing:
        asks = frozenset(missing)
        return _page(request, link, now, instrument, missing=asks, problem="questions_missing", status=422)
    return frame.go(request, frame.token_of(request), "questions" if send else "later")


def _keep(
    request: HttpRequest,
    link: Link,
    now: datetime,
    instrument: Instrument,
    given: Mapping[int, int],
    *,
    send: bool,
) -> tuple[int, ...] | HttpResponse:
    """What is missing, or the page that says why nothing was kept, with what was answered."""
    language = instrument.told_in(shown.language_of(request, link.visit.patient.language))
    try:
        return own_measures.save(
            link=link, number=instrument.number, given=given, language=language, send=send, now=now
        )
    except (Conflict, Invalid):
        return page.show(request, link, now, problem="questions_over", status=409)
    except Busy:
        return _page(request, link, now, instrument, given=given, problem="busy", status=409)


def _page(
    request: HttpRequest,
    link: Link,
    now: datetime,
    instrument: Instrument,
    *,
    given: Mapping[int, int] | None = None,
    missing: frozenset[int] = frozenset(),
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    asked = own_measures.due(link=link, now=now)
    found = next((one for one in asked if one.instrument == instrument), None)
    if found is None:
        return page.show(request, link, now, problem="questions_over", status=409)
    own_visit.log_read(link=link, now=now)
    front = own_visit.front(link=link, now=now)
    language = shown.language_of(request, front.language)
    told_in = instrument.told_in(language)
    token = frame.token_of(request)
    context = page.frame_of(request, front, problem) | shown.of_front(front, language)
    context |= {
        "here": reverse(ROUTE, kwargs={"token": token, "number": instrument.number}),
        "lead": instrument.lead[told_in],
        "choices": list(enumerate(instrument.choices[told_in])),
        "told_in": told_in,
        "items": _items(found, told_in, given or {}, missing),
        "first_missing": min(missing, default=0),
        "sent": found.sent,
        "crisis": words.crisis(front.region, language),
    }
    return render(request, TEMPLATE, context, status=status)


def _items(due: Due, language: str, given: Mapping[int, int], missing: frozenset[int]) -> list[Item]:
    texts = due.instrument.items[language]
    return [
        Item(item, text, given.get(item, due.answers[item - 1]), item in missing)
        for item, text in enumerate(texts, start=1)
    ]


def _carried(request: HttpRequest, instrument: Instrument, given: Mapping[int, int]) -> dict[str, int]:
    told = {"questions": instrument.number, **{f"q{item}": value for item, value in given.items()}}
    return told | ({LATER: 1} if LATER in request.POST else {})


def _back_to(request: HttpRequest, instrument: Instrument, did: str) -> HttpResponse:
    kwargs = {"token": frame.token_of(request), "number": instrument.number}
    query = {"did": did} | ({"lang": request.GET["lang"]} if request.GET.get("lang") in words.WORDS else {})
    response = redirect(f"{reverse(ROUTE, kwargs=kwargs)}?{urlencode(query)}")
    response.status_code = 303
    return response
