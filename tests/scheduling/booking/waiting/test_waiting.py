"""Whom a place that was freed would fit."""

from datetime import timedelta
from typing import Any

import pytest

from clinic.practice.errors import NotFound
from scheduling.booking.reading import rows
from scheduling.booking.waiting import waiting, waitlist
from scheduling.booking.waiting.waiting import Opening
from scheduling.models import WaitlistEntry
from tests import factories
from tests.scheduling.booking import booked
from tests.scheduling.booking.waiting.test_waitlist import NOW, TEN, book_it, offer, wait

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def fits(clinic: factories.Clinic, **place: Any) -> tuple[rows.WaitlistFit, ...]:
    asked = {"site_id": clinic.site.pk, "start": TEN, "end": TEN + timedelta(hours=1)}
    return waiting.fits(actor=clinic.admin, opening=Opening(**{**asked, **place}), now=NOW)


def who(found: tuple[rows.WaitlistFit, ...]) -> list[Any]:
    return [one.entry.id for one in found]


def test_the_most_urgent_comes_first_then_wishes_then_who_waits_longest(clinic: factories.Clinic) -> None:
    first = wait(clinic)
    wished = wait(clinic, weekdays=(1,), time_of_day="morning", practitioner_ids=(clinic.therapists[0].pk,))
    urgent = wait(clinic, priority=9)
    last = wait(clinic)
    WaitlistEntry.objects.filter(pk=last.pk).update(created_at=NOW + timedelta(minutes=1))
    found = fits(clinic)
    assert who(found) == [urgent.pk, wished.pk, first.pk, last.pk]
    assert found[1].meets == ("practitioners", "weekdays", "time_of_day")
    assert (found[0].start, found[0].end) == (TEN, TEN + timedelta(hours=1))
    assert found[0].room is None, "by video"


def test_it_fits_only_who_asked_for_that_time_and_is_free(clinic: factories.Clinic) -> None:
    wait(clinic, earliest=TEN + timedelta(minutes=15))
    wait(clinic, latest=TEN - timedelta(minutes=15))
    busy = wait(clinic)
    offer(clinic, wait(clinic))
    assert who(fits(clinic)) == [busy.pk]
    clinic.patient = busy.patient
    other = factories.patient(clinic.site)
    waitlist.add(
        actor=clinic.admin,
        wish=waitlist.Wish(other.pk, "therapy", NOW, NOW + timedelta(days=30), mode="phone"),
        now=NOW,
    )
    assert len(fits(clinic)) == 2


def test_a_cancelled_visits_place_is_offered_with_its_person(clinic: factories.Clinic) -> None:
    visit_id = book_it(clinic)
    entry = wait(clinic)
    place = waiting.place_of(actor=clinic.admin, appointment_id=visit_id)
    assert place.practitioner_id == clinic.therapists[0].pk
    assert waiting.fits(actor=clinic.admin, opening=place, now=NOW) == (), "it is taken yet"
    booked.move(clinic, visit_id, "cancel", now=NOW, reason="Ill.")
    (found,) = waiting.fits(actor=clinic.admin, opening=place, now=NOW)
    assert (found.entry.id, found.practitioners) == (entry.pk, (clinic.therapists[0].pk,))


def test_a_follow_up_fits_inside_a_window_that_needs_one(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    gap = booked.gap_of(course, "dose-1")
    assert gap.opens_at
    assert gap.closes_at
    entry = wait(
        clinic,
        patient_id=clinic.patient.pk,
        kind="integration",
        course_id=course.pk,
        follows_id=booked.visit(course, "dose-1").pk,
    )
    day = gap.opens_at.replace(hour=14, minute=0)
    inside = day if day > gap.opens_at else day + timedelta(days=1)
    assert inside < gap.closes_at
    found = fits(clinic, start=inside, end=inside + timedelta(hours=2))
    assert who(found) == [entry.pk]
    assert gap.opens_at <= found[0].start <= gap.closes_at
    after = gap.closes_at + timedelta(hours=1)
    assert fits(clinic, start=after, end=after + timedelta(hours=8)) == ()
    booked.move(clinic, booked.visit(course, "dose-1").pk, "cancel", now=NOW, reason="Ill.")
    assert fits(clinic, start=inside, end=inside + timedelta(hours=2)) == (), "none is owed any more"


def test_what_is_past_or_too_short_fits_nobody(clinic: factories.Clinic) -> None:
    wait(clinic)
    assert fits(clinic, start=NOW - timedelta(hours=2), end=NOW) == ()
    assert fits(clinic, end=TEN + timedelta(minutes=30)) == ()


def test_another_practices_place_is_not_there(clinic: factories.Clinic) -> None:
    visit_id = book_it(clinic)
    stranger = factories.admin(factories.practice())
    with pytest.raises(NotFound):
        waiting.place_of(actor=stranger, appointment_id=visit_id)
    with pytest.raises(NotFound):
        waiting.fits(actor=stranger, opening=Opening(clinic.site.pk, TEN, TEN + timedelta(hours=1)), now=NOW)
