"""What patients do to their visit by its link: the same use cases as at the desk, and doing a thing twice is
doing it once.
"""

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from django.db.models import Case, When

from clinic.practice import idempotency, trail, work
from clinic.practice.actor import Actor
from clinic.practice.errors import Busy, Invalid, Stale
from clinic.practice.trail import Step
from notifications.models import Message
from notifications.planning import recipients
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from scheduling import reasons
from scheduling.booking.guard import access, locks
from scheduling.booking.moving import moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.own import own_slots, own_visit
from scheduling.booking.own.own_visit import Stage
from scheduling.booking.visit import appointments
from scheduling.booking.writing import drafts, links, releasing
from scheduling.booking.writing.links import Link
from scheduling.errors import RuleViolation
from scheduling.models import Appointment
from scheduling.models.appointment import Status
from scheduling.states import InvalidTransition

# So many new links a visit in a day; whoever asks more often learns nothing and gets nothing.
MOST_LINKS, LINKS_IN = 3, timedelta(days=1)


class Hand(Protocol):
    """By what a patient acts on a visit: its link, or a text that answers a message about it."""

    @property
    def visit(self) -> Appointment: ...

    @property
    def actor(self) -> Actor: ...


def confirm(*, link: Hand, now: datetime) -> None:
    """The patient will come; what was said before to the contrary is settled.

    Raises InvalidTransition for a visit that nobody expects, and RuleViolation where papers are missing
    (S-01, S-02): then the front desk is told that the patient would come.
    """
    visit = link.visit
    try:
        appointments.transition(actor=link.actor, appointment_id=visit.pk, verb="confirm", now=now)
    except (InvalidTransition, Busy):
        if not _can_come_after_all(link, now):
            raise
    except RuleViolation:
        with locks.unit_of_work():
            _ask_desk(
                link,
                kind=releasing.NOT_READY_ITEM,
                reason="The patient wants to confirm; something is missing on file.",
                now=now,
            )
        raise


def cannot_come(*, link: Link, now: datetime) -> None:
    """The patient says, without a proof, that they cannot come: the visit stands and the front desk is asked.

    Whoever picks up the telephone can say this, so it cancels nothing. Raises InvalidTransition.
    """
    with locks.unit_of_work():
        visit = _expected(link, "cannot_come", now)
        if work.is_asked(practice_id=visit.practice_id, subject_id=visit.pk, kind=releasing.CANNOT_COME_ITEM):
            return
        _ask_desk(
            link,
            kind=releasing.CANNOT_COME_ITEM,
            reason="The patient says by their link that they cannot come: call them, move or cancel it.",
            now=now,
        )
        _tell(link, "appointment.cannot_come", now)


def cancel(*, link: Link, reason_code: str, now: datetime, version: int | None = None) -> None:
    """Cancel the visit, by a patient who has proved to be it, for a reason of the patients' list. What was
    booked to follow a dose is asked about at the front desk, as always.

    Raises Invalid, InvalidTransition, Stale.
    """
    if reason_code not in reasons.BY_PATIENTS:
        raise Invalid({"reason_code": [f"One of {', '.join(reasons.BY_PATIENTS)}."]})
    try:
        appointments.transition(
            actor=link.actor,
            appointment_id=link.visit.pk,
            verb="cancel",
            now=now,
            reason_code=reason_code,
            version=version,
        )
    except (InvalidTransition, Stale, Busy):
        # A second tap finds what the first has done, or is doing.
        link.visit.refresh_from_db()
        if link.visit.status != Status.CANCELLED:
            raise


def move(*, link: Link, start: datetime, now: datetime, version: int | None = None) -> None:
    """Put the visit at one of the times that were offered, nothing else moving.

    Raises SlotTaken and RuleViolation for a time that does not fit any more, InvalidTransition, Stale, and
    Invalid for one that nobody offers.
    """
    visit = link.visit
    if visit.start == start:
        return
    if not own_slots.fits(link=link, start=start, now=now):
        raise Invalid({"start": ["This time is not offered any more."]})
    try:
        moves.apply(
            actor=link.actor,
            appointment_id=visit.pk,
            wish=Wish(start=start),
            ways=Ways(cascade=False),
            version=version,
            now=now,
        )
    except (Stale, Invalid, Busy):
        visit.refresh_from_db()
        if visit.start != start:
            raise


