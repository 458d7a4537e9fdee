"""Taking an address off the list of those that are not written to.

R-07: whoever opted out is back by their own START, or when they consented anew; nobody else decides that for
them. An address that was thought not to exist may be tried again.
"""

from datetime import datetime
from uuid import UUID

from clinic.practice import idempotency, permissions, trail, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Conflict, Invalid, NotFound
from notifications.models import Suppression
from notifications.planning import suppressions
from patients.models import MessagingConsent

CAPABILITY = "suppressions.lift"
LONGEST = 300
# What only the address's owner takes back.
ASKED = frozenset({suppressions.OPTED_OUT})


class OptedOut(Conflict):
    """It opted out: only its owner takes that back, by START or by a new consent that is on file."""

    code = "opted_out"


def may_be_lifted(*, row: Suppression, consented: bool) -> bool:
    """`consented`: its owner has agreed to messages since."""
    return row.reason not in ASKED or consented


def consented_since(*, row: Suppression) -> bool:
    """Whether a patient with this address has agreed to this channel after it was refused."""
    return MessagingConsent.objects.filter(
        patient__practice_id=row.practice_id,
        patient__contact_points__channel=row.channel,
        patient__contact_points__value__iexact=row.value,
        channel=row.channel,
        decision=MessagingConsent.Decision.GRANTED,
        decided_at__gt=row.since,
    ).exists()


def lift(*, actor: Actor, uid: UUID, reason: str, now: datetime, key: idempotency.Key | None = None) -> None:
    """Write to this address again. Raises NotFound, NotAllowed, Invalid without a reason, OptedOut."""
    permissions.check(actor=actor, capability=CAPABILITY)
    if not reason.strip() or len(reason) > LONGEST:
        raise Invalid({"reason": [f"Say in words why, in at most {LONGEST} characters."]})
    with writing.transaction():
        if idempotency.claim(key=key, now=now, status_code=200, object_kind="suppression", object_id=uid):
            return
        rows = Suppression.objects.select_for_update().filter(practice_id=actor.practice_id, uid=uid)
        row = rows.first()
        if row is None:
            raise NotFound()
        if not may_be_lifted(row=row, consented=consented_since(row=row)):
            raise OptedOut()
        row.delete()
        # Never the address itself: the trail holds ids and codes.
        step = trail.Step(
            verb="suppression.lifted",
            subject_kind="suppression",
            subject_id=uid,
            reason=reason.strip(),
            data={"channel": row.channel, "was": row.reason},
        )
        trail.record(actor=actor, at=now, steps=[step])
