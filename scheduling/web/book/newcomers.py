"""The way to a patient when something is to be booked: find one, or write down a new one on the spot."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.web import actors, pages
from patients import records
from patients.errors import LooksLikeAnother
from scheduling.web import forms, queries

FIELDS = ("given_name", "family_name", "birth_date", "phone", "email", "site", "language")
LANGUAGES = {"en": "English", "es": "Spanish"}
# The words about unencrypted messages that stand beside the choice in the form.
WARNING = "desk-1"
ALIKE = {
    "birth_date_and_name": "the same birth date and name",
    "phone": "the same phone",
    "email": "the same e-mail",
}


@dataclass(frozen=True, slots=True)
class Alike:
    """Somebody on file who may be the newcomer."""

    id: UUID
    name: str
    born: str
    site: str
    why: str
    address: str


def page(
    request: HttpRequest, actor: Actor, error: DomainError | None = None, called: str = ""
) -> HttpResponse:
    """Search, and the form of a new patient; after a refusal with what was typed and why. `called` is the
    name that nobody on file has: the form begins with it."""
    refused = pages.refusal(request, form="newcomer", error=error) if error else None
    problems = error.fields if isinstance(error, Invalid) else {}
    sites = list(places.sites(actor=actor))
    home = actors.staff_of(request).home_site_id
    typed = {name: request.POST.get(name, "")[: forms.LONGEST] for name in FIELDS}
    typed |= _names(called)
    typed["site"] = typed["site"] or str(home or (sites[0].pk if sites else ""))
    found = _alike(request, actor, error) if isinstance(error, LooksLikeAnother) else []
    context: dict[str, Any] = {
        "alike": found,
        "sites": sites,
        "languages": LANGUAGES,
        "typed": typed,
        "may_message": not error or request.POST.get("may_message") == "1",
        "problems": {name: " ".join(texts) for name, texts in problems.items()},
        "reasons": () if problems or found or refused is None else refused.reasons,
        "open": error is not None or bool(called),
        # The page has its own way to find somebody, who was looked for already where a name came along.
        "finds": not called,
        "name": called,
        "first": next((name for name in FIELDS if not typed[name]), "") if not error else "",
        "key": forms.page_key(request),
        "start": start(request),
        "back": pages.back_to(request, ""),
    }
    status = refused.status if refused else 200
    patients = [one.id for one in found]
    template = "scheduling/book_who.html"
    return pages.show(request, template, context, here="book", patients=patients, status=status)


def _alike(request: HttpRequest, actor: Actor, error: LooksLikeAnother) -> list[Alike]:
    found = []
    for one in error.data["patients"]:
        patient = queries.patient(actor=actor, patient_id=UUID(one["patient"]))
        why = " and ".join(ALIKE[reason] for reason in one["reasons"])
        born = f"{patient.birth_date:%-d %b %Y}"
        address = _onward(request, patient.pk)
        found.append(Alike(patient.pk, str(patient), born, patient.site.name, why, address))
    return found


def _names(called: str) -> dict[str, str]:
    """The names that the form begins with: the last word is the family's, or what stands before a comma."""
    family, comma, given = called.partition(",")
    if not comma:
        given, _, family = called.rpartition(" ")
    found = {"given_name": given.strip(), "family_name": family.strip()}
    return {name: word.title() if word.islower() else word for name, word in found.items()} if called else {}


@pages.staff_page("POST")
def create(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Write a new patient down, and go on with the booking. Sent without the form, by `name` alone: show the
    form, begun with that name (it stands in no address: ASVS 14.2.1)."""
    if "name" in request.POST and "given_name" not in request.POST:
        permissions.check(actor=actor, capability="patients.write")
        return page(request, actor, called=forms.line(request, "name")[:100])
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
            warning_version=WARNING,
            is_new=request.POST.get("is_new") == "1",
            now=timezone.now(),
            key=forms.once(request, actor, what="patient"),
        )
    except DomainError as error:
        return page(request, actor, error)
    return pages.done(_onward(request, made.pk))


def _onward(request: HttpRequest, patient_id: UUID) -> str:
    """Where the booking goes on for somebody: the form that asked who they are (`back`), else a course, from
    a day on where one was pointed at."""
    wanted = {"patient": str(patient_id)}
    if back := pages.back_to(request, ""):
        return f"{back}{'&' if '?' in back else '?'}{urlencode(wanted)}"
    day = start(request)
    return f"{reverse('book')}?{urlencode(wanted | ({'start': day} if day else {}))}"


def start(request: HttpRequest) -> str:
    """The day from which on the course is wanted, where somebody pointed at one: carried to the booking. The
    form of a single visit, to which the way leads back, keeps its own start."""
    if pages.back_to(request, ""):
        return ""
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
