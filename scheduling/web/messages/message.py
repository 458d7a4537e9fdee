"""One message: what was planned, every try, what is in doubt and why, what it cost, and what can be done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice import permissions
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import DomainError, NotFound
from clinic.practice.models import TrailEntry
from clinic.practice.web import pages, times
from clinic.practice.web.pages import Refusal
from clinic.practice.web.times import Moment
from notifications import channels, neutral
from notifications.models import Attempt, Message
from notifications.planning import ledger
from notifications.sending import settling
from scheduling.web import forms, queries, reasons, story, words
from scheduling.web.messages import found, listing
from scheduling.web.visit import visits
from scheduling.web.words import Badge

OUTCOMES = {
    "": Badge("No answer yet", "play", "info"),
    "accepted": Badge("Taken", "check", "good"),
    "permanent": Badge("Refused", "cross", "bad"),
    "transient": Badge("Not taken", "alert", "warn"),
    "in_doubt": Badge("Not known", "alert", "warn"),
}
# R-15, in the words of people.
REPORTED = {
    "accepted": "taken",
    "scheduled": "put by for later",
    "queued": "waits at the provider",
    "sending": "on its way to the network",
    "sent": "handed to the network",
    "canceled": "taken back",
    "failed": "failed",
    "undelivered": "did not arrive",
    "partially_delivered": "arrived in part",
    "delivered": "arrived",
    "read": "was read",
}
ALSO = {
    "planned": "It goes when its time comes, if it is still true and wanted then.",
    "leased": "A worker has it now.",
    "handing_over": "It is being handed over now.",
}


@dataclass(frozen=True, slots=True)
class Report:
    at: Moment
    what: str


@dataclass(frozen=True, slots=True)
class Try:
    """One hand-over. `reports` in the order in which they came."""

    number: int
    begun: Moment
    answered: Moment | None
    outcome: Badge
    why: str
    provider_id: str
    segments: int | None
    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class Step:
    at: Moment
    what: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Size:
    """What a text message takes: characters as they are counted, in which alphabet, in how many parts."""

    characters: int
    alphabet: str
    parts: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nobody knows, and what was asked of the provider."""

    why: str
    asked: str
    attempt_id: UUID | None


@pages.staff_page("GET", "HEAD")
def detail(request: HttpRequest, actor: Actor, message_id: UUID) -> HttpResponse:
    return _page(request, actor, message_id, None)


@pages.staff_page("POST")
def settle(request: HttpRequest, actor: Actor, message_id: UUID, verb: str) -> HttpResponse:
    """Say what became of it, or withdraw it. What is refused is told on its page, with what was typed."""
    do, told = VERBS.get(verb, (None, ""))
    if do is None:
        raise NotFound()
    try:
        do(request, actor, message_id, timezone.now())
    except DomainError as error:
        return _page(request, actor, message_id, pages.refusal(request, form=verb, error=error))
    messages.success(request, told)
    return pages.done(reverse("message", kwargs={"message_id": message_id}))


def _resolve(request: HttpRequest, actor: Actor, message_id: UUID, now: datetime, *, sent: bool) -> None:
    settling.resolve(
        actor=actor,
        message_id=message_id,
        attempt_id=forms.uuid(request.POST.get("attempt")) or message_id,
        sent=sent,
        reason=forms.text(request, "reason"),
        now=now,
        key=forms.once(request, actor, what=f"message:{message_id}"),
    )


def _sent(request: HttpRequest, actor: Actor, message_id: UUID, now: datetime) -> None:
    _resolve(request, actor, message_id, now, sent=True)


def _not_sent(request: HttpRequest, actor: Actor, message_id: UUID, now: datetime) -> None:
    _resolve(request, actor, message_id, now, sent=False)


def _withdraw(request: HttpRequest, actor: Actor, message_id: UUID, now: datetime) -> None:
    settling.withdraw(
        actor=actor,
        message_id=message_id,
        reason=forms.text(request, "reason"),
        now=now,
        key=forms.once(request, actor, what=f"message:{message_id}"),
    )


Do = Callable[[HttpRequest, Actor, UUID, datetime], None]
VERBS: dict[str, tuple[Do, str]] = {
    "sent": (_sent, "Written down: it was sent."),
    "not-sent": (_not_sent, "Written down: it was not sent. It goes now, if it is still of use."),
    "withdraw": (_withdraw, "It does not go."),
}


