"""How long a hold lasts and how many there may be: what the practice allows, asked in the transaction that
makes one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.models import Practice
from scheduling.errors import TooManyHolds

# A day: a patient answers a message, or is called again.
LONGEST_OFFER = 1440


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """A practice's own figures, `settings.holds`. All are judgement."""

    minutes: int = 10
    most_minutes: int = 60
    per_actor: int = 20
    per_practice: int = 200
    offer_minutes: int = 120


@dataclass(frozen=True, slots=True)
class Hold:
    """Reserve instead of booking. No minutes: the usual ones; `named` is the caller's word for them."""

    minutes: int | None = None
    named: str = "minutes"
    # An offer to somebody who waits: longer, and this belongs to the same transaction (id, expiry).
    offer: Callable[[UUID, datetime], None] | None = None


def limits(*, practice: Practice) -> HoldLimits:
    return HoldLimits(**practice.settings.get("holds", {}))


def until(*, hold: Hold, practice: Practice, first_start: datetime, now: datetime) -> datetime:
    """When the hold ends: never after its first visit begins.

    Raises Invalid for too many minutes, and when the first visit begins now, so that there is none.
    """
    allowed = limits(practice=practice)
    usual, most = allowed.minutes, allowed.most_minutes
    if hold.offer:
        usual, most = allowed.offer_minutes, LONGEST_OFFER
    minutes = usual if hold.minutes is None else hold.minutes
    if not 1 <= minutes <= most:
        raise Invalid({hold.named: [f"From 1 to {most} minutes."]})
    if first_start <= now:
        raise Invalid({hold.named: ["The first visit begins now: it cannot be held, only booked."]})
    return min(now + timedelta(minutes=minutes), first_start)


def check_number(*, actor: Actor, practice: Practice, now: datetime) -> None:
    """Raise TooManyHolds when the actor or the practice has all the live holds that it may have.

    Called when the places are taken: whoever is too late never waits here. The lock makes two at once count
    each other; it is the last one that a transaction takes.
    """
    allowed = limits(practice=practice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"holds:{practice.pk}"])
        # The visits of a held course are one hold.
        cursor.execute(
            """
            SELECT count(DISTINCT CASE WHEN course.status = 'draft' THEN course.id ELSE visit.id END),
                   count(DISTINCT CASE WHEN course.status = 'draft' THEN course.id ELSE visit.id END)
                       FILTER (WHERE visit.created_by = %s)
            FROM scheduling_appointment visit
            LEFT JOIN scheduling_treatmentcourse course ON course.id = visit.course_id
            WHERE visit.practice_id = %s AND visit.status = 'held' AND visit.hold_expires_at > %s
            """,
            [actor.ref, practice.pk, now],
        )
        everybodys, own = cursor.fetchone()
    if own >= allowed.per_actor:
        raise TooManyHolds(limit=allowed.per_actor)
    if everybodys >= allowed.per_practice:
        raise TooManyHolds(limit=allowed.per_practice)
