"""The threads as staff see them, what they answer, and that they have handled one."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet

from clinic.practice import idempotency, permissions, trail, work, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid, NotAllowed, NotFound
from clinic.practice.models import Practice, WorkItem
from clinic.practice.trail import Step
from notifications import neutral
from notifications.inbox import desk
from notifications.models import Inbound, Message, StaffReply, Thread
from notifications.planning import outbox, recipients, suppressions
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.ports import Facts, Source
from notifications.wording import checking, rendering
from notifications.wording.rendering import Reader
from patients.models import Patient

MOST = 100
# What was not sent by then is no answer any more.
ANSWERED_WITHIN = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Row:
    """One thread of the list: its last text, whose number it is, and the kinds of its open tasks."""

    thread: Thread
    last: Inbound | None
    people: tuple[Patient, ...]
    waits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """One thread: `said` is everything in the order of time. `unwanted` is why nobody writes to it."""

    row: Row
    said: tuple[Inbound | Message | StaffReply, ...]
    states: dict[UUID, Message]
    unwanted: str


def sources() -> dict[str, Source]:
    """Who answers for these kinds of message."""
    ours = (Kind.OPT_OUT_CONFIRMED, Kind.OPT_IN_CONFIRMED, Kind.HELP)
    return {**dict.fromkeys(ours, whom_to_call), Kind.STAFF_REPLY: written}


def whom_to_call(message: Message, also: Sequence[Message], now: datetime) -> Facts:
    """The site of the patient, or the practice."""
    site = message.patient.site.phone if message.patient else ""
    return Facts(phone=site or message.practice.phone)


def written(message: Message, also: Sequence[Message], now: datetime) -> Facts:
    """What a person wrote."""
    return Facts(text=StaffReply.objects.values_list("body", flat=True).get(pk=message.subject_id))


def listing(*, actor: Actor, everything: bool) -> list[Row]:
    """The threads that wait for somebody, or all of them, those that wait first; the latest first, at most a
    hundred. Four queries."""
    found = _threads(actor)
    if not everything:
        found = found.filter(_waits())
    return _rows(actor, list(found.annotate(waits=_waits()).order_by("-waits", "-last_at", "-id")[:MOST]))


def whole(*, actor: Actor, thread_id: UUID) -> Whole:
    """One thread with the latest that was said in it. Raises NotFound."""
    thread = _threads(actor).filter(pk=thread_id).first()
    if thread is None:
        raise NotFound()
    texts = list(thread.texts.order_by("-received_at", "-id")[:MOST])
    replies = list(thread.replies.select_related("staff").order_by("-created_at", "-id")[:MOST])
    sent = Message.objects.filter(practice_id=actor.practice_id, channel="sms", sent_to=thread.number)
    others = list(sent.exclude(kind=Kind.STAFF_REPLY).order_by("-due_at", "-id")[:MOST])
    own = Message.objects.filter(kind=Kind.STAFF_REPLY, subject_id__in=[one.pk for one in replies])
    said: list[Inbound | Message | StaffReply] = [*texts, *replies, *others]
    return Whole(
        row=_rows(actor, [thread])[0],
        said=tuple(sorted(said, key=when)[-MOST:]),
        states={one.subject_id: one for one in own},
        unwanted=recipients.unwanted(practice_id=actor.practice_id, number=thread.number),
    )


def when(said: Inbound | Message | StaffReply) -> datetime:
    """When it was said."""
    if isinstance(said, Inbound):
        return said.received_at
    return said.created_at if isinstance(said, StaffReply) else said.due_at


def reply(
    *,
    actor: Actor,
    thread_id: UUID,
    body: str,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Answer, in the practice's name; what the thread waited for is handled with it.

    Raises Invalid for words that others may not see (R-02) or that are more than one part, Conflict for a
    number that wants no texts, Stale when another text has come meanwhile, NotFound, NotAllowed.
    """

    def write(thread: Thread) -> None:
        _may_be_written_to(thread)
        patient = _only(_people([thread]).get(thread.number, ()))
        _check(thread.practice, patient, body)
        row = StaffReply.objects.create(
            practice_id=thread.practice_id, thread=thread, staff_id=_staff(actor), body=body, created_at=now
        )
        draft = Draft(
            practice_id=thread.practice_id,
            patient_id=patient.pk if patient else None,
            kind=Kind.STAFF_REPLY,
            channel="sms",
            subject_kind="staff_reply",
            subject_id=row.pk,
            due_at=now,
            useful_until=now + ANSWERED_WITHIN,
        )
        outbox.queue(messages=[draft], now=now)

    _work(actor, thread_id, "text.replied", write, now, version, key)


