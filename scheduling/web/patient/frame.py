"""What every address of the patient's page shares: its link, its limits, its headers, its proof.

Looking changes nothing: mail programs and their scanners open every link, some with JavaScript. What changes
something is a form with a token of its own.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import pghistory
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import decorator_from_middleware
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from clinic.practice import addresses, limits
from clinic.practice.errors import Busy, NotFound
from patients.errors import Merged
from scheduling.booking.writing import links
from scheduling.booking.writing.links import Link
from scheduling.models.patient_link import Purpose
from scheduling.web.patient import words

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Link, datetime, P], HttpResponse]
# In the session: which link was proved, until when. A telephone is put down unlocked.
PROOF, PROOF_LASTS = "visit_proof", timedelta(minutes=15)
GONE = "scheduling/patient/gone.html"
# The page of each purpose, by the name of its address.
PAGES = {Purpose.VISIT: "own-visit", Purpose.NEXT: "own-next", Purpose.OFFER: "own-offer"}


class _Csrf(CsrfViewMiddleware):
    """These pages tell no other page where they are (`no-referrer`), so browsers say `Origin: null` with
    their forms. That says nothing for or against a form: its token does."""

    def _origin_verified(self, request: HttpRequest) -> bool:
        return request.META["HTTP_ORIGIN"] == "null" or bool(super()._origin_verified(request))  # type: ignore[misc]


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view with the token check of these pages in place of the common one, and their headers."""
    checked: Any = decorator_from_middleware(_Csrf)(view)
    return csrf_exempt(private(wraps(view)(checked)))


def private(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view whose address is a secret: it is kept nowhere, told nobody, found by no search."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    return answered


def link_page(
    *methods: str, purpose: Purpose = Purpose.VISIT
) -> Callable[[View[P]], Callable[..., HttpResponse]]:
    """A view of what a link leads to. A link that leads nowhere gets one neutral page, whatever is wrong."""

    def decorate(view: View[P]) -> Callable[..., HttpResponse]:
        def by(
            link: Link, request: HttpRequest, now: datetime, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            if request.method == "POST":
                pghistory.context(actor=link.actor.ref)
            return view(request, link, now, *args, **kwargs)

        @wraps(view)
        def opened(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            limits.check(limits.open_count("link", addresses.address_of(request)))
            now = timezone.now()
            try:
                link = links.find(token=token, now=now, purpose=purpose)
                try:
                    return by(link, request, now, *args, **kwargs)
                except (Merged, NotFound):
                    # Two records of the patient became one while this was sent, and nothing was written: the
                    # same link, with the proof that it has, leads to the one that was kept.
                    kept = links.find(token=token, now=now, purpose=purpose)
                    if kept.visit.patient_id == link.visit.patient_id:
                        raise
                    return by(kept, request, now, *args, **kwargs)
            except NotFound:
                return gone(request, token, purpose=purpose)

        return guarded(require_http_methods([*methods])(opened))

    return decorate


def gone(
    request: HttpRequest, token: str, *, sent: bool = False, purpose: Purpose = Purpose.VISIT
) -> HttpResponse:
    """The neutral page, in both languages: nobody knows who is reading."""
    both = [{"language": language, "w": told} for language, told in words.WORDS.items()]
    again = reverse(f"{PAGES[purpose]}-again", kwargs={"token": token[:64]})
    context = {"both": both, "sent": sent, "again": again}
    return render(request, GONE, context, status=200 if sent else 404)


def sent_again(
    request: HttpRequest, token: str, *, purpose: Purpose, send: Callable[..., None]
) -> HttpResponse:
    """A new link to the address on file; the answer is the same whoever asks."""
    if request.method != "POST":
        return gone(request, token, purpose=purpose)
    limits.check(limits.open_count("link_again", addresses.address_of(request)))
    actor = links.patient_of(token=token, purpose=purpose)
    if actor is not None:
        # Somebody who asks for the same at this moment is sent it.
        with suppress(Busy):
            send(actor=actor, now=timezone.now())
    return gone(request, token, purpose=purpose, sent=True)


def go(request: HttpRequest, token: str, did: str, *, to: str = "own-visit") -> HttpResponse:
    """After a form: a page that may be loaded again without doing it again."""
    query = {"did": did} if did else {}
    query |= {"lang": request.GET["lang"]} if request.GET.get("lang") in words.WORDS else {}
    there = reverse(to, kwargs={"token": token})
    response = redirect(f"{there}?{urlencode(query)}" if query else there)
    response.status_code = 303
    return response


def token_of(request: HttpRequest) -> str:
    match = request.resolver_match
    return str(match.kwargs["token"]) if match else ""


def is_proved(request: HttpRequest, link: Link, now: datetime) -> bool:
    """Whether this browser has just proved to this link who it is."""
    held = request.session.get(PROOF)
    if not isinstance(held, dict) or held.get("link") != str(link.id) or link.locked:
        return False
    return datetime.fromisoformat(held["until"]) > now


def remember(request: HttpRequest, link: Link, now: datetime) -> None:
    request.session.cycle_key()
    request.session[PROOF] = {"link": str(link.id), "until": (now + PROOF_LASTS).isoformat()}


def forget(request: HttpRequest) -> None:
    request.session.pop(PROOF, None)


def date_of(request: HttpRequest) -> date | None:
    """The birth date that was typed; None for what is none."""
    try:
        return date.fromisoformat(request.POST.get("birth_date", ""))
    except ValueError:
        return None


def instant_of(request: HttpRequest) -> datetime | None:
    """The start that was chosen; None for what is none."""
    try:
        found = datetime.fromisoformat(request.POST.get("start", ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None and 2000 < found.year < 2100 else None