def page_of(*, visit: Appointment, now: datetime) -> str:
    """The token of the visit's own page, which is made where there is none yet."""
    with locks.unit_of_work():
        links.renew(visit=visit, unlock=False, now=now)
        return links.address(visit_id=visit.pk).rpartition("/")[2]


def send_again(*, actor: Actor, now: datetime) -> None:
    """Send the patient a link to their next visit, to the address on file; nothing where there is no such
    visit, or enough was sent. Whoever asks cannot tell which."""
    send_next(actor=actor, now=now)


def send_next(*, actor: Actor, now: datetime, visit_id: UUID | None = None) -> Appointment | None:
    """Send the patient a link to this visit while it is expected, else to the next one that is; None where
    there is none."""
    coming = access.visits(actor=actor).filter(status__in=drafts.EXPECTED, start__gt=now)
    first = Case(When(pk=visit_id, then=False), default=True)
    with locks.unit_of_work():
        visit = coming.order_by(first, "start", "pk").select_for_update(no_key=True).first()
        if visit is not None:
            _send(visit, now, unlock=False)
    return visit


def send_for(
    *, actor: Actor, appointment_id: UUID, now: datetime, key: idempotency.Key | None = None
) -> None:
    """The front desk sends the link of a visit again; a locked one is replaced. A repeated `key` sends
    nothing more. Raises NotFound, NotAllowed, InvalidTransition."""
    with locks.unit_of_work():
        replay = idempotency.claim(
            key=key, now=now, status_code=200, object_kind="appointment", object_id=appointment_id
        )
        visit = access.appointment_for_update(
            actor=actor, appointment_id=appointment_id, capability="messages.work"
        )
        if own_visit.stage_of(visit=visit, now=now) is not Stage.COMING:
            raise InvalidTransition(
                machine="appointment", state=visit.status, verb="send the link", allowed=()
            )
        if replay is None:
            _send(visit, now, unlock=True)


def _send(visit: Appointment, now: datetime, *, unlock: bool) -> None:
    sent = Message.objects.filter(subject_id=visit.pk, kind=Kind.VISIT_LINK)
    if sent.filter(created_at__gt=now - LINKS_IN).count() >= MOST_LINKS:
        return
    links.renew(visit=visit, unlock=unlock, now=now)
    channels = recipients.usable_channels(patient_ids=[visit.patient_id])[visit.patient_id]
    draft = Draft(
        practice_id=visit.practice_id,
        patient_id=visit.patient_id,
        kind=Kind.VISIT_LINK,
        channel=next(iter(channels), "sms"),
        subject_kind="appointment",
        subject_id=visit.pk,
        # Each asking is one message: those that come at once are the same asking.
        subject_version=sent.count() + 1,
        course_id=visit.course_id,
        due_at=now,
        useful_until=visit.start,
    )
    drafts.queue(messages=[draft], now=now)


def _can_come_after_all(link: Hand, now: datetime) -> bool:
    """Whether the visit is confirmed already; what stood against it is settled."""
    with locks.unit_of_work():
        visit = access.appointment_for_update(
            actor=link.actor, appointment_id=link.visit.pk, capability="appointments.confirm"
        )
        if visit.status != Status.CONFIRMED:
            return False
        if releasing.comes_after_all(actor=link.actor, visits=[visit], now=now):
            _tell(link, "appointment.can_come", now)
        return True


def _expected(link: Link, verb: str, now: datetime) -> Appointment:
    visit = access.appointment_for_update(
        actor=link.actor, appointment_id=link.visit.pk, capability="appointments.confirm"
    )
    if own_visit.stage_of(visit=visit, now=now) is not Stage.COMING:
        raise InvalidTransition(machine="appointment", state=visit.status, verb=verb, allowed=())
    return visit


def _ask_desk(link: Hand, *, kind: str, reason: str, now: datetime) -> None:
    visit = link.visit
    if work.is_asked(practice_id=visit.practice_id, subject_id=visit.pk, kind=kind):
        return
    work.raise_item(
        practice_id=visit.practice_id,
        kind=kind,
        dedupe_key=f"{kind}:{visit.pk}:{now.isoformat()}",
        subject_kind="appointment",
        subject_id=visit.pk,
        patient_id=visit.patient_id,
        role="front_desk",
        reason=reason,
        due_at=now,
    )


def _tell(link: Hand, verb: str, now: datetime) -> None:
    visit = link.visit
    step = Step(verb, "appointment", visit.pk, visit.course_id, visit.patient_id, data={"ref": visit.ref})
    trail.record(actor=link.actor, at=now, steps=[step])
