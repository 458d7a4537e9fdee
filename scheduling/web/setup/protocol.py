"""One protocol: its numbers, drawn as a course where nothing is in the way, and what makes it impossible."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.web import pages
from scheduling.booking.protocol import protocols
from scheduling.models import ProtocolVersion
from scheduling.planning.values import NoPlan
from scheduling.web import forms, words
from scheduling.web.book import proposed
from scheduling.web.setup import knobs


@pages.staff_page("GET", "HEAD", "POST")
def edit(request: HttpRequest, actor: Actor, protocol_id: UUID) -> HttpResponse:
    """A POST shows what was typed, drawn and checked; with `save` it becomes the next version."""
    now = timezone.now()
    held = protocols.protocol(actor=actor, protocol_id=protocol_id)
    if request.method != "POST":
        return _page(request, actor, held, held.document, {}, now)
    permissions.check(actor=actor, capability="protocols.write")
    document = held.document
    try:
        document = knobs.changed(document=held.document, post=request.POST)
        if "save" not in request.POST:
            return _page(request, actor, held, document, {}, now)
        protocols.change(
            actor=actor, protocol_id=protocol_id, document=document, now=now, version=forms.version(request)
        )
    except DomainError as error:
        refusal = pages.refusal(request, form="protocol", error=error)
        wrong = dict(error.fields) if isinstance(error, Invalid) else {"": list(refusal.reasons)}
        return _page(request, actor, held, document, wrong, now)
    messages.success(request, "Saved. Courses that run keep the version that they began with.")
    return pages.done(reverse("setup-protocol-edit", kwargs={"protocol_id": protocol_id}))


def _page(
    request: HttpRequest,
    actor: Actor,
    held: ProtocolVersion,
    document: Mapping[str, Any],
    wrong: Mapping[str, list[str]],
    now: datetime,
) -> HttpResponse:
    typed = request.POST if request.method == "POST" else None
    context: dict[str, Any] = {
        "held": held,
        "groups": knobs.groups(document=held.document, typed=typed, wrong=wrong),
        "may": permissions.allows(actor=actor, capability="protocols.write"),
        "problems": [f"{name}: {text}" if name else text for name, texts in wrong.items() for text in texts],
        "previewed": typed is not None and not wrong,
    }
    if not wrong:
        context |= _drawn(actor, document, now)
    status = 422 if wrong else 200
    return pages.show(request, "scheduling/setup/protocol.html", context, here="setup", status=status)


def _drawn(actor: Actor, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    site = queries.sites(actor=actor).first()
    zone = site.time_zone if site else "UTC"
    try:
        found = protocols.attempt(actor=actor, document=document, zone=zone, now=now)
    except Invalid as error:
        return {"impossible": [text for texts in error.fields.values() for text in texts]}
    if found is None:
        return {"undrawn": "Groups meet in sessions that are made by hand, so there is no course to draw."}
    if isinstance(found, NoPlan):
        return {"impossible": [words.told(rule.message) for rule in found.rules]}
    return {
        "drawing": proposed.drawing(visits=found.visits, zone=zone, now=now),
        "summary": proposed.summary(found.visits),
    }
