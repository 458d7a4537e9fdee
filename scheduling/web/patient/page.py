"""The page of a visit, whole or as much of it as is shown without a proof."""

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from scheduling.booking.own import own_measures, own_slots, own_visit
from scheduling.booking.own.own_front import Front
from scheduling.booking.writing.links import Link
from scheduling.web.patient import frame, shown, words

TEMPLATE = "scheduling/patient/visit.html"


def show(
    request: HttpRequest,
    link: Link,
    now: datetime,
    *,
    problem: str = "",
    status: int = 200,
    kept: Mapping[str, int] | None = None,
) -> HttpResponse:
    """`kept` are answers that wait for a proof."""
    front = own_visit.front(link=link, now=now)
    context = frame_of(request, front, problem) | shown.of_front(
        front, shown.language_of(request, front.language)
    )
    proved = frame.is_proved(request, link, now)
    if proved:
        whole = own_visit.whole(link=link, now=now)
        own_visit.log_read(link=link, now=now)
        context |= shown.of_whole(whole, front, str(context["language"]))
        context["ride"] = _ride_typed(request) or whole.ride
        context["may_move"] = own_slots.may_move(link=link, now=now)
        context["crisis"] = words.crisis(front.region, str(context["language"]))
    asked = own_measures.due(link=link, now=now)
    context |= {
        "proved": proved,
        # After the answers whom to call stands first, whatever they were and whatever became of them.
        "crisis_first": request.GET.get("did") in ("questions", "later") or problem == "questions_over",
        "kept": kept or {},
        "asked": shown.of_asked(asked, str(context["language"])),
        "waits": any(not one.sent for one in asked),
    }
    return render(request, TEMPLATE, context, status=status)


def _ride_typed(request: HttpRequest) -> dict[str, str] | None:
    """What was typed of a ride and refused."""
    if "phone" not in request.POST:
        return None
    return {name: request.POST.get(name, "").replace("\x00", "")[:200] for name in ("name", "phone")}


def frame_of(request: HttpRequest, front: Front, problem: str, *, at: str = "own-visit") -> dict[str, object]:
    language = shown.language_of(request, front.language)
    told = words.WORDS[language]
    switched = f"?lang={language}" if language != front.language else ""
    return {
        "w": told,
        "language": language,
        "languages": words.LANGUAGES,
        "query": switched,
        "token": frame.token_of(request),
        "here": reverse(at, kwargs={"token": frame.token_of(request)}),
        "problem": told[problem] if problem else "",
        "did": told.get(f"done_{request.GET.get('did', '')}", "") if not problem else "",
    }
