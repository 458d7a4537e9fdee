"""What a practice says of each kind of message, and that its plan is to be made anew since."""

from functools import reduce
from operator import or_
from typing import ClassVar

import pghistory
from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from clinic.practice.models import Practice

LONGEST_REASON = 200
# The least and the most hours of each kind that can be chosen; None: it has none. The room above, which this
# one does not know, has the same in `planning.terms`; a test compares them.
HOURS = {
    "preparation": (96, 336),
    "reminder_72h": (36, 168),
    "measure_due": (12, 72),
    "reminder_24h": (12, 30),
    "ride_home": None,
    "check_in": (12, 48),
    "follow_up_missing": (12, 48),
    "window_half": None,
    "no_show": None,
    "waitlist_offer": None,
}
NEEDS_REASON = ("reminder_24h", "ride_home")
_WITHIN = [Q(kind=kind, hours__gte=hours[0], hours__lte=hours[1]) for kind, hours in HOURS.items() if hours]


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class KindTerm(models.Model):
    """One row a kind that a practice says something of. The row stays when it says nothing any more, so that
    its version only grows; null is nothing said.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="message_terms")
    kind = models.CharField(max_length=40)
    is_on = models.BooleanField(null=True)
    # From the visit: before its start, or after its end.
    hours = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "kind"], name="kind_term_once"),
            models.CheckConstraint(condition=Q(kind__in=list(HOURS)), name="kind_term_may_be_said"),
            models.CheckConstraint(
                condition=Q(hours__isnull=True) | reduce(or_, _WITHIN), name="kind_term_hours_within"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=NEEDS_REASON, is_on=False) | ~Q(reason=""),
                name="kind_term_off_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class Replan(models.Model):
    """A practice whose planned messages are to follow what it says since `asked_at`; up to and with the visit
    `done_to` they do.
    """

    practice = models.OneToOneField(Practice, on_delete=models.CASCADE, related_name="+", primary_key=True)
    asked_at = models.DateTimeField()
    done_to = models.UUIDField(null=True)

    def __str__(self) -> str:
        return str(self.practice_id)
