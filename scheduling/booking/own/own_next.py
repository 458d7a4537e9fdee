"""What patients do about a follow-up that is missing: they see when it could be, and book it.

The link is its dose's. The times and the booking are those that staff have (`openings.slots`); whoever finds
none is called.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Q, QuerySet

from clinic.practice import idempotency, reads, trail, work
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, NotFound
from clinic.practice.trail import Step
from notifications.models import Message
from notifications.planning import ledger, outbox, recipients
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.policy import Timing
from notifications.planning.ports import Silence
from notifications.sending.decision import Send
from scheduling.booking.guard import access, locks
from scheduling.booking.openings import slots
from scheduling.booking.own import own_acts, own_front, own_messages
from scheduling.booking.own.own_slots import MOST_A_DAY, MOST_DAYS, NOTICE
from scheduling.booking.writing import drafts, inviting, links
from scheduling.booking.writing.links import Link
from scheduling.errors import NotSent, SlotTaken
from scheduling.followups import escalation
from scheduling.models import Appointment, FollowUpGap
from scheduling.models.appointment import ENDED_UNATTENDED, Status
from scheduling.models.followup import GapStatus
from scheduling.models.patient_link import Purpose
from scheduling.planning import windows


class Stage(StrEnum):
    """What there is to do: choose, nothing more, or call."""

    CHOOSE = "choose"
    BOOKED = "booked"
    CALL = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front(own_front.Front):
    """`asked`: somebody will call."""

    stage: Stage
    asked: bool


@dataclass(frozen=True, slots=True)
class Time:
    """A start that fits; `familiar`: with somebody whom the patient knows."""

    start: datetime
    mode: str
    familiar: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The times of one local day, in order."""

    day: date
    times: tuple[Time, ...]


def front(*, link: Link, now: datetime) -> Front:
    """What is shown without any proof. Raises NotFound once nothing can be chosen any more, and nothing is
    booked."""
    gap = _unit(link)
    return Front(
        **own_front.of(link=link), zone=gap.site.time_zone, stage=_stage(gap, now), asked=_is_asked(gap)
    )


def offered(*, link: Link, now: datetime) -> list[Day]:
    """The times that fit, with somebody whom the patient knows before all others; none where nothing fits."""
    gap = _unit(link)
    if _stage(gap, now) is not Stage.CHOOSE:
        return []
    found = slots.ranked(
        actor=link.actor, gap_id=gap.pk, now=now, limit=slots.MOST, notice=NOTICE, known_first=True
    ).found
    days: dict[date, list[Time]] = {}
    for one in found:
        day = windows.local_day(zone=gap.site.time_zone, instant=one.start)
        if (day in days or len(days) < MOST_DAYS) and len(days.get(day, ())) < MOST_A_DAY:
            days.setdefault(day, []).append(Time(one.start, one.mode, one.familiar))
    return [Day(day, tuple(sorted(times, key=_start))) for day, times in sorted(days.items())]


def seek(*, link: Link, now: datetime) -> None:
    """The patient looks for a time: where there is none, the front desk calls them."""
    if _stage(_unit(link), now) is Stage.CHOOSE and not offered(link=link, now=now):
        ask_to_call(link=link, now=now)


def book(*, link: Link, start: datetime, now: datetime) -> str:
    """Book one of the times that were offered; returns the token of the visit's own page. Doing it twice is
    doing it once.

    Raises SlotTaken and RuleViolation for a time that does not fit any more, Conflict where the follow-up is
    booked otherwise or the patient is to call, Busy, NotFound.
    """
    gap = _unit(link)
    if _stage(gap, now) is Stage.CALL:
        raise Conflict("The practice books its follow-ups itself.")
    try:
        slots.book(actor=link.actor, gap_id=gap.pk, now=now, start=start, notice=NOTICE)
    except (SlotTaken, Conflict):
        # A second tap finds what the first has done.
        if _booked(gap, start) is None:
            raise
    visit = _booked(gap, start)
    if visit is None:
        raise NotFound()
    return own_acts.page_of(visit=visit, now=now)


