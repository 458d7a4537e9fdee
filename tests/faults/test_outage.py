"""No worker for six hours, then two at once, and one message that nobody can make: what is still of use goes
once and at its pace, what is not says so, and the bad one fails alone.
"""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from clinic.local.providers import SmsProvider
from clinic.practice.models import WorkItem
from notifications.models import Message
from notifications.sending import delivery, pulse
from tests.faults import WHOLE
from tests.faults.due import Reminders
from tests.notifications.making import Clock

MESSAGES, STALE, AWAY = 10_000 if WHOLE else 300, 30, timedelta(hours=6)


@pytest.mark.timeout(3600 if WHOLE else 300)
@pytest.mark.django_db(transaction=True)
def test_what_waited_goes_once_at_its_pace_and_the_bad_one_fails_alone(
    sms_provider: SmsProvider, settings: Settings
) -> None:
    settings.MESSAGE_PAUSE_SECONDS = 0.1
    clock = Clock(timezone.now())
    pulse.beat(queue="messages", now=clock())
    poison = spread(Reminders(MESSAGES), clock)
    clock.now += AWAY
    assert pulse.silent_since(now=clock()), "that is an alarm"
    paused = two_at_once(clock)
    rows = Counter(Message.objects.values_list("state", "state_reason"))
    assert rows.pop(("planned", "transient:NotWired")) == 1
    assert rows == {("accepted", ""): MESSAGES - STALE - 1, ("suppressed", "skipped_stale"): STALE}
    assert len({sms["to"] for sms in sms_provider.inbox()}) == len(sms_provider.inbox())
    assert len(sms_provider.inbox()) == MESSAGES - STALE - 1
    # The clock stands still: each hand-over is followed by its pause, and nothing else is.
    assert paused == [0.1] * (MESSAGES - STALE - 1)
    for _ in range(4):
        clock.forward(hours=2)
        two_at_once(clock)
    poison.refresh_from_db()
    assert (poison.state, poison.state_reason) == ("failed_final", "too_many_attempts:NotWired")
    assert [(item.kind, item.subject_id) for item in WorkItem.objects.all()] == [
        ("message_failed", poison.pk)
    ], "a person is told of it, and of nothing else"
    assert len(sms_provider.inbox()) == MESSAGES - STALE - 1


def spread(reminders: Reminders, clock: Clock) -> Message:
    """They became due one after the other while nobody is there; a tenth is of use for an hour at most. One
    of them, due among the first, is of a kind that nobody can make.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS number FROM notifications_message)
            UPDATE notifications_message message
            SET due_at = %(now)s + make_interval(secs => %(away)s * number / %(count)s),
                useful_until = CASE WHEN number <= %(stale)s THEN %(now)s + interval '2 hours'
                               ELSE useful_until END
            FROM numbered WHERE numbered.id = message.id
            """,
            {"now": clock(), "away": AWAY.total_seconds(), "count": MESSAGES, "stale": STALE},
        )
    poison = Message.objects.filter(useful_until__gt=clock() + AWAY).earliest("due_at")
    Message.objects.filter(pk=poison.pk).update(kind="nobody_knows")
    return poison


def two_at_once(clock: Clock) -> list[float]:
    """What two ticks at one moment do; the pauses that they made."""
    paused: list[float] = []

    def tick(worker: str) -> None:
        try:
            delivery.run(clock=clock, worker=worker, pause=paused.append, limit=MESSAGES)
        finally:
            connections.close_all()

    ticks = [threading.Thread(target=tick, args=(f"beat{number}",)) for number in range(2)]
    for one in ticks:
        one.start()
    for one in ticks:
        one.join()
    return paused
