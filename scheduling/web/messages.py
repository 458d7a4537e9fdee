"""Did it reach them: what was, will be and was not sent, and why; what failed first, with whom to call."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import NotFound
from clinic.practice.web import pages, times
from notifications import pulse
from notifications.models import Message
from scheduling.planning import windows
from scheduling.web import forms, queries, words
from scheduling.web.queries import Sought
from scheduling.web.words import Badge

LISTED = 100
DAYS = 14
SHOWS = {
    "failed": "What did not arrive",
    "sent": "What was sent",
    "waiting": "What will be sent",
    "all": "Everything",
}
# What each choice is made of; what is in doubt may not have arrived.
STATES = {
    "failed": ("failed_final", "undelivered", "in_doubt"),
    "sent": ("accepted", "delivered", "handing_over"),
    "waiting": ("planned", "leased"),
    "all": tuple(words.MESSAGES),
}
# Not sent for one of these, a message is still true and the patient does not know: it did not arrive either.
UNTOLD = (
    *("no_consent", "consent_revoked", "no_messages", "no_address", "opted_out", "no_such_address"),
    *("no_provider", "quiet_hours", "over_cap", "skipped_stale"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `call` is the number of somebody whom it did not reach."""

    at: times.Moment
    who: str
    where: str
    what: str
    channel: str
    state: Badge
    why: str
    call: str


@pages.staff_page("GET", "HEAD")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`?show=` `?channel=` `?kind=` `?from=` `?to=`; without days the last fourteen and the next fourteen."""
    site = next(iter(places.sites(actor=actor)), None)
    zone, now = site.time_zone if site else "UTC", timezone.now()
    today, silent = windows.local_day(zone=zone, instant=now), pulse.silent_since(now=now)
    first = forms.day(request.GET.get("from"), default=today - timedelta(days=DAYS))
    last = forms.day(request.GET.get("to"), default=today + timedelta(days=DAYS))
    show = _choice(request, "show", SHOWS) or "failed"
    sought = Sought(
        states=STATES[show],
        unsent_for=UNTOLD if show == "failed" else (),
        channel=_choice(request, "channel", words.CHANNELS),
        kind=_choice(request, "kind", words.MESSAGE_KINDS),
        since=_begin(zone, first),
        before=_begin(zone, last + timedelta(days=1)),
        oldest_first=show == "waiting",
    )
    found = queries.messages_sought(actor=actor, sought=sought, most=LISTED + 1)
    numbers = queries.numbers_of(actor=actor, ids=[one.patient_id for one in found if one.patient_id])
    context = {
        "lines": [_line(one, zone, numbers) for one in found[:LISTED]],
        "cut": len(found) > LISTED,
        "show": show,
        "shows": SHOWS,
        "channel": sought.channel,
        "channels": words.CHANNELS,
        "kind": sought.kind,
        "kinds": words.MESSAGE_KINDS,
        "first": first,
        "last": last,
        "zone": times.zone_words(now, zone),
        "silent": times.moment(silent, zone) if silent else None,
    }
    patients = [one.patient_id for one in found[:LISTED]]
    return pages.show(request, "scheduling/messages.html", context, here="messages", patients=patients)


def _choice(request: HttpRequest, name: str, options: dict[str, str]) -> str:
    value = request.GET.get(name, "")
    if value and value not in options:
        raise NotFound()
    return value


def _line(message: Message, zone: str, numbers: dict[UUID, str]) -> Line:
    lost = message.state in STATES["failed"] or message.state_reason in UNTOLD
    return Line(
        at=times.moment(message.due_at, zone),
        who=str(message.patient) if message.patient else "A member of staff",
        where=_where(message),
        what=words.MESSAGE_KINDS.get(message.kind) or words.sentence(message.kind),
        channel=words.CHANNELS.get(message.channel, message.channel),
        state=words.MESSAGES[message.state],
        why=words.why(message.state_reason),
        call=numbers.get(message.patient_id, "") if lost and message.patient_id else "",
    )


def _where(message: Message) -> str:
    """The visit or the course that it is about."""
    if message.subject_kind == "appointment":
        return reverse("visit", kwargs={"visit_id": message.subject_id})
    if message.course_id:
        return reverse("course", kwargs={"course_id": message.course_id})
    return ""


def _begin(zone: str, day: date) -> datetime:
    return windows.day_start(zone=zone, day=day)
