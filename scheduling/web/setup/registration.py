"""What the registration of a number for texts (10DLC) asks for, with the texts to copy."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from clinic.practice.actor import Actor
from clinic.practice.web import pages
from notifications.wording import registration
from notifications.wording.registration import Copied
from scheduling.web import words
from scheduling.web.setup import said


@pages.staff_page("GET", "HEAD")
def sheet(request: HttpRequest, actor: Actor) -> HttpResponse:
    found = registration.sheet(actor=actor)
    context = {
        "clinic": found.clinic,
        "asked": [_line(one) for one in found.asked],
        "samples": [_line(one) for one in found.samples],
        "host": urlsplit(settings.PUBLIC_URL).netloc,
    }
    return pages.show(request, "scheduling/setup/registration.html", context, here="setup")


def _line(one: Copied) -> dict[str, str]:
    which = one.which
    keys = {"kind": which.kind, "language": which.language, "channel": which.channel}
    return {
        "title": f"{words.MESSAGE_KINDS[which.kind]}, {said.LANGUAGES[which.language]}",
        "text": one.text,
        "address": reverse("setup-wording", kwargs=keys),
        "whose": "in your own words" if one.own else "built in",
        "language": which.language,
    }
