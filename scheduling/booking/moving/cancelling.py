"""What a cancellation means, before it is made, and taking one back. `appointments.transition` cancels."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clinic.practice import idempotency, permissions
from clinic.practice.actor import Actor
from notifications.models import Message
from notifications.planning import ledger
from scheduling import reasons, states
from scheduling.booking.guard import access, locks
from scheduling.booking.moving import cascades, effects, notices, standing
from scheduling.booking.moving.effects import UnitChange
from scheduling.booking.visit import appointments, reinstating
from scheduling.booking.writing import releasing, reminders
from scheduling.errors import RuleViolation
from scheduling.followups import gaps
from scheduling.models import Appointment

CAPABILITY = appointments.CAPABILITY["cancel"]
UNDOES = reinstating.CAPABILITY
UNDONE = "The cancellation was a mistake."


@dataclass(frozen=True, slots=True)
class Choice:
    """What follows when the visits that follow a dose are `keep`t or `cancel`led with it.

    `units` are the follow-up units that read otherwise. `withdraw` are planned messages that are not sent,
    `said` those that have gone out about what is cancelled: nobody takes them back.
    """

    follow_up: str
    ended: tuple[Appointment, ...]
    units: tuple[UnitChange, ...]
    withdraw: tuple[Message, ...]
    said: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """The visit, those that follow it and could still take place, what becomes of them either way, and the
    rules that the rest of the course would break."""

    visit: Appointment
    followers: tuple[Appointment, ...]
    choices: tuple[Choice, ...]
    broken: tuple[dict[str, object], ...]


def preview(*, actor: Actor, appointment_id: UUID, now: datetime) -> Preview:
    """Everything that would follow; writes nothing. Raises NotFound, NotAllowed, InvalidTransition."""
    permissions.check(actor=actor, capability=CAPABILITY)
    visit = access.visit(actor=actor, appointment_id=appointment_id)
    states.find(machine=states.APPOINTMENT, state=visit.status, verb="cancel", kind=visit.kind)
    followers = releasing.followers(dose=visit)
    ways = appointments.FOLLOW_UPS if followers else ("keep",)
    return Preview(
        visit=visit,
        followers=tuple(followers),
        choices=tuple(
            _choice(way, visit, [visit, *(followers if way == "cancel" else ())], now) for way in ways
        ),
        broken=_broken(visit, now),
    )


def _choice(follow_up: str, visit: Appointment, ended: Collection[Appointment], now: datetime) -> Choice:
    ids = [one.pk for one in ended]
    about = list(Message.objects.filter(subject_id__in=ids).order_by("due_at", "pk"))
    return Choice(
        follow_up=follow_up,
        ended=tuple(ended),
        units=effects.of_units(course_ids=[visit.course_id], places={}, now=now, ended=ids)
        if visit.course_id
        else (),
        withdraw=tuple(
            one for one in about if one.state in ledger.UNSENT and one.kind in reminders.OF_A_VISIT
        ),
        said=(
            *notices.confirmations(visits=ended),
            *(one for one in about if one.state in ledger.HANDED_OVER),
        ),
    )


def _broken(visit: Appointment, now: datetime) -> tuple[dict[str, object], ...]:
    """Of a dose: the distance between those before and after it may be too long then."""
    if visit.course_id is None or visit.kind not in states.DOSES:
        return ()
    course = standing.load(practice_id=visit.practice_id, course_ids=[visit.course_id], now=now)
    return cascades.without(standing=course[visit.course_id], ended={visit.pk}, now=now)


def undo(
    *,
    actor: Actor,
    appointment_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> list[UUID]:
    """Bring a cancelled visit back to its place, with the follow-ups that were cancelled with it.

    Raises NotFound, InvalidTransition, Conflict for a time that has come, RuleViolation for what stands in
    the way by now, Stale for a visit that is not as the caller saw it: perhaps cancelled anew, by somebody
    else.
    """
    permissions.check(actor=actor, capability=UNDOES)
    with locks.unit_of_work():
        replay = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="appointment", object_id=appointment_id
        )
        visit = access.appointment_for_update(
            actor=actor,
            appointment_id=appointment_id,
            capability=UNDOES,
            version=None if replay else version,
        )
        if replay:
            return [appointment_id]
        reinstating.check(visit=visit, now=now)
        together = [visit, *_with_it(actor, visit)]
        broken = reinstating.bring_back(actor=actor, visits=together, reason=UNDONE, now=now)
        if broken:
            raise RuleViolation(
                violations=[{"severity": "error", "overridable": False, **one} for one in broken]
            )
        if visit.course_id:
            gaps.refresh(course_ids=[visit.course_id], now=now, actor=actor)
        return [one.pk for one in together]


def _with_it(actor: Actor, dose: Appointment) -> list[Appointment]:
    """The follow-ups that were given up in the same moment because of this dose."""
    gone = Appointment.objects.filter(
        follows=dose,
        status="cancelled",
        cancel_code=reasons.DOSE_CANCELLED,
        cancelled_by=dose.cancelled_by,
        cancelled_at__gte=dose.cancelled_at,
    )
    ids = list(gone.order_by("pk").values_list("pk", flat=True))
    locked = access.visits_for_update(actor=actor, appointment_ids=ids, capability=UNDOES)
    return [locked[key] for key in ids]
