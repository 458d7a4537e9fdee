"""The waitlist: a freed place is offered to one at a time, and goes to who takes it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Invalid, NotFound, Stale
from clinic.practice.idempotency import Key
from clinic.practice.models import TrailEntry
from notifications.models import Message
from scheduling.booking.visit import single
from scheduling.booking.waiting import holds, waitlist
from scheduling.booking.waiting.waitlist import Place, Wish
from scheduling.errors import HoldExpired, SlotTaken
from scheduling.models import Appointment, Occupancy, WaitlistEntry, WaitlistOffer
from scheduling.states import InvalidTransition
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW
TEN = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def wait(clinic: factories.Clinic, **wishes: Any) -> WaitlistEntry:
    asked = {
        "patient_id": factories.patient(clinic.site).pk,
        "kind": "therapy",
        "earliest": NOW,
        "latest": NOW + timedelta(days=30),
        "mode": "video",
    }
    entry_id = waitlist.add(actor=clinic.admin, wish=Wish(**{**asked, **wishes}), now=NOW)
    return WaitlistEntry.objects.get(pk=entry_id)


def offer(clinic: factories.Clinic, entry: WaitlistEntry, now: datetime = NOW, **more: Any) -> WaitlistOffer:
    place = Place(TEN, practitioner_ids=(clinic.therapists[0].pk,), **more)
    waitlist.offer(actor=clinic.admin, entry_id=entry.pk, place=place, now=now)
    return WaitlistOffer.objects.get(entry=entry, state="pending")


def status(entry: WaitlistEntry) -> str:
    entry.refresh_from_db()
    return entry.status


def book_it(clinic: factories.Clinic, now: datetime = NOW) -> UUID:
    """Somebody else wants the same place."""
    visit = single.Visit(
        factories.patient(clinic.site).pk,
        "therapy",
        TEN,
        practitioner_ids=(clinic.therapists[0].pk,),
        mode="video",
    )
    return single.book(actor=clinic.admin, now=now, visit=visit)


def test_an_offer_holds_the_place_until_it_is_answered(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    made = offer(clinic, entry)
    assert made.expires_at == hours(2)
    assert status(entry) == "offered"
    assert made.appointment.status == "held"
    with pytest.raises(SlotTaken):
        book_it(clinic)
    assert {one.kind for one in Message.objects.all()} == {"waitlist_offer"}


def test_who_takes_it_has_it(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    made = offer(clinic, entry)
    key = Key("test", "one", "a")
    for _ in range(2):
        waitlist.accept(actor=clinic.admin, entry_id=entry.pk, now=hours(1), version=2, key=key)
    assert status(entry) == "booked"
    made.refresh_from_db()
    assert (made.state, made.settled_at, made.appointment.status) == ("accepted", hours(1), "booked")
    assert not Occupancy.objects.filter(expires_at__isnull=False).exists()
    assert Message.objects.filter(kind="course_booked").exists()
    told = TrailEntry.objects.filter(subject_id=entry.pk).order_by("id").values_list("verb", flat=True)
    assert list(told) == ["waitlist.added", "waitlist.offered", "waitlist.accepted"]


def test_who_declines_waits_on_and_the_next_is_asked(clinic: factories.Clinic) -> None:
    entry, other = wait(clinic), wait(clinic)
    made = offer(clinic, entry)
    with pytest.raises(SlotTaken):
        offer(clinic, other)
    assert status(other) == "waiting"
    waitlist.decline(actor=clinic.admin, entry_id=entry.pk, now=NOW)
    assert status(entry) == "waiting"
    made.refresh_from_db()
    assert (made.state, made.appointment.status) == ("declined", "cancelled")
    assert offer(clinic, other).appointment.status == "held"
    waitlist.decline(actor=clinic.admin, entry_id=other.pk, now=NOW)
    assert offer(clinic, entry), "a second offer to the first"


def test_an_unanswered_offer_ends_by_itself(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    made = offer(clinic, entry)
    with pytest.raises(HoldExpired):
        waitlist.accept(actor=clinic.admin, entry_id=entry.pk, now=hours(2))
    assert status(entry) == "offered", "nothing was written"
    assert book_it(clinic, now=hours(2)), "the place is free already"
    assert waitlist.expire(now=hours(1.9)) == 0
    assert waitlist.expire(now=hours(2)) == 1
    assert waitlist.expire(now=hours(2)) == 0
    made.refresh_from_db()
    assert (made.state, made.settled_by, made.appointment.status) == ("expired", "system", "cancelled")
    assert status(entry) == "waiting"


def test_the_sweep_of_holds_may_come_first(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    offer(clinic, entry)
    holds.expire(now=hours(2))
    with pytest.raises(HoldExpired):
        waitlist.accept(actor=clinic.admin, entry_id=entry.pk, now=hours(2))
    waitlist.expire(now=hours(2))
    assert status(entry) == "waiting"


def test_a_held_visit_that_was_booked_at_its_own_address_is_an_answer(clinic: factories.Clinic) -> None:
    for answer in ("accept", "time"):
        clinic = factories.small_clinic()
        entry = wait(clinic)
        made = offer(clinic, entry)
        holds.book_visit(actor=clinic.admin, appointment_id=made.appointment_id, now=NOW)
        if answer == "accept":
            waitlist.accept(actor=clinic.admin, entry_id=entry.pk, now=NOW)
        else:
            waitlist.expire(now=hours(2))
        assert status(entry) == "booked"
        assert Appointment.objects.get(pk=made.appointment_id).status == "booked"


def test_there_is_one_offer_at_a_time(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    offer(clinic, entry)
    with pytest.raises(InvalidTransition):
        waitlist.offer(actor=clinic.admin, entry_id=entry.pk, place=Place(TEN + timedelta(hours=3)), now=NOW)
    assert Appointment.objects.count() == 1


def test_who_is_taken_off_the_list_gives_the_place_back(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    offer(clinic, entry)
    waitlist.withdraw(actor=clinic.admin, entry_id=entry.pk, now=NOW, version=2)
    assert status(entry) == "withdrawn"
    assert not Occupancy.objects.exists()
    for use in (waitlist.accept, waitlist.decline, waitlist.withdraw):
        with pytest.raises(InvalidTransition):
            use(actor=clinic.admin, entry_id=entry.pk, now=NOW)


def test_a_repeated_offer_has_one_effect(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    key = Key("test", "one", "a")
    for _ in range(2):
        waitlist.offer(actor=clinic.admin, entry_id=entry.pk, place=Place(TEN), now=NOW, version=1, key=key)
    assert WaitlistOffer.objects.count() == Appointment.objects.count() == 1


def test_wishes_change_for_who_has_read_them(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    with pytest.raises(Stale):
        waitlist.change(actor=clinic.admin, entry_id=entry.pk, changes={"priority": 5}, now=NOW, version=7)
    waitlist.change(actor=clinic.admin, entry_id=entry.pk, changes={"priority": 5}, now=NOW, version=1)
    entry.refresh_from_db()
    assert (entry.priority, entry.version) == (5, 2)
    for wrong in ({"latest": NOW}, {"priority": 10}, {"practitioners": [entry.pk]}, {"time_of_day": "noon"}):
        with pytest.raises(Invalid) as refusal:
            waitlist.change(actor=clinic.admin, entry_id=entry.pk, changes=wrong, now=NOW, version=2)
        assert set(wrong) <= set(refusal.value.fields)


def test_only_what_can_be_booked_is_waited_for(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"kind": "dosing"}, "kind"),
        ({"follows_id": dose.pk}, "course"),
        ({"course_id": course.pk}, "patient"),
        (
            {
                "course_id": course.pk,
                "patient_id": clinic.patient.pk,
                "follows_id": booked.visit(course, "integration-1").pk,
            },
            "follows",
        ),
    ]
    for wish, field in wrong:
        with pytest.raises(Invalid) as refusal:
            wait(clinic, **wish)
        assert field in refusal.value.fields
    with pytest.raises(Invalid) as refusal:
        waitlist.offer(
            actor=clinic.admin,
            entry_id=wait(clinic, latest=hours(1)).pk,
            place=Place(TEN),
            now=NOW,
        )
    assert "start" in refusal.value.fields


def test_another_practices_entry_is_not_there(clinic: factories.Clinic) -> None:
    entry = wait(clinic)
    stranger = factories.admin(factories.practice())
    for use in (waitlist.accept, waitlist.decline, waitlist.withdraw):
        with pytest.raises(NotFound):
            use(actor=stranger, entry_id=entry.pk, now=NOW)
    with pytest.raises(NotFound):
        waitlist.offer(actor=stranger, entry_id=entry.pk, place=Place(TEN), now=NOW)


def test_an_offer_that_is_taken_back_frees_the_place_and_is_no_answer_of_theirs(
    clinic: factories.Clinic,
) -> None:
    entry = wait(clinic)
    made = offer(clinic, entry)
    for _ in range(2):
        waitlist.retract(actor=clinic.admin, entry_id=entry.pk, now=hours(1), key=Key("test", "back", "a"))
    assert status(entry) == "waiting"
    made.refresh_from_db()
    assert (made.state, made.appointment.status) == ("retracted", "cancelled")
    book_it(clinic, hours(1))
    with pytest.raises(InvalidTransition):
        waitlist.retract(actor=clinic.admin, entry_id=entry.pk, now=hours(1))
    assert Message.objects.get(kind="waitlist_offer").state == "cancelled"
