"""Somebody becomes absent at the moment at which they are booked: whichever comes first, no visit is
left that nobody is asked about.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections

from clinic.practice.errors import Busy
from clinic.practice.models import WorkItem
from scheduling.booking.moving import absences, moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.visit import single
from scheduling.booking.writing import releasing, visits
from scheduling.models import Appointment
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW
TEN = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))
HOUR = timedelta(hours=1)
Act = Callable[[factories.Clinic], Any]


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def talk(clinic: factories.Clinic, *, who: int = 0, start: datetime = TEN) -> Any:
    wanted = single.Visit(
        patient_id=clinic.patient.pk,
        kind="therapy",
        start=start,
        practitioner_ids=(clinic.therapists[who].pk,),
        mode="video",
    )
    return single.book(actor=clinic.admin, now=NOW, visit=wanted)


def book(clinic: factories.Clinic) -> Any:
    return talk(clinic)


def move(clinic: factories.Clinic) -> Any:
    """What another therapist holds goes to the first one."""
    visit = Appointment.objects.get(practice=clinic.practice)
    wish = Wish(start=TEN, practitioner_ids=(clinic.therapists[0].pk,))
    return moves.apply(actor=clinic.admin, appointment_id=visit.pk, now=NOW, wish=wish)


def fall_ill(clinic: factories.Clinic) -> Any:
    return factories.absence(clinic.therapists[0], TEN - HOUR, TEN + 8 * HOUR)


def asked_about() -> set[Any]:
    items = WorkItem.objects.filter(kind=releasing.NEW_PLACE_ITEM, done_at=None)
    return set(items.values_list("subject_id", flat=True))


def unheard(clinic: factories.Clinic) -> set[Any]:
    """Visits of the one who is away that no task asks about."""
    with_them = Appointment.objects.filter(staffing__staff=clinic.therapists[0], status="booked")
    return set(with_them.values_list("pk", flat=True)) - asked_about()


class Other(threading.Thread):
    """An act on a connection of its own, and how it ended."""

    def __init__(self, act: Act, clinic: factories.Clinic) -> None:
        super().__init__()
        self.act, self.clinic, self.ended = act, clinic, ""
        self.start()

    def run(self) -> None:
        try:
            self.act(self.clinic)
            self.ended = "done"
        except Exception as error:
            self.ended = type(error).__name__
        finally:
            connections.close_all()


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def held(patch: pytest.MonkeyPatch, module: Any, name: str) -> Iterator[tuple[threading.Event, Any]]:
    """Whoever has come to the end of this function stays there, in a transaction, until they are let go."""
    real, there, may_go = getattr(module, name), threading.Event(), threading.Event()

    def slow(*given: Any, **named: Any) -> Any:
        found = real(*given, **named)
        there.set()
        assert may_go.wait(60)
        return found

    patch.setattr(module, name, slow)
    try:
        yield there, may_go
    finally:
        may_go.set()


def both(
    clinic: factories.Clinic, patch: pytest.MonkeyPatch, first: Act, second: Act, at: tuple[Any, str]
) -> tuple[str, str]:
    """The first one comes so far and waits; the second begins and waits for a lock, or is through; then the
    first one commits."""
    with held(patch, *at) as (there, may_go):
        one = Other(first, clinic)
        assert there.wait(60)
        patch.undo()
        other = Other(second, clinic)
        deadline = time.monotonic() + 60
        while other.is_alive() and not waits_for_a_lock():
            assert time.monotonic() < deadline
        may_go.set()
        one.join(60)
        other.join(60)
    return one.ended, other.ended


BOOKED_FIRST = (visits, "insert")
MOVED_FIRST = (absences.reassignments.acts.relocations, "_restaff")


def test_who_is_booked_first_is_found_by_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = both(clinic, monkeypatch, book, fall_ill, BOOKED_FIRST)
    assert ended == ("done", "done")
    assert unheard(clinic) == set()
    assert len(asked_about()) == 1


def test_who_is_moved_there_first_is_found_by_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(clinic, who=1, start=TEN + HOUR)
    ended = both(clinic, monkeypatch, move, fall_ill, MOVED_FIRST)
    assert ended == ("done", "done")
    assert unheard(clinic) == set()
    assert len(asked_about()) == 1


@pytest.mark.parametrize("act", [book, move])
def test_who_books_a_moment_later_sees_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    if act is move:
        talk(clinic, who=1, start=TEN + HOUR)
    ended = both(clinic, monkeypatch, fall_ill, act, (absences, "_ask_people"))
    assert ended == ("done", Busy.__name__)
    assert unheard(clinic) == set()


# --- controls: each half of the protection alone is not enough ----------------------------------------------
def test_an_absence_that_locks_nobody_misses_the_booking(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as blind:
        blind.setattr(absences, "_lock_person", lambda asked: None)
        both(clinic, monkeypatch, book, fall_ill, BOOKED_FIRST)
    assert len(unheard(clinic)) == 1


def test_a_booking_that_does_not_look_again_misses_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as blind:
        blind.setattr(visits, "check_roster", lambda **_: None)
        both(clinic, monkeypatch, fall_ill, book, (absences, "_ask_people"))
    assert len(unheard(clinic)) == 1
