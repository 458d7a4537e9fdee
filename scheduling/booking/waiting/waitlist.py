"""The waitlist: who waits for which visit, a freed place offered to one of them at a time, and their answer.

An offer is a hold with an expiry (see `holds`): nobody else gets the place while it stands, so a place has
one live offer. Order of locks: idempotency key, entry, then a booking's own. Making an offer comes to the
entry last; it never waits for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError

from clinic.practice import actor as actors
from clinic.practice import idempotency, permissions, trail
from clinic.practice.actor import Actor
from clinic.practice.errors import Busy, Invalid, NotFound
from clinic.practice.ids import new_id
from clinic.practice.trail import Step
from scheduling import states
from scheduling.booking.guard import access, locks
from scheduling.booking.visit import single
from scheduling.booking.waiting import holds, wishes
from scheduling.booking.wanted.holding import Hold
from scheduling.booking.writing import releasing, reminders
from scheduling.errors import HoldExpired
from scheduling.models import Appointment, WaitlistEntry, WaitlistOffer
from scheduling.models.appointment import Mode
from scheduling.models.waitlist import OfferState, WaitlistStatus

CHANGEABLE = ("earliest", "latest", "practitioners", "weekdays", "time_of_day", "priority")


@dataclass(frozen=True, slots=True)
class Wish:
    """Where and when somebody could come. People, weekdays (ISO) and time of day are wishes: they rank."""

    patient_id: UUID
    kind: str
    earliest: datetime
    latest: datetime
    site_id: UUID | None = None
    course_id: UUID | None = None
    follows_id: UUID | None = None
    mode: str = Mode.IN_PERSON.value
    practitioner_ids: tuple[UUID, ...] = ()
    weekdays: tuple[int, ...] = ()
    time_of_day: str = ""
    priority: int = 0


def add(*, actor: Actor, wish: Wish, now: datetime, key: idempotency.Key | None = None) -> UUID:
    """Put a patient on the list; returns the entry's id, the first one's for a repeated `key`.

    Raises NotAllowed, NotFound, Invalid.
    """
    permissions.check(actor=actor, capability="waitlist.work")
    with locks.unit_of_work():
        entry_id = new_id()
        replay = idempotency.claim(
            key=key, now=now, status_code=201, object_kind="waitlist_entry", object_id=entry_id
        )
        if replay:
            return replay.object_id
        patient = access.patient(actor=actor, patient_id=wish.patient_id)
        site = access.site(actor=actor, site_id=wish.site_id) if wish.site_id else patient.site
        wished = {
            "earliest": wish.earliest,
            "latest": wish.latest,
            "practitioners": list(wish.practitioner_ids),
            "weekdays": list(wish.weekdays),
            "time_of_day": wish.time_of_day,
            "priority": wish.priority,
        }
        wishes.check(actor=actor, values=wished, now=now)
        wishes.check_course(
            actor=actor,
            patient_id=wish.patient_id,
            kind=wish.kind,
            course_id=wish.course_id,
            follows_id=wish.follows_id,
        )
        entry = WaitlistEntry.objects.create(
            id=entry_id,
            practice_id=actor.practice_id,
            patient=patient,
            site=site,
            course_id=wish.course_id,
            follows_id=wish.follows_id,
            kind=wish.kind,
            mode=wish.mode,
            created_at=now,
            created_by=actor.ref,
            **wished,
        )
        _tell(actor, entry, "added", now)
        return entry_id


def change(
    *, actor: Actor, entry_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None
) -> None:
    """Change when somebody could come, what they wish, or how urgent it is.

    Raises Stale, NotFound, NotAllowed, Invalid.
    """
    permissions.check(actor=actor, capability="waitlist.work")
    with locks.unit_of_work():
        entry = _locked(actor, entry_id, version)
        kept = {name: getattr(entry, name) for name in CHANGEABLE}
        wishes.check(actor=actor, values={**kept, **changes}, now=now)
        WaitlistEntry.objects.filter(id=entry.pk).update(**changes, **access.touched())
        _tell(actor, entry, "changed", now, fields=sorted(changes))


def withdraw(
    *,
    actor: Actor,
    entry_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Take somebody off the list; a place that is offered to them is free again."""
    permissions.check(actor=actor, capability="waitlist.work")
    with locks.unit_of_work():
        entry = _claimed(actor, entry_id, now, version, key)
        if entry is not None:
            target = states.move(machine=states.WAITLIST, state=entry.status, verb="withdraw")
            _let_go(actor, entry, OfferState.DECLINED, now)
            _move(actor, entry, target, "withdrawn", now)


