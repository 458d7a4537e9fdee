"""Hours are worked out by the fortnight and put together again: nobody sees where two fortnights meet."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest

from clinic.practice.models import Closure, OpeningHours
from scheduling.models import Absence, Shift, ShiftBreak
from scheduling.planning.values import Span
from scheduling.roster import hours, recurrence, rosters, spans
from tests import factories

pytestmark = pytest.mark.django_db
# Both changes of the clocks in New York lie in it.
YEAR = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
EDGE = hours.FIRST + 697 * hours.FORTNIGHT


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def night_shift(clinic: factories.Clinic) -> None:
    shift = Shift.objects.create(
        staff=clinic.monitor,
        site=clinic.site,
        weekdays=[1, 3, 7],
        starts=time(17),
        ends=time(5),
        valid_from=date(2025, 12, 1),
    )
    ShiftBreak.objects.create(shift=shift, starts=time(23), ends=time(23, 30))


def found(clinic: factories.Clinic, span: Span) -> tuple[Span, ...]:
    roster = rosters.of(practice_id=clinic.practice.pk)
    answer = hours.working(roster=roster, site_id=clinic.site.pk, staff_ids=[clinic.monitor.pk], span=span)
    return answer[clinic.monitor.pk]


def at_once(clinic: factories.Clinic, span: Span) -> tuple[Span, ...]:
    """The same in one piece, from the definition."""
    roster, zone = rosters.of(practice_id=clinic.practice.pk), clinic.site.time_zone
    on = [
        one
        for shift in roster.shifts[clinic.site.pk]
        if shift.staff_id == clinic.monitor.pk
        for one in recurrence.working(shift=shift, zone=zone, within=span)
    ]
    opened = recurrence.open_spans(hours=roster.hours.get(clinic.site.pk, ()), zone=zone, within=span)
    shut = [Span(one.starts_at, one.ends_at) for one in roster.closures.get(clinic.site.pk, ())]
    away = [Span(one.starts_at, one.ends_at) for one in roster.absences.get(clinic.monitor.pk, ())]
    here = spans.intersect(spans=on, others=spans.subtract(spans=opened, minus=shut))
    return spans.subtract(spans=here, minus=away)


@pytest.mark.parametrize("with_hours", [False, True])
def test_any_stretch_of_a_year_is_as_if_worked_out_at_once(
    clinic: factories.Clinic, with_hours: bool
) -> None:
    night_shift(clinic)
    week = timedelta(weeks=1)
    Absence.objects.create(staff=clinic.monitor, starts_at=EDGE - week, ends_at=EDGE - week / 2)
    Closure.objects.create(site=clinic.site, starts_at=EDGE - week / 7, ends_at=EDGE + timedelta(hours=3))
    if with_hours:
        for weekday in range(1, 8):
            OpeningHours.objects.create(site=clinic.site, weekday=weekday, opens=time(7), closes=time(21))
    rng = Random(5)
    minutes = int((YEAR.end - YEAR.start).total_seconds() // 60)
    for _ in range(60):
        start = YEAR.start + timedelta(minutes=rng.randrange(minutes))
        span = Span(start, start + timedelta(minutes=rng.randrange(1, 80_000)))
        assert found(clinic, span) == at_once(clinic, span)


def test_a_stretch_over_the_border_of_two_fortnights_is_one(clinic: factories.Clinic) -> None:
    assert EDGE.weekday() == 0
    night_shift(clinic)
    around = Span(EDGE - timedelta(hours=1), EDGE + timedelta(hours=2))
    assert found(clinic, around) == (around,)


def test_a_person_without_a_shift_here_is_not_told_of(clinic: factories.Clinic) -> None:
    elsewhere = factories.worker(factories.site(clinic.practice), "monitor")
    roster = rosters.of(practice_id=clinic.practice.pk)
    asked = [elsewhere.pk, clinic.monitor.pk]
    answer = hours.working(roster=roster, site_id=clinic.site.pk, staff_ids=asked, span=YEAR)
    assert list(answer) == [clinic.monitor.pk]


def test_what_is_kept_does_not_grow_without_end(
    clinic: factories.Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hours, "KEPT", 10)
    whole = found(clinic, YEAR)
    assert len(rosters.of(practice_id=clinic.practice.pk).kept) <= 10
    assert found(clinic, YEAR) == whole
