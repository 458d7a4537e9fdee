"""`/`: where each person's day begins."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from clinic.practice.actor import Actor
from clinic.practice.permissions import CLINICIANS, LEAD
from clinic.practice.web import pages
from scheduling.booking.protocol import setting_up

# Whose day is a list of their own visits; a lead who also treats is one of them.
TREATS = CLINICIANS - {LEAD}


@pages.staff_page("GET", "HEAD")
def start(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The checklist for whoever sets up a practice without a course, the day for the front desk, the own
    roster for clinicians, and the overview for everybody else.
    """
    return redirect(_address(actor))


def _address(actor: Actor) -> str:
    roles = {*actor.roles}
    if "practice_admin" in roles and not setting_up.begun(actor=actor):
        return reverse("setup")
    if "front_desk" in roles:
        return reverse("day")
    if roles & TREATS:
        return f"{reverse('roster')}?{urlencode({'who': actor.id})}"
    return reverse("overview")
