"""What a move means for messages: what goes out, what is taken back, and what is not said again.

It is planned first and carried out afterwards, so that a preview tells exactly what applying will do. A
patient is told a new time once: moves within the grace, and a move that is undone, end in what is true then.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from clinic.practice.models import TrailEntry
from notifications.models import Message
from notifications.models.message import State
from notifications.planning import kinds, ledger, outbox
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from scheduling.booking.moving.relocations import Place
from scheduling.booking.writing import ahead, cancellations, drafts, reminders
from scheduling.models import Appointment

# Planned about a visit at its old time.
UNTRUE = (*ahead.KINDS, Kind.VISIT_MOVED)
SAID = Q(state__in=ledger.HANDED_OVER) | Q(state=State.CANCELLED, state_reason="merged")
# Site, start and mode: what a patient has to know of a visit.
Known = tuple[str, datetime, str]


@dataclass(frozen=True, slots=True)
class Notices:
    """Rows to write, planned rows to withdraw, and messages that have gone out and are not sent again."""

    send: tuple[Draft, ...] = ()
    withdraw: tuple[Message, ...] = ()
    said: tuple[Message, ...] = ()

    def joined(self, other: "Notices") -> "Notices":
        """Both as one."""
        return Notices(
            (*self.send, *other.send), (*self.withdraw, *other.withdraw), (*self.said, *other.said)
        )


def of_move(*, visits: Sequence[Appointment], before: Mapping[UUID, Place], now: datetime) -> Notices:
    """What follows when these visits go from where they were to where the rows put them; reads only.

    The rows may be unsaved copies; their versions have grown with the move.
    """
    if not visits:
        return Notices()
    ids = [one.pk for one in visits]
    about = list(Message.objects.filter(subject_id__in=ids).order_by("due_at", "pk"))
    said = [one for one in about if _has_gone(one)]
    told, pending = _told(visits, before, said), _pending(visits)
    unaware = [one for one in visits if told[one.pk] != _known_of(one) and one.pk not in pending]
    hear = {one.pk for one in unaware} | pending
    made = [
        *reminders.moved(visits=unaware, now=now),
        *reminders.planned(visits=visits, told=hear, now=now),
        *ahead.of_new_firsts(moved=visits, now=now),
    ]
    gone = {(one.kind, one.subject_id, one.subject_at) for one in said}
    once = {(one.kind, one.subject_id) for one in said if kinds.rule(one.kind).once}
    send = [
        one
        for one in made
        if (one.kind, one.subject_id, one.subject_at) not in gone and (one.kind, one.subject_id) not in once
    ]
    return Notices(
        send=tuple(send),
        withdraw=tuple(one for one in about if one.state in ledger.UNSENT and one.kind in UNTRUE),
        said=(*said, *confirmations(visits=visits)),
    )


def of_changes(*, added: Sequence[Appointment], ended: Collection[UUID], now: datetime) -> Notices:
    """What is told of visits that are added and of those that are ended, and what is withdrawn of these."""
    about = Message.objects.filter(subject_id__in=ended, state__in=ledger.UNSENT).order_by("due_at", "pk")
    gone = Appointment.objects.filter(pk__in=ended).select_related("patient__practice") if ended else ()
    return Notices(
        send=(
            *reminders.booked(appointments=added, now=now),
            *cancellations.cancelled(visits=list(gone), now=now),
        ),
        withdraw=tuple(one for one in about if one.kind != Kind.VISIT_CANCELLED) if ended else (),
    )


def carry_out(*, notices: Notices, now: datetime) -> None:
    """Write it, in the transaction of the move."""
    outbox.withdraw(
        subject_ids={one.subject_id for one in notices.withdraw},
        kinds=UNTRUE,
        reason="visit_moved",
        now=now,
    )
    drafts.queue(messages=notices.send, now=now)


def heard(*, versions: Mapping[UUID, int]) -> set[UUID]:
    """The visits of whose move the patient has been told: by the version that the move made."""
    told = Message.objects.filter(SAID, kind=Kind.VISIT_MOVED, subject_id__in=versions)
    pairs = told.values_list("subject_id", "subject_version")
    return {key for key, version in pairs if version >= versions[key]}


def known(place: Place) -> Known:
    """What the patient knows of a visit that stands there."""
    return str(place.site_id), place.planned.start, place.planned.mode


def told_starts(*, visits: Collection[Appointment]) -> dict[UUID, datetime | None]:
    """The start that each patient knows of a standing visit; None while its confirmation has not gone out."""
    waiting = _pending(visits)
    return {one.pk: None if one.pk in waiting else one.start for one in visits}


def _known_of(visit: Appointment) -> Known:
    return str(visit.site_id), visit.start, visit.mode


def _has_gone(message: Message) -> bool:
    return message.state in ledger.HANDED_OVER or message.state_reason == "merged"


def _told(
    visits: Sequence[Appointment], before: Mapping[UUID, Place], said: Sequence[Message]
) -> dict[UUID, Known]:
    """Where each patient believes the visit to be: where the last move left it that they were told of, else
    where it was before it was first moved."""
    last: dict[UUID, int] = {}
    for message in said:
        if message.kind == Kind.VISIT_MOVED:
            last[message.subject_id] = max(message.subject_version, last.get(message.subject_id, 0))
    story = TrailEntry.objects.filter(subject_id__in=[one.pk for one in visits], verb="appointment.move")
    moves: dict[UUID, list[dict[str, object]]] = defaultdict(list)
    for subject_id, data in story.order_by("id").values_list("subject_id", "data"):
        moves[subject_id].append(data)
    found: dict[UUID, Known] = {}
    for one in visits:
        told = next(
            (each["after"] for each in moves[one.pk] if each.get("version") == last.get(one.pk)), None
        )
        first = moves[one.pk][0]["before"] if moves[one.pk] else None
        found[one.pk] = _read(told or first) or known(before[one.pk])
    return found


def _read(place: object) -> Known | None:
    if not isinstance(place, dict):
        return None
    return str(place["site"]), datetime.fromisoformat(place["start"]), str(place["mode"])


def _pending(visits: Collection[Appointment]) -> set[UUID]:
    """Those whose confirmation has not gone out yet: it will tell the time that is true then."""
    waiting = Message.objects.filter(
        patient_id__in={one.patient_id for one in visits},
        kind=Kind.COURSE_BOOKED,
        state__in=ledger.UNSENT,
    ).values_list("subject_kind", "subject_id", "due_at")
    courses: dict[UUID, datetime] = {}
    single: dict[UUID, datetime] = {}
    for kind, subject_id, due_at in waiting:
        (courses if kind == "course" else single)[subject_id] = due_at
    acts = dict(Appointment.objects.filter(pk__in=single).values_list("created_at", "pk"))
    found = set()
    for one in visits:
        due = courses.get(one.course_id) if one.course_id else None
        if due is None and one.created_at in acts:
            due = single[acts[one.created_at]]
        if due is not None and due < one.start:
            found.add(one.pk)
    return found


def confirmations(*, visits: Collection[Appointment]) -> list[Message]:
    """What has gone out about the booking of these visits' courses."""
    courses = {one.course_id for one in visits if one.course_id}
    sent = Message.objects.filter(SAID, kind=Kind.COURSE_BOOKED, subject_id__in=courses)
    return list(sent.order_by("due_at", "pk"))
