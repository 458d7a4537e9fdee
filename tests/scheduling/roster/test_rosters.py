"""The roster in memory: every change of what it holds is seen at once; nothing else makes it read again."""

from collections.abc import Callable
from datetime import time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic.practice.errors import NotFound
from clinic.practice.models import Closure, OpeningHours, Practice, Room, Site, StaffMember
from scheduling.models import Absence, Shift, ShiftBreak
from scheduling.roster import rosters
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW
LATER = NOW + timedelta(hours=1)
Change = Callable[[factories.Clinic], object]

CHANGES: dict[str, Change] = {
    "a shift is added": lambda c: factories.shift(c.monitor, c.site, weekdays=[6]),
    "a shift changes": lambda c: Shift.objects.filter(staff=c.monitor).update(starts=time(7)),
    "a shift goes": lambda c: Shift.objects.filter(staff=c.monitor).delete(),
    "a break is added": lambda c: ShiftBreak.objects.create(
        shift=Shift.objects.get(staff=c.monitor), starts=time(12), ends=time(13)
    ),
    "an absence is added": lambda c: Absence.objects.create(staff=c.monitor, starts_at=NOW, ends_at=LATER),
    "hours are added": lambda c: OpeningHours.objects.create(
        site=c.site, weekday=1, opens=time(9), closes=time(12)
    ),
    "the site is shut": lambda c: Closure.objects.create(site=c.site, starts_at=NOW, ends_at=LATER),
    "a chair is shut": lambda c: Closure.objects.create(
        site=c.site, room=c.chairs[0], starts_at=NOW, ends_at=LATER
    ),
    "a room is added": lambda c: factories.room(c.site, "consult_room"),
    "a room is out of use": lambda c: Room.objects.filter(pk=c.chairs[0].pk).update(is_active=False),
    "the site's grid changes": lambda c: Site.objects.filter(pk=c.site.pk).update(grid_minutes=30),
    "somebody leaves": lambda c: StaffMember.objects.filter(pk=c.monitor.pk).update(is_active=False),
    "somebody's buffer changes": lambda c: StaffMember.objects.filter(pk=c.monitor.pk).update(
        buffer_minutes=10
    ),
    "a setting changes": lambda c: Practice.objects.filter(pk=c.practice.pk).update(
        settings={"region": "CA"}
    ),
}


def contents(found: rosters.Roster) -> str:
    """All that a roster says, as one text."""
    sites = {pk: (vars(site), vars(site.practice)) for pk, site in found.sites.items()}
    shifts = [
        (vars(one), [vars(rest) for rest in one.breaks.all()])
        for each in found.shifts.values()
        for one in each
    ]
    lists = (found.hours, found.closures, found.absences)
    rest = [vars(one) for kept in lists for each in kept.values() for one in each]
    people = [vars(one) for one in (*found.rooms.values(), *found.people.values())]
    return str((sites, shifts, rest, people))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_at_once(name: str) -> None:
    clinic = factories.small_clinic()
    before = rosters.of(practice_id=clinic.practice.pk)
    told = contents(before)
    CHANGES[name](clinic)
    after = rosters.of(practice_id=clinic.practice.pk)
    assert after.stamp != before.stamp
    assert contents(after) != told


def test_without_a_change_only_the_stamp_is_read() -> None:
    clinic = factories.small_clinic()
    before = rosters.of(practice_id=clinic.practice.pk)
    StaffMember.objects.filter(pk=clinic.monitor.pk).update(last_login=timezone.now())
    factories.small_clinic()
    with CaptureQueriesContext(connection) as asked:
        assert rosters.of(practice_id=clinic.practice.pk) is before
    assert len(asked) == 1, "a sign-in, or another practice's change, is none of this roster's"


def test_a_password_is_never_kept() -> None:
    clinic = factories.small_clinic()
    people = rosters.of(practice_id=clinic.practice.pk).people
    assert people
    assert not any("password" in vars(person) for person in people.values())


def test_only_so_many_rosters_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosters, "KEPT", 2)
    kept = [rosters.of(practice_id=factories.practice().pk) for _ in range(3)]
    assert len(rosters._kept) == 2
    assert kept[0] not in rosters._kept.values()


def test_a_site_of_another_practice_is_not_found() -> None:
    clinic, other = factories.small_clinic(), factories.small_clinic()
    with pytest.raises(NotFound):
        rosters.of(practice_id=clinic.practice.pk).site(other.site.pk)
