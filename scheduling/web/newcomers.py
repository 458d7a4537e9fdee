"""The way to a patient when something is to be booked: find one, or write down a new one on the spot."""

from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.web import actors, pages
from patients import records
from scheduling.web import forms

FIELDS = ("given_name", "family_name", "birth_date", "phone", "email", "site", "language")
LANGUAGES = {"en": "English", "es": "Spanish"}


def page(request: HttpRequest, actor: Actor, error: DomainError | None = None) -> HttpResponse:
    """Search, and the form of a new patient; after a refusal with what was typed and why."""
    refused = pages.refusal(request, form="newcomer", error=error) if error else None
    problems = error.fields if isinstance(error, Invalid) else {}
    sites = list(places.sites(actor=actor))
    home = actors.staff_of(request).home_site_id
    typed = {name: request.POST.get(name, "")[: forms.LONGEST] for name in FIELDS}
    typed["site"] = typed["site"] or str(home or (sites[0].pk if sites else ""))
    context: dict[str, Any] = {
        "sites": sites,
        "languages": LANGUAGES,
        "typed": typed,
        "may_message": not error or request.POST.get("may_message") == "1",
        "problems": {name: " ".join(texts) for name, texts in problems.items()},
        "reasons": () if problems or refused is None else refused.reasons,
        "open": error is not None,
        # The page has its own way to find somebody.
        "finds": True,
        "key": forms.page_key(request),
        "start": start(request),
    }
    status = refused.status if refused else 200
    return pages.show(request, "scheduling/book_who.html", context, here="book", status=status)


@pages.staff_page("POST")
def create(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Write a new patient down, and go on with the booking."""
    try:
        made = records.create_patient(
            actor=actor,
            given_name=forms.text(request, "given_name"),
            family_name=forms.text(request, "family_name"),
            birth_date=_birth_date(request),
            site_id=_site(request),
            phone=forms.text(request, "phone"),
            email=forms.text(request, "email"),
            language=forms.text(request, "language") or "en",
            may_message=request.POST.get("may_message") == "1",
            now=timezone.now(),
            key=forms.once(request, actor, what="patient"),
        )
    except DomainError as error:
        return page(request, actor, error)
    wanted = {"patient": str(made.pk), "start": start(request)}
    return pages.done(f"{reverse('book')}?{urlencode({name: one for name, one in wanted.items() if one})}")


def start(request: HttpRequest) -> str:
    """The day from which on the course is wanted, where somebody pointed at one: carried to the booking."""
    given = request.POST if request.method == "POST" else request.GET
    found = forms.optional_day(given.get("start"))
    return found.isoformat() if found else ""


def _birth_date(request: HttpRequest) -> date:
    try:
        return date.fromisoformat(request.POST.get("birth_date", ""))
    except ValueError:
        raise Invalid({"birth_date": ["A date, such as 1980-05-04."]}) from None


def _site(request: HttpRequest) -> UUID:
    site = forms.uuid(request.POST.get("site"))
    if site is None:
        raise Invalid({"site": ["Choose a site."]})
    return site
