"""The components of the pages, on one page: what there is before something new is drawn."""

from django.http import HttpRequest, HttpResponse

from clinic.practice.actor import Actor
from clinic.practice.web import pages
from scheduling.web import words

TONES = {
    "neutral": "nothing to do",
    "info": "told, booked",
    "good": "took place, done",
    "warn": "look at it",
    "bad": "lost, refused, overdue",
    "watch": "somebody is being observed",
    "done": "over",
}
ICONS = (
    "calendar",
    "check",
    "person",
    "play",
    "eye",
    "cross",
    "absent",
    "alert",
    "clock",
    "minus",
    "left",
    "right",
)
BADGES = {
    "Visits": words.STATUSES,
    "Courses": words.COURSES,
    "Follow-ups": words.GAPS,
    "Severities": words.SEVERITIES,
    "Messages": words.MESSAGES,
}


@pages.staff_page("GET", "HEAD")
def components(request: HttpRequest, actor: Actor) -> HttpResponse:
    groups = {name: tuple(badges.values()) for name, badges in BADGES.items()}
    context = {"tones": TONES, "icons": ICONS, "groups": groups}
    return pages.show(request, "scheduling/design.html", context, here="design")
