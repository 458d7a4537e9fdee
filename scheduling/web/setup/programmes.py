"""The protocols of the practice: taken from the library, offered for new courses or no longer."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.web import pages
from scheduling.booking.protocol import protocols, setting_up
from scheduling.web import words


@dataclass(frozen=True, slots=True)
class ProtocolLine:
    id: UUID
    name: str
    version: int
    active: bool
    plannable: bool
    sites: tuple[tuple[str, tuple[str, ...]], ...]


@pages.staff_page("GET", "HEAD", "POST")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    """A POST takes one of the library into use."""
    now = timezone.now()
    if request.method == "POST":
        wanted = request.POST.get("key", "")
        document = next((one for one in protocols.library() if one["key"] == wanted), None)
        if document is None:
            raise NotFound()
        protocols.create(actor=actor, document=document, now=now)
        messages.success(request, "Added. It can be booked where nothing is lacking for it.")
        return pages.done(reverse("setup-protocols"))
    progress = setting_up.progress(actor=actor, now=now)
    found = list(protocols.protocols(actor=actor))
    lines = [
        ProtocolLine(
            id=one.template_id,
            name=one.name,
            version=one.version,
            active=one.template.is_active,
            plannable=one.is_plannable,
            sites=tuple(
                (site, words.lacks(offered.lacking))
                for site, offered in progress.offers
                if offered.id == one.template_id
            ),
        )
        for one in sorted(found, key=lambda one: one.name)
    ]
    held = {one.template.key for one in found}
    context = {
        "lines": lines,
        "library": [(one["key"], one["name"]) for one in protocols.library() if one["key"] not in held],
        "may": permissions.allows(actor=actor, capability="protocols.write"),
    }
    return pages.show(request, "scheduling/setup/protocols.html", context, here="setup")


@pages.staff_page("POST")
def offer(request: HttpRequest, actor: Actor, protocol_id: UUID, verb: str) -> HttpResponse:
    """Offer it for new courses, or no longer; running courses go on."""
    if verb not in ("offer", "retire"):
        raise NotFound()
    protocols.protocol(actor=actor, protocol_id=protocol_id)
    protocols.set_active(actor=actor, protocol_id=protocol_id, is_active=verb == "offer", now=timezone.now())
    messages.success(
        request, "Offered again." if verb == "offer" else "No longer offered; running courses go on."
    )
    return pages.done(reverse("setup-protocols"))
