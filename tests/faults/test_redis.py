"""Redis is emptied, killed, shut, paused, full and deaf while messages are sent and visits booked.

It carries hints alone: nothing is lost, nothing goes twice, no booking sees an error, and what was late goes
soon after it is back.
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest
from celery import Celery
from django.db import connections
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from clinic.local.home import Home
from clinic.local.providers import SmsProvider
from clinic.local.redis import RedisServer
from notifications.models import Message, Pulse
from tests.faults import WHOLE
from tests.faults.bookings import Bookings
from tests.faults.crew import Crew
from tests.faults.due import Reminders, waiting
from tests.faults.proxy import Proxy

BEFORE, MEANWHILE, SECONDS = 20, 20, 300.0 if WHOLE else 3.0
# What was late has gone so soon after Redis is back; so soon a worker works again.
LATE_SECONDS, WORKING_SECONDS = 60.0, 30.0


@dataclass
class Stage:
    """A crew whose Redis can be struck."""

    crew: Crew
    server: RedisServer
    proxy: Proxy
    reminders: Reminders
    provider: SmsProvider

    def redis(self) -> Redis:
        return Redis.from_url(self.server.url(), socket_timeout=5)


def emptied(stage: Stage) -> Callable[[], None]:
    with closing(stage.redis()) as redis:
        redis.flushall()
    return lambda: None


def killed(stage: Stage) -> Callable[[], None]:
    assert stage.server.child is not None
    stage.server.child.process.send_signal(signal.SIGKILL)
    stage.server.child.process.wait()
    return lambda: stage.server.launch() and None


def shut(stage: Stage) -> Callable[[], None]:
    return mode(stage, "shut")


def deaf(stage: Stage) -> Callable[[], None]:
    return mode(stage, "deaf")


def slow(stage: Stage) -> Callable[[], None]:
    return mode(stage, 0.05)


def mode(stage: Stage, wanted: str | float) -> Callable[[], None]:
    stage.proxy.mode = wanted
    return lambda: setattr(stage.proxy, "mode", "pass")


def paused(stage: Stage) -> Callable[[], None]:
    with closing(stage.redis()) as redis:
        redis.client_pause(int(SECONDS * 1000), all=True)
    return lambda: None


def full(stage: Stage) -> Callable[[], None]:
    """While hints wait in it: what takes one cannot note that it did."""
    worker = stage.crew.children["worker0"].process
    worker.send_signal(signal.SIGSTOP)
    with closing(stage.redis()) as redis:
        stage.crew.wait(lambda: redis.llen("messages"), "a hint waits")
        redis.config_set("maxmemory", "1")
    worker.send_signal(signal.SIGCONT)
    return lambda: make_room(stage)


def make_room(stage: Stage) -> None:
    with closing(stage.redis()) as redis:
        redis.config_set("maxmemory", "0")


FAULTS = (emptied, killed, shut, deaf, slow, paused, full)


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as made:
        yield made


@contextmanager
def stage(home: Home, provider: SmsProvider, *, kept: bool) -> Iterator[Stage]:
    """`kept`: what Redis was told is on its disk."""
    server = RedisServer(home=home, data=home.path / "aof" if kept else None, log=home.path / "redis.log")
    server.start()
    with Proxy(server.port) as proxy:
        url = server.url().replace(f":{server.port}/", f":{proxy.port}/")
        made = Crew(home, REDIS_URL=url)
        yield Stage(made, server, proxy, Reminders(len(FAULTS) * (BEFORE + MEANWHILE)), provider)
    connections.close_all()


@pytest.mark.timeout(600 + 12 * SECONDS)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "on its disk"])
def test_whatever_befalls_redis_nothing_is_lost_and_nothing_goes_twice(
    home: Home, sms_provider: SmsProvider, kept: bool
) -> None:
    with stage(home, sms_provider, kept=kept) as on:
        bookings = Bookings(on.crew, on.reminders)
        on.crew.start(workers=1)
        on.crew.wait(bookings.can_begin, "the web process")
        struck = FAULTS if not kept else (killed, emptied)
        for fault in struck:
            strike(on, fault, bookings)
        assert {status for status, _ in bookings.answers} == {201}
        rows = Message.objects.filter(due_at__lte=timezone.now())
        assert set(rows.values_list("state", flat=True)) <= {"accepted", "delivered"}
        assert rows.count() == len(struck) * (BEFORE + MEANWHILE) + bookings.asked
        sent = rows.values_list("provider_id", flat=True)
        assert Counter(sms["sid"] for sms in sms_provider.inbox()) == Counter(sent)
        print(f"\nslowest booking {max(seconds for _, seconds in bookings.answers):.1f} s")


def strike(on: Stage, fault: Callable[[Stage], Callable[[], None]], bookings: Bookings) -> None:
    worker = on.crew.children["worker0"]
    on.reminders.release(BEFORE)
    mend = fault(on)
    program = threading.Thread(target=bookings.book, args=(2,))
    program.start()
    on.reminders.release(MEANWHILE - 5)
    until = time.monotonic() + SECONDS
    on.crew.wait(lambda: time.monotonic() > until, "the fault lasts", SECONDS + 60)
    mend()
    back = timezone.now()
    # There may be nothing left to do: work that shows that it is done.
    on.reminders.release(5)
    on.crew.wait(lambda: works_since(back), f"{fault.__name__}: a worker works again", WORKING_SECONDS)
    on.crew.wait(lambda: not waiting(), f"{fault.__name__}: what was late has gone", LATE_SECONDS)
    program.join(LATE_SECONDS)
    assert not program.is_alive(), f"{fault.__name__}: a booking hangs"
    assert on.crew.children["worker0"] is worker, f"{fault.__name__}: the worker died of it"


def works_since(instant: object) -> bool:
    """Whether a worker took a message's task since: its own claim says so."""
    return Message.objects.filter(state__in=("accepted", "delivered"), updated_at__gte=instant).exists()


@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_control_without_the_sweep_an_emptied_redis_loses_messages(
    home: Home, sms_provider: SmsProvider
) -> None:
    """Hints alone: no beat rings, so nobody looks at what is due."""
    with stage(home, sms_provider, kept=False) as on:
        bookings = Bookings(on.crew, on.reminders)
        on.crew.start(workers=0, beats=0)
        on.crew.wait(bookings.can_begin, "the web process")
        # One: a second hint could come after the first was seen.
        bookings.book(1)
        with closing(on.redis()) as redis:
            on.crew.wait(lambda: hinted(redis), "the hint is in Redis")
            redis.flushall()
        on.crew.start(workers=1, web=False, beats=0)
        feel_the_pulse(on)
        on.crew.wait(lambda: Pulse.objects.filter(queue="messages").exists(), "a task behind it is done")
        assert Message.objects.filter(kind="course_booked", state="planned").count() == 1
        assert sms_provider.inbox() == []


def hinted(redis: Redis) -> bool:
    try:
        return bool(redis.llen("messages"))
    except RedisError:
        return False


def feel_the_pulse(on: Stage) -> None:
    """Ring a task that goes the way of all others behind what was lost."""
    with closing(Celery("test", broker=on.server.url(), set_as_current=False)) as app:
        app.send_task("notifications.pulse", queue="messages", ignore_result=True)
