"""Who looked at whose record: for the practice's administrator alone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from clinic.practice import permissions, reads
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.web import pages, times
from clinic.practice.web.times import Moment
from scheduling.planning import windows
from scheduling.web import forms, queries

LISTED = 100
DAYS = 7


@dataclass(frozen=True, slots=True)
class ReadLine:
    at: Moment
    who: str
    where: str
    patients: tuple[str, ...]


@pages.staff_page("GET", "HEAD")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?patient=` `?who=` `?from=` `?to=`; without days the last seven, by the clock of the first site."""
    permissions.check(actor=actor, capability="access_log.read")
    site = next(iter(places.sites(actor=actor)), None)
    zone = site.time_zone if site else "UTC"
    today = windows.local_day(zone=zone, instant=timezone.now())
    first = forms.day(request.GET.get("from"), default=today - timedelta(days=DAYS - 1))
    last = forms.day(request.GET.get("to"), default=today)
    patient, who = forms.uuid(request.GET.get("patient")), forms.uuid(request.GET.get("who"))
    found = reads.reads(
        actor=actor,
        patient_id=patient,
        by=f"staff:{who}" if who else None,
        since=_begin(zone, first),
        before=_begin(zone, last + timedelta(days=1)),
    )
    rows = list(found.order_by("-at", "-id")[: LISTED + 1])
    names = queries.names_of_patients(actor=actor, ids=[one for row in rows for one in row.patient_ids])
    lines = [
        ReadLine(
            at=times.moment(row.at, zone),
            who=row.actor_label or row.actor_ref,
            where=f"/{row.route}",
            patients=tuple(names.get(one, str(one)) for one in row.patient_ids),
        )
        for row in rows[:LISTED]
    ]
    context = {
        "lines": lines,
        "cut": len(rows) > LISTED,
        "first": first,
        "last": last,
        "who": who,
        "people": sorted(places.practitioners(actor=actor), key=lambda one: one.display_name),
        "patient": patient,
        "patient_name": queries.names_of_patients(actor=actor, ids=[patient]).get(patient) if patient else "",
        "zone": times.zone_words(timezone.now(), zone),
    }
    return pages.show(request, "scheduling/access_log.html", context, here="access-log")


def _begin(zone: str, day: date) -> datetime:
    return windows.day_start(zone=zone, day=day).astimezone(UTC)
