"""Somebody becomes absent at the moment at which they are booked: whichever comes first, no visit is
left that nobody is asked about.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Busy
from clinic.practice.models import WorkItem
from scheduling.booking.moving import absences, moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.visit import single
from scheduling.booking.writing import releasing, visits
from scheduling.models import Appointment
from tests import factories
from tests.races import race

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


BOOKED_FIRST = (visits, "insert")
MOVED_FIRST = (absences.reassignments.acts.relocations, "_restaff")
ABSENT_FIRST = (absences, "_ask_people")


def in_turn(clinic: factories.Clinic, first: Act, second: Act, at: tuple[Any, str]) -> race.Outcome:
    return race.in_turn(lambda: first(clinic), lambda: second(clinic), at=at)


def test_who_is_booked_first_is_found_by_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = in_turn(clinic, book, fall_ill, BOOKED_FIRST)
    assert outcome.counts == {"won": 2}
    assert unheard(clinic) == set()
    assert len(asked_about()) == 1


def test_who_is_moved_there_first_is_found_by_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(clinic, who=1, start=TEN + HOUR)
    outcome = in_turn(clinic, move, fall_ill, MOVED_FIRST)
    assert outcome.counts == {"won": 2}
    assert unheard(clinic) == set()
    assert len(asked_about()) == 1


@pytest.mark.parametrize("act", [book, move])
def test_who_books_a_moment_later_sees_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    if act is move:
        talk(clinic, who=1, start=TEN + HOUR)
    outcome = in_turn(clinic, fall_ill, act, ABSENT_FIRST)
    assert outcome.counts == {"won": 1, Busy.__name__: 1}
    assert unheard(clinic) == set()


# --- controls: each half of the protection alone is not enough ----------------------------------------------
def test_an_absence_that_locks_nobody_misses_the_booking(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absences, "_lock_person", lambda asked: None)
    in_turn(clinic, book, fall_ill, BOOKED_FIRST)
    assert len(unheard(clinic)) == 1


def test_a_booking_that_does_not_look_again_misses_the_absence(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "check_roster", lambda **_: None)
    in_turn(clinic, fall_ill, book, ABSENT_FIRST)
    assert len(unheard(clinic)) == 1
