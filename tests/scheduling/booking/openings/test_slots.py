"""The slots of a missing follow-up: ranked, booked, and taken back."""

from datetime import timedelta
from typing import Any

import pytest

from clinic.practice.errors import Conflict, NotAllowed, NotFound
from clinic.practice.idempotency import Key
from notifications.models import Message
from scheduling.booking.openings import slots
from scheduling.errors import SlotTaken
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

NOW = booked.NOW
WITHOUT = ("integration-3",)


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def course(clinic: factories.Clinic) -> TreatmentCourse:
    return booked.book(clinic, skip=WITHOUT)


@pytest.fixture
def gap(course: TreatmentCourse) -> FollowUpGap:
    return booked.gap_of(course, "dose-3")


def ranked(clinic: factories.Clinic, gap: FollowUpGap, **changes: Any) -> slots.Slots:
    return slots.ranked(actor=clinic.admin, gap_id=gap.pk, now=NOW, **changes)


def test_the_best_come_first(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    found = ranked(clinic, gap).found
    assert 1 < len(found) <= slots.LISTED
    assert gap.opens_at and gap.closes_at
    for one in found:
        assert gap.opens_at <= one.start <= gap.closes_at
        assert one.practitioner.name
    worth = [(not one.ideal, not one.familiar) for one in found]
    assert worth[0] == (False, False)
    assert worth == sorted(worth)


def test_nobody_is_asked_to_come_within_two_hours_while_a_later_time_fits(
    clinic: factories.Clinic, gap: FollowUpGap
) -> None:
    best = ranked(clinic, gap).found[0]
    shortly = best.start - timedelta(minutes=20)
    later = slots.ranked(actor=clinic.admin, gap_id=gap.pk, now=shortly).found
    assert later[0].start >= shortly + slots.SOON
    every = ranked(clinic, gap, limit=1_000, apart=timedelta()).found
    last = max(one.start for one in every)
    left = slots.ranked(actor=clinic.admin, gap_id=gap.pk, now=last - timedelta(minutes=10)).found
    assert [one.start for one in left] == [last]


def test_there_are_as_many_as_are_counted(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    every = ranked(clinic, gap, limit=1_000, apart=timedelta())
    assert every.total == min(len(every.found), 100)
    assert slots.count(actor=clinic.admin, gap_id=gap.pk, now=NOW) == every.total


def test_the_next_best_is_booked_and_covers_it(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    best = ranked(clinic, gap).found[0]
    visit = slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW)
    assert (visit.start, visit.kind, visit.status) == (best.start, "integration", "booked")
    assert visit.practitioners[0].id == best.practitioner.id
    gap.refresh_from_db()
    assert gap.status == "covered"


def test_every_slot_that_is_shown_can_be_booked(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    for one in ranked(clinic, gap).found:
        visit = slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW, start=one.start)
        assert visit.start == one.start
        slots.undo(actor=clinic.admin, appointment_id=visit.id, now=NOW)
        gap.refresh_from_db()
        assert gap.status == "prospective"


def test_a_repeated_key_books_once(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    key = Key(scope="test", value="one", fingerprint="x")
    first = slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW, key=key)
    again = slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW, key=key)
    assert first.id == again.id
    assert Appointment.objects.filter(course_id=gap.course_id, kind="integration").count() == 6


def test_what_is_settled_is_not_booked_again(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW)
    with pytest.raises(Conflict):
        slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW)
    assert ranked(clinic, gap).total == 0


def test_a_time_that_does_not_fit_is_refused(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    with pytest.raises(SlotTaken):
        slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW, start=gap.closes_at)
    assert not Appointment.objects.filter(course_id=gap.course_id, ref="integration-3").exists()


def test_where_nothing_fits_it_says_so(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    assert gap.opens_at and gap.closes_at
    for one in clinic.therapists:
        factories.absence(one, gap.opens_at - timedelta(days=1), gap.closes_at + timedelta(days=1))
    assert ranked(clinic, gap).total == 0
    with pytest.raises(Conflict, match="No time is left"):
        slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW)


def test_after_the_window_its_grace_is_offered_as_late(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    assert gap.closes_at and gap.grace_until
    late = gap.closes_at + timedelta(minutes=30)
    found = slots.ranked(actor=clinic.admin, gap_id=gap.pk, now=late)
    assert found.late
    assert all(gap.closes_at < one.start <= gap.grace_until for one in found.found)
    assert slots.count(actor=clinic.admin, gap_id=gap.pk, now=late) == 0


def test_an_undo_in_time_tells_nobody(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    visit = slots.book(actor=clinic.admin, gap_id=gap.pk, now=NOW)
    assert slots.may_undo(actor=clinic.admin, appointment_id=visit.id, now=NOW)
    slots.undo(actor=clinic.admin, appointment_id=visit.id, now=NOW + timedelta(minutes=2))
    assert Appointment.objects.get(pk=visit.id).status == "cancelled"
    waiting = Message.objects.filter(subject_id=visit.id, state="planned").exclude(kind="course_booked")
    assert not waiting.exists()


def test_an_undo_too_late_or_of_anothers_is_refused(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    visit = slots.book(actor=factories.as_actor(clinic.front_desk), gap_id=gap.pk, now=NOW)
    for actor, now in (
        (clinic.admin, NOW),
        (factories.as_actor(clinic.front_desk), NOW + timedelta(minutes=10)),
    ):
        with pytest.raises(Conflict):
            slots.undo(actor=actor, appointment_id=visit.id, now=now)
    assert Appointment.objects.get(pk=visit.id).status == "booked"


def test_only_who_may_book_books(clinic: factories.Clinic, gap: FollowUpGap) -> None:
    with pytest.raises(NotAllowed):
        slots.book(actor=factories.actor(clinic.practice, "monitor"), gap_id=gap.pk, now=NOW)
    other = factories.admin(factories.practice())
    with pytest.raises(NotFound):
        slots.book(actor=other, gap_id=gap.pk, now=NOW)
    with pytest.raises(NotFound):
        slots.ranked(actor=other, gap_id=gap.pk, now=NOW)