def _page(request: HttpRequest, actor: Actor, message_id: UUID, refusal: Refusal | None) -> HttpResponse:
    now = timezone.now()
    whole = found.told(actor=actor, message_id=message_id)
    message, zone = whole.message, _zone(actor, whole.message)
    numbers = queries.numbers_of(actor=actor, ids=[message.patient_id] if message.patient_id else [])
    allowed = permissions.allows(actor=actor, capability=settling.CAPABILITY)
    context = {
        **_plan(message, zone),
        "state": words.MESSAGES[message.state],
        "why": reasons.why(message.state_reason),
        "also": ALSO.get(message.state, ""),
        "said_by": found.said_by(actor=actor, message=message),
        "attempts": [_try(one, zone) for one in whole.attempts],
        "doubt": _doubt(message, whole.attempts, zone) if message.state == "in_doubt" else None,
        "size": _size(message, whole.attempts),
        "story": _story(actor, whole.story, zone),
        "beside": [(one, listing.kind(one), words.MESSAGES[one.state]) for one in whole.beside],
        "asked": [story.WORK.get(one.kind, one.kind) for one in _asked(actor, message)],
        "call": numbers.get(message.patient_id, "") if message.patient_id else "",
        "may_settle": allowed and message.state == "in_doubt",
        "may_withdraw": allowed and message.state in ledger.UNSENT,
        "refusal": refusal,
        "key": forms.page_key(request),
        "back": pages.back_to(request, reverse("messages")),
        "now": now,
    }
    status = refusal.status if refusal else 200
    template, patients = "scheduling/message.html", [message.patient_id]
    return pages.show(request, template, context, here="messages", patients=patients, status=status)


def _zone(actor: Actor, message: Message) -> str:
    """The time of the patient's site, else of the practice's first one."""
    sites = list(places.sites(actor=actor))
    own = message.patient.site_id if message.patient else None
    return next((one.time_zone for one in sites if one.pk == own), sites[0].time_zone if sites else "UTC")


def _plan(message: Message, zone: str) -> dict[str, Any]:
    """What was planned, in the site's time; in the patient's too where their clock differs."""
    theirs = message.patient.time_zone if message.patient else zone
    apart = times.moment(message.due_at, theirs).clock != times.moment(message.due_at, zone).clock
    return {
        "message": message,
        "who": listing.who(message),
        "what": listing.kind(message),
        "channel": words.CHANNELS.get(message.channel, message.channel),
        "where": listing.where(message),
        "due": times.moment(message.due_at, zone),
        "due_there": times.moment(message.due_at, theirs) if apart else None,
        "zone_there": times.zone_words(message.due_at, theirs),
        "until": times.moment(message.useful_until, zone),
        "planned": times.moment(message.created_at, zone),
        "zone": times.zone_words(message.due_at, zone),
    }


def _try(attempt: Attempt, zone: str) -> Try:
    reports = (
        Report(
            at=times.moment(datetime.fromisoformat(one["at"]), zone),
            what=_reported(one["status"], one["code"]),
        )
        for one in attempt.reports
    )
    return Try(
        number=attempt.number,
        begun=times.moment(attempt.begun_at, zone),
        answered=times.optional(attempt.finished_at, zone),
        outcome=OUTCOMES.get(attempt.outcome) or OUTCOMES["in_doubt"],
        why=reasons.why(attempt.error_code),
        provider_id=attempt.provider_id,
        segments=attempt.segments,
        reports=tuple(reports),
    )


def _reported(status: str, code: str) -> str:
    told = REPORTED.get(status) or words.plain(status)
    return f"{told}: {reasons.why(code)}" if code else told


def _doubt(message: Message, attempts: list[Attempt], zone: str) -> Doubt:
    found_in = next((one for one in attempts if one.pk == message.current_attempt), None)
    provider = channels.of(message.channel)
    if found_in is not None and found_in.asked_at is not None:
        asked = f"The provider was last asked {times.moment(found_in.asked_at, zone)}, and did not know it."
    elif provider is not None and (provider.CAN_BE_ASKED or provider.REPLAYS):
        asked = "The provider is being asked."
    else:
        asked = "This provider cannot be asked."
    return Doubt(reasons.why(message.state_reason), asked, message.current_attempt)


def _size(message: Message, attempts: list[Attempt]) -> Size | None:
    """As it went: a link that is not kept took its place in the count."""
    if message.channel != "sms" or not message.sent_body:
        return None
    text = message.sent_body
    counted = next((one.segments for one in attempts if one.segments), None)
    return Size(
        characters=neutral.length(text),
        alphabet="plain letters (GSM-7)" if neutral.is_gsm7(text) else "all letters (UCS-2)",
        parts=counted or neutral.segments(text),
    )


def _story(actor: Actor, entries: list[TrailEntry], zone: str) -> list[Step]:
    people = queries.names(actor=actor, refs=[one.actor_ref for one in entries])
    return [
        Step(
            at=times.moment(one.at, zone),
            what=story.TRAIL.get(one.verb) or words.sentence(one.verb),
            who=visits.who(one.actor_ref, people),
            reason=one.reason if one.actor_ref.startswith("staff:") else reasons.why(one.reason),
        )
        for one in entries
    ]


def _asked(actor: Actor, message: Message) -> list[Any]:
    return list(queries.asked(actor=actor, subject_id=message.pk))
