"""Which e-mails one gets: a page for each member of staff, about themselves."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import mails
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError
from clinic.practice.web import actors, pages
from clinic.practice.web.pages import Refusal

SAID = {
    mails.DIGEST: ("The morning digest", "How much is open, at half past seven each business morning."),
    mails.MESSAGES: (
        "Trouble with messages",
        "A message failed, nobody knows whether one was sent, or none leave at all.",
    ),
}


@pages.staff_page("GET", "HEAD", "POST")
def own(request: HttpRequest, actor: Actor) -> HttpResponse:
    if request.method != "POST":
        return _page(request, actor, None)
    version = request.POST.get("version", "")
    try:
        mails.choose(
            actor=actor,
            wanted=frozenset(request.POST.getlist("sort")) & {*mails.SORTS},
            now=timezone.now(),
            version=int(version) if version.isascii() and version.isdigit() and len(version) < 9 else None,
        )
    except DomainError as error:
        return _page(request, actor, pages.refusal(request, form="mails", error=error))
    messages.success(request, "Kept.")
    return pages.done(reverse("own-mails"))


def _page(request: HttpRequest, actor: Actor, refusal: Refusal | None) -> HttpResponse:
    held = mails.chosen(actor=actor)
    context = {
        "sorts": [(name, title, told, getattr(held, name)) for name, (title, told) in SAID.items()],
        "version": held.version,
        "address": actors.staff_of(request).email,
        "refusal": refusal,
    }
    status = refusal.status if refusal else 200
    return pages.show(request, "practice/mails.html", context, here="mails", status=status)
