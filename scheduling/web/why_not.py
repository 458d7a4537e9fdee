"""Why not there? A page of its own, or a drawer over the page that asked: rule by rule, in plain words."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.times import Moment
from scheduling.booking import rows, rulebook, whynot
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
    """A visit that stands in the way; without a name where the reader may not know it."""

    address: str
    told: str
    span: str


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
    reads = permissions.allows(actor=actor, capability="patients.read")
    context = {
        "found": found,
        "span": times.span(found.start, found.end, found.time_zone),
        "zone": times.zone_words(found.start, found.time_zone),
        "title": words.title(found.visit) if found.visit else words.KINDS[found.kind] if named["gap"] else "",
        "lines": [_line(actor, one, found.time_zone) for one in found.checks],
        "blockers": [_blocker(one, reads) for one in found.blockers],
        "nearest": _nearest(found, named),
        "fragment": request.headers.get("HX-Request") == "true",
    }
    patients = [one.patient.id for one in found.blockers] if reads else []
    patients += [found.visit.patient.id] if found.visit else []
    template = "scheduling/_why_not.html" if context["fragment"] else "scheduling/why_not.html"
    return pages.show(request, template, context, here="", patients=patients)


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


def _blocker(visit: rows.Visit, reads: bool) -> Blocker:
    span = times.span(visit.start, visit.end, visit.time_zone)
    if not reads:
        return Blocker("", "Another visit", span)
    return Blocker(
        reverse("visit", kwargs={"visit_id": visit.id}), f"{visit.patient.name}, {words.title(visit)}", span
    )


def _nearest(found: whynot.WhyNot, named: dict[str, UUID | None]) -> tuple[Moment, str] | None:
    """The nearest start that fits, and the address that explains it."""
    if found.nearest is None or found.fits:
        return None
    asked = {"site": str(found.site.id), "start": found.nearest.isoformat()}
    asked |= {name: str(value) for name, value in named.items() if value and name in ("visit", "gap")}
    return times.moment(found.nearest, found.time_zone), f"{reverse('why-not')}?{urlencode(asked)}"
