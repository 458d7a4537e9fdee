"""Moves at the same moment: of one visit, into a place that is being left, and two visits for each other."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Stale
from scheduling.booking.guard import locks
from scheduling.booking.moving import moves, swaps
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.visit import single
from scheduling.errors import PreviewStale
from scheduling.models import Appointment
from tests import factories
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW
TEN = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))
HOUR = timedelta(hours=1)
CLIENTS = 16


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def talk(clinic: factories.Clinic, start: datetime, *, who: int = 0) -> Appointment:
    wanted = single.Visit(
        patient_id=factories.patient(clinic.site, consents=False).pk,
        kind="therapy",
        start=start,
        practitioner_ids=(clinic.therapists[who].pk,),
        mode="video",
    )
    return Appointment.objects.get(pk=single.book(actor=clinic.admin, now=NOW, visit=wanted))


def move_job(
    clinic: factories.Clinic, visit: Appointment, start: datetime, version: int | None = None
) -> Callable[[], object]:
    wish = Wish(start=start, practitioner_ids=(clinic.therapists[0].pk,))
    return lambda: moves.apply(
        actor=clinic.admin, appointment_id=visit.pk, now=NOW, wish=wish, version=version
    )


def nothing_went_wrong(outcome: race.Outcome, deadlocks_before: int, *refusals: type[Exception]) -> None:
    assert [one for one in outcome.broken if not isinstance(one, refusals)] == []
    assert race.overlaps() == 0
    assert race.half_booked() == 0
    assert race.deadlocks() == deadlocks_before


def test_of_many_who_saw_one_version_one_moves_the_visit(clinic: factories.Clinic) -> None:
    visit, before = talk(clinic, TEN), race.deadlocks()
    starts = [TEN + number * timedelta(minutes=15) for number in range(1, CLIENTS + 1)]
    outcome = race.run([move_job(clinic, visit, start, version=1) for start in starts])
    nothing_went_wrong(outcome, before, Stale)
    assert outcome.counts == {"won": 1, "Stale": CLIENTS - 1}


def test_of_many_who_saw_one_preview_one_applies_it(clinic: factories.Clinic) -> None:
    visit, before = talk(clinic, TEN), race.deadlocks()
    found = moves.preview(
        actor=clinic.admin, appointment_id=visit.pk, wish=Wish(start=TEN + HOUR), ways=Ways(), now=NOW
    )
    outcome = race.run(
        [
            lambda: moves.apply(actor=clinic.admin, appointment_id=visit.pk, now=NOW, token=found.token)
            for _ in range(CLIENTS)
        ]
    )
    nothing_went_wrong(outcome, before, PreviewStale)
    assert outcome.counts == {"won": 1, "PreviewStale": CLIENTS - 1}


def test_many_want_the_place_that_one_leaves(clinic: factories.Clinic) -> None:
    """Whoever comes after the one that leaves gets it, once; nobody stands there twice."""
    leaving = talk(clinic, TEN)
    others = [talk(clinic, TEN + number * HOUR) for number in range(2, 6)]
    before = race.deadlocks()
    newcomers = [factories.patient(clinic.site, consents=False) for _ in range(4)]

    def book(patient_id: object) -> object:
        wanted = single.Visit(
            patient_id=patient_id,  # type: ignore[arg-type]
            kind="therapy",
            start=TEN,
            practitioner_ids=(clinic.therapists[0].pk,),
            mode="video",
        )
        return single.book(actor=clinic.admin, now=NOW, visit=wanted)

    outcome = race.run(
        [
            move_job(clinic, leaving, TEN + HOUR),
            *(move_job(clinic, one, TEN) for one in others),
            *(lambda pk=one.pk: book(pk) for one in newcomers),  # type: ignore[misc]
        ]
    )
    nothing_went_wrong(outcome, before)
    assert Appointment.objects.filter(start=TEN).exclude(pk=leaving.pk).count() <= 1
    leaving.refresh_from_db()
    assert leaving.start == TEN + HOUR


def test_two_visits_change_places_both_ways_at_once(clinic: factories.Clinic) -> None:
    first, second = talk(clinic, TEN), talk(clinic, TEN + HOUR)
    before = race.deadlocks()
    pairs = [(first, second), (second, first)] * (CLIENTS // 2)
    outcome = race.run(
        [
            lambda a=a, b=b: swaps.apply(  # type: ignore[misc]
                actor=clinic.admin, appointment_id=a.pk, other_id=b.pk, now=NOW
            )
            for a, b in pairs
        ]
    )
    nothing_went_wrong(outcome, before)
    starts = {Appointment.objects.get(pk=one.pk).start for one in (first, second)}
    assert starts == {TEN, TEN + HOUR}
    assert (first.start in starts) and len(outcome.won) + outcome.counts["Busy"] == CLIENTS


def test_control_without_the_lock_the_constraint_still_keeps_them_apart(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = [talk(clinic, TEN + number * HOUR) for number in range(1, 6)]
    monkeypatch.setattr(locks, "lock_resources", lambda resource_ids: None)
    outcome = race.run([move_job(clinic, one, TEN) for one in visits])
    assert len(outcome.won) == 1
    assert race.overlaps() == 0