def ask_to_call(*, link: Link, now: datetime) -> None:
    """The front desk calls a patient who finds no time."""
    gap = _unit(link)
    with locks.unit_of_work():
        if _is_asked(gap):
            return
        work.raise_item(
            practice_id=gap.practice_id,
            kind=escalation.NO_TIME_ITEM,
            dedupe_key=f"{escalation.NO_TIME_ITEM}:{gap.pk}:{now.isoformat()}",
            subject_kind="gap",
            subject_id=gap.pk,
            patient_id=gap.patient_id,
            role="front_desk",
            reason="The patient looked for a time by their link and found none: call them.",
            due_at=now,
        )
        step = Step("follow_up.no_time", "gap", gap.pk, gap.course_id, gap.patient_id)
        trail.record(actor=link.actor, at=now, steps=[step])


def send_again(*, actor: Actor, now: datetime) -> None:
    """Send the patient the link to what they can choose, else that to their next visit; nothing where there
    is neither, or enough was sent. Whoever asks cannot tell which."""
    dose = _to_choose(actor, now)
    if dose is None:
        own_acts.send_again(actor=actor, now=now)
        return
    with locks.unit_of_work():
        _send(Appointment.objects.select_for_update(no_key=True).get(pk=dose.pk), now)


def send_for(*, actor: Actor, gap_id: UUID, now: datetime, key: idempotency.Key | None = None) -> None:
    """The front desk sends a patient the link by which they choose the time of this follow-up: one message,
    outside their quiet hours, to which all applies that does to others. A locked link is replaced. A repeated
    `key`, and asking again while it waits to go, send nothing more.

    Raises NotSent with the reason where nothing would go, Conflict where there is nothing to choose or enough
    was sent today, NotFound, NotAllowed, Busy.
    """
    with locks.unit_of_work():
        replay = idempotency.claim(key=key, now=now, status_code=200, object_kind="gap", object_id=gap_id)
        gap = access.gap_for_update(actor=actor, gap_id=gap_id, capability="messages.work")
        dose = _dose_of(gap)
        if replay is not None or _waits(dose):
            return
        _check_sendable(gap, dose, now)
        links.renew(visit=dose, purpose=Purpose.NEXT, unlock=True, now=now)
        timing = Timing(due_at=now, defer_until=gap.grace_until or now, useful_until=gap.grace_until or now)
        made = drafts.draft(dose, Kind.CHOOSE_TIME, timing, drafts.people_of([dose]), now)
        made = [replace(one, subject_at=None, subject_version=_sent(dose).count() + 1) for one in made]
        outbox.queue(messages=made, now=now)
        _foresee(actor, dose, now)
        step = Step("follow_up.link_sent", "gap", gap.pk, gap.course_id, gap.patient_id)
        trail.record(actor=actor, at=now, steps=[step])


def log_read(*, link: Link, now: datetime) -> None:
    """Patients reading of themselves are in the log of reads like everybody."""
    reads.record(actor=link.actor, route="n/<str:token>", patient_ids=[link.visit.patient_id], now=now)


def _start(time: Time) -> datetime:
    return time.start


def _unit(link: Link) -> FollowUpGap:
    found = FollowUpGap.objects.select_related("practice", "course", "site")
    gap = found.filter(doses__appointment_id=link.visit.pk, patient_id=link.visit.patient_id).first()
    if gap is None:
        raise NotFound()
    return gap


def _stage(gap: FollowUpGap, now: datetime) -> Stage:
    if gap.status == GapStatus.COVERED or (gap.status == GapStatus.OPEN and gap.booked_late):
        return Stage.BOOKED
    if gap.status not in inviting.MISSING or gap.grace_until is None or gap.grace_until <= now:
        raise NotFound()
    return Stage.CHOOSE if inviting.may_choose(gap=gap) else Stage.CALL


def _is_asked(gap: FollowUpGap) -> bool:
    return work.is_asked(practice_id=gap.practice_id, subject_id=gap.pk, kind=escalation.NO_TIME_ITEM)


