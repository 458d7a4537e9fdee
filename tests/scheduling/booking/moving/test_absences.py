"""Somebody will not be there: their visits in that time are put before people, until each has a new place."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.practice import directory
from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.idempotency import Key
from clinic.practice.models import WorkItem
from scheduling.booking.moving import absences, moves, reassignments, stranded
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.reassignments import Asked
from scheduling.booking.visit import single
from scheduling.models import Absence, Appointment
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
DAY = timedelta(days=1)
MONDAY = datetime(2026, 5, 11, tzinfo=ZoneInfo(factories.NEW_YORK))


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def talk(clinic: factories.Clinic, hour: int) -> Appointment:
    """A visit with the first therapist on Monday, or so many hours after its midnight."""
    wanted = single.Visit(
        patient_id=factories.patient(clinic.site).pk,
        kind="therapy",
        start=MONDAY + timedelta(hours=hour),
        practitioner_ids=(clinic.therapists[0].pk,),
        mode="video",
    )
    return Appointment.objects.get(pk=single.book(actor=clinic.admin, now=NOW, visit=wanted))


def away(clinic: factories.Clinic, *, who: int = 0, now: datetime = NOW, **fields: object) -> Absence:
    """One of the therapists, on Monday."""
    asked = {"starts_at": MONDAY, "ends_at": MONDAY + DAY, **fields}
    return absences.create(actor=clinic.admin, staff_id=clinic.therapists[who].pk, now=now, **asked)  # type: ignore[arg-type]


def asked_for() -> list[tuple[str, object]]:
    rows = WorkItem.objects.filter(done_at=None).order_by("subject_id")
    return [(row.kind, row.subject_id) for row in rows]


def test_each_visit_of_the_span_is_put_before_the_front_desk(clinic: factories.Clinic) -> None:
    hit = [talk(clinic, 9), talk(clinic, 14)]
    talk(clinic, 33)
    away(clinic)
    assert asked_for() == [("needs_new_place", one) for one in sorted(visit.pk for visit in hit)]
    item = WorkItem.objects.get(subject_id=hit[0].pk)
    assert (item.role, item.patient_id) == ("front_desk", hit[0].patient_id)
    hit[0].refresh_from_db()
    assert (hit[0].status, hit[0].start) == ("booked", MONDAY + timedelta(hours=9))


def test_the_task_is_done_by_whatever_settles_the_visit(clinic: factories.Clinic) -> None:
    given, moved, cancelled = talk(clinic, 9), talk(clinic, 11), talk(clinic, 14)
    away(clinic)
    booked.move(clinic, cancelled.pk, "cancel", now=NOW, reason="The patient asked.")
    assert {subject for _, subject in asked_for()} == {given.pk, moved.pk}
    moves.apply(actor=clinic.admin, appointment_id=moved.pk, now=NOW, wish=Wish(start=moved.start + DAY))
    assert asked_for() == [("needs_new_place", given.pk)]
    asked = Asked(clinic.therapists[0].pk, MONDAY, MONDAY + DAY)
    reassignments.apply(actor=clinic.admin, asked=asked, now=NOW)
    assert asked_for() == []


def test_whoever_took_over_may_fall_out_too(clinic: factories.Clinic) -> None:
    visit = talk(clinic, 9)
    away(clinic)
    asked = Asked(clinic.therapists[0].pk, MONDAY, MONDAY + DAY)
    reassignments.apply(actor=clinic.admin, asked=asked, now=NOW)
    assert asked_for() == []
    away(clinic, who=1, now=NOW + timedelta(hours=1))
    assert asked_for() == [("needs_new_place", visit.pk)]


def test_one_visit_is_asked_about_once_at_a_time(clinic: factories.Clinic) -> None:
    visit = talk(clinic, 9)
    away(clinic)
    booked.move(clinic, visit.pk, "confirm", now=NOW)
    away(clinic, ends_at=MONDAY + 2 * DAY)
    assert asked_for() == [("needs_new_place", visit.pk)]


def test_what_is_over_needs_nobody(clinic: factories.Clinic) -> None:
    visit = talk(clinic, 9)
    away(clinic, now=visit.end)
    assert asked_for() == []


def test_a_refused_absence_asks_for_nothing(clinic: factories.Clinic) -> None:
    talk(clinic, 9)
    with pytest.raises(Invalid):
        away(clinic, ends_at=MONDAY)
    with pytest.raises(NotAllowed):
        absences.create(
            actor=factories.as_actor(clinic.therapists[1]),
            staff_id=clinic.therapists[0].pk,
            starts_at=MONDAY,
            ends_at=MONDAY + DAY,
            now=NOW,
        )
    assert asked_for() == []
    assert not Absence.objects.exists()


def test_a_repeated_key_asks_once(clinic: factories.Clinic) -> None:
    talk(clinic, 9)
    key = Key(scope="test", value="one", fingerprint="same")
    assert away(clinic, key=key).pk == away(clinic, key=key).pk
    assert len(asked_for()) == 1


def test_another_span_asks_for_what_it_hits_and_no_more_for_the_rest(clinic: factories.Clinic) -> None:
    early, late, next_day = talk(clinic, 9), talk(clinic, 14), talk(clinic, 33)
    row = away(clinic)
    changes = {"starts_at": MONDAY + timedelta(hours=12), "ends_at": MONDAY + 2 * DAY}
    changed = absences.update(
        actor=clinic.admin, absence_id=row.pk, changes=changes, now=NOW, version=row.version
    )
    assert changed.version == 2
    assert {subject for _, subject in asked_for()} == {late.pk, next_day.pk}
    with pytest.raises(Stale):
        absences.update(actor=clinic.admin, absence_id=row.pk, changes={"reason": "x"}, now=NOW, version=1)
    settled = WorkItem.objects.get(subject_id=early.pk)
    assert settled.done_by == clinic.admin.ref


def test_who_is_there_after_all_needs_nothing_unless_another_absence_hits(clinic: factories.Clinic) -> None:
    covered, freed = talk(clinic, 9), talk(clinic, 14)
    away(clinic, ends_at=MONDAY + timedelta(hours=10))
    whole = away(clinic)
    absences.delete(actor=clinic.admin, absence_id=whole.pk, now=NOW, version=1)
    assert asked_for() == [("needs_new_place", covered.pk)]
    assert Absence.objects.count() == 1
    with pytest.raises(NotFound):
        absences.delete(actor=factories.admin(factories.practice()), absence_id=whole.pk, now=NOW)
    assert WorkItem.objects.get(subject_id=freed.pk).done_at == NOW


def test_what_stands_in_an_absence_or_a_closure_is_counted_and_named(clinic: factories.Clinic) -> None:
    first, second = talk(clinic, 9), talk(clinic, 14)
    talk(clinic, 33)
    row = away(clinic)
    away(clinic, who=1)
    found = stranded.by_absence(actor=clinic.admin, absence=row, now=NOW)
    assert [one.id for one in found] == [first.pk, second.pk]
    counts = stranded.absences(actor=clinic.admin, now=NOW).values_list("staff_id", "stranded")
    assert dict(counts) == {clinic.therapists[0].pk: 2, clinic.therapists[1].pk: 0}
    span = {"starts_at": MONDAY + timedelta(hours=12), "ends_at": MONDAY + DAY}
    shut = directory.create_closure(actor=clinic.admin, site_id=clinic.site.pk, now=NOW, **span)
    chair = {"site_id": clinic.site.pk, "room_id": clinic.chairs[0].pk}
    directory.create_closure(actor=clinic.admin, now=NOW, **span, **chair)
    assert [one.id for one in stranded.by_closure(actor=clinic.admin, closure=shut, now=NOW)] == [second.pk]
    counts = stranded.closures(actor=clinic.admin, now=NOW).values_list("room_id", "stranded")
    assert dict(counts) == {None: 1, clinic.chairs[0].pk: 0}
    over = MONDAY + timedelta(hours=16)
    assert stranded.by_absence(actor=clinic.admin, absence=row, now=over) == ()
    assert not stranded.absences(actor=factories.admin(factories.practice()), now=NOW).exists()
