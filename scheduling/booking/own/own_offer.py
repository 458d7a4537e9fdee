"""What patients do about a place that is kept for them while they wait for one: they take it, or leave it.

The same offer and the same answers as at the desk (`waiting.waitlist`); the link is the held visit's.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from clinic.practice.errors import NotFound
from scheduling.booking.own import own_acts, own_front
from scheduling.booking.waiting import waitlist
from scheduling.booking.writing import drafts
from scheduling.booking.writing.links import Link
from scheduling.models import WaitlistOffer
from scheduling.models.appointment import Status
from scheduling.models.waitlist import OfferState
from scheduling.states import InvalidTransition


class Stage(StrEnum):
    """What there is to do: answer, nothing more, or nothing any more."""

    KEPT = "kept"
    TAKEN = "taken"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front(own_front.Front):
    """`start` and `until` are None where nothing is kept."""

    stage: Stage
    start: datetime | None
    until: datetime | None


def front(*, link: Link, now: datetime) -> Front:
    """What is shown without any proof: the clinic, the time and by when to answer."""
    visit = link.visit
    stage = _stage(link, _offer(link), now)
    kept = stage is Stage.KEPT
    return Front(
        **own_front.of(link=link),
        zone=visit.time_zone,
        stage=stage,
        start=visit.start if kept else None,
        until=visit.hold_expires_at if kept else None,
    )


def take(*, link: Link, now: datetime) -> str:
    """Take the place, by a patient who has proved to be it; returns the token of the visit's own page. Taking
    it twice is taking it once.

    Raises HoldExpired and InvalidTransition once it is not kept any more, Busy, NotFound.
    """
    offer, visit = _offer(link), link.visit
    try:
        waitlist.accept(actor=link.actor, entry_id=offer.entry_id, visit_id=visit.pk, now=now)
    except InvalidTransition:
        visit.refresh_from_db()
        if visit.status not in drafts.EXPECTED:
            raise
    return own_acts.page_of(visit=visit, now=now)


def leave(*, link: Link, now: datetime) -> None:
    """Leave it to somebody else; the patient waits on. It gives nothing away but the place, so it asks for no
    proof. Raises HoldExpired and InvalidTransition once it is not kept any more, Busy, NotFound.
    """
    offer = _offer(link)
    try:
        waitlist.decline(actor=link.actor, entry_id=offer.entry_id, visit_id=link.visit.pk, now=now)
    except InvalidTransition:
        offer.refresh_from_db()
        if offer.state != OfferState.DECLINED:
            raise


def _offer(link: Link) -> WaitlistOffer:
    offer = WaitlistOffer.objects.filter(appointment_id=link.visit.pk).first()
    if offer is None:
        raise NotFound()
    return offer


def _stage(link: Link, offer: WaitlistOffer, now: datetime) -> Stage:
    visit = link.visit
    if visit.status in drafts.EXPECTED:
        return Stage.TAKEN
    live = visit.status == Status.HELD and visit.hold_expires_at is not None and visit.hold_expires_at > now
    return Stage.KEPT if live and offer.state == OfferState.PENDING else Stage.OVER
