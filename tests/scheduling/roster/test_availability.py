"""What is free: the one definition, with everything that can take it away."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange, NumericRange
from django.test.utils import CaptureQueriesContext

from clinic.practice import directory, people
from clinic.practice.errors import NotAllowed, NotFound
from scheduling.booking.moving import absences
from scheduling.models import Appointment, GroupSession, Occupancy
from scheduling.planning.values import Busy, Span
from scheduling.roster import availability, rosters
from tests import factories

pytestmark = pytest.mark.django_db

# Monday 4 May 2026 in New York, which is UTC-4 then.
DAY = Span(datetime(2026, 5, 4, 4, tzinfo=UTC), datetime(2026, 5, 5, 4, tzinfo=UTC))
NOW = factories.NOW - timedelta(days=1)


def at(hour: int, minute: int = 0) -> datetime:
    """An hour of that Monday, local to New York."""
    return datetime(2026, 5, 4, hour + 4, minute, tzinfo=UTC)


def between(first: int, last: int) -> Span:
    return Span(at(first), at(last))


@pytest.fixture
def clinic():
    return factories.small_clinic()


def look(clinic, **changes):
    asked = {"practice_id": clinic.practice.pk, "site_id": clinic.site.pk, "patient_id": clinic.patient.pk}
    return availability.calendar(**{**asked, "span": DAY, "now": NOW, **changes}).availability()


def person(found, staff):
    return next(one for one in found.practitioners if one.id == str(staff.pk))


def visit(clinic, span: Span, *, site=None, patient=None, **fields) -> Appointment:
    patient = patient or clinic.patient
    return Appointment.objects.create(
        practice=clinic.practice,
        patient=patient,
        site=site or clinic.site,
        kind="therapy",
        start=span.start,
        end=span.end,
        local_date=span.start.date(),
        local_time=span.start.time(),
        time_zone="America/New_York",
        created_at=NOW,
        created_by="test",
        **fields,
    )


def take(
    clinic, resource, span: Span, *, seats=(0, 12), expires_at=None, owner=None, **fields
) -> Appointment:
    owner = owner or visit(clinic, span, **fields)
    Occupancy.objects.create(
        practice=clinic.practice,
        resource=resource,
        seats=NumericRange(*seats),
        during=DateTimeTZRange(span.start, span.end),
        appointment=owner,
        expires_at=expires_at,
    )
    return owner


def test_people_are_free_in_their_shifts_less_breaks(clinic):
    someone = factories.staff(clinic.site, "therapist")
    factories.shift(someone, clinic.site, starts=time(9), ends=time(17), breaks=[(time(12), time(13))])
    assert person(look(clinic), someone).on_shift == (between(9, 12), between(13, 17))


def test_shifts_that_touch_are_one(clinic):
    someone = factories.staff(clinic.site, "monitor")
    factories.shift(someone, clinic.site, starts=time(8), ends=time(12))
    factories.shift(someone, clinic.site, starts=time(12), ends=time(16))
    assert person(look(clinic), someone).on_shift == (between(8, 16),)


def test_nobody_works_outside_the_hours_of_the_site(clinic):
    directory.update_site(
        actor=clinic.admin,
        site_id=clinic.site.pk,
        changes={"hours": [{"weekday": 1, "opens": time(9), "closes": time(15)}]},
        now=NOW,
    )
    found = look(clinic)
    assert person(found, clinic.prescriber).on_shift == (between(9, 15),)
    assert found.rooms[0].open == (between(9, 15),)
    tuesday = Span(DAY.start + timedelta(days=1), DAY.end + timedelta(days=1))
    assert person(look(clinic, span=tuesday), clinic.prescriber).on_shift == ()


def test_a_closure_shuts_everything_and_a_room_closure_the_room(clinic):
    shut = {"actor": clinic.admin, "site_id": clinic.site.pk, "now": NOW}
    directory.create_closure(**shut, starts_at=at(10), ends_at=at(11))
    directory.create_closure(**shut, starts_at=at(14), ends_at=at(15), room_id=clinic.chairs[0].pk)
    found = look(clinic)
    assert person(found, clinic.monitor).on_shift == (between(8, 10), between(11, 18))
    rooms = {room.id: room for room in found.rooms}
    assert rooms[str(clinic.chairs[0].pk)].open == (
        Span(DAY.start, at(10)),
        between(11, 14),
        Span(at(15), DAY.end),
    )
    assert rooms[str(clinic.chairs[1].pk)].open == (Span(DAY.start, at(10)), Span(at(11), DAY.end))


def test_an_absence_takes_a_person_away(clinic):
    absences.create(actor=clinic.admin, staff_id=clinic.monitor.pk, starts_at=at(0), ends_at=at(13), now=NOW)
    assert person(look(clinic), clinic.monitor).on_shift == (between(13, 18),)


def test_what_is_taken_is_busy_with_its_seats(clinic):
    take(clinic, clinic.monitor.resource, between(9, 11), seats=(0, 6))
    take(clinic, clinic.monitor.resource, between(10, 12), seats=(6, 12))
    assert person(look(clinic), clinic.monitor).busy == (Busy(between(9, 11), 6), Busy(between(10, 12), 6))


def test_a_room_and_the_patient_are_busy_too(clinic):
    owner = take(clinic, clinic.chairs[0].resource, between(9, 11))
    take(clinic, clinic.patient.resource, between(9, 11), owner=owner)
    found = look(clinic)
    assert {room.id: room.busy for room in found.rooms}[str(clinic.chairs[0].pk)] == (Busy(between(9, 11)),)
    assert found.patient_busy == (between(9, 11),)


def test_another_patients_time_is_not_this_patients(clinic):
    other = factories.patient(clinic.site)
    take(clinic, other.resource, between(9, 11), patient=other)
    assert look(clinic).patient_busy == ()
    assert look(clinic, patient_id=other.pk).patient_busy == (between(9, 11),)


def test_a_hold_is_busy_until_it_expires(clinic):
    expires = NOW + timedelta(minutes=5)
    fields = {"status": "held", "hold_expires_at": expires}
    take(clinic, clinic.monitor.resource, between(9, 11), expires_at=expires, **fields)
    assert person(look(clinic), clinic.monitor).busy != ()
    assert person(look(clinic, now=expires), clinic.monitor).busy == ()


def test_a_visit_that_is_about_to_move_takes_nothing(clinic):
    owner = take(clinic, clinic.monitor.resource, between(9, 11))
    assert person(look(clinic, ignore_appointments=[owner.pk]), clinic.monitor).busy == ()


def test_a_buffer_is_kept_on_both_sides_without_hindering_a_shared_person(clinic):
    people.update_staff_member(
        actor=clinic.admin, staff_id=clinic.monitor.pk, changes={"buffer_minutes": 30}, now=NOW
    )
    take(clinic, clinic.monitor.resource, between(10, 11), seats=(0, 6))
    assert person(look(clinic), clinic.monitor).busy == (Busy(Span(at(9, 30), at(11, 30)), 6),)


def test_visits_at_another_site_take_the_whole_person_and_the_way(clinic):
    elsewhere = factories.site(clinic.practice)
    factories.shift(clinic.monitor, elsewhere)
    take(clinic, clinic.monitor.resource, between(10, 11), seats=(0, 6), site=elsewhere)
    # An hour's way unless set.
    assert person(look(clinic), clinic.monitor).busy == (Busy(between(9, 12), 12),)
    there = look(clinic, site_id=elsewhere.pk)
    assert person(there, clinic.monitor).busy == (Busy(between(10, 11), 6),)


def test_the_way_back_from_a_visit_before_the_span_still_counts(clinic):
    elsewhere = factories.site(clinic.practice)
    take(clinic, clinic.monitor.resource, between(7, 8), site=elsewhere)
    found = look(clinic, span=between(8, 18))
    assert person(found, clinic.monitor).busy == (Busy(between(6, 9)),)


def test_people_without_a_shift_here_or_who_left_are_not_offered(clinic):
    elsewhere = factories.site(clinic.practice)
    outsider = factories.worker(elsewhere, "therapist")
    people.update_staff_member(
        actor=clinic.admin, staff_id=clinic.therapists[0].pk, changes={"is_active": False}, now=NOW
    )
    shown = {one.id for one in look(clinic).practitioners}
    assert not shown & {str(outsider.pk), str(clinic.therapists[0].pk)}


def test_only_people_with_the_roles_asked_for(clinic):
    found = look(clinic, roles=["therapist"])
    assert {one.id for one in found.practitioners} == {str(one.pk) for one in clinic.therapists}


def test_a_group_session_is_offered_while_it_has_places(clinic):
    session = GroupSession.objects.create(
        practice=clinic.practice,
        site=clinic.site,
        kind="group_integration",
        start=at(14),
        end=at(15),
        places=2,
        room=clinic.therapy_rooms[0],
    )
    session.staff.add(clinic.therapists[0])
    visit(clinic, between(14, 15), group_session=session)
    visit(clinic, between(14, 15), group_session=session, status="cancelled")
    (offered,) = look(clinic).group_sessions
    assert (offered.places_left, offered.span) == (1, between(14, 15))
    assert offered.practitioners == (str(clinic.therapists[0].pk),)
    expires = NOW + timedelta(minutes=5)
    visit(clinic, between(14, 15), group_session=session, status="held", hold_expires_at=expires)
    assert [one.places_left for one in look(clinic).group_sessions] == [0]
    assert [one.places_left for one in look(clinic, now=expires).group_sessions] == [1]


def test_another_practice_is_not_seen(clinic):
    other = factories.small_clinic()
    ours = look(clinic)
    theirs = {str(one.pk) for one in (other.monitor, *other.chairs)}
    assert not theirs & {one.id for one in (*ours.practitioners, *ours.rooms)}
    with pytest.raises(NotFound):
        look(clinic, site_id=other.site.pk)
    with pytest.raises(NotFound):
        look(clinic, patient_id=other.patient.pk)


def test_the_number_of_queries_does_not_grow_with_the_calendar(clinic):
    take(clinic, clinic.monitor.resource, between(9, 10))
    with CaptureQueriesContext(
        connection,
    ) as few:
        look(clinic)
    for hour in range(10, 17):
        take(clinic, clinic.monitor.resource, between(hour, hour + 1))
        someone = factories.worker(clinic.site, "therapist")
        factories.room(clinic.site, "therapy_room")
        absences.create(actor=clinic.admin, staff_id=someone.pk, starts_at=at(8), ends_at=at(9), now=NOW)
        session = GroupSession.objects.create(
            practice=clinic.practice,
            site=clinic.site,
            kind="group_integration",
            start=at(hour),
            end=at(hour + 1),
            places=2,
        )
        session.staff.add(someone)
    with CaptureQueriesContext(connection) as many:
        look(clinic, span=Span(DAY.start, DAY.start + timedelta(weeks=26)))
    # One more than before: now there are sessions, whose staff are read.
    assert len(many) <= len(few) + 1 <= 14
    with CaptureQueriesContext(connection) as again:
        look(clinic)
    assert len(again) <= 5, "the roster is kept while it does not change"


# --- what the API asks ----------------------------------------------------------------------------------
def ask(clinic, **named):
    return availability.free(actor=clinic.admin, site_id=clinic.site.pk, span=DAY, now=NOW, **named)


def test_everybody_named_is_free_at_the_same_time(clinic):
    take(clinic, clinic.monitor.resource, between(9, 10))
    take(clinic, clinic.chairs[0].resource, between(11, 12))
    take(clinic, clinic.patient.resource, between(13, 14))
    together = ask(
        clinic,
        practitioner_id=clinic.monitor.pk,
        room_id=clinic.chairs[0].pk,
        patient_id=clinic.patient.pk,
    )
    assert together == (between(8, 9), between(10, 11), between(12, 13), between(14, 18))
    assert ask(clinic, practitioner_id=clinic.monitor.pk, minutes=90) == (between(10, 18),)


def test_a_person_without_a_shift_at_the_site_is_never_free_there(clinic):
    elsewhere = factories.worker(factories.site(clinic.practice), "monitor")
    assert ask(clinic, practitioner_id=elsewhere.pk) == ()


def test_what_is_not_of_the_practice_is_not_found(clinic):
    other = factories.small_clinic()
    with pytest.raises(NotFound):
        ask(clinic, practitioner_id=other.monitor.pk)
    with pytest.raises(NotFound):
        ask(clinic, room_id=other.chairs[0].pk)
    with pytest.raises(NotFound):
        ask(clinic, patient_id=other.patient.pk)


def test_a_program_needs_the_scope(clinic):
    with pytest.raises(NotAllowed):
        availability.free(
            actor=factories.program(clinic.practice, "read:sites"),
            site_id=clinic.site.pk,
            span=DAY,
            now=NOW,
        )


def test_the_roster_of_a_day_shows_who_works_taken_or_not(clinic):
    take(clinic, clinic.monitor.resource, between(9, 10))
    found = availability.working(
        roster=rosters.of(practice_id=clinic.practice.pk), site_id=clinic.site.pk, span=DAY
    )
    assert found[clinic.monitor.pk] == (between(8, 18),)
