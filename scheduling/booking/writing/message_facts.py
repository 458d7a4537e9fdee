"""Whether a planned message is still true, and what it says: asked at the moment it is handed over.

`clinic.config.wiring` gives these answers to `notifications`, which knows nothing of appointments.
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from notifications.models import Message
from notifications.planning import terms
from notifications.planning.kinds import Kind
from notifications.planning.ports import Facts, Silence, Source, Visit
from notifications.planning.terms import Level
from scheduling.booking.writing import cancellations, inviting, links
from scheduling.booking.writing.drafts import EXPECTED
from scheduling.booking.writing.worlds import DATABASE, Told, World
from scheduling.models import Appointment, FollowUpGap, WaitlistOffer
from scheduling.models.appointment import ENDED_UNATTENDED, Mode, Status
from scheduling.models.patient_link import Purpose
from scheduling.models.waitlist import OfferState

# Who comes in so many hours is asked then how they are.
SEEN_SOON = timedelta(hours=12)


class Rule(Protocol):
    """A source that can be asked of another world than the database."""

    def __call__(
        self, message: Message, also: Sequence[Message], now: datetime, world: World = DATABASE
    ) -> Facts | Silence: ...


def sources() -> dict[str, Source]:
    """Who answers for which kind of message."""
    known: dict[str, Source] = {
        **RULES,
        **{kind: of_visits(RULES[kind]) for kind in ABOUT_VISITS},
        Kind.VISIT_CANCELLED: cancelled,
        Kind.FOLLOW_UP_MISSING: follow_up_missing,
        Kind.WINDOW_HALF: window_half,
        Kind.NO_SHOW: no_show,
        Kind.VISIT_LINK: link,
        Kind.NEXT_LINK: next_link,
        Kind.CHOOSE_TIME: choose_time,
        Kind.WAITLIST_OFFER: offered,
    }
    choices = terms.CHOICES.keys() - ABOUT_VISITS
    return {kind: wanted(source) if kind in choices else source for kind, source in known.items()}


def of_visits(rule: Rule) -> Source:
    """`wanted` of what asks about the visits themselves, which are read by the way."""

    def asked(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
        world = Told(message, also)
        return unwanted(message=message, world=world) or rule(message, also, now, world)

    return asked


def wanted(source: Source) -> Source:
    """The same, silent while the practice, or the protocol of the course, has the kind switched off."""

    def asked(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
        return unwanted(message=message, world=DATABASE) or source(message, also, now)

    return asked


def unwanted(*, message: Message, world: World) -> Silence | None:
    """Why a kind that can be switched off does not go; None where nobody has it switched off."""
    by = world.off(message=message)
    return off(by=by) if by else None


def off(*, by: Level) -> Silence:
    """What is kept of a message that somebody has switched off."""
    return Silence("off_by_protocol" if by is Level.PROTOCOL else "off_by_practice")


def booked(
    message: Message, also: Sequence[Message], now: datetime, world: World = DATABASE
) -> Facts | Silence:
    """What of it still stands: the course's coming visits, or those booked together with this one."""
    visits = world.coming(message=message, now=now)
    if not visits:
        return Silence("nothing_booked")
    return Facts(
        visits=tuple(_visit(one) for one in visits),
        phone=_phone(visits[0], message),
        link=world.link(visit_id=visits[0].pk),
    )


def at_its_time(
    message: Message, also: Sequence[Message], now: datetime, world: World = DATABASE
) -> Facts | Silence:
    """The visit, if it is still to come at the time it was planned for; with it the others that are."""
    planned = {one.subject_id: one for one in (*also, message)}
    found = world.linked(visit_ids=planned.keys())
    subject = found.get(message.subject_id)
    reason = _untrue(subject.visit if subject else None, message, now)
    if subject is None or reason:
        return Silence(reason)
    true = [
        found[one.subject_id]
        for one in planned.values()
        if one.subject_id in found and not _untrue(found[one.subject_id].visit, one, now)
    ]
    true.sort(key=lambda one: (one.visit.start, one.visit.pk))
    told = {one.visit.pk for one in true}
    return Facts(
        visits=tuple(_visit(one.visit) for one in true),
        phone=_phone(subject.visit, message),
        covers=tuple(one.pk for one in also if one.subject_id in told),
        link=true[0].link(),
    )


