"""What patients are told of visits that do not take place, and what is not said of them any more."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

from django.db.models import Q

from clinic.practice.actor import Actor
from notifications.models import Message
from notifications.planning import ledger, outbox
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
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
    reminders.prepare_anew(ended=[one.pk for one in appointments], now=now)


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
