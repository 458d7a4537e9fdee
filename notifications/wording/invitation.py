"""The calendar part of an e-mail (RFC 5545, RFC 5546), with a neutral title."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from zoneinfo import ZoneInfo

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress, vText

from notifications.planning.ports import Visit

# How far beyond the visits the zone's rules are spelt out.
_MARGIN = timedelta(days=366)
_TITLES = {"en": "Visit", "es": "Visita"}


def build(
    *, visits: Sequence[Visit], clinic: str, attendee: str, language: str, now: datetime
) -> tuple[bytes, str]:
    """The calendar object and its method.

    One visit is an invitation of the `attendee` (REQUEST), or takes one back (CANCEL). Several are published
    together, as RFC 5546 wants one UID in either; so is what nobody is invited to (`attendee` empty).
    Whatever the method, the UID stays with the visit and SEQUENCE only grows, so that a later message
    replaces the entry, and what is cancelled says so itself.
    """
    alone = attendee and len(visits) == 1
    method = ("CANCEL" if visits[0].cancelled else "REQUEST") if alone else "PUBLISH"
    calendar = Calendar()
    calendar.add("prodid", "-//clinic course scheduling//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    for visit in visits:
        calendar.add_component(_event(visit, title(clinic=clinic, language=language), clinic, sender, now))
    if method != "PUBLISH":
        guest = vCalAddress(f"mailto:{attendee}")
        guest.params["ROLE"] = vText("REQ-PARTICIPANT")
        guest.params["PARTSTAT"] = vText("NEEDS-ACTION")
        guest.params["RSVP"] = vText("FALSE")
        calendar.events[0].add("attendee", guest, encode=False)
    days = [visit.start.date() for visit in visits]
    calendar.add_missing_timezones(min(days) - _MARGIN, max(days) + _MARGIN)
    return calendar.to_ical(), method


def title(*, clinic: str, language: str) -> str:
    """What a shared calendar may show."""
    return f"{clinic}: {_TITLES.get(language, _TITLES['en']).lower()}"


def _event(visit: Visit, summary: str, clinic: str, sender: str, now: datetime) -> Event:
    zone = ZoneInfo(visit.zone)
    event = Event()
    event.add("uid", f"{visit.uid}@{sender.rpartition('@')[2] or 'localhost'}")
    event.add("sequence", visit.sequence)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("dtstart", visit.start.astimezone(zone))
    event.add("dtend", visit.end.astimezone(zone))
    event.add("summary", summary)
    event.add("status", "CANCELLED" if visit.cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    organizer = vCalAddress(f"mailto:{sender}")
    organizer.params["CN"] = vText(clinic)
    event.add("organizer", organizer, encode=False)
    if visit.place:
        event.add("location", visit.place)
    return event
