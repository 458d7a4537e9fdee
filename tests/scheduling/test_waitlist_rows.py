"""What the database itself guarantees of the waitlist, whatever the code believes."""

from datetime import timedelta

import pytest

from scheduling.models import WaitlistEntry, WaitlistOffer
from tests import factories
from tests.scheduling.booking.rows import bare_visit
from tests.scheduling.test_invariants import refused

pytestmark = pytest.mark.django_db
NOW = factories.NOW
LATER = NOW + timedelta(days=1)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def entry(clinic: factories.Clinic, **fields: object) -> WaitlistEntry:
    values = {
        "practice": clinic.practice,
        "patient": clinic.patient,
        "site": clinic.site,
        "kind": "therapy",
        "earliest": NOW,
        "latest": LATER,
        "created_at": NOW,
        "created_by": "test",
    }
    return WaitlistEntry.objects.create(**{**values, **fields})


def offer(waiting: WaitlistEntry, hour: int, **fields: object) -> WaitlistOffer:
    start = NOW + timedelta(hours=hour)
    visit = bare_visit(waiting.patient, start=start, end=start + timedelta(hours=1))
    values = {
        "entry": waiting,
        "appointment": visit,
        "expires_at": LATER,
        "offered_at": NOW,
        "offered_by": "test",
    }
    return WaitlistOffer.objects.create(**{**values, **fields})


def test_nobody_has_two_offers_at_a_time(clinic: factories.Clinic) -> None:
    waiting = entry(clinic)
    offer(waiting, 1, state="declined", settled_at=NOW, settled_by="test")
    offer(waiting, 2)
    assert refused(lambda: offer(waiting, 3)) == "waitlist_one_offer_at_a_time"


def test_an_answer_has_its_time_and_its_author(clinic: factories.Clinic) -> None:
    waiting = entry(clinic)
    name = "waitlist_offer_settled_at_and_by"
    assert refused(lambda: offer(waiting, 1, state="declined")) == name
    assert refused(lambda: offer(waiting, 1, settled_at=NOW, settled_by="test")) == name


def test_a_wish_ends_after_it_begins_and_has_a_known_urgency(clinic: factories.Clinic) -> None:
    assert refused(lambda: entry(clinic, latest=NOW)) == "waitlist_in_order"
    assert refused(lambda: entry(clinic, priority=10)) == "waitlist_priority_to_nine"
    assert refused(lambda: entry(clinic, status="lost")) == "waitlist_status_known"


def test_who_waits_is_of_the_practice_and_so_is_the_place(clinic: factories.Clinic) -> None:
    other = factories.small_clinic()
    wrong = refused(lambda: entry(clinic, patient=other.patient))
    assert wrong == "waitlist_patient_same_practice"
    assert refused(lambda: entry(clinic, site=other.site)) == "waitlist_site_same_practice"
