"""Two visits change places, and pins hold against everybody but a person."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Invalid, NotFound
from scheduling.booking.course import courses
from scheduling.booking.moving import moves, pins, swaps
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.visit import single
from scheduling.models import Appointment, TreatmentCourse
from scheduling.states import InvalidTransition
from tests import factories
from tests.api import database
from tests.races import race
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
ZONE = ZoneInfo(factories.NEW_YORK)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def talk(clinic: factories.Clinic, hour: int, **fields: object) -> Appointment:
    start = datetime(2026, 5, 11, hour, tzinfo=ZONE)
    asked = {"patient_id": clinic.patient.pk, "kind": "therapy", "start": start, **fields}
    visit_id = single.book(actor=clinic.admin, now=NOW, visit=single.Visit(**asked))  # type: ignore[arg-type]
    return Appointment.objects.get(pk=visit_id)


def where(visit: Appointment) -> tuple[datetime, UUID | None, set[UUID]]:
    visit.refresh_from_db()
    return visit.start, visit.room_id, set(visit.staffing.values_list("staff_id", flat=True))


def test_two_patients_exchange_times_people_and_rooms(clinic: factories.Clinic) -> None:
    other = factories.patient(clinic.site)
    first = talk(clinic, 10, practitioner_ids=(clinic.therapists[0].pk,), room_id=clinic.therapy_rooms[0].pk)
    second = talk(
        clinic,
        14,
        patient_id=other.pk,
        practitioner_ids=(clinic.therapists[1].pk,),
        room_id=clinic.therapy_rooms[1].pk,
    )
    was = where(first), where(second)
    before = database.counts()
    found = swaps.preview(
        actor=clinic.admin, appointment_id=first.pk, other_id=second.pk, ways=Ways(), now=NOW
    )
    assert database.counts() == before
    assert {one["id"] for one in found.moves if one["asked"]} == {first.pk, second.pk}
    swaps.apply(actor=clinic.admin, appointment_id=first.pk, other_id=second.pk, now=NOW, token=found.token)
    assert (where(second), where(first)) == was
    assert race.overlaps() == 0


def test_visits_that_touch_change_places_too(clinic: factories.Clinic) -> None:
    """Each takes a place that the other has until then, with the same therapist."""
    mine = {"practitioner_ids": (clinic.therapists[0].pk,)}
    first = talk(clinic, 10, **mine)
    second = talk(clinic, 11, patient_id=factories.patient(clinic.site).pk, **mine)
    was = where(first)[0], where(second)[0]
    swaps.apply(actor=clinic.admin, appointment_id=first.pk, other_id=second.pk, now=NOW)
    assert (where(second)[0], where(first)[0]) == was
    assert race.overlaps() == 0


def test_a_visit_does_not_change_places_with_itself_or_a_strangers(clinic: factories.Clinic) -> None:
    visit = talk(clinic, 10)
    with pytest.raises(Invalid):
        swaps.apply(actor=clinic.admin, appointment_id=visit.pk, other_id=visit.pk, now=NOW)
    theirs = factories.small_clinic()
    with pytest.raises(NotFound):
        swaps.apply(actor=clinic.admin, appointment_id=visit.pk, other_id=talk(theirs, 10).pk, now=NOW)


def test_what_has_begun_does_not_change_places(clinic: factories.Clinic) -> None:
    first, second = talk(clinic, 10), talk(clinic, 14)
    booked.move(clinic, first.pk, "check_in", now=first.start)
    with pytest.raises(InvalidTransition):
        swaps.apply(actor=clinic.admin, appointment_id=second.pk, other_id=first.pk, now=first.start)


# --- pins -----------------------------------------------------------------------------------------------
def test_a_pin_is_shown_kept_and_taken_off(clinic: factories.Clinic) -> None:
    visit = talk(clinic, 10)
    pins.pin(actor=clinic.admin, appointment_id=visit.pk, now=NOW, reason="Her only free day.")
    pins.pin(actor=clinic.admin, appointment_id=visit.pk, now=NOW + timedelta(hours=1))
    visit.refresh_from_db()
    assert (visit.pinned_at, visit.pinned_by, visit.version) == (NOW, clinic.admin.ref, 2)
    moves.apply(
        actor=clinic.admin, appointment_id=visit.pk, now=NOW, wish=Wish(start=visit.start + timedelta(days=1))
    )
    visit.refresh_from_db()
    assert visit.pinned_at == NOW, "a person moves it, and it is fixed there"
    pins.unpin(actor=clinic.admin, appointment_id=visit.pk, now=NOW)
    visit.refresh_from_db()
    assert (visit.pinned_at, visit.pinned_by, visit.version) == (None, None, 4)


def test_what_is_over_cannot_be_pinned(clinic: factories.Clinic) -> None:
    visit = talk(clinic, 10)
    booked.move(clinic, visit.pk, "cancel", now=NOW, reason="Ill.")
    with pytest.raises(InvalidTransition):
        pins.pin(actor=clinic.admin, appointment_id=visit.pk, now=NOW)


def course_of_another(clinic: factories.Clinic) -> TreatmentCourse:
    other = factories.patient(clinic.site)
    factories.ready(other, clinic.version)
    found = courses.propose(
        actor=clinic.admin,
        now=NOW,
        patient_id=other.pk,
        protocol_id=clinic.version.template_id,
        start_on_or_after=booked.START,
    )
    return TreatmentCourse.objects.get(pk=courses.book(actor=clinic.admin, now=NOW, proposal=found[0].token))


def test_doses_of_two_courses_change_places_and_their_units_follow(clinic: factories.Clinic) -> None:
    one, other = booked.book(clinic), course_of_another(clinic)
    first, second = booked.visit(one, "dose-2"), booked.visit(other, "dose-2")
    was = first.start, second.start
    found = swaps.preview(
        actor=clinic.admin, appointment_id=first.pk, other_id=second.pk, ways=Ways(cascade=False), now=NOW
    )
    excuses = tuple(
        {"rule_id": each["rule_id"], "visit": each["visit"], "reason": "Agreed."} for each in found.open
    )
    swaps.apply(
        actor=clinic.admin,
        appointment_id=first.pk,
        other_id=second.pk,
        now=NOW,
        token=found.token,
        ways=Ways(overrides=excuses),
    )
    assert (where(second)[0], where(first)[0]) == was
    assert race.overlaps() == 0
    for course, dose in ((one, first), (other, second)):
        gap = booked.gap_of(course, "dose-2")
        assert gap.opens_at is not None and dose.end < gap.opens_at