def _booked(gap: FollowUpGap, start: datetime) -> Appointment | None:
    """The visit that an earlier tap, or somebody else, has booked for this unit at this time."""
    found = Appointment.objects.filter(
        counts_for__gap=gap, start=start, status__in=(Status.BOOKED, Status.CONFIRMED)
    )
    return found.first()


def _to_choose(actor: Actor, now: datetime) -> Appointment | None:
    """The last dose of the patient's first unit for which they may choose a time."""
    gaps = access.gaps(actor=actor).filter(
        status__in=inviting.MISSING,
        booked_late=False,
        grace_until__gt=now,
    )
    for gap in gaps.select_related("practice", "course").order_by("closes_at", "pk"):
        given = Q(unit__gap=gap, status=Status.FULFILLED)
        dose = Appointment.objects.filter(given).order_by("-start").first()
        if dose is not None and inviting.may_choose(gap=gap):
            return dose
    return None


def _send(dose: Appointment, now: datetime) -> None:
    sent = Message.objects.filter(subject_id=dose.pk, kind=Kind.NEXT_LINK)
    if sent.filter(created_at__gt=now - own_acts.LINKS_IN).count() >= own_acts.MOST_LINKS:
        return
    gap = FollowUpGap.objects.get(doses__appointment_id=dose.pk)
    links.renew(visit=dose, purpose=Purpose.NEXT, unlock=False, now=now)
    channels = recipients.usable_channels(patient_ids=[dose.patient_id])[dose.patient_id]
    draft = Draft(
        practice_id=dose.practice_id,
        patient_id=dose.patient_id,
        kind=Kind.NEXT_LINK,
        channel=next(iter(channels), "sms"),
        subject_kind="appointment",
        subject_id=dose.pk,
        subject_version=sent.count() + 1,
        course_id=dose.course_id,
        due_at=now,
        useful_until=gap.grace_until or now,
    )
    outbox.queue(messages=[draft], now=now)


# --- what the front desk sends ---------------------------------------------------------------------------
def _dose_of(gap: FollowUpGap) -> Appointment:
    """The last dose of the unit that takes place: its link is the unit's."""
    doses = Appointment.objects.filter(unit__gap=gap).exclude(status__in=ENDED_UNATTENDED)
    dose = doses.select_related("patient__practice", "site", "practice", "course").order_by("-start").first()
    if dose is None:
        raise Conflict("There is nothing to choose: its dose does not take place.")
    return dose


def _sent(dose: Appointment) -> QuerySet[Message]:
    return Message.objects.filter(subject_id=dose.pk, kind=Kind.CHOOSE_TIME)


def _waits(dose: Appointment) -> bool:
    return _sent(dose).filter(state__in=ledger.UNSENT).exists()


def _check_sendable(gap: FollowUpGap, dose: Appointment, now: datetime) -> None:
    if not inviting.is_missing(gap=gap) or gap.grace_until is None or gap.grace_until <= now:
        raise Conflict("There is nothing to choose: it is booked, or its time is over.")
    if not inviting.may_choose(gap=gap):
        raise Conflict("Patients do not choose these times themselves: your practice books them.")
    if _sent(dose).filter(created_at__gt=now - own_acts.LINKS_IN).count() >= own_acts.MOST_LINKS:
        raise Conflict("It was sent three times since yesterday: call them.")


def _foresee(actor: Actor, dose: Appointment, now: datetime) -> None:
    """Ask of the message just written what its sender will ask; raises NotSent, which takes it back."""
    mine = [
        one
        for one in own_messages.of_patient(actor=actor, patient_id=dose.patient_id, now=now)
        if one.message.kind == Kind.CHOOSE_TIME and one.message.subject_id == dose.pk
    ]
    if any(isinstance(one.outcome, Send) for one in mine):
        return
    silent = [one.outcome.reason for one in mine if isinstance(one.outcome, Silence)]
    raise NotSent(reason=silent[0] if silent else "not_neutral")
