"""What patients are told of visits that do not take place, and what is not said of them any more."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from django.db.models import Q

from clinic.practice import trail, work
from clinic.practice.actor import Actor
from clinic.practice.models import WorkItem
from clinic.practice.models.staff import Role
from clinic.practice.trail import Step
from notifications.models import Message
from notifications.planning import ledger, outbox
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from scheduling import reasons
from scheduling.booking.writing import ahead, drafts, reminders
from scheduling.models import Appointment

# Whoever got one of these knows of a visit.
TELLS_OF_VISITS = (
    Kind.COURSE_BOOKED,
    Kind.VISIT_MOVED,
    Kind.VISIT_LIST,
    Kind.VISIT_LINK,
    *ahead.KINDS,
)


# A visit that is off and of which no message can tell in time: somebody calls.
CALL_ITEM = "cancelled_too_late"
# How long before a visit a message must go so that nobody sets out for it.
IN_TIME = {"sms": timedelta(hours=1), "email": timedelta(hours=12)}
# Further ahead there is always a morning for a text.
NEAR = timedelta(hours=24)
# A booking that is undone at once was never anybody's plan.
PLANNED_ON = timedelta(hours=1)


def on_cancelled(*, actor: Actor, appointments: Sequence[Appointment], now: datetime) -> None:
    """Withdraw what is planned about these visits, and tell the patient. A confirmation tells others too: it
    is left to the re-check when sent.
    """
    outbox.withdraw(
        subject_ids=[one.pk for one in appointments],
        kinds=reminders.OF_A_VISIT,
        reason="visit_cancelled",
        now=now,
    )
    by_mail_alone = actor.kind == "patient"
    news = cancelled(visits=appointments, now=now)
    outbox.queue(
        messages=[one for one in news if one.channel == "email" or not by_mail_alone],
        now=now,
    )
    if actor.kind != "patient":
        _have_called(visits=appointments, news=news, now=now)
    reminders.prepare_anew(ended=[one.pk for one in appointments], now=now)


def _have_called(*, visits: Sequence[Appointment], news: Sequence[Draft], now: datetime) -> None:
    """Ask the front desk to call whom no message can tell before they set out, once for what is cancelled
    together."""
    near = [
        one
        for one in visits
        if now < one.start <= now + NEAR and one.cancel_code not in reasons.KNOWN_TO_PATIENTS
    ]
    if not near:
        return
    known = known_to_patients(visits=near)
    first: dict[UUID, Appointment] = {}
    for one in sorted(near, key=lambda visit: (visit.start, visit.pk)):
        if one.pk in known or one.created_at <= now - PLANNED_ON:
            first.setdefault(one.patient_id, one)
    for patient_id, visit in first.items():
        theirs = (one for one in news if one.patient_id == patient_id)
        if any(one.due_at <= visit.start - IN_TIME[one.channel] for one in theirs):
            continue
        work.raise_item(
            practice_id=visit.practice_id,
            kind=CALL_ITEM,
            dedupe_key=f"{CALL_ITEM}:{visit.pk}:{visit.version}",
            subject_kind="appointment",
            subject_id=visit.pk,
            patient_id=patient_id,
            role=Role.FRONT_DESK,
            reason="The visit is off and no message can say so in time: please call.",
            due_at=now,
        )


def call_no_more(*, actor: Actor, visits: Sequence[Appointment], now: datetime) -> None:
    """Visits that take place after all: nobody has to be called any more to say that they are off."""
    ids = [one.pk for one in visits]
    asked = WorkItem.objects.filter(
        practice_id=actor.practice_id, kind=CALL_ITEM, subject_id__in=ids, done_at__isnull=True
    )
    steps = [Step("done", "work_item", one.pk, None, one.patient_id, "reinstated") for one in asked]
    work.settle(practice_id=actor.practice_id, subject_ids=ids, kinds=[CALL_ITEM], by=actor.ref, now=now)
    trail.record(actor=actor, at=now, steps=steps)


def cancelled(*, visits: Sequence[Appointment], now: datetime) -> list[Draft]:
    """The news that visits do not take place: one message a patient and channel for all that are cancelled at
    once, where the patient had been told of them.
    """
    people: dict[UUID, list[Appointment]] = defaultdict(list)
    known = known_to_patients(visits=visits)
    for one in sorted(visits, key=lambda visit: (visit.start, visit.pk)):
        if one.pk in known and one.start > now:
            people[one.patient_id].append(one)
    loaded = drafts.people_of(chain.from_iterable(people.values()))
    made = []
    for gone in people.values():
        first = gone[0]
        made += drafts.news(
            Kind.VISIT_CANCELLED,
            first,
            loaded,
            now,
            subject_kind="appointment",
            subject_id=first.pk,
            version=first.version,
        )
    return made


def known_to_patients(*, visits: Collection[Appointment]) -> set[UUID]:
    """The visits that some message has told of: by itself, with its course, or with what was booked in the
    same act.
    """
    if not visits:
        return set()
    acts = Appointment.objects.filter(
        patient_id__in={one.patient_id for one in visits}, created_at__in={one.created_at for one in visits}
    )
    about = {one.pk for one in visits} | {one.course_id for one in visits if one.course_id}
    told = set(
        Message.objects.filter(
            Q(state__in=ledger.HANDED_OVER) | Q(state="cancelled", state_reason="merged"),
            Q(subject_id__in=about) | Q(subject_id__in=acts.values("pk")),
            kind__in=TELLS_OF_VISITS,
        ).values_list("subject_id", flat=True)
    )
    together = set(acts.filter(pk__in=told).values_list("patient_id", "created_at"))
    return {
        one.pk
        for one in visits
        if {one.pk, one.course_id} & told or (one.patient_id, one.created_at) in together
    }
