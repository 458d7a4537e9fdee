"""Addresses that are not written to: since when and why, whose they are, and taking one off the list."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, NotFound
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from clinic.practice.web.times import Moment
from notifications.models import Suppression
from notifications.sending import lifting
from patients.models import ContactPoint
from scheduling.web import forms, reasons, words

LISTED = 100


@dataclass(frozen=True, slots=True)
class Line:
    """`asked`: its owner opted out, and takes that back alone."""

    uid: UUID
    form: str
    address: str
    channel: str
    why: str
    since: Moment
    whose: str
    asked: bool


@pages.staff_page("GET", "HEAD")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?channel=` `?after=`, the newest first."""
    return _page(request, actor, None)


@pages.staff_page("POST")
def lift(request: HttpRequest, actor: Actor, refused_uid: UUID) -> HttpResponse:
    """Write to an address again. What is refused is told on the page, with what was typed."""
    if not Suppression.objects.filter(practice_id=actor.practice_id, uid=refused_uid).exists():
        raise NotFound()
    try:
        lifting.lift(
            actor=actor,
            uid=refused_uid,
            reason=forms.text(request, "reason"),
            now=timezone.now(),
            key=forms.once(request, actor, what=f"lift:{refused_uid}"),
        )
    except DomainError as error:
        return _page(request, actor, pages.refusal(request, form=str(refused_uid), error=error))
    messages.success(request, "This address may be written to again.")
    return pages.done(reverse("messages-refused"))


def _page(request: HttpRequest, actor: Actor, refusal: Refusal | None) -> HttpResponse:
    permissions.check(actor=actor, capability="patients.read")
    site = next(iter(places.sites(actor=actor)), None)
    zone, channel = site.time_zone if site else "UTC", request.GET.get("channel", "")
    if channel and channel not in words.CHANNELS:
        raise NotFound()
    rows = _rows(actor, channel, _after(request))
    people = _people(actor, [one.value for one in rows[:LISTED]])
    context = {
        "lines": [_line(one, zone, people) for one in rows[:LISTED]],
        "next": f"?channel={channel}&after={rows[LISTED - 1].pk}" if len(rows) > LISTED else "",
        "channel": channel,
        "channels": words.CHANNELS,
        "may_lift": permissions.allows(actor=actor, capability=lifting.CAPABILITY),
        "refusal": refusal,
        "key": forms.page_key(request),
        "zone": times.zone_words(timezone.now(), zone),
    }
    shown = {one.patient_id for found in people.values() for one in found}
    template, status = "scheduling/messages_refused.html", refusal.status if refusal else 200
    return pages.show(request, template, context, here="messages", patients=shown, status=status)


def _after(request: HttpRequest) -> int | None:
    value = request.GET.get("after", "")
    if value and not (value.isascii() and value.isdigit() and len(value) < 19):
        raise NotFound()
    return int(value) if value else None


def _rows(actor: Actor, channel: str, after: int | None) -> list[Suppression]:
    found = Suppression.objects.filter(practice_id=actor.practice_id)
    if channel:
        found = found.filter(channel=channel)
    if after is not None:
        found = found.filter(pk__lt=after)
    return list(found.order_by("-pk")[: LISTED + 1])


def _people(actor: Actor, values: Collection[str]) -> dict[str, list[ContactPoint]]:
    """Whose these addresses are, or were."""
    found: dict[str, list[ContactPoint]] = {}
    points = ContactPoint.objects.filter(patient__practice_id=actor.practice_id, value__in=values)
    for one in points.select_related("patient").order_by("patient__family_name", "pk")[: 2 * LISTED]:
        found.setdefault(one.value, []).append(one)
    return found


def _line(row: Suppression, zone: str, people: dict[str, list[ContactPoint]]) -> Line:
    return Line(
        uid=row.uid,
        form=str(row.uid),
        address=row.value,
        channel=words.CHANNELS.get(row.channel, row.channel),
        why=reasons.why(row.reason),
        since=times.moment(row.since, zone),
        whose=", ".join(dict.fromkeys(str(one.patient) for one in people.get(row.value, ()))),
        asked=row.reason in lifting.ASKED,
    )
