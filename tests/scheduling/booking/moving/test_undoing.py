"""A move and its undo: everything stands where it stood, or nothing is touched."""

from datetime import timedelta

import pytest

from clinic.practice.errors import Conflict, NotAllowed, NotFound
from clinic.practice.idempotency import Key
from clinic.practice.models import TrailEntry
from notifications.models import Message
from scheduling.booking.moving import moves, undoing
from scheduling.booking.moving.fitting import Wish
from scheduling.errors import PreviewStale
from scheduling.models import Appointment, FollowUpGap
from tests import factories
from tests.scheduling.booking import booked

NOW = booked.NOW


def places() -> dict[object, tuple[object, ...]]:
    return {
        one.pk: (
            one.start,
            one.end,
            one.room_id,
            one.site_id,
            tuple(sorted(one.staffing.values_list("staff_id"))),
        )
        for one in Appointment.objects.all()
    }


def units() -> list[tuple[object, ...]]:
    return list(FollowUpGap.objects.order_by("pk").values_list("unit_key", "status", "opens_at", "closes_at"))


@pytest.fixture
def clinic(db: None) -> factories.Clinic:
    return factories.small_clinic()


def moved_dose(clinic: factories.Clinic, days: int = 1) -> tuple[object, object]:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-2")
    return dose, Wish(start=dose.start + timedelta(days=days))


def apply(clinic: factories.Clinic, dose: Appointment, wish: Wish) -> object:
    return moves.apply(actor=clinic.admin, appointment_id=dose.pk, now=NOW, wish=wish)


def test_everything_that_moved_returns(clinic: factories.Clinic) -> None:
    dose, wish = moved_dose(clinic)
    before = (places(), units())
    act = apply(clinic, dose, wish)
    assert places() != before[0]
    undone = undoing.undo(actor=clinic.admin, act_id=act, now=NOW + timedelta(minutes=1))
    assert (places(), units()) == before
    assert undone != act
    assert TrailEntry.objects.filter(verb="visits.undo", subject_id=undone).exists()


def test_the_same_key_undoes_once(clinic: factories.Clinic) -> None:
    act = apply(clinic, *moved_dose(clinic))
    key = Key(scope="test", value="once", fingerprint="f")
    first = undoing.undo(actor=clinic.admin, act_id=act, now=NOW, key=key)
    assert undoing.undo(actor=clinic.admin, act_id=act, now=NOW, key=key) == first


def test_an_undone_move_is_not_undone_again(clinic: factories.Clinic) -> None:
    act = apply(clinic, *moved_dose(clinic))
    undoing.undo(actor=clinic.admin, act_id=act, now=NOW)
    before = places()
    with pytest.raises(PreviewStale):
        undoing.undo(actor=clinic.admin, act_id=act, now=NOW)
    assert places() == before


def test_an_undo_is_itself_undone(clinic: factories.Clinic) -> None:
    act = apply(clinic, *moved_dose(clinic))
    there = places()
    undone = undoing.undo(actor=clinic.admin, act_id=act, now=NOW)
    undoing.undo(actor=clinic.admin, act_id=undone, now=NOW)
    assert places() == there


def test_what_somebody_changed_since_stays(clinic: factories.Clinic) -> None:
    dose, wish = moved_dose(clinic)
    act = apply(clinic, dose, wish)
    booked.move(clinic, dose.pk, "confirm", now=NOW)
    before = places()
    with pytest.raises(PreviewStale) as refused:
        undoing.undo(actor=clinic.admin, act_id=act, now=NOW)
    assert [one["visit"] for one in refused.value.changed] == ["dose-2"]
    assert places() == before


def test_an_act_that_booked_something_is_not_undone(clinic: factories.Clinic) -> None:
    act = apply(clinic, *moved_dose(clinic))
    row = TrailEntry.objects.get(subject_id=act)
    told = TrailEntry(
        practice=clinic.practice,
        at=NOW,
        actor_ref=row.actor_ref,
        verb="visits.replan",
        subject_kind="act",
        subject_id=clinic.patient.pk,
        data={**row.data, "added": row.data["visits"]},
    )
    TrailEntry.objects.bulk_create([told])
    with pytest.raises(Conflict):
        undoing.undo(actor=clinic.admin, act_id=clinic.patient.pk, now=NOW)


def test_nobody_else_undoes_it(clinic: factories.Clinic) -> None:
    act = apply(clinic, *moved_dose(clinic))
    outsider = factories.admin(factories.practice())
    with pytest.raises(NotFound):
        undoing.undo(actor=outsider, act_id=act, now=NOW)
    with pytest.raises(NotAllowed):
        undoing.undo(actor=factories.actor(clinic.practice, "monitor"), act_id=act, now=NOW)


def confirmed(clinic: factories.Clinic) -> tuple[Appointment, Wish]:
    dose, wish = moved_dose(clinic)
    booked.move(clinic, dose.pk, "confirm", now=NOW)
    return Appointment.objects.get(pk=dose.pk), wish


def test_who_never_heard_of_the_move_has_confirmed_the_old_time(clinic: factories.Clinic) -> None:
    dose, wish = confirmed(clinic)
    act = apply(clinic, dose, wish)
    assert Appointment.objects.get(pk=dose.pk).status == "booked"
    undoing.undo(actor=clinic.admin, act_id=act, now=NOW + timedelta(minutes=1))
    back = Appointment.objects.get(pk=dose.pk)
    assert (back.status, back.confirmed_at, back.confirmed_by) == (
        "confirmed",
        dose.confirmed_at,
        dose.confirmed_by,
    )


def test_who_was_told_of_the_move_confirms_anew(clinic: factories.Clinic) -> None:
    dose, wish = confirmed(clinic)
    act = apply(clinic, dose, wish)
    told = Appointment.objects.get(pk=dose.pk)
    Message.objects.create(
        practice=dose.practice,
        patient_id=dose.patient_id,
        kind="visit_moved",
        channel="email",
        subject_kind="appointment",
        subject_id=dose.pk,
        subject_version=told.version,
        subject_at=told.start,
        state="cancelled",
        state_reason="merged",
        due_at=NOW,
        useful_until=NOW + timedelta(days=1),
        created_at=NOW,
        updated_at=NOW,
        dedupe_key="told",
    )
    undoing.undo(actor=clinic.admin, act_id=act, now=NOW + timedelta(minutes=5))
    back = Appointment.objects.get(pk=dose.pk)
    assert (back.status, back.confirmed_at) == ("booked", None)