@dataclass(frozen=True, slots=True)
class Place:
    """What is offered: a start, and who and where if that is fixed; the rest is found among what is free.
    `freed_id`: the visit whose place it was; the task that asks for the next one is done by the offer.
    """

    start: datetime
    end: datetime | None = None
    practitioner_ids: tuple[UUID, ...] = ()
    room_id: UUID | None = None
    minutes: int | None = None
    freed_id: UUID | None = None


def offer(
    *,
    actor: Actor,
    entry_id: UUID,
    place: Place,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """Hold a place for somebody who waits. A repeated `key` has no second effect.

    Raises SlotTaken with the nearest free start, InvalidTransition when they have an offer or a booking
    already, TooManyHolds, Stale, NotFound, Invalid, RuleViolation, Busy.
    """
    permissions.check(actor=actor, capability="appointments.book")
    entry = _of(actor).filter(pk=entry_id).first()
    if entry is None:
        raise NotFound()
    if idempotency.find(key=key, now=now):
        return
    access.check_version(found=entry.version, expected=version)
    states.find(machine=states.WAITLIST, state=entry.status, verb="offer")
    if not entry.earliest <= place.start <= entry.latest:
        raise Invalid({"start": ["The patient asked for another time."]})

    def keep(appointment_id: UUID, expires_at: datetime) -> None:
        mine = _locked(actor, entry_id, entry.version, wait=False)
        WaitlistOffer.objects.create(
            entry=mine,
            appointment_id=appointment_id,
            expires_at=expires_at,
            offered_at=now,
            offered_by=actor.ref,
        )
        target = states.move(machine=states.WAITLIST, state=mine.status, verb="offer")
        _move(actor, mine, target, "offered", now, appointment=str(appointment_id))
        if place.freed_id:
            releasing.offered_again(actor=actor, visit_id=place.freed_id, now=now)
        reminders.on_offered(visit=Appointment.objects.get(pk=appointment_id), until=expires_at, now=now)

    wanted = single.Visit(
        patient_id=entry.patient_id,
        kind=entry.kind,
        start=place.start,
        end=place.end,
        course_id=entry.course_id,
        follows_id=entry.follows_id,
        practitioner_ids=place.practitioner_ids,
        room_id=place.room_id,
        site_id=entry.site_id,
        mode=entry.mode,
        hold=Hold(place.minutes, offer=keep),
    )
    single.book(actor=actor, now=now, visit=wanted, key=key)


def accept(
    *,
    actor: Actor,
    entry_id: UUID,
    now: datetime,
    visit_id: UUID | None = None,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """The patient takes what was offered: the hold becomes a booking. A repeated `key` has no second effect.
    `visit_id` is the held visit that they were shown.

    Raises HoldExpired when the offer is over, or another one stands, InvalidTransition without one, Stale,
    NotFound, Busy.
    """
    permissions.check(actor=actor, capability="waitlist.answer")
    with locks.unit_of_work():
        entry = _claimed(actor, entry_id, now, version, key)
        if entry is None:
            return
        target = states.move(machine=states.WAITLIST, state=entry.status, verb="accept")
        pending = _pending(entry, visit_id)
        visit = _visit(actor, pending)
        # Somebody may have booked the held visit at its own address: that is an answer too.
        if visit.status not in states.LIVE - {"held"}:
            holds.keep_visit(actor=actor, visit=visit, now=now)
        _settle(actor, pending, OfferState.ACCEPTED, now)
        _move(actor, entry, target, "accepted", now, appointment=str(visit.pk))


def decline(
    *,
    actor: Actor,
    entry_id: UUID,
    now: datetime,
    visit_id: UUID | None = None,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """The patient does not take it: the place is free for the next one, and they wait on. Raises as
    `accept`."""
    permissions.check(actor=actor, capability="waitlist.answer")
    with locks.unit_of_work():
        entry = _claimed(actor, entry_id, now, version, key)
        if entry is not None:
            target = states.move(machine=states.WAITLIST, state=entry.status, verb="decline")
            pending = _pending(entry, visit_id)
            _let_go(actor, entry, OfferState.DECLINED, now)
            _move(actor, entry, target, "declined", now)
            if actor.kind == "patient":
                releasing.ask_for_next(visit=pending.appointment, now=now)


def retract(
    *,
    actor: Actor,
    entry_id: UUID,
    now: datetime,
    version: int | None = None,
    key: idempotency.Key | None = None,
) -> None:
    """The practice takes its offer back: the place is free, and they wait on.

    Raises InvalidTransition without an offer, Stale, NotFound, Busy.
    """
    permissions.check(actor=actor, capability="waitlist.work")
    with locks.unit_of_work():
        entry = _claimed(actor, entry_id, now, version, key)
        if entry is not None:
            target = states.move(machine=states.WAITLIST, state=entry.status, verb="retract")
            _let_go(actor, entry, OfferState.RETRACTED, now)
            _move(actor, entry, target, "offer_retracted", now)


def expire(*, now: datetime, limit: int = 200) -> int:
    """End the offers that nobody answered in time; returns how many were due. Idempotent.

    One transaction an offer; one that somebody is answering is skipped.
    """
    due = WaitlistOffer.objects.filter(state=OfferState.PENDING, expires_at__lte=now).order_by("expires_at")
    rows = list(due.values_list("id", "entry_id", "entry__practice_id")[:limit])
    for offer_id, entry_id, practice_id in rows:
        with locks.unit_of_work():
            _expire(actors.system(practice_id=practice_id), entry_id, offer_id, now)
    return len(rows)


def _expire(actor: Actor, entry_id: UUID, offer_id: UUID, now: datetime) -> None:
    free = WaitlistEntry.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
    entry = free.filter(id=entry_id, status=WaitlistStatus.OFFERED).first()
    if entry is None or not entry.offers.filter(id=offer_id, state=OfferState.PENDING).exists():
        return
    pending = _pending(entry)
    if pending.appointment.status in states.LIVE - {"held"}:
        _settle(actor, pending, OfferState.ACCEPTED, now)
        target = states.move(machine=states.WAITLIST, state=entry.status, verb="accept")
        _move(actor, entry, target, "accepted", now, appointment=str(pending.appointment_id))
        return
    _let_go(actor, entry, OfferState.EXPIRED, now)
    target = states.move(machine=states.WAITLIST, state=entry.status, verb="expire")
    _move(actor, entry, target, "offer_expired", now)
    releasing.ask_for_next(visit=pending.appointment, now=now)


def _let_go(actor: Actor, entry: WaitlistEntry, state: OfferState, now: datetime) -> None:
    """End the pending offer, if there is one, and free its place, if the hold still has it."""
    pending = entry.offers.filter(state=OfferState.PENDING).first()
    if pending is None:
        return
    visit = _visit(actor, pending)
    if visit.status == "held":
        holds.end_visit(
            actor=actor, visit=visit, verb="expire" if state == OfferState.EXPIRED else "release", now=now
        )
    _settle(actor, pending, state, now)


def _visit(actor: Actor, pending: WaitlistOffer) -> Appointment:
    return access.appointment_for_update(
        actor=actor, appointment_id=pending.appointment_id, capability="waitlist.answer"
    )


def _pending(entry: WaitlistEntry, visit_id: UUID | None = None) -> WaitlistOffer:
    found = entry.offers.select_related("appointment").get(state=OfferState.PENDING)
    if visit_id is not None and found.appointment_id != visit_id:
        raise HoldExpired()
    return found


def _settle(actor: Actor, pending: WaitlistOffer, state: OfferState, now: datetime) -> None:
    WaitlistOffer.objects.filter(id=pending.pk).update(state=state, settled_at=now, settled_by=actor.ref)
    reminders.on_offer_over(visit_id=pending.appointment_id, now=now)


def _move(actor: Actor, entry: WaitlistEntry, target: str, verb: str, now: datetime, **data: Any) -> None:
    WaitlistEntry.objects.filter(id=entry.pk).update(status=target, **access.touched())
    _tell(actor, entry, verb, now, **data)


def _tell(actor: Actor, entry: WaitlistEntry, verb: str, now: datetime, **data: Any) -> None:
    step = Step(f"waitlist.{verb}", "waitlist_entry", entry.pk, entry.course_id, entry.patient_id, data=data)
    trail.record(actor=actor, at=now, steps=[step])


def _of(actor: Actor) -> Any:
    found = WaitlistEntry.objects.filter(practice_id=actor.practice_id)
    if actor.kind != "patient":
        return found
    return found.filter(patient_id=actor.id) if actor.id else found.none()


def _locked(actor: Actor, entry_id: UUID, version: int | None, *, wait: bool = True) -> WaitlistEntry:
    """The entry, locked. `wait=False` for who has other locks already: Busy instead of a deadlock."""
    try:
        found: WaitlistEntry | None = (
            _of(actor)
            .select_for_update(nowait=not wait, of=("self",), no_key=True)
            .filter(pk=entry_id)
            .first()
        )
    except OperationalError as error:
        raise Busy() from error
    if found is None:
        raise NotFound()
    access.check_version(found=found.version, expected=version)
    return found


def _claimed(
    actor: Actor, entry_id: UUID, now: datetime, version: int | None, key: idempotency.Key | None
) -> WaitlistEntry | None:
    """The entry, locked; None when the key has had its effect already."""
    replay = idempotency.claim(
        key=key, now=now, status_code=200, object_kind="waitlist_entry", object_id=entry_id
    )
    entry = _locked(actor, entry_id, None if replay else version)
    return None if replay else entry
