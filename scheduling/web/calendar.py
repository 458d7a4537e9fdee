"""One feed as a calendar program reads it (RFC 5545). The address is the key: there is no session here."""

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe
from icalendar import Calendar, Event

from clinic.practice.errors import NotFound
from scheduling.booking.own import feeds
from scheduling.booking.own.feeds import Entry, Shown

TITLE = "Appointment"
# How far beyond the visits the zone's rules are spelt out.
_MARGIN = timedelta(days=366)


@require_safe
def calendar(request: HttpRequest, token: str) -> HttpResponse:
    """The calendar; 404 alike for an address that never was and one that was ended."""
    try:
        shown = feeds.show(token=token, now=timezone.now())
    except NotFound:
        raise Http404 from None
    tag = f'"{shown.tag}"'
    response: HttpResponse
    if {tag, "*", f"W/{tag}"} & set(parse_etags(request.headers.get("If-None-Match", ""))):
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(_calendar(shown), content_type="text/calendar; charset=utf-8")
        response["Content-Disposition"] = 'inline; filename="calendar.ics"'
    response["ETag"] = tag
    # Asked again each time, kept by nobody between, found by no search engine, told to no other site.
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _calendar(shown: Shown) -> bytes:
    found = Calendar()
    found.add("prodid", "-//clinic course scheduling//EN")
    found.add("version", "2.0")
    found.add("method", "PUBLISH")
    found.add("x-wr-calname", shown.clinic)
    for entry in shown.entries:
        found.add_component(_event(entry))
    if shown.entries:
        days = [entry.start.date() for entry in shown.entries]
        found.add_missing_timezones(min(days) - _MARGIN, max(days) + _MARGIN)
    answer: bytes = found.to_ical()
    return answer


def _event(entry: Entry) -> Event:
    zone = ZoneInfo(entry.zone)
    event = Event()
    event.add("uid", f"{entry.id}@{settings.ALLOWED_HOSTS[0]}")
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.changed_at.astimezone(UTC))
    event.add("last-modified", entry.changed_at.astimezone(UTC))
    event.add("dtstart", entry.start.astimezone(zone))
    event.add("dtend", entry.end.astimezone(zone))
    event.add("summary", TITLE)
    event.add("status", entry.status)
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT" if entry.status == "CANCELLED" else "OPAQUE")
    return event
