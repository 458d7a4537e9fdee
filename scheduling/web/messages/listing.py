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
from notifications.models import Message
from notifications.sending import pulse
from scheduling.planning import windows
from scheduling.web import forms, queries, reasons, words
from scheduling.web.messages import found
from scheduling.web.messages.found import Sought
from scheduling.web.words import Badge

LISTED = 100
DAYS = 14
SHOWS = {
    "failed": "What did not arrive",
    "doubt": "What is in doubt",
    "sent": "What was sent",
    "waiting": "What will be sent",
    "silent": "What was not sent",
    "all": "Everything",
}
# What each choice is made of; what is in doubt may not have arrived.
STATES = {
    "failed": ("failed_final", "undelivered", "in_doubt"),
    "doubt": ("in_doubt",),
    "sent": ("accepted", "delivered", "handing_over"),
    "waiting": ("planned", "leased"),
    "silent": ("suppressed", "cancelled"),
    "all": tuple(words.MESSAGES),
}
# Not sent for one of these, a message is still true and the patient does not know: it did not arrive either.
UNTOLD = (
    *("no_consent", "consent_revoked", "no_messages", "no_address", "opted_out", "no_such_address"),
    "other_address_asked",
    *("no_provider", "no_agreement", "quiet_hours", "over_cap", "skipped_stale"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `call` is the number of somebody whom it did not reach."""

    id: UUID
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
    """`?show=` `?channel=` `?kind=` `?patient=` `?from=` `?to=` `?after=`; without days the last fourteen and
    the next fourteen."""
    site = next(iter(places.sites(actor=actor)), None)
    zone, now = site.time_zone if site else "UTC", timezone.now()
    today, silent = windows.local_day(zone=zone, instant=now), pulse.silent_since(now=now)
    first = forms.day(request.GET.get("from"), default=today - timedelta(days=DAYS))
    last = forms.day(request.GET.get("to"), default=today + timedelta(days=DAYS))
    show = _choice(request, "show", SHOWS) or "failed"
    wanted = Sought(
        states=STATES[show],
        unsent_for=UNTOLD if show == "failed" else (),
        channel=_choice(request, "channel", words.CHANNELS),
        kind=_choice(request, "kind", words.MESSAGE_KINDS),
        patient=forms.uuid(request.GET.get("patient")),
        since=_begin(zone, first),
        before=_begin(zone, last + timedelta(days=1)),
        oldest_first=show == "waiting",
        after=_after(request),
    )
    rows = found.sought(actor=actor, wanted=wanted, most=LISTED + 1)
    whose = [one.patient_id for one in rows[:LISTED] if one.patient_id]
    numbers = queries.numbers_of(actor=actor, ids=whose)
    context = {
        "lines": [_line(one, zone, numbers) for one in rows[:LISTED]],
        "next": _next(request, rows[LISTED - 1]) if len(rows) > LISTED else "",
        "alarms": found.alarms(actor=actor, now=now),
        "wanted": wanted,
        "patient_name": _name(actor, wanted.patient),
        "whole": _without(request, "patient", "after"),
        "show": show,
        "shows": SHOWS,
        "channels": words.CHANNELS,
        "kinds": words.MESSAGE_KINDS,
        "first": first,
        "last": last,
        "zone": times.zone_words(now, zone),
        "silent": times.moment(silent, zone) if silent else None,
        "back": request.get_full_path(),
    }
    patients = {*whose, wanted.patient} - {None}
    return pages.show(request, "scheduling/messages.html", context, here="messages", patients=patients)


def _choice(request: HttpRequest, name: str, options: dict[str, str]) -> str:
    value = request.GET.get(name, "")
    if value and value not in options:
        raise NotFound()
    return value


def _name(actor: Actor, patient_id: UUID | None) -> str:
    """Raises NotFound for somebody of another practice."""
    return str(queries.patient(actor=actor, patient_id=patient_id)) if patient_id else ""


def _after(request: HttpRequest) -> tuple[datetime, UUID] | None:
    """Where the page before ended: an instant and an id."""
    at, _, last = request.GET.get("after", "").partition("_")
    if not at:
        return None
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        raise NotFound() from None
    last_id = forms.uuid(last)
    if instant.tzinfo is None or last_id is None or not 2000 <= instant.year <= 2100:
        raise NotFound()
    return instant, last_id


def _next(request: HttpRequest, last: Message) -> str:
    """The address of the page that follows, with what this one is narrowed by."""
    query = request.GET.copy()
    query["after"] = f"{last.due_at.isoformat()}_{last.pk}"
    return f"?{query.urlencode()}"


def _without(request: HttpRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return f"?{query.urlencode()}"


def _line(message: Message, zone: str, numbers: dict[UUID, str]) -> Line:
    lost = message.state in STATES["failed"] or message.state_reason in UNTOLD
    return Line(
        id=message.pk,
        at=times.moment(message.due_at, zone),
        who=who(message),
        where=where(message),
        what=kind(message),
        channel=words.CHANNELS.get(message.channel, message.channel),
        state=words.MESSAGES[message.state],
        why=reasons.why(message.state_reason),
        call=numbers.get(message.patient_id, "") if lost and message.patient_id else "",
    )


def kind(message: Message) -> str:
    return words.MESSAGE_KINDS.get(message.kind) or words.sentence(message.kind)


def who(message: Message) -> str:
    """Whom it is for."""
    if message.patient:
        return str(message.patient)
    return "A member of staff" if message.staff_id else "A telephone number"


def where(message: Message) -> str:
    """The visit or the course that it is about."""
    if message.subject_kind == "appointment":
        return reverse("visit", kwargs={"visit_id": message.subject_id})
    if message.course_id:
        return reverse("course", kwargs={"course_id": message.course_id})
    return ""


def _begin(zone: str, day: date) -> datetime:
    return windows.day_start(zone=zone, day=day)
