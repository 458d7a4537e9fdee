"""What would this patient get, when: the messages to come, each with its words, or why it stays silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from clinic.practice.actor import Actor
from clinic.practice.web import pages, times
from clinic.practice.web.times import Moment
from notifications import neutral
from notifications.models import Message
from notifications.planning import policy, preferences
from notifications.planning.ports import Silence
from notifications.reading import ahead
from notifications.reading.ahead import Foreseen
from notifications.sending import decision
from notifications.sending.decision import Blocked, Send
from scheduling.booking.own import own_messages
from scheduling.booking.reading import queries as booked
from scheduling.web import reasons, words
from scheduling.web.messages import listing
from scheduling.web.words import Badge

GOES = Badge("Goes", "check", "good")
SILENT = Badge("Does not go", "minus", "warn")
MERGED = Badge("Said in another", "check", "neutral")


@dataclass(frozen=True, slots=True)
class Line:
    """One message to come. `there` is the patient's own clock, where it differs; `visit` is when that begins
    which it is about; `notes` say why it goes at this time or not at all."""

    id: UUID
    kept: bool
    at: Moment
    there: Moment | None
    what: str
    visit: Moment | None
    channel: str
    where: str
    state: Badge
    notes: tuple[str, ...]
    subject: str
    text: str
    parts: int


@dataclass(frozen=True, slots=True)
class Coming:
    """Messages to come, and what they are together: `parts` of text messages are paid for."""

    lines: tuple[Line, ...]
    zone: str

    @property
    def going(self) -> int:
        return sum(one.state is GOES for one in self.lines)

    @property
    def parts(self) -> int:
        return sum(one.parts for one in self.lines)


@pages.staff_page("GET", "HEAD")
def course(request: HttpRequest, actor: Actor, course_id: UUID) -> HttpResponse:
    """The patient's messages to come, those of this course marked by its visits; at most sixty."""
    whole = booked.course(actor=actor, course_id=course_id).course
    now, zone = timezone.now(), whole.time_zone
    seen = own_messages.of_patient(actor=actor, patient_id=whole.patient.id, now=now)
    context = {
        "course": whole,
        "coming": told(seen=seen, zone=zone, now=now),
        "cut": len(seen) >= ahead.MOST,
        "most": ahead.MOST,
        "back": pages.back_to(request, reverse("course", kwargs={"course_id": course_id})),
    }
    template, patients = "scheduling/messages_coming.html", [whole.patient.id]
    return pages.show(request, template, context, here="messages", patients=patients)


def told(*, seen: Sequence[Foreseen], zone: str, now: datetime, booked: bool = True) -> Coming:
    """What was foreseen, in the site's zone. `booked`: what it is about exists, and has a page."""
    return Coming(tuple(_line(one, zone, booked) for one in seen), times.zone_words(now, zone))


def _line(one: Foreseen, zone: str, booked: bool) -> Line:
    message = one.message
    here, there = times.moment(one.at, zone), times.moment(one.at, _theirs(message, zone))
    sent = one.outcome if isinstance(one.outcome, Send) else None
    text = neutral.kept(sent.rendered.text) if sent else ""
    return Line(
        id=message.pk,
        # What would go by another channel has no row, and no page, yet.
        kept=bool(message.dedupe_key),
        at=here,
        there=there if there.clock != here.clock else None,
        what=listing.kind(message),
        visit=times.moment(message.subject_at, zone) if message.subject_at else None,
        channel=words.CHANNELS.get(message.channel, message.channel),
        where=listing.where(message) if booked else "",
        state=GOES if sent else MERGED if one.into else SILENT,
        notes=_notes(one, zone),
        subject=sent.rendered.subject if sent else "",
        text=text,
        parts=neutral.segments(sent.rendered.text) if sent and message.channel == "sms" else 0,
    )


def _theirs(message: Message, zone: str) -> str:
    return message.patient.time_zone if message.patient else zone


def _notes(one: Foreseen, zone: str) -> tuple[str, ...]:
    told = []
    if isinstance(one.outcome, Silence):
        told.append(reasons.why(one.outcome.reason))
    elif isinstance(one.outcome, Blocked):
        told.append(reasons.why(f"not_neutral:{','.join(one.outcome.codes)}"))
    else:
        if one.put_off:
            told.append(f"planned for {times.moment(one.planned_for, zone)}, put off")
        if _at_an_edge(one):
            told.append("moved out of the quiet hours of the patient")
        if one.outcome.covers:
            count = len(one.outcome.covers)
            told.append(f"says {count} other {'message' if count == 1 else 'messages'} as well")
        if one.outcome.instead_of:
            told.append("your own words break a rule: the built-in ones go")
    return tuple(told)


def _at_an_edge(one: Foreseen) -> bool:
    """Whether it goes at the very minute at which the hours for messages begin, or just before they end: the
    rule for quiet hours put it there."""
    message = one.message
    if decision.at_any_hour(message):
        return False
    window = preferences.of(message.practice).window
    zone = _theirs(message, "UTC")
    early, late = one.at - policy.LAST_CALL, one.at + policy.LAST_CALL
    opened = not policy.allowed(instant=early, zone=zone, window=window)
    closes = not policy.allowed(instant=late, zone=zone, window=window)
    return opened or closes
