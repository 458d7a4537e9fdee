"""Giving up visits that are still to come: when a course stops or pauses, or with the dose before them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from clinic.practice import trail, work
from clinic.practice.actor import Actor
from clinic.practice.trail import Step
from scheduling import reasons, states
from scheduling.booking.guard import access
from scheduling.booking.writing import cancellations, seats
from scheduling.models import Appointment, TreatmentCourse
from scheduling.models.appointment import Status

# The task that asks for a new place for a visit; going elsewhere finishes it.
NEW_PLACE_ITEM = "needs_new_place"
# What patients say by their link: that they cannot come, that they would but papers are missing, that they
# have cancelled; and that somebody guessed at who they are.
CANNOT_COME_ITEM = "patient_cannot_come"
NOT_READY_ITEM = "patient_wants_to_come"
CANCELLED_ITEM = "patient_cancelled"
LOCKED_ITEM = "patient_link_locked"
# A place that somebody who waits did not take.
PLACE_FREE_ITEM = "waitlist_place_free"
# Tasks about a visit that have no purpose once it is over or its state is another.
ABOUT_A_VISIT = (
    "missed_dose",
    "orphaned_follow_up",
    "kept_follow_up",
    NEW_PLACE_ITEM,
    CANNOT_COME_ITEM,
    NOT_READY_ITEM,
    CANCELLED_ITEM,
    LOCKED_ITEM,
)


def waiting(*, course: TreatmentCourse, now: datetime) -> tuple[list[Appointment], list[Appointment]]:
    """Live visits that have not begun: those to free, and the follow-ups of doses that were given, which stay
    owed."""
    found = Appointment.objects.filter(
        course=course, status__in=[Status.HELD, Status.BOOKED, Status.CONFIRMED], start__gt=now
    ).select_related("patient", "site", "practice", "follows")
    kept = [one for one in found if one.follows and one.follows.status == Status.FULFILLED]
    return [one for one in found if one not in kept], kept


def followers(*, dose: Appointment) -> list[Appointment]:
    """The follow-ups booked for a dose that could still take place."""
    if dose.kind not in states.DOSES:
        return []
    live = dose.followed_by.filter(status__in=[Status.HELD, Status.BOOKED, Status.CONFIRMED, Status.ARRIVED])
    return list(live.select_related("patient", "site", "practice").order_by("start", "id"))


def release(
    *, actor: Actor, visits: Sequence[Appointment], code: str, reason: str, now: datetime
) -> list[Step]:
    """Cancel these visits, free their places and withdraw what was planned about them; returns their lines of
    the trail. Their courses are locked by the caller, who refreshes the follow-up units."""
    ids = [one.pk for one in visits]
    if not ids:
        return []
    Appointment.objects.filter(pk__in=ids).update(
        status=Status.CANCELLED,
        cancelled_at=now,
        cancelled_by=actor.ref,
        cancel_code=code,
        cancel_reason=reason,
        hold_expires_at=None,
        **access.touched(),
    )
    seats.release(appointment_ids=ids)
    cancellations.on_cancelled(actor=actor, appointments=visits, now=now)
    settle(actor=actor, visits=visits, now=now)
    told = reasons.in_words(code=code, note=reason)
    return [
        Step(
            "appointment.cancelled",
            "appointment",
            one.pk,
            one.course_id,
            one.patient_id,
            told,
            {"ref": one.ref, "code": code},
        )
        for one in visits
    ]


def settle(*, actor: Actor, visits: Iterable[Appointment], now: datetime) -> None:
    """Nobody needs to look any more at what was asked about these visits."""
    work.settle(
        practice_id=actor.practice_id,
        subject_ids=[one.pk for one in visits],
        kinds=ABOUT_A_VISIT,
        by=actor.ref,
        now=now,
    )


def comes_after_all(*, actor: Actor, visits: Iterable[Appointment], now: datetime) -> int:
    """What patients had said against these visits is answered: they come, or come at another time."""
    return work.settle(
        practice_id=actor.practice_id,
        subject_ids=[one.pk for one in visits],
        kinds=(CANNOT_COME_ITEM, NOT_READY_ITEM),
        by=actor.ref,
        now=now,
    )


def ask_for_next(*, visit: Appointment, now: datetime) -> None:
    """A place that was kept for who waits, and was not taken: whom it is offered to next is for people."""
    if visit.start <= now:
        return
    work.raise_item(
        practice_id=visit.practice_id,
        kind=PLACE_FREE_ITEM,
        dedupe_key=f"{PLACE_FREE_ITEM}:{visit.pk}",
        subject_kind="appointment",
        subject_id=visit.pk,
        patient_id=visit.patient_id,
        role="front_desk",
        reason="A place that was offered to who waits was not taken: offer it to the next.",
        due_at=now,
    )


def offered_again(*, actor: Actor, visit_id: UUID, now: datetime) -> int:
    """The place of that visit is offered to somebody else: nobody has to be found for it any more."""
    return work.settle(
        practice_id=actor.practice_id, subject_ids=[visit_id], kinds=(PLACE_FREE_ITEM,), by=actor.ref, now=now
    )


def cancel_followers(*, actor: Actor, dose: Appointment, reason: str, now: datetime) -> None:
    """The follow-ups of a dose that does not happen, given up with it."""
    steps = release(
        actor=actor, visits=followers(dose=dose), code=reasons.DOSE_CANCELLED, reason=reason, now=now
    )
    trail.record(actor=actor, at=now, steps=steps)
