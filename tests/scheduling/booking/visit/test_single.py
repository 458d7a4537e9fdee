"""One visit booked by itself."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Invalid, NotFound
from clinic.practice.idempotency import Key
from scheduling.booking.visit import single
from scheduling.errors import RuleViolation, SlotTaken
from scheduling.models import Appointment, Occupancy, TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def book(
    clinic: factories.Clinic, *, now: datetime = NOW, key: Key | None = None, **fields: Any
) -> Appointment:
    asked = {"patient_id": clinic.patient.pk, "kind": "therapy", **fields}
    visit_id = single.book(actor=clinic.admin, now=now, visit=single.Visit(**asked), key=key)
    return Appointment.objects.get(pk=visit_id)


def follow_up(clinic: factories.Clinic, course: TreatmentCourse, ref: str, **fields: Any) -> Appointment:
    dose = booked.visit(course, ref)
    start = dose.end.replace(hour=15, minute=0) + timedelta(days=1)
    return book(
        clinic, kind="integration", course_id=course.pk, follows_id=dose.pk, **{"start": start, **fields}
    )


def test_a_missing_follow_up_is_booked_with_whoever_is_free(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    assert booked.gap_of(course, "dose-1").status == "prospective"
    visit = follow_up(clinic, course, "dose-1")
    assert booked.gap_of(course, "dose-1").status == "covered"
    assert visit.room is not None
    people = set(visit.staffing.values_list("staff_id", flat=True))
    others = set(booked.visit(course, "integration-2").staffing.values_list("staff_id", flat=True))
    assert people == others, "the therapist whom the patient knows is tried first"
    assert Occupancy.objects.filter(appointment=visit).count() == 3


def test_a_talk_takes_no_chair_while_a_room_to_talk_in_is_empty(clinic: factories.Clinic) -> None:
    start = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))
    rooms = []
    for therapist in clinic.therapists:
        patient = factories.patient(clinic.site)
        visit = book(clinic, patient_id=patient.pk, start=start, practitioner_ids=(therapist.pk,))
        rooms.append(visit.room)
    assert {one.pk for one in rooms if one} == {one.pk for one in clinic.therapy_rooms}
    review = book(clinic, kind="plan_review", start=start)
    assert review.room in clinic.chairs, "rather there than not at all"


def test_a_taken_time_names_the_nearest_free_one(clinic: factories.Clinic) -> None:
    start = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))
    first = book(clinic, start=start, practitioner_ids=(clinic.therapists[0].pk,))
    other = factories.patient(clinic.site)
    with pytest.raises(SlotTaken) as refusal:
        book(clinic, patient_id=other.pk, start=start, practitioner_ids=(clinic.therapists[0].pk,))
    assert refusal.value.alternative is not None
    again = datetime.fromisoformat(refusal.value.alternative["start"])
    assert again in (first.end, first.start - timedelta(minutes=60))
    book(clinic, patient_id=other.pk, start=again, practitioner_ids=(clinic.therapists[0].pk,))


def test_outside_the_shift_needs_an_override(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    sunday = datetime(2026, 5, 31, 10, tzinfo=ZoneInfo(factories.NEW_YORK))
    asked: dict[str, Any] = {
        "start": sunday,
        "course_id": course.pk,
        "kind": "therapy",
        "mode": "video",
        "practitioner_ids": (clinic.therapists[0].pk,),
    }
    with pytest.raises(RuleViolation) as refusal:
        book(clinic, **asked)
    assert refusal.value.violations[0]["rule_id"] == "shift"
    visit = book(clinic, **asked, overrides=[{"rule_id": "shift", "reason": "agreed with her"}])
    assert visit.overrides.get().reason == "agreed with her"


def test_what_happened_is_recorded_even_where_it_clashes(clinic: factories.Clinic) -> None:
    past = NOW - timedelta(days=3)
    with pytest.raises(Invalid):
        book(clinic, start=past)
    first = book(
        clinic, start=past, late_entry_reason="written up later", practitioner_ids=(clinic.therapists[0].pk,)
    )
    second = book(
        clinic, start=past, late_entry_reason="and this one", practitioner_ids=(clinic.therapists[0].pk,)
    )
    assert Occupancy.objects.filter(appointment=first).exists()
    assert not Occupancy.objects.filter(appointment=second).exists()
    with pytest.raises(Invalid):
        book(clinic, start=NOW + timedelta(days=1), late_entry_reason="not yet")


def test_a_late_entry_of_a_dose_opens_its_gap(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    past = NOW - timedelta(days=2)
    dose = book(
        clinic,
        kind="dosing",
        course_id=course.pk,
        start=past,
        late_entry_reason="given at the weekend",
        practitioner_ids=(clinic.prescriber.pk, clinic.monitor.pk),
        room_id=clinic.chairs[0].pk,
    )
    for verb, minutes in zip(booked.DOSE_MOVES, (0, 20, 60, 130), strict=True):
        booked.move(clinic, dose.pk, verb, now=NOW, at=past + timedelta(minutes=minutes))
    gap = dose.unit.gap
    assert (gap.status, gap.severity, gap.flagged) == ("prospective", "moderate", True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"end": NOW}, "end"),
        ({"end": NOW + timedelta(days=30)}, "end"),
        ({"kind": "dosing"}, "course"),
        ({"follows_id": UUID(int=1)}, "course"),
        ({"practitioner_ids": (UUID(int=1),)}, "practitioners"),
    ],
)
def test_what_cannot_be_names_its_field(clinic: factories.Clinic, fields: dict[str, Any], field: str) -> None:
    start = NOW + timedelta(days=1, hours=2)
    with pytest.raises(Invalid) as refusal:
        book(clinic, **{"start": start, **fields})
    assert list(refusal.value.fields) == [field]


def test_a_room_of_another_practice_is_not_there(clinic: factories.Clinic) -> None:
    other = factories.small_clinic()
    start = NOW + timedelta(days=1, hours=2)
    with pytest.raises((Invalid, RuleViolation)):
        book(clinic, start=start, room_id=other.therapy_rooms[0].pk)
    with pytest.raises(NotFound):
        book(clinic, start=start, site_id=other.site.pk)
    with pytest.raises(NotFound):
        book(clinic, start=start, patient_id=other.patient.pk)


def test_a_key_books_once(clinic: factories.Clinic) -> None:
    key = Key("client:1", "k", "a")
    start = NOW + timedelta(hours=2)
    first = book(clinic, start=start, key=key)
    assert book(clinic, start=start, key=key) == first
    # A retry gets its answer although the visit has begun by now.
    assert book(clinic, start=start, key=key, now=start + timedelta(minutes=5)) == first
    assert Appointment.objects.count() == 1


def test_a_dose_too_soon_after_another_needs_an_override(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    asked: dict[str, Any] = {
        "kind": "dosing",
        "course_id": course.pk,
        "start": dose.start + timedelta(days=1),
        "practitioner_ids": (clinic.prescriber.pk, clinic.monitor.pk),
        "room_id": clinic.chairs[1].pk,
    }
    with pytest.raises(RuleViolation) as refusal:
        book(clinic, **asked)
    assert {one["rule_id"] for one in refusal.value.violations} >= {"spacing_min"}
    excuses = [{"rule_id": rule, "reason": "prescriber decided"} for rule in ("spacing_min", "rolling_cap")]
    visit = book(clinic, **asked, overrides=excuses)
    assert set(visit.overrides.values_list("rule_id", flat=True)) >= {"spacing_min"}
    assert visit.unit.gap.status in ("prospective", "covered")
