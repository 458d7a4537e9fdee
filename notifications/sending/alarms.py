"""When messages themselves are in trouble: a task for whoever runs the practice, which ends by itself.

What the whole installation lacks is told to each practice. That no worker takes from the queue of messages
cannot be told by a message: Prometheus and the page of messages say that.
"""

from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, OuterRef, Q

from clinic.practice import work
from clinic.practice.models import Practice, WorkItem
from clinic.practice.models.staff import Role
from notifications.channels.base import Outcome
from notifications.models import Message, Suppression
from notifications.sending import pulse

KIND = "message_alarm"
# So many different messages, and none that was taken: not an address or two that are wrong.
REFUSED_AT_LEAST = 5
LATELY = timedelta(minutes=30)
# A message that is tried again is due up to an hour and a fifth after its last hand-over.
PUT_OFF = timedelta(minutes=75)
REASONS = {
    "silent": "No worker takes up background work: tell whoever runs the installation.",
    "sms": "The provider takes no text messages: tell whoever runs the installation.",
    "email": "The mail server takes no e-mails: tell whoever runs the installation.",
}


def look(*, practice: Practice, now: datetime) -> None:
    """Raise what is wrong, once while it lasts, and take back what is well. In the caller's transaction."""
    wrong = _refused(practice, now)
    if pulse.silent_since(now=now) is not None:
        wrong.add("silent")
    still_open = WorkItem.objects.filter(practice=practice, kind=KIND, done_at=None)
    told = {key.split(":")[1]: key for key in still_open.values_list("dedupe_key", flat=True)}
    for what in sorted(wrong - told.keys()):
        work.raise_item(
            practice_id=practice.pk,
            kind=KIND,
            # With the time: what is wrong again must be told again.
            dedupe_key=f"{KIND}:{what}:{now:%Y-%m-%dT%H%M%S}",
            subject_kind="practice",
            subject_id=practice.pk,
            role=Role.PRACTICE_ADMIN,
            reason=REASONS[what],
            due_at=now,
        )
    for what in told.keys() - wrong:
        work.finish(practice_id=practice.pk, dedupe_key=told[what], by="system", now=now)


def _refused(practice: Practice, now: datetime) -> set[str]:
    """The channels by which everything was refused lately; what only its address is to blame for is not
    counted."""
    since = now - LATELY
    to_blame = Suppression.objects.filter(
        practice=practice, channel=OuterRef("channel"), value=OuterRef("sent_to")
    )
    lately = Message.objects.filter(
        ~Exists(to_blame),
        practice=practice,
        due_at__range=(since, now + PUT_OFF),
        current_attempt=F("attempt_rows__pk"),
        attempt_rows__begun_at__gte=since,
    )
    refused = Q(attempt_rows__outcome__in=(Outcome.PERMANENT, Outcome.TRANSIENT))
    taken = Q(attempt_rows__outcome=Outcome.ACCEPTED)
    counted = (
        lately.order_by()
        .values_list("channel")
        .annotate(refused=Count("pk", filter=refused), taken=Count("pk", filter=taken))
    )
    return {channel for channel, no, yes in counted if no >= REFUSED_AT_LEAST and not yes}
