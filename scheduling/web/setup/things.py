"""Sites, rooms, people, shifts, closures and absences: listed, added, changed and removed by two views."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.idempotency import Key
from clinic.practice.web import pages, times
from scheduling.web import forms, words
from scheduling.web.setup import fields
from scheduling.web.setup.noun import LISTED, Noun
from scheduling.web.setup.nouns import NOUNS


@pages.staff_page("GET", "HEAD", "POST")
def things(request: HttpRequest, actor: Actor, noun: str) -> HttpResponse:
    """The list, with the form for a new one below it."""
    wanted = NOUNS[noun]
    if request.method != "POST":
        return _listing(request, actor, noun, wanted, None, {})
    permissions.check(actor=actor, capability=wanted.writes)
    try:
        values = fields.read(post=request.POST, fields=wanted.asked(new=True))
        made = wanted.create(actor, values, timezone.now(), _key(request, actor, noun))
    except DomainError as error:
        return _listing(request, actor, noun, wanted, request.POST, _wrong(request, noun, error))
    messages.success(request, "Added.")
    if wanted.stranded and wanted.stranded(actor, made, timezone.now()):
        return pages.done(reverse("setup-thing", kwargs={"noun": noun, "thing_id": made.pk}))
    return pages.done(reverse("setup-things", kwargs={"noun": noun}))


@pages.staff_page("GET", "HEAD", "POST")
def thing(request: HttpRequest, actor: Actor, noun: str, thing_id: UUID) -> HttpResponse:
    """One of them, to be changed."""
    wanted = NOUNS[noun]
    if request.method != "POST":
        return _form(request, actor, noun, wanted, thing_id, None, {})
    # What is not theirs is not there, whether they might change it or not.
    wanted.find(actor, thing_id)
    permissions.check(actor=actor, capability=wanted.writes)
    try:
        if wanted.remove and "remove" in request.POST:
            wanted.remove(actor, thing_id, timezone.now(), forms.version(request))
            messages.success(request, "Removed.")
            return pages.done(reverse("setup-things", kwargs={"noun": noun}))
        values = fields.read(post=request.POST, fields=wanted.asked(new=False))
        wanted.change(actor, thing_id, values, timezone.now(), forms.version(request))
    except DomainError as error:
        return _form(request, actor, noun, wanted, thing_id, request.POST, _wrong(request, noun, error))
    messages.success(request, "Changed.")
    return pages.done(reverse("setup-things", kwargs={"noun": noun}))


def _key(request: HttpRequest, actor: Actor, noun: str) -> Key | None:
    """The key that the form was given: sent twice, it makes one thing."""
    value = request.POST.get("key", "").replace("\x00", "")[:100]
    return Key(scope=f"{actor.ref} page", value=value, fingerprint=noun) if value else None


def _wrong(request: HttpRequest, noun: str, error: DomainError) -> Mapping[str, list[str]]:
    """What is wrong, by field; what belongs to none stands under the blank name."""
    refusal = pages.refusal(request, form=noun, error=error)
    return dict(error.fields) if isinstance(error, Invalid) else {"": list(refusal.reasons)}


def _listing(
    request: HttpRequest,
    actor: Actor,
    noun: str,
    wanted: Noun,
    post: QueryDict | None,
    wrong: Mapping[str, list[str]],
) -> HttpResponse:
    permissions.check(actor=actor, capability=wanted.reads)
    asked, lines = wanted.asked(new=True), wanted.lines(actor, timezone.now())
    context: dict[str, Any] = {
        "noun": noun,
        "wanted": wanted,
        "lines": lines[:LISTED],
        "cut": len(lines) > LISTED,
        "may": permissions.allows(actor=actor, capability=wanted.writes),
        "fields": [fields.show(actor=actor, field=one, held={}, post=post, wrong=wrong) for one in asked],
        "key": (post.get("key") if post is not None else "") or secrets.token_urlsafe(16),
        "problems": _unplaced(asked, wrong),
    }
    return pages.show(request, "scheduling/setup/things.html", context, here="setup", status=_status(wrong))


def _form(
    request: HttpRequest,
    actor: Actor,
    noun: str,
    wanted: Noun,
    thing_id: UUID,
    post: QueryDict | None,
    wrong: Mapping[str, list[str]],
) -> HttpResponse:
    permissions.check(actor=actor, capability=wanted.reads)
    row = wanted.find(actor, thing_id)
    asked, held = wanted.asked(new=False), wanted.held(row)
    context: dict[str, Any] = {
        "noun": noun,
        "wanted": wanted,
        "title": wanted.line(row).title,
        "may": permissions.allows(actor=actor, capability=wanted.writes),
        "fields": [fields.show(actor=actor, field=one, held=held, post=post, wrong=wrong) for one in asked],
        "version": row.version,
        "problems": _unplaced(asked, wrong),
        "detail": wanted.line(row).detail if wanted.stranded else "",
        "thing_id": thing_id,
        "may_book": permissions.allows(actor=actor, capability="appointments.book"),
        "removes": wanted.remove is not None,
        "gives": wanted.gives(row),
    }
    found = wanted.stranded(actor, row, timezone.now()) if wanted.stranded else ()
    context["standing"] = len(found)
    context["stranded"] = [
        (one, words.title(one), times.span(one.start, one.end, one.time_zone)) for one in found[:LISTED]
    ]
    return pages.show(
        request,
        "scheduling/setup/thing.html",
        context,
        here="setup",
        patients=[one.patient.id for one in found[:LISTED]],
        status=_status(wrong),
    )


def _unplaced(asked: tuple[fields.Field, ...], wrong: Mapping[str, list[str]]) -> list[str]:
    names = {one.name for one in asked}
    return [text for name, texts in wrong.items() if name.partition(".")[0] not in names for text in texts]


def _status(wrong: Mapping[str, list[str]]) -> int:
    return 422 if wrong else 200
