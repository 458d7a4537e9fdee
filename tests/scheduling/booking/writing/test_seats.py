"""Places: whatever is asked for in whatever order, a resource takes it exactly when its load allows."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic.practice.models import Resource
from scheduling.booking.guard import locks
from scheduling.booking.writing import seats
from scheduling.booking.writing.seats import Need
from scheduling.errors import SlotTaken
from scheduling.models import Appointment, Occupancy
from tests import factories
from tests.scheduling.booking.rows import bare_visit

NOW = factories.NOW


def at(hour: int) -> datetime:
    return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=hour)


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


def take(
    clinic: factories.Clinic, resource: Resource, wanted: int, first: int, last: int, **extra: object
) -> UUID:
    visit = bare_visit(clinic.patient, start=at(first), end=at(last))
    need = Need(resource.pk, wanted, at(first), at(last), appointment_id=visit.pk, label="visit", **extra)  # type: ignore[arg-type]
    with transaction.atomic():
        locks.lock_resources([resource.pk])
        seats.take(practice_id=clinic.practice.pk, needs=[need], now=NOW)
    return visit.pk


def load(resource: Resource, moment: datetime) -> int:
    rows = Occupancy.objects.filter(resource=resource, during__contains=moment)
    return sum(row.seats.upper - row.seats.lower for row in rows)


def test_one_monitor_watches_two_patients_and_not_three(clinic: factories.Clinic) -> None:
    monitor = clinic.monitor.resource
    assert monitor is not None
    take(clinic, monitor, 6, 9, 11)
    take(clinic, monitor, 6, 10, 12)
    with pytest.raises(SlotTaken) as refusal:
        take(clinic, monitor, 6, 10, 11)
    assert refusal.value.clashes == [
        {"visit": "visit", "start": at(10).isoformat(), "end": at(11).isoformat()}
    ]
    take(clinic, monitor, 6, 11, 12)


def test_needs_of_one_act_share_a_person_as_those_of_several_do(clinic: factories.Clinic) -> None:
    monitor = clinic.monitor.resource
    assert monitor is not None
    visits = [bare_visit(clinic.patient, start=at(9), end=at(11)) for _ in range(3)]
    needs = [Need(monitor.pk, 6, at(9), at(11), appointment_id=one.pk, label="visit") for one in visits]
    with pytest.raises(SlotTaken), transaction.atomic():
        seats.take(practice_id=clinic.practice.pk, needs=needs, now=NOW)
    with transaction.atomic():
        seats.take(practice_id=clinic.practice.pk, needs=needs[:2], now=NOW)
    assert load(monitor, at(10)) == 12


def test_fragmented_seats_are_reseated(clinic: factories.Clinic) -> None:
    """Four thirds leave holes that no single free third spans: the neighbours move seats, nobody is
    refused."""
    monitor = clinic.monitor.resource
    assert monitor is not None
    for first, last in ((9, 10), (9, 10), (9, 12), (10, 11), (11, 12)):
        take(clinic, monitor, 4, first, last)
    take(clinic, monitor, 4, 10, 12)
    assert load(monitor, at(10)) == 12
    assert load(monitor, at(11)) == 12


def test_an_expired_hold_is_removed_and_a_live_one_stands(clinic: factories.Clinic) -> None:
    chair = clinic.chairs[0].resource
    hold = take(clinic, chair, 12, 9, 11, expires_at=NOW)
    take(clinic, chair, 12, 10, 12)
    assert not Occupancy.objects.filter(appointment_id=hold).exists()
    take(clinic, chair, 12, 14, 15, expires_at=NOW + timedelta(minutes=5))
    with pytest.raises(SlotTaken):
        take(clinic, chair, 12, 14, 15)


def test_locks_are_refused_outside_a_transaction(clinic: factories.Clinic) -> None:
    with pytest.raises(RuntimeError), transaction_free():
        locks.lock_resources([1])


class transaction_free:
    """`db` wraps the test in a transaction; this looks as the code outside one does."""

    def __enter__(self) -> None:
        connection = transaction.get_connection()
        self.was = connection.in_atomic_block
        connection.in_atomic_block = False

    def __exit__(self, *exc: object) -> None:
        transaction.get_connection().in_atomic_block = self.was


needs = st.lists(
    st.tuples(st.integers(0, 10), st.integers(1, 5), st.sampled_from([1, 2, 3, 4, 6, 12])),
    min_size=1,
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=needs)
def test_a_need_is_taken_exactly_when_the_load_allows(
    clinic: factories.Clinic, wanted: list[tuple[int, int, int]]
) -> None:
    resource = Resource.objects.create(practice=clinic.practice, kind="room")
    accepted: list[tuple[int, int, int]] = []
    for first, hours, count in wanted:
        fits = all(
            sum(c for f, h, c in accepted if f <= hour < f + h) + count <= 12
            for hour in range(first, first + hours)
        )
        try:
            take(clinic, resource, count, first, first + hours)
        except SlotTaken:
            assert not fits
        else:
            assert fits
            accepted.append((first, hours, count))
    for hour in range(16):
        assert load(resource, at(hour)) == sum(c for f, h, c in accepted if f <= hour < f + h)


def test_seats_of_a_mask() -> None:
    assert seats.runs_of(0b1011) == [(0, 2), (3, 4)]
    assert seats.lowest(0b111011, 3) == 0b111000
    assert seats.lowest(0b101011, 3) == 0b001011


def test_release_frees_everything(clinic: factories.Clinic) -> None:
    chair = clinic.chairs[0].resource
    visit = take(clinic, chair, 12, 9, 11)
    seats.release(appointment_ids=[visit])
    take(clinic, chair, 12, 9, 11)
    assert Appointment.objects.filter(pk=visit).exists()
