"""Opening sessions for several patients."""

from datetime import timedelta

import pytest

from clinic.practice.errors import Invalid, NotAllowed, NotFound
from scheduling.booking.visit import group_sessions
from scheduling.errors import SlotTaken
from scheduling.models import GroupSession, Occupancy
from tests import factories

pytestmark = pytest.mark.django_db
START = factories.NOW + timedelta(days=1)


@pytest.fixture
def clinic():
    return factories.small_clinic()


def schedule(clinic, **changes):
    asked = {
        "actor": clinic.admin,
        "site_id": clinic.site.pk,
        "start": START,
        "end": START + timedelta(minutes=90),
        "places": 8,
        "staff_ids": [clinic.therapists[0].pk],
        "room_id": clinic.therapy_rooms[0].pk,
        "now": factories.NOW,
    }
    return group_sessions.schedule(**{**asked, **changes})


def test_a_session_takes_its_people_and_its_room_whole(clinic):
    session = GroupSession.objects.get(pk=schedule(clinic))
    assert (session.places, list(session.staff.all())) == (8, [clinic.therapists[0]])
    taken = Occupancy.objects.filter(group_session=session)
    owned = {clinic.therapists[0].resource_id, clinic.therapy_rooms[0].resource_id}
    assert {row.resource_id for row in taken} == owned
    assert all((row.seats.lower, row.seats.upper) == (0, 12) for row in taken)


def test_nobody_leads_two_sessions_at_once(clinic):
    schedule(clinic)
    with pytest.raises(SlotTaken):
        schedule(clinic, room_id=clinic.therapy_rooms[1].pk)
    assert GroupSession.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end": START}, "end"),
        ({"places": 0}, "places"),
        ({"kind": "dosing"}, "kind"),
        ({"staff_ids": []}, "practitioners"),
    ],
)
def test_a_session_that_cannot_be_points_at_its_field(clinic, changes, field):
    with pytest.raises(Invalid) as refused:
        schedule(clinic, **changes)
    assert field in refused.value.fields
    assert not GroupSession.objects.exists()


def test_another_practices_people_rooms_and_sites_are_not_there(clinic):
    other = factories.small_clinic()
    with pytest.raises(Invalid):
        schedule(clinic, staff_ids=[other.therapists[0].pk])
    with pytest.raises(Invalid):
        schedule(clinic, room_id=other.therapy_rooms[0].pk)
    with pytest.raises(NotFound):
        schedule(clinic, site_id=other.site.pk)


def test_a_monitor_may_not_open_sessions(clinic):
    with pytest.raises(NotAllowed):
        schedule(clinic, actor=factories.as_actor(clinic.monitor))
