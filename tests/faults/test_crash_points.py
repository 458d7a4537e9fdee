"""Every place in the source at which a process may die, and every way to die there: nothing is lost, nothing
goes twice, and every doubt is labelled and settled where the provider can be asked.

The negative controls are in `tests/notifications/test_crashes.py`: marking before the call loses, marking
after it repeats, under the same kills.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from celery import Celery
from django.db import connections
from django.utils import timezone

from clinic.local.home import ROOT, Home
from clinic.local.providers import SmsProvider
from clinic.practice.models import WorkItem
from notifications.models import Attempt, Message
from tests import factories
from tests.bench import _server
from tests.faults import crew as crews
from tests.faults.crew import BLOWS, Blow, Crew, Standing
from tests.faults.due import Reminders, weekday_slots
from tests.house import figures
from tests.races import firing

MESSAGES, A_BLOW = 1000, 60
# Where a hand-over is under way: what dies or stands still here leaves a doubt, and nothing else may.
IN_A_HAND_OVER = (
    "after-hand-over-commit",
    "before-first-byte",
    "after-call",
    "before-result-commit",
)
SENDING = ("before-lease", "after-lease", "before-hand-over-commit", *IN_A_HAND_OVER, "after-result-commit")
RECOVERING = ("before-recovery-commit", "after-recovery-commit", "after-look-up")
REPORTED = ("before-report-commit", "after-report-commit")
PLANNING = ("before-plan-commit", "before-ring")
POINTS = (*SENDING, *RECOVERING, *REPORTED, *PLANNING)
# Not a place of ours: the provider has the message and is about to answer.
AT_THE_PROVIDER = "the provider answers"
# Somebody stands at each place of a round at the same time. Of two in one row the first would keep the second
# from ever being reached: who stands before the commit of a recovery holds what could be recovered, and the
# provider makes one report after the other.
ROUNDS = (
    (*SENDING, AT_THE_PROVIDER, "after-recovery-commit", "after-report-commit"),
    ("before-recovery-commit", "after-look-up", "before-report-commit", *PLANNING),
)


def test_every_crash_point_of_the_source_is_struck() -> None:
    named = re.compile(r'crashpoints\.reach\(\s*"([^"]+)"')
    found = Counter(name for path in figures.sources(ROOT) for name in named.findall(path.read_text()))
    assert set(found) == set(POINTS)
    assert len(POINTS) >= 14
    assert sorted(point for points in ROUNDS for point in points) == sorted((*POINTS, AT_THE_PROVIDER))
    assert set(found.values()) == {1}


class Struck:
    """One clinic, its processes, and what was done to them."""

    def __init__(self, crew: Crew, provider: SmsProvider) -> None:
        self.crew = crew
        self.provider = provider
        self.reminders = Reminders(MESSAGES)
        # One stands before its commit with the one's locks while the next books the other.
        self.therapists = [factories.worker(self.reminders.model.site, "therapist") for _ in range(2)]
        self.client_id = firing.program(self.reminders.model.practice)
        self.slots = weekday_slots(self.reminders.zone)
        self.booked = self.struck = self.doubtful_blows = 0
        self.bookings: list[threading.Thread] = []
        self.answers: set[str] = set()

    def strike(self, points: Sequence[str], blow: Blow) -> None:
        """Bring a process to each of the points, all at once, and strike."""
        began = time.monotonic()
        named = [point for point in points if point != AT_THE_PROVIDER]
        for point in named:
            self.crew.clear(point)
            self.crew.arm(point)
        self._provoke(points)
        self.crew.wait(lambda: all(map(self.crew.standing, named)), lambda: self._missing(named, blow))
        standing = [one for point in named if (one := self.crew.standing(point))]
        if AT_THE_PROVIDER in points:
            standing += self._at_the_provider()
        self.doubtful_blows += sum(point in (*IN_A_HAND_OVER, AT_THE_PROVIDER) for point in points)
        blow(self.crew, standing)
        self.struck += len(points)
        print(f"{time.monotonic() - began:.1f} s: {blow.__name__} at {len(points)} points")
        self.crew.clear(AT_THE_PROVIDER)
        self.crew.keep()

    def _missing(self, points: Sequence[str], blow: Blow) -> str:
        empty = [point for point in points if not self.crew.standing(point)]
        return f"somebody at {', '.join(empty)}, for {blow.__name__}"

    def _at_the_provider(self) -> list[Standing]:
        """Due only now: whoever stands at a point already cannot be the one who took it."""
        number = self.reminders.numbers[self.reminders.waiting[0]]
        self.provider.fault(times=1, to=number, seconds=30, accept=True)
        [message_id] = self.reminders.release(1)
        self.ring("notifications.send_due", 1)
        self.crew.wait(lambda: self.provider.inbox(to=number), AT_THE_PROVIDER)
        own = int(Message.objects.get(pk=message_id).leased_by.split(":")[1])
        # Its patience with the provider may have ended meanwhile: then the doubt is there without a blow.
        with suppress(FileNotFoundError):
            return [Standing(AT_THE_PROVIDER, own, _parent(own))]
        return []

    def _provoke(self, points: Sequence[str]) -> None:
        if "after-look-up" in points:
            self.provider.fault(times=1, to=None, drop=True, accept=True)
            self.doubtful_blows += 1
        if {"before-recovery-commit", "after-recovery-commit"} & {*points}:
            self._leave_a_dead_lease()
        self.reminders.release(A_BLOW)
        for _ in set(points) & set(PLANNING):
            self._book()
        # Beat would ring for one after the other.
        self.ring("notifications.send_due", len(SENDING) + 1)
        self.ring("notifications.recover", 2)

    def ring(self, task: str, times: int) -> None:
        with closing(Celery("test", broker=self.crew.environment["REDIS_URL"], set_as_current=False)) as app:
            for _ in range(times):
                app.send_task(task, queue="messages", ignore_result=True)

    def _leave_a_dead_lease(self) -> None:
        """As a worker leaves it that died before it began."""
        [dead] = self.reminders.release(1)
        Message.objects.filter(pk=dead).update(
            state="leased", leased_by="dead", lease_until=timezone.now(), attempts=1
        )

    def _book(self) -> None:
        """A program books, and asks again under the same key until it has an answer."""
        self.booked += 1
        patient = self.reminders.patients[self.booked]
        body = {
            "patient": str(patient.pk),
            "kind": "therapy",
            "mode": "video",
            "start": next(self.slots).isoformat(),
            "practitioners": [str(self.therapists[self.booked % 2].pk)],
        }
        thread = threading.Thread(target=self._until_answered, args=(body, f"book-{self.booked}"))
        thread.start()
        self.bookings.append(thread)

    def _until_answered(self, body: dict[str, object], key: str) -> None:
        deadline = time.monotonic() + crews.PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                bearer = _server.token(self.crew.port, self.client_id, firing.SECRET)
                with _server.clients(self.crew.port, bearer, 1) as [client]:
                    status, answer = client.post("/api/v1/appointments/", body, key=key)
                if status == 201:
                    self.answers.add(answer["id"])
                    return
            except (OSError, HTTPException):
                pass
            time.sleep(0.1)

    def settle(self) -> None:
        """Let all be due, and wait until nothing moves any more."""
        for thread in self.bookings:
            while thread.is_alive():
                self.crew.keep()
                thread.join(0.05)
        self.reminders.release(MESSAGES)
        self.crew.wait(lambda: not self._moving(), "everything is settled", seconds=240)

    def _moving(self) -> bool:
        # Who is to try again in minutes, or in an hour, tries now.
        again = Message.objects.filter(state="planned", attempts__gt=0).update(due_at=timezone.now())
        if again or Message.objects.filter(state__in=("leased", "handing_over")).exists():
            return True
        if Message.objects.filter(state="planned", due_at__lte=timezone.now()).exists():
            return True
        taken = {sms["sid"] for sms in self.provider.inbox()}
        claimed = Message.objects.exclude(provider_id="").values_list("provider_id", flat=True)
        return bool(taken - set(claimed))


def _parent(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"PPid:\t(\d+)", status)[1])  # type: ignore[index]


@pytest.fixture
def struck(sms_provider: SmsProvider, transactional_db: None) -> Iterator[Struck]:
    with Home() as home:
        crew = Crew(home, hands=8)
        found = Struck(crew, sms_provider)
        crew.start()
        yield found
        for thread in found.bookings:
            thread.join()
    connections.close_all()


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_goes_twice(struck: Struck) -> None:
    for blow in BLOWS:
        for points in ROUNDS:
            struck.strike(points, blow)
    assert struck.struck == len(BLOWS) * (len(POINTS) + 1)
    struck.settle()
    rows = Message.objects.filter(due_at__lte=timezone.now())
    states = Counter(rows.values_list("state", flat=True))
    print(f"\n{dict(states)}; {struck.doubtful_blows} blows hit a hand-over")
    assert set(states) <= {"accepted", "delivered", "in_doubt"}
    # Each text at the provider is one row's, and each row that says so has its text: none twice, none lost.
    sent = rows.exclude(state="in_doubt").values_list("provider_id", flat=True)
    assert Counter(sms["sid"] for sms in struck.provider.inbox()) == Counter(sent)
    assert rows.filter(kind="reminder_24h").count() == MESSAGES
    assert rows.filter(kind="course_booked").count() == struck.booked == len(struck.answers)
    assert states["in_doubt"] <= struck.doubtful_blows
    for doubt in rows.filter(state="in_doubt"):
        assert Attempt.objects.filter(pk=doubt.current_attempt, message=doubt).exists()
        assert WorkItem.objects.filter(subject_id=doubt.pk, kind="message_in_doubt", done_at=None).exists()
    assert WorkItem.objects.filter(done_at=None).count() == states["in_doubt"]
