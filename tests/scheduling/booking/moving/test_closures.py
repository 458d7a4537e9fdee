"""Something is shut: what stands there then is put before people, and goes to other rooms where it can."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.practice import directory
from clinic.practice.models import Closure, Room, WorkItem
from scheduling.booking.moving import absences, closures, moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.visit import single
from scheduling.errors import PreviewExpired, PreviewStale
from scheduling.models import Appointment
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 5, 11, tzinfo=ZoneInfo(factories.NEW_YORK))


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def talk(clinic: factories.Clinic, hour: int, room: Room, who: int = 0) -> Appointment:
    wanted = single.Visit(
        patient_id=factories.patient(clinic.site).pk,
        kind="therapy",
        start=MONDAY + hour * HOUR,
        practitioner_ids=(clinic.therapists[who].pk,),
        room_id=room.pk,
    )
    return Appointment.objects.get(pk=single.book(actor=clinic.admin, now=NOW, visit=wanted))


def shut(clinic: factories.Clinic, room: Room | None = None, **fields: datetime) -> Closure:
    """Monday, or another span."""
    span = {"starts_at": MONDAY, "ends_at": MONDAY + DAY, **fields}
    return directory.create_closure(
        actor=clinic.admin,
        site_id=clinic.site.pk,
        room_id=room.pk if room else None,
        now=NOW,
        **span,
    )


def asked_about() -> set[object]:
    rows = WorkItem.objects.filter(done_at=None, kind="needs_new_place", role="front_desk")
    return {row.subject_id for row in rows}


def test_each_visit_that_cannot_stay_is_put_before_the_front_desk(clinic: factories.Clinic) -> None:
    room, other = clinic.therapy_rooms
    hit, beside = talk(clinic, 9, room), talk(clinic, 9, other, who=1)
    talk(clinic, 33, room)
    shut(clinic, room)
    assert asked_about() == {hit.pk}
    assert WorkItem.objects.get(subject_id=hit.pk).reason.startswith("It is shut there then")
    shut(clinic)
    assert asked_about() == {hit.pk, beside.pk}
    hit.refresh_from_db()
    assert (hit.status, hit.start) == ("booked", MONDAY + 9 * HOUR)


def test_the_task_is_done_when_the_visit_goes_elsewhere(clinic: factories.Clinic) -> None:
    room, _ = clinic.therapy_rooms
    moved, cancelled = talk(clinic, 9, room), talk(clinic, 14, room)
    shut(clinic)
    moves.apply(actor=clinic.admin, appointment_id=moved.pk, now=NOW, wish=Wish(start=moved.start + DAY))
    assert asked_about() == {cancelled.pk}
    booked.move(clinic, cancelled.pk, "cancel", now=NOW, reason="The patient asked.")
    assert asked_about() == set()


def test_the_task_is_done_when_nothing_hits_the_visit_any_more(clinic: factories.Clinic) -> None:
    room, _ = clinic.therapy_rooms
    early, late = talk(clinic, 9, room), talk(clinic, 14, room)
    row = shut(clinic)
    away = absences.create(
        actor=clinic.admin,
        staff_id=clinic.therapists[0].pk,
        starts_at=MONDAY + 8 * HOUR,
        ends_at=MONDAY + 12 * HOUR,
        now=NOW,
    )
    assert asked_about() == {early.pk, late.pk}
    changes = {"starts_at": MONDAY + 10 * HOUR}
    directory.update_closure(actor=clinic.admin, closure_id=row.pk, changes=changes, now=NOW)
    # The early one is still hit by the absence.
    assert asked_about() == {early.pk, late.pk}
    absences.delete(actor=clinic.admin, absence_id=away.pk, now=NOW)
    assert asked_about() == {late.pk}
    directory.delete_closure(actor=clinic.admin, closure_id=row.pk, now=NOW)
    assert asked_about() == set()


def test_another_room_takes_what_fits_and_the_rest_stays_a_task(clinic: factories.Clinic) -> None:
    room, other = clinic.therapy_rooms
    free, stuck = talk(clinic, 9, room), talk(clinic, 14, room)
    for place in Room.objects.filter(site=clinic.site).exclude(pk__in=[room.pk]):
        shut(clinic, place, starts_at=MONDAY + 13 * HOUR)
    for place in Room.objects.filter(site=clinic.site).exclude(pk__in=[room.pk, other.pk]):
        shut(clinic, place)
    row = shut(clinic, room)
    seen = closures.preview(actor=clinic.admin, closure_id=row.pk, now=NOW)
    assert [one["id"] for one in seen.moves] == [free.pk]
    closures.apply(actor=clinic.admin, closure_id=row.pk, token=seen.token, now=NOW)
    free.refresh_from_db()
    assert (free.room_id, free.start) == (other.pk, MONDAY + 9 * HOUR)
    assert list(free.staffing.values_list("staff_id", flat=True)) == [clinic.therapists[0].pk]
    assert asked_about() == {stuck.pk}


def test_two_visits_at_once_do_not_get_the_same_room(clinic: factories.Clinic) -> None:
    rooms = [factories.room(clinic.site, "therapy_room") for _ in range(2)]
    for place in Room.objects.filter(site=clinic.site).exclude(pk__in=[one.pk for one in rooms]):
        shut(clinic, place)
    first, second = talk(clinic, 9, rooms[0]), talk(clinic, 10, rooms[0], who=1)
    row = shut(clinic, rooms[0])
    seen = closures.preview(actor=clinic.admin, closure_id=row.pk, now=NOW)
    assert [one["after"]["room"] for one in seen.moves] == [str(rooms[1].pk)] * 2
    talk(clinic, 9, rooms[1], who=1)
    again = closures.preview(actor=clinic.admin, closure_id=row.pk, now=NOW)
    assert [one["id"] for one in again.moves] == [second.pk]
    assert first.pk in asked_about()


def test_what_was_shown_is_done_or_nothing(clinic: factories.Clinic) -> None:
    room, _ = clinic.therapy_rooms
    visit = talk(clinic, 9, room)
    row = shut(clinic, room)
    seen = closures.preview(actor=clinic.admin, closure_id=row.pk, now=NOW)
    booked.move(clinic, visit.pk, "confirm", now=NOW)
    with pytest.raises(PreviewStale):
        closures.apply(actor=clinic.admin, closure_id=row.pk, token=seen.token, now=NOW)
    with pytest.raises(PreviewExpired):
        closures.apply(actor=clinic.admin, closure_id=row.pk, token="x", now=NOW)
    visit.refresh_from_db()
    assert visit.room_id == room.pk


def test_of_a_whole_site_nothing_has_another_room(clinic: factories.Clinic) -> None:
    talk(clinic, 9, clinic.therapy_rooms[0])
    row = shut(clinic)
    assert closures.preview(actor=clinic.admin, closure_id=row.pk, now=NOW).moves == ()
