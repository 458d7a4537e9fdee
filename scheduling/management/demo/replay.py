"""The past, played again in its own order through the same use cases, each with the `now` that it had.

So every row is real: history, trail, follow-up gaps, messages. Events are ordered by time across all
courses, because a message is re-checked when it is sent and a place is free only until somebody takes
it.
"""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from clinic.practice.errors import DomainError
from notifications.channels.base import Outcome, Result
from notifications.models import Message
from notifications.models.message import State
from notifications.sending import delivery

WORKER = "demo"
Event = Callable[[datetime], None]


class Replay:
    """A clock that runs from the first event to `now`. An event may plan further events; later ones never
    happen.
    """

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.refused: list[str] = []
        self._events: list[tuple[datetime, int, Event]] = []
        self._order = count()

    def at(self, when: datetime, event: Event) -> None:
        """Let `event(when)` happen, if `when` is not in the future."""
        if when <= self.now:
            heapq.heappush(self._events, (when, next(self._order), event))

    def run(self) -> None:
        """Play everything. What the product refuses is kept in `refused`, as a clinic's day would go on
        too.
        """
        while self._events:
            when, _, event = heapq.heappop(self._events)
            send_due(until=when)
            try:
                event(when)
            except DomainError as error:
                self.refused.append(f"{when:%Y-%m-%d %H:%M} {error.code}: {error.message} {error.data}")
        send_due(until=self.now - timedelta(minutes=1))


def send_due(*, until: datetime) -> None:
    """Every message at its due time, through the product's own delivery, but for the call to the provider."""
    while True:
        due = Message.objects.filter(state=State.PLANNED, due_at__lt=until).order_by("due_at")
        moment = due.values_list("due_at", flat=True).first()
        message_id = delivery.claim(worker=WORKER, now=moment) if moment else None
        if moment is None or message_id is None:
            return
        begun = delivery.begin(message_id=message_id, worker=WORKER, now=moment)
        if begun is None:
            continue
        # Nobody is to receive today what was said weeks ago.
        said = Result(Outcome.ACCEPTED, provider_id=f"demo-{begun.attempt_id.hex}")
        delivery.record(
            message_id=message_id,
            attempt_id=begun.attempt_id,
            result=said,
            now=moment,
        )
