"""Entering when people work."""

from datetime import date, time, timedelta

import pytest

from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.idempotency import Key
from clinic.practice.models import TrailEntry
from scheduling.booking.moving import absences
from scheduling.models import Absence, Shift
from scheduling.roster import shifts
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def site():
    return factories.site(factories.practice())


@pytest.fixture
def person(site):
    return factories.staff(site, "therapist")


def test_a_shift_is_stored_with_its_breaks_and_a_trail(site, person):
    row = factories.shift(person, site, breaks=[(time(12), time(13))])
    assert [(one.starts, one.ends) for one in row.breaks.all()] == [(time(12), time(13))]
    assert TrailEntry.objects.filter(verb="create", subject_kind="shift", subject_id=row.pk).exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": [8]}, "weekdays"),
        ({"weekdays": "12"}, "weekdays"),
        ({"every_weeks": 0}, "every_weeks"),
        ({"starts": "09:00"}, "starts"),
        ({"valid_from": date(1, 1, 1)}, "valid_from"),
        ({"valid_until": date(9999, 12, 31)}, "valid_until"),
        ({"valid_from": date(2026, 5, 4), "valid_until": date(2026, 5, 3)}, "valid_until"),
        ({"breaks": [{"starts": time(13), "ends": time(12)}]}, "breaks.0.ends"),
        ({"breaks": [{"starts": time(7), "ends": time(9)}]}, "breaks.0"),
        ({"breaks": [None]}, "breaks.0"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_bad_value_points_at_its_field_and_changes_nothing(site, person, changes, field):
    row = factories.shift(person, site)
    with pytest.raises(Invalid) as refused:
        shifts.update_shift(
            actor=factories.admin(site.practice), shift_id=row.pk, changes=changes, now=factories.NOW
        )
    assert field in refused.value.fields
    assert Shift.objects.get(pk=row.pk).version == 1


def test_a_shift_for_one_day_cannot_begin_in_a_skipped_hour(site, person):
    day = date(2026, 3, 8)
    with pytest.raises(Invalid) as refused:
        factories.shift(person, site, weekdays=[7], starts=time(2, 30), valid_from=day, valid_until=day)
    assert "03:00" in refused.value.fields["starts"][0]


def test_a_stale_version_is_refused(site, person):
    someone = factories.admin(site.practice)
    row = factories.shift(person, site)
    shifts.update_shift(
        actor=someone, shift_id=row.pk, changes={"ends": time(16)}, now=factories.NOW, version=1
    )
    with pytest.raises(Stale):
        shifts.update_shift(
            actor=someone, shift_id=row.pk, changes={"ends": time(15)}, now=factories.NOW, version=1
        )
    assert Shift.objects.get(pk=row.pk).ends == time(16)


def test_changing_one_field_keeps_the_breaks(site, person):
    row = factories.shift(person, site, breaks=[(time(12), time(13))])
    changed = shifts.update_shift(
        actor=factories.admin(site.practice), shift_id=row.pk, changes={"ends": time(17)}, now=factories.NOW
    )
    assert [pause.starts for pause in changed.breaks.all()] == [time(12)]


def test_another_practice_sees_and_changes_nothing(site, person):
    row = factories.shift(person, site)
    other = factories.admin(factories.practice())
    assert not shifts.shifts(actor=other).exists()
    with pytest.raises(NotFound):
        shifts.update_shift(actor=other, shift_id=row.pk, changes={"ends": time(9)}, now=factories.NOW)
    with pytest.raises(NotFound):
        shifts.delete_shift(actor=other, shift_id=row.pk, now=factories.NOW)
    with pytest.raises(NotFound):
        absences.create(
            actor=other,
            staff_id=person.pk,
            starts_at=factories.NOW,
            ends_at=factories.NOW + timedelta(days=1),
            now=factories.NOW,
        )


def test_a_therapist_may_not_change_shifts(site, person):
    with pytest.raises(NotAllowed):
        shifts.delete_shift(
            actor=factories.as_actor(person), shift_id=factories.shift(person, site).pk, now=factories.NOW
        )


def test_an_absence_runs_forward(site, person):
    with pytest.raises(Invalid) as refused:
        absences.create(
            actor=factories.admin(site.practice),
            staff_id=person.pk,
            starts_at=factories.NOW,
            ends_at=factories.NOW,
            now=factories.NOW,
        )
    assert "ends_at" in refused.value.fields


def test_a_naive_time_is_refused(site, person):
    with pytest.raises(Invalid) as refused:
        absences.create(
            actor=factories.admin(site.practice),
            staff_id=person.pk,
            starts_at=factories.NOW.replace(tzinfo=None),
            ends_at=factories.NOW,
            now=factories.NOW,
        )
    assert "starts_at" in refused.value.fields


def test_a_repeated_key_makes_one_absence(site, person):
    asked = {
        "actor": factories.admin(site.practice),
        "staff_id": person.pk,
        "starts_at": factories.NOW,
        "ends_at": factories.NOW + timedelta(days=1),
        "now": factories.NOW,
        "key": Key(scope="test", value="one", fingerprint="same"),
    }
    assert absences.create(**asked).pk == absences.create(**asked).pk
    assert Absence.objects.count() == 1