def cancelled(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """The visits that were cancelled together and are still to have come; with them those of the others."""
    gone = {one.pk: _cancelled_with(one, now) for one in (message, *also)}
    if not gone[message.pk]:
        subject = Appointment.objects.filter(pk=message.subject_id).first()
        return Silence(_not_cancelled(subject, message, now))
    visits = {visit.pk: visit for each in gone.values() for visit in each}
    told = sorted(visits.values(), key=lambda visit: (visit.start, visit.pk))
    return Facts(
        visits=tuple(dataclasses.replace(_visit(one), cancelled=True) for one in told),
        phone=_phone(told[0], message),
        covers=tuple(one.pk for one in also if gone[one.pk]),
    )


def ride_home(
    message: Message, also: Sequence[Message], now: datetime, world: World = DATABASE
) -> Facts | Silence:
    """The visit at its time, and who takes the patient home; silent once somebody is named (S-11)."""
    visit = world.visit(visit_id=message.subject_id)
    if visit is None or not world.needs_ride(visit=visit):
        return Silence("no_ride_needed")
    if world.has_ride(visit=visit):
        return Silence("ride_named")
    facts = at_its_time(message, also, now, world)
    # Its own page asks: that of a visit before it does not.
    return (
        facts
        if isinstance(facts, Silence)
        else dataclasses.replace(facts, link=world.link(visit_id=visit.pk))
    )


def preparation(
    message: Message, also: Sequence[Message], now: datetime, world: World = DATABASE
) -> Facts | Silence:
    """The first dose, if it still is: what is left to do stands on its page."""
    facts = at_its_time(message, (), now, world)
    visit = world.visit(visit_id=message.subject_id)
    if isinstance(facts, Facts) and not (visit and world.is_first_dose(visit=visit)):
        return Silence("not_first")
    return facts


def follow_up_missing(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """Silent once a follow-up is booked, waived or no longer owed."""
    dose = Appointment.objects.select_related("site").filter(pk=message.subject_id).first()
    if dose is None or dose.status not in (Status.FULFILLED, Status.MONITORING):
        return Silence("no_dose")
    return _to_choose(dose, message, also)


def _to_choose(dose: Appointment, message: Message, also: Sequence[Message]) -> Facts | Silence:
    """What is missing after this dose, with the link to choose its time by."""
    gap = inviting.unit_of(dose_id=dose.pk)
    if gap is None:
        return Silence("no_follow_up_owed")
    if not inviting.is_missing(gap=gap):
        return Silence(f"follow_up_{gap.status}")
    link = inviting.address(dose=dose, gap=gap)
    return Facts(phone=_phone(dose, message), covers=tuple(one.pk for one in also), link=link)


def next_link(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """The link to choose a time by, as somebody asked for it."""
    facts = follow_up_missing(message, (), now)
    return Silence("no_link") if isinstance(facts, Facts) and not facts.link else facts


def choose_time(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """The same link as the front desk sends it, also before the dose; silent once there is nothing to
    choose."""
    dose = Appointment.objects.select_related("site").filter(pk=message.subject_id).first()
    if dose is None or dose.status in ENDED_UNATTENDED:
        return Silence("no_dose")
    facts = _to_choose(dose, message, ())
    return Silence("no_link") if isinstance(facts, Facts) and not facts.link else facts


def window_half(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """As above; a later dose of the same unit has its own word."""
    facts = follow_up_missing(message, also, now)
    if isinstance(facts, Silence) or message.subject_at is None:
        return facts
    unit = FollowUpGap.objects.filter(doses__appointment_id=message.subject_id)
    doses = Appointment.objects.filter(unit__gap__in=unit, start__gt=message.subject_at)
    return Silence("later_dose") if doses.exclude(status__in=ENDED_UNATTENDED).exists() else facts


def check_in(
    message: Message, also: Sequence[Message], now: datetime, world: World = DATABASE
) -> Facts | Silence:
    """How somebody is after a dose, with the link to choose a time where its follow-up is not booked; silent
    where people see them that day, or have."""
    dose = world.given(visit_id=message.subject_id)
    if dose is None:
        return Silence("no_dose")
    after = world.after(dose=dose, now=now)
    if after and after.start < now + SEEN_SOON:
        return Silence("seen_anyway")
    if choose := world.choice(dose=dose):
        return Facts(phone=_phone(dose, message), link=choose)
    coming = (_visit(after),) if after and after.status in EXPECTED else ()
    link = world.link(visit_id=coming[0].uid) if coming else ""
    return Facts(visits=coming, phone=_phone(dose, message), link=link)


# What asks nothing but a world.
RULES: dict[str, Rule] = {
    Kind.COURSE_BOOKED: booked,
    Kind.VISIT_LIST: booked,
    Kind.VISIT_MOVED: at_its_time,
    Kind.VISIT_CONFIRMED: at_its_time,
    Kind.REMINDER_72H: at_its_time,
    Kind.REMINDER_24H: at_its_time,
    Kind.RIDE_HOME: ride_home,
    Kind.PREPARATION: preparation,
    Kind.CHECK_IN: check_in,
}


# Of these what can be switched off begins with the visits at their time.
ABOUT_VISITS = (Kind.REMINDER_72H, Kind.REMINDER_24H, Kind.RIDE_HOME, Kind.PREPARATION)


def no_show(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """With the link to choose a time, where a follow-up was missed. Silent when the record was corrected, or
    a new time has been found meanwhile."""
    missed = Appointment.objects.select_related("site", "follows").filter(pk=message.subject_id).first()
    if missed is None or missed.status != Status.NO_SHOW:
        return Silence("not_missed")
    again = Appointment.objects.filter(
        patient_id=missed.patient_id,
        course_id=missed.course_id,
        kind=missed.kind,
        status__in=EXPECTED,
        start__gt=now,
        created_at__gte=missed.no_show_at or missed.start,
    )
    if again.exists():
        return Silence("rebooked")
    return Facts(phone=_phone(missed, message), link=inviting.choice(dose=missed.follows))


def link(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """The link alone, as somebody asked for it; silent once the visit is not expected any more."""
    visit = Appointment.objects.select_related("site").filter(pk=message.subject_id).first()
    reason = _untrue(visit, message, now)
    address = links.address(visit_id=message.subject_id)
    if visit is None or reason or not address:
        return Silence(reason or "no_link")
    return Facts(phone=_phone(visit, message), link=address)


def offered(message: Message, also: Sequence[Message], now: datetime) -> Facts | Silence:
    """The place that is kept for who waits; silent once they have answered, or it is not kept any more."""
    offer = (
        WaitlistOffer.objects.filter(appointment_id=message.subject_id, state=OfferState.PENDING)
        .select_related("appointment__site")
        .first()
    )
    visit = offer.appointment if offer else None
    if visit is None or visit.patient_id != message.patient_id:
        return Silence("offer_over")
    if visit.status != Status.HELD or visit.hold_expires_at is None or visit.hold_expires_at <= now:
        return Silence("offer_over")
    return Facts(
        visits=(_visit(visit),),
        phone=_phone(visit, message),
        link=links.address(visit_id=visit.pk, purpose=Purpose.OFFER),
        until=visit.hold_expires_at,
    )


def _cancelled_with(message: Message, now: datetime) -> list[Appointment]:
    """The message's own visit and those that the patient knew of and lost in the same act; none once that
    visit takes place after all.
    """
    rows = Appointment.objects.select_related("site").filter(
        patient=message.patient, status=Status.CANCELLED, start__gt=now
    )
    subject = rows.filter(pk=message.subject_id, version=message.subject_version).first()
    if subject is None:
        return []
    together = list(rows.filter(cancelled_at=subject.cancelled_at))
    known = cancellations.known_to_patients(visits=together)
    return [one for one in together if one.pk in known]


def _not_cancelled(appointment: Appointment | None, message: Message, now: datetime) -> str:
    """Why there is no cancellation to tell of."""
    if appointment is None or appointment.patient_id != message.patient_id:
        return "visit_gone"
    return "visit_begun" if appointment.start <= now else f"visit_{appointment.status}"


def _untrue(appointment: Appointment | None, message: Message, now: datetime) -> str:
    """Why a message of this visit at its time would be untrue; blank when it is not."""
    if appointment is None or appointment.patient_id != message.patient_id:
        return "visit_gone"
    if appointment.status not in EXPECTED:
        return f"visit_{appointment.status}"
    if message.subject_at is not None and appointment.start != message.subject_at:
        return "visit_moved"
    return "visit_begun" if appointment.start <= now else ""


def _visit(appointment: Appointment) -> Visit:
    return Visit(
        uid=appointment.pk,
        sequence=appointment.version,
        start=appointment.start,
        end=appointment.end,
        zone=appointment.time_zone,
        place=appointment.site.address if appointment.mode == Mode.IN_PERSON else "",
    )


def _phone(appointment: Appointment, message: Message) -> str:
    return appointment.site.phone or message.practice.phone
