"""Why not there? A page of its own, or a drawer over the page that asked: rule by rule, in plain words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.web import pages, times
from scheduling.booking.guard import rulebook
from scheduling.booking.openings import whynot
from scheduling.booking.reading import rows
from scheduling.booking.visit.group_sessions import Standing
from scheduling.web import forms, words

ROLES = {
    "front_desk": "the front desk",
    "prescriber": "a prescriber",
    "monitor": "a monitor",
    "therapist": "a therapist",
    "operator": "an operator",
    "clinical_lead": "a clinical lead",
    "practice_admin": "a practice administrator",
}
ASKED = ("practitioner", "room", "visit", "gap")


@dataclass(frozen=True, slots=True)
class Line:
    """One rule: whether it holds, what is so, and who may break it."""

    holds: bool
    told: str
    may: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Blocker:
    """A visit that stands in the way, without a name where the reader may not know it; or a group session."""

    address: str
    told: str
    span: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the explanation leads: to the nearest start that fits, and from a blocker back to the page."""

    nearest: Callable[[datetime], str] = lambda start: ""
    back: str = ""


@pages.staff_page("GET", "HEAD")
def why_not(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?site=` `?start=`, and what it is about: `?visit=` or `?gap=`, `?practitioner=`, `?room=`."""
    now = timezone.now()
    site_id, start = forms.uuid(request.GET.get("site")), _instant(request.GET.get("start", ""))
    if site_id is None:
        raise NotFound()
    named = {name: forms.uuid(request.GET.get(name)) for name in ASKED}
    try:
        found = whynot.explain(
            actor=actor,
            site_id=site_id,
            start=start,
            now=now,
            visit_id=named["visit"],
            gap_id=named["gap"],
            practitioner_id=named["practitioner"],
            room_id=named["room"],
        )
    except Invalid:
        raise NotFound() from None
    asked = {name: str(value) for name, value in named.items() if value and name in ("visit", "gap")}

    def nearest(start: datetime) -> str:
        wanted = {"site": str(found.site.id), "start": start.isoformat(), **asked}
        return f"{reverse('why-not')}?{urlencode(wanted)}"

    context, patients = explained(actor=actor, found=found, addresses=Addresses(nearest=nearest))
    context["title"] = context["title"] or (words.KINDS[found.kind] if named["gap"] else "")
    fragment = request.headers.get("HX-Request") == "true"
    template = "scheduling/_why_not.html" if fragment else "scheduling/why_not.html"
    return pages.show(request, template, context | {"fragment": fragment}, here="", patients=patients)


def explained(
    *, actor: Actor, found: whynot.WhyNot, addresses: Addresses
) -> tuple[dict[str, Any], list[UUID]]:
    """What `_why_not.html` shows, and of whom."""
    reads = permissions.allows(actor=actor, capability="patients.read")
    patients = [one.patient.id for one in found.blockers] if reads else []
    patients += [found.visit.patient.id] if found.visit else []
    fits_at = found.nearest if found.nearest and not found.fits else None
    return {
        "found": found,
        "span": times.span(found.start, found.end, found.time_zone),
        "zone": times.zone_words(found.start, found.time_zone),
        "title": words.title(found.visit) if found.visit else "",
        "lines": [_line(actor, one, found.time_zone) for one in found.checks],
        "blockers": [
            *(_blocker(one, reads, addresses.back) for one in found.blockers),
            *(_group(one, found.time_zone) for one in found.groups),
        ],
        "nearest": (times.moment(fits_at, found.time_zone), addresses.nearest(fits_at)) if fits_at else None,
    }, patients


def _instant(value: str) -> datetime:
    """An instant in an address; a plus sign that became a space is taken for one."""
    try:
        found = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        raise NotFound() from None
    if found.tzinfo is None or not 2000 <= found.year <= 2100:
        raise NotFound()
    return found.astimezone(UTC)


def _line(actor: Actor, check: whynot.Check, zone: str) -> Line:
    capability = rulebook.of(check.rule_id).capability
    return Line(
        holds=check.holds,
        told=times.localized(check.message, zone),
        may=_any_of([ROLES[role] for role in check.may_override]),
        mine=not check.holds
        and capability is not None
        and permissions.allows(actor=actor, capability=capability),
    )


def _any_of(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _blocker(visit: rows.Visit, reads: bool, back: str) -> Blocker:
    span = times.span(visit.start, visit.end, visit.time_zone)
    if not reads:
        return Blocker("", "Another visit", span)
    address = reverse("visit", kwargs={"visit_id": visit.id})
    address += f"?{urlencode({'back': back})}" if back else ""
    return Blocker(address, f"{visit.patient.name}, {words.title(visit)}", span)


def _group(one: Standing, zone: str) -> Blocker:
    told = f"Group session, {words.seats(one.taken, one.places)}"
    return Blocker("", told, times.span(one.start, one.end, zone))
