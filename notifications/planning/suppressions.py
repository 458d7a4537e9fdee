"""Addresses to which nothing goes, or nothing of one sort (R-07, R-09, R-13). In the caller's transaction."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from notifications.models import Suppression

OPTED_OUT = "opted_out"
ALL = ""


def refuse(
    *, practice_id: UUID, channel: str, value: str, reason: str, now: datetime, category: str = ALL
) -> bool:
    """Nothing goes to this address any more, or nothing of one `category`; False where that stood already.

    Whoever has opted out of one sort and opts out of another one has opted out of all: rather too little is
    sent than too much.
    """
    row, made = Suppression.objects.get_or_create(
        practice_id=practice_id,
        channel=channel,
        value=value,
        defaults={"reason": reason, "category": category, "since": now},
    )
    if made or row.category in (ALL, category):
        return made
    Suppression.objects.filter(pk=row.pk).update(category=ALL, reason=reason, since=now)
    return True


def lift(*, channel: str, value: str) -> int:
    """Whoever opted out of what comes to this address is back, in every practice; what does not exist stays
    refused. Returns in how many."""
    rows = Suppression.objects.filter(channel=channel, value=value, reason=OPTED_OUT)
    return rows.delete()[0]


def reasons(*, practice_id: UUID, channel: str, values: Collection[str], category: str) -> dict[str, str]:
    """Why nothing of this category may go, for those of the addresses to which it may not."""
    held = Suppression.objects.filter(
        Q(category=ALL) | Q(category=category), practice_id=practice_id, channel=channel, value__in=values
    )
    return dict(held.values_list("value", "reason"))
