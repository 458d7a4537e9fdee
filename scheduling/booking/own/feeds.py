"""Calendars at addresses that nobody can guess: making, ending, and what one shows.

Whoever has the address sees when somebody is taken, and nothing of whom or what for (R-02): the titles are
neutral, places and names are left out.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from clinic.practice import permissions, writing
from clinic.practice import queries as places
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from patients import queries as patients
from scheduling.booking.reading import queries
from scheduling.models import Appointment, CalendarFeed
from scheduling.models.appointment import Status

SHOWN = ("practitioner", "room", "site", "patient")
BACK, AHEAD = timedelta(days=28), timedelta(days=182)
MOST = 2000
_GONE = frozenset({Status.CANCELLED, Status.NO_SHOW, Status.DISPLACED, Status.ENTERED_IN_ERROR})


@dataclass(frozen=True, slots=True)
class Entry:
    """One visit as a stranger may see it."""

    id: UUID
    sequence: int
    start: datetime
    end: datetime
    zone: str
    status: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """What one address shows: whose clinic, and the visits of a bounded span."""

    clinic: str
    entries: tuple[Entry, ...]

    @property
    def tag(self) -> str:
        """Changes when anything shown does."""
        told = [(str(one.id), one.sequence, one.status, one.changed_at.isoformat()) for one in self.entries]
        return hashlib.sha256(repr((self.clinic, told)).encode()).hexdigest()[:32]


def feeds(*, actor: Actor) -> QuerySet[CalendarFeed]:
    """The practice's feeds, ended ones too."""
    permissions.check(actor=actor, capability="calendar_feeds.read")
    return CalendarFeed.objects.filter(practice_id=actor.practice_id)


def feed(*, actor: Actor, feed_id: UUID) -> CalendarFeed:
    """One feed; raises NotFound, also for one of another practice."""
    found = feeds(actor=actor).filter(pk=feed_id).first()
    if found is None:
        raise NotFound()
    return found


def create(
    *, actor: Actor, shows: str, of: UUID, now: datetime, key: writing.Key = None
) -> tuple[CalendarFeed, str | None]:
    """A new address, and its token: 256 bits that are shown this once and kept as a hash only.

    `shows` is one of `SHOWN`. A repeated `key` gives the same token, as long as SECRET_KEY stays the same.
    Raises NotFound for what is not of the practice.
    """

    def make(feed_id: UUID) -> CalendarFeed:
        _exists(actor, shows, of)
        return CalendarFeed.objects.create(
            id=feed_id,
            practice_id=actor.practice_id,
            token_hash=_hash(_token(feed_id)),
            created_at=now,
            created_by=actor.ref,
            **{f"{shows}_id": of},
        )

    made = writing.create(
        actor=actor,
        capability="calendar_feeds.write",
        key=key,
        now=now,
        kind="calendar_feed",
        make=make,
        load=lambda feed_id: CalendarFeed.objects.get(practice_id=actor.practice_id, pk=feed_id),
        patient_id=of if shows == "patient" else None,
    )
    token = _token(made.pk)
    return made, token if made.token_hash == _hash(token) else None


def revoke(*, actor: Actor, feed_id: UUID, now: datetime, version: int | None = None) -> CalendarFeed:
    """End an address at once and for good. Ending it twice changes nothing."""
    permissions.check(actor=actor, capability="calendar_feeds.write")
    with transaction.atomic(durable=True):
        rows = CalendarFeed.objects.filter(practice_id=actor.practice_id, pk=feed_id)
        found = rows.select_for_update(of=("self",), no_key=True).first()
        if found is None:
            raise NotFound()
        writing.fresh(held=found.version, read=version)
        if found.revoked_at is None:
            writing.save(row=found, values={"revoked_at": now, "revoked_by": actor.ref})
            writing.tell(actor=actor, now=now, verb="revoke", kind="calendar_feed", row_id=found.pk)
    return found


def show(*, token: str, now: datetime) -> Shown:
    """What the address with this token shows now; raises NotFound alike for one that never was and one that
    was ended.
    """
    rows = CalendarFeed.objects.select_related("practice").filter(token_hash=_hash(token), revoked_at=None)
    found = rows.first()
    if found is None:
        raise NotFound()
    visits = _visits(found).filter(start__gte=now - BACK, start__lt=now + AHEAD).order_by("start", "id")
    return Shown(
        clinic=found.practice.message_name,
        entries=tuple(_entry(visit) for visit in visits[:MOST] if _is_shown(visit, now)),
    )


def _visits(found: CalendarFeed) -> QuerySet[Appointment]:
    rows = Appointment.objects.filter(practice_id=found.practice_id)
    if found.practitioner_id:
        return queries.with_practitioner(rows, found.practitioner_id)
    if found.room_id:
        return rows.filter(room_id=found.room_id) | rows.filter(group_session__room_id=found.room_id)
    if found.site_id:
        return rows.filter(site_id=found.site_id)
    return rows.filter(patient=found.patient)


def _is_shown(visit: Appointment, now: datetime) -> bool:
    return visit.hold_expires_at is None or visit.hold_expires_at > now


def _entry(visit: Appointment) -> Entry:
    status = "CANCELLED" if visit.status in _GONE else "TENTATIVE" if visit.status == "held" else "CONFIRMED"
    return Entry(
        id=visit.pk,
        sequence=visit.version,
        start=visit.start,
        end=visit.end,
        zone=visit.time_zone,
        status=status,
        changed_at=visit.updated_at,
    )


def _exists(actor: Actor, shows: str, of: UUID) -> None:
    if shows == "practitioner":
        places.practitioner(actor=actor, staff_id=of)
    elif shows == "room":
        places.room(actor=actor, room_id=of)
    elif shows == "site":
        places.site(actor=actor, site_id=of)
    elif shows == "patient":
        patients.patient(actor=actor, patient_id=of)
    else:
        raise Invalid({"shows": [f"Must be one of: {', '.join(SHOWN)}."]})


def _token(feed_id: UUID) -> str:
    """Nobody can guess it without SECRET_KEY; with it, a repeated request gets its first answer again."""
    told = hmac.new(settings.SECRET_KEY.encode(), b"clinic.calendar_feed" + feed_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(told.digest()).rstrip(b"=").decode()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
