"""The practice itself: its name, how it is called in messages, and the phone number that patients see."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone

from clinic.practice import directory, permissions, queries
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, Invalid
from clinic.practice.web import pages
from scheduling.web.setup import fields
from scheduling.web.setup.fields import Field

FIELDS = (
    Field("name", "Name"),
    Field(
        "message_name",
        "Name in messages",
        hint="Short, and without what is treated: it stands on lock screens.",
    ),
    Field("phone", "Phone", "tel", needed=False, hint="Whom patients call."),
)


@pages.staff_page("GET", "HEAD", "POST")
def practice(request: HttpRequest, actor: Actor) -> HttpResponse:
    if request.method != "POST":
        return _form(request, actor, None, {})
    permissions.check(actor=actor, capability="practices.write")
    try:
        values = fields.read(post=request.POST, fields=FIELDS)
        read = request.POST.get("version") or None
        directory.update_practice(actor=actor, changes=values, now=timezone.now(), version=read)
    except DomainError as error:
        refusal = pages.refusal(request, form="practice", error=error)
        wrong = dict(error.fields) if isinstance(error, Invalid) else {"": list(refusal.reasons)}
        return _form(request, actor, request.POST, wrong)
    messages.success(request, "Changed.")
    return pages.done(reverse("setup"))


def _form(
    request: HttpRequest, actor: Actor, post: QueryDict | None, wrong: Mapping[str, list[str]]
) -> HttpResponse:
    found = queries.practice(actor=actor)
    held = {"name": found.name, "message_name": found.message_name, "phone": found.phone}
    context = {
        "may": permissions.allows(actor=actor, capability="practices.write"),
        "fields": [fields.show(actor=actor, field=one, held=held, post=post, wrong=wrong) for one in FIELDS],
        "version": queries.practice_tag(practice=found),
        "problems": wrong.get("", []),
    }
    status = 422 if wrong else 200
    return pages.show(request, "scheduling/setup/practice.html", context, here="setup", status=status)