def handle(
    *,
    actor: Actor,
    thread_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Somebody has read it and done what it asked. Raises Stale when another text has come meanwhile,
    NotFound, NotAllowed."""
    _work(actor, thread_id, "text.handled", lambda thread: None, now, version, key)


def stop(
    *,
    actor: Actor,
    thread_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """It meant: no more texts (R-07, in whatever words). Nothing confirms it: the five minutes of R-08 may be
    over. Raises as `handle`."""

    def end(thread: Thread) -> None:
        suppressions.refuse(
            practice_id=thread.practice_id,
            channel="sms",
            value=thread.number,
            reason=suppressions.OPTED_OUT,
            now=now,
        )

    _work(actor, thread_id, "text.stopped", end, now, version, key)


def _work(
    actor: Actor,
    thread_id: UUID,
    verb: str,
    do: Callable[[Thread], None],
    now: datetime,
    version: int | None,
    key: idempotency.Key | None,
) -> None:
    """One transaction with its trail row; the tasks of the thread end with it."""
    permissions.check(actor=actor, capability="messages.work")
    with writing.transaction():
        replay = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="thread", object_id=thread_id
        )
        rows = Thread.objects.select_for_update(of=("self",)).select_related("practice")
        thread = rows.filter(practice_id=actor.practice_id, pk=thread_id).first()
        if thread is None:
            raise NotFound()
        if replay is not None:
            return
        writing.fresh(held=thread.version, read=version)
        do(thread)
        desk.settle(thread=thread, by=actor.ref, now=now)
        patient = _only(_people([thread]).get(thread.number, ()))
        step = Step(verb, desk.SUBJECT, thread.pk, patient_id=patient.pk if patient else None)
        trail.record(actor=actor, at=now, steps=[step])


def _check(practice: Practice, patient: Patient | None, body: str) -> None:
    if not body:
        raise Invalid({"body": ["Write something."]})
    reader = Reader(
        language=patient.language if patient else "en",
        zone=patient.time_zone if patient else "UTC",
        clinic=practice.message_name,
    )
    made = rendering.render(kind=Kind.STAFF_REPLY, channel="sms", reader=reader, facts=Facts(text=body))
    private = (patient.given_name, patient.family_name) if patient else ()
    found = checking.lint(
        rendered=made, sender_name=practice.message_name, language=reader.language, private=private
    )
    told = [checking.in_words(one) for one in found]
    if not told and neutral.segments(made.text) > 1:
        wide = " ".join(neutral.wide(made.text))
        told.append(f"With {wide} it takes {neutral.segments(made.text)} parts: leave that out.")
    if told:
        raise Invalid({"body": told})


def _may_be_written_to(thread: Thread) -> None:
    if recipients.unwanted(practice_id=thread.practice_id, number=thread.number):
        raise Conflict("This number wants no texts, so none is sent: call instead.")


def _staff(actor: Actor) -> UUID:
    if actor.kind != "staff" or actor.id is None:
        raise NotAllowed(capability="messages.work")
    return actor.id


def _threads(actor: Actor) -> QuerySet[Thread]:
    permissions.check(actor=actor, capability="messages.read")
    return Thread.objects.filter(practice_id=actor.practice_id)


def _waits() -> Exists:
    """Whether a task about the thread is open."""
    return Exists(WorkItem.objects.filter(subject_id=OuterRef("pk"), kind__in=work.FROM_TEXTS, done_at=None))


def _rows(actor: Actor, threads: Sequence[Thread]) -> list[Row]:
    ids = [one.pk for one in threads]
    latest = Inbound.objects.filter(thread_id__in=ids).order_by("thread_id", "-received_at", "-id")
    last = {one.thread_id: one for one in latest.distinct("thread_id")}
    waits: dict[UUID, list[str]] = {}
    items = WorkItem.objects.filter(
        practice_id=actor.practice_id, subject_id__in=ids, kind__in=work.FROM_TEXTS, done_at=None
    )
    for subject_id, kind in items.order_by("due_at", "id").values_list("subject_id", "kind"):
        waits.setdefault(subject_id, []).append(kind)
    people = _people(threads)
    return [
        Row(one, last.get(one.pk), people.get(one.number, ()), tuple(waits.get(one.pk, ())))
        for one in threads
    ]


def _people(threads: Collection[Thread]) -> dict[str, tuple[Patient, ...]]:
    """The patients of the practice who have each number."""
    if not threads:
        return {}
    practice_id = next(iter(threads)).practice_id
    found = Patient.objects.filter(
        practice_id=practice_id,
        contact_points__channel="sms",
        contact_points__is_active=True,
        contact_points__value__in=[one.number for one in threads],
    ).annotate(number=F("contact_points__value"))
    people: dict[str, tuple[Patient, ...]] = {}
    for patient in found.order_by("family_name", "given_name", "pk"):
        people[patient.number] = (*people.get(patient.number, ()), patient)
    return people


def _only(people: Sequence[Patient]) -> Patient | None:
    return people[0] if len(people) == 1 else None
