"""What a patient's text does to a visit: the same as at its link, and never more than the message asked.

`clinic.config.wiring` gives these answers to `notifications`, which reads the texts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clinic.practice import actor as actors
from clinic.practice.actor import Actor
from notifications.models import Attempt, Message
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.ports import Done
from scheduling.booking.guard import access, locks
from scheduling.booking.own import own_acts
from scheduling.booking.writing import drafts
from scheduling.errors import RuleViolation
from scheduling.models import Appointment
from scheduling.models.appointment import Status
from scheduling.states import InvalidTransition

# What has been confirmed is said within the hour or not at all.
THANKED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ByText:
    """A text that answers a message about this visit."""

    visit: Appointment

    @property
    def actor(self) -> Actor:
        return actors.texter(practice_id=self.visit.practice_id, patient_id=self.visit.patient_id)


def confirm(*, asked: Message, now: datetime) -> Done:
    """Confirm the visit that the message told, when it told one and that is still to come at the time that
    was told; what is missing on file is asked at the front desk. Else nothing is confirmed: the link to what
    is true goes out, and where there is none, or several visits were told, a person is asked. Raises Busy.
    """
    told = _told(asked)
    stands = [one for one in told if _stands(one, asked, now)]
    if len(told) == 1 and stands:
        visit = stands[0]
        try:
            own_acts.confirm(link=ByText(visit), now=now)
        except RuleViolation:
            return _linked(_actor(asked), visit.pk, now, outcome="not_ready")
        except InvalidTransition:
            # Somebody else was faster: the link says what is.
            return _linked(_actor(asked), visit.pk, now)
        _thank(visit.pk, now)
        return Done("confirmed", visit.pk)
    return _linked(_actor(asked), told[0].pk if told else None, now, ask=len(told) != 1)


def send_link(*, practice_id: UUID, patient_id: UUID, asked: Message | None, now: datetime) -> Done:
    """The link of the visit that the message told, else of the patient's next one. Raises Busy."""
    told = _told(asked) if asked else []
    actor = actors.texter(practice_id=practice_id, patient_id=patient_id)
    return _linked(actor, told[0].pk if told else None, now)


def _actor(asked: Message) -> Actor:
    return actors.texter(practice_id=asked.practice_id, patient_id=asked.patient_id)


def _told(asked: Message) -> list[Appointment]:
    """The visits that the message spoke of, as they are now: its own, those of messages that it said as well,
    and all that were booked with it."""
    said = Attempt.objects.filter(message=asked).values_list("covers", flat=True)
    ids = [one for covers in said for one in covers or ()]
    subjects = {asked.subject_id, *Message.objects.filter(pk__in=ids).values_list("subject_id", flat=True)}
    own = access.visits(actor=_actor(asked))
    if asked.subject_kind == "course":
        found = own.filter(course_id=asked.subject_id, created_at__lte=asked.created_at)
    elif asked.kind == Kind.COURSE_BOOKED:
        act = own.filter(pk=asked.subject_id).values("created_at")
        found = own.filter(created_at__in=act)
    else:
        found = own.filter(pk__in=subjects)
    return list(found.select_related("practice", "patient").order_by("start", "pk"))


def _stands(visit: Appointment, asked: Message, now: datetime) -> bool:
    """Whether the visit is still what the message said of it. Where the message keeps no time, no change
    since it was planned is one that it knew of."""
    if visit.status not in drafts.EXPECTED or visit.start <= now:
        return False
    if asked.subject_at is not None:
        return visit.start == asked.subject_at
    return visit.status == Status.CONFIRMED or visit.version == asked.subject_version


def _linked(
    actor: Actor, visit_id: UUID | None, now: datetime, *, outcome: str = "link", ask: bool = False
) -> Done:
    sent = own_acts.send_next(actor=actor, now=now, visit_id=visit_id)
    if sent is None:
        return Done("nothing", visit_id, ask=True)
    return Done(outcome, sent.pk, ask=ask)


def _thank(visit_id: UUID, now: datetime) -> None:
    """Say that it worked, once a version of the visit."""
    with locks.unit_of_work():
        visit = Appointment.objects.get(pk=visit_id)
        if visit.status != Status.CONFIRMED:
            return
        draft = Draft(
            practice_id=visit.practice_id,
            patient_id=visit.patient_id,
            kind=Kind.VISIT_CONFIRMED,
            channel="sms",
            subject_kind="appointment",
            subject_id=visit.pk,
            subject_version=visit.version,
            subject_at=visit.start,
            course_id=visit.course_id,
            due_at=now,
            useful_until=min(now + THANKED_WITHIN, visit.start),
        )
        drafts.queue(messages=[draft], now=now, also=[visit])
