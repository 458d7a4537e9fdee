"""PostgreSQL cuts its connections, is restarted, and is away while messages are sent and visits booked: every
acknowledged write is there, and everybody works again without a restart of theirs.
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
from django.db import DatabaseError, connections
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from clinic.local import migrated
from clinic.local.home import Home
from clinic.local.postgres import Postgres
from clinic.local.providers import SmsProvider
from notifications.models import Message
from scheduling.models import Appointment
from tests.faults import WHOLE
from tests.faults.bookings import Bookings
from tests.faults.crew import Crew
from tests.faults.due import Reminders, waiting

BEFORE, MEANWHILE, SHORT_SECONDS, AWAY_SECONDS = 20, 20, 3.0, 60.0 if WHOLE else 3.0
RECOVERED_SECONDS = 15.0


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as made:
        yield made


@pytest.fixture
def server(home: Home, django_db_blocker: DjangoDbBlocker) -> Iterator[Postgres]:
    """A durable server of its own, with every migration applied, in the place of the test database."""
    made = Postgres(home=home, data=home.path / "data", log=home.path / "postgres.log", throwaway=False)
    made.start()
    name = migrated.ensure(server_url=made.url)
    ours = connections["default"]
    before = dict(ours.settings_dict)
    with django_db_blocker.unblock():
        ours.close()
        ours.settings_dict.update(NAME=name, HOST=str(made.sockets), PORT="", USER="clinic", PASSWORD="")
        yield made
        connections.close_all()
        ours.settings_dict.update(before)


def terminated(server: Postgres) -> Callable[[], None]:
    with psycopg.connect(server.url_of(database="postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    return lambda: None


def restarted(server: Postgres) -> Callable[[], None]:
    """At once: as after a crash, from its log."""
    _stop(server)
    server.launch()
    return lambda: None


def away(server: Postgres) -> Callable[[], None]:
    _stop(server)
    return lambda: server.launch() and None


def _stop(server: Postgres) -> None:
    assert server.child is not None
    server.child.process.send_signal(signal.SIGQUIT)
    server.child.process.wait()
    server._clear_stale()


FAULTS = (*(terminated,) * (20 if WHOLE else 1), *(restarted,) * (5 if WHOLE else 1), away)


@pytest.mark.timeout(1800 if WHOLE else 600)
def test_every_acknowledged_write_is_there_and_everybody_works_again(
    home: Home, server: Postgres, sms_provider: SmsProvider
) -> None:
    crew = Crew(home)
    reminders = Reminders(len(FAULTS) * (BEFORE + MEANWHILE))
    bookings = Bookings(crew, reminders)
    crew.start(workers=1)
    crew.wait(bookings.can_begin, "the web process")
    # Their own processes, which nobody may have to start again.
    started = {name: child.process.pid for name, child in crew.children.items()}
    for fault in FAULTS:
        strike(crew, server, fault, reminders, bookings)
    assert {name: child.process.pid for name, child in crew.children.items()} == started
    kept = {str(key) for key in Appointment.objects.filter(kind="therapy").values_list("pk", flat=True)}
    assert set(bookings.acknowledged) == kept
    assert len(kept) == len(bookings.acknowledged) == bookings.asked
    rows = Message.objects.filter(due_at__lte=timezone.now())
    states = Counter(rows.values_list("state", flat=True))
    print(f"\n{dict(states)}; bookings answered {Counter(status for status, _ in bookings.answers)}")
    assert set(states) <= {"accepted", "delivered"}
    assert states.total() == len(FAULTS) * (BEFORE + MEANWHILE) + bookings.asked
    sent = rows.values_list("provider_id", flat=True)
    assert Counter(sms["sid"] for sms in sms_provider.inbox()) == Counter(sent)


def strike(
    crew: Crew,
    server: Postgres,
    fault: Callable[[Postgres], Callable[[], None]],
    reminders: Reminders,
    bookings: Bookings,
) -> None:
    reminders.release(BEFORE)
    crew.wait(lambda: asked(working), "messages go")
    asks = {"again": True, "away": AWAY_SECONDS}
    program = threading.Thread(target=bookings.book, args=(2,), kwargs=asks)
    program.start()
    mend = fault(server)
    lasts = AWAY_SECONDS if fault is away else SHORT_SECONDS
    until = time.monotonic() + lasts
    crew.wait(lambda: time.monotonic() > until, "the fault lasts", lasts + 60)
    mend()
    # Ours is cut as well; the next question opens another.
    connections.close_all()
    reminders.release(MEANWHILE)
    back = timezone.now()
    crew.wait(lambda: asked(lambda: gone_since(back)), f"{fault.__name__}: messages go", RECOVERED_SECONDS)
    crew.wait(lambda: asked(lambda: not waiting()), f"{fault.__name__}: what was late has gone")
    program.join()


def asked(question: Callable[[], object]) -> object:
    """Its answer; none while the database does not answer us either."""
    with suppress(DatabaseError):
        return question()
    connections.close_all()
    return None


def working() -> bool:
    return Message.objects.filter(state__in=("leased", "handing_over", "accepted", "delivered")).exists()


def gone_since(instant: object) -> bool:
    return Message.objects.filter(state__in=("accepted", "delivered"), updated_at__gte=instant).exists()
