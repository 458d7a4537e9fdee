"""A program that books one visit after the other, and notes what it was answered."""

import time
from http.client import HTTPException

from tests import factories
from tests.bench import _server
from tests.faults.crew import PATIENCE_SECONDS, Crew
from tests.faults.due import Reminders, weekday_slots
from tests.races import firing


class Bookings:
    """`answers` are (status, seconds), one a request; `acknowledged` are the visits that it was told of."""

    def __init__(self, crew: Crew, reminders: Reminders) -> None:
        self.crew = crew
        self.client_id = firing.program(reminders.model.practice)
        self.therapist = factories.worker(reminders.model.site, "therapist")
        self.patients = iter(reminders.patients)
        self.slots = weekday_slots(reminders.zone)
        self.answers: list[tuple[int, float]] = []
        self.acknowledged: list[str] = []
        self.asked = 0
        self.bearer = ""

    def can_begin(self) -> bool:
        """Whether the web process answers; a token is had then, while nothing is wrong yet."""
        try:
            self.bearer = _server.token(self.crew.port, self.client_id, firing.SECRET)
        except (OSError, HTTPException, KeyError, ValueError):
            return False
        return True

    def book(self, count: int, *, again: bool = False, away: float = 0) -> None:
        """So many visits; with `again` each is asked for under its key until there is one. `away`: for how
        many seconds there may be none.
        """
        for _ in range(count):
            self.asked += 1
            body = {
                "patient": str(next(self.patients).pk),
                "kind": "therapy",
                "mode": "video",
                "start": next(self.slots).isoformat(),
                "practitioners": [str(self.therapist.pk)],
            }
            deadline = time.monotonic() + away + PATIENCE_SECONDS
            while not self._ask(body) and again:
                assert time.monotonic() < deadline, "not booked in time"
                time.sleep(0.1)

    def _ask(self, body: dict[str, object]) -> bool:
        began, status = time.monotonic(), 0
        try:
            with _server.clients(self.crew.port, self.bearer, 1) as [client]:
                status, answer = client.post("/api/v1/appointments/", body, key=f"key-{body['start']}")
        except (OSError, HTTPException, ValueError):
            pass
        self.answers.append((status, time.monotonic() - began))
        if status == 201:
            self.acknowledged.append(answer["id"])
        return status == 201
