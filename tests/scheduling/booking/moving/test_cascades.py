"""What follows when a visit of a course moves: the least that must, seen first, then done and told once."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from clinic.local.providers import SmsProvider
from clinic.practice.errors import Invalid
from clinic.practice.models import WorkItem
from notifications.models import Message
from scheduling.booking.moving import acts, moves, pins, replans
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.visit import corrections, single
from scheduling.booking.writing import seats
from scheduling.errors import PreviewStale, RuleViolation, SlotTaken
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from scheduling.states import InvalidTransition
from tests import factories
from tests.api import database
from tests.notifications import making
from tests.notifications.making import Clock
from tests.races import race
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALONE = Ways(cascade=False)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def course(clinic: factories.Clinic) -> TreatmentCourse:
    return booked.book(clinic)


def preview(clinic: factories.Clinic, visit: Appointment, ways: Ways | None = None, **asked: Any) -> Preview:
    return moves.preview(
        actor=clinic.admin, appointment_id=visit.pk, wish=Wish(**asked), ways=ways or Ways(), now=NOW
    )


def apply(clinic: factories.Clinic, visit: Appointment, *, now: datetime = NOW, **asked: Any) -> UUID:
    return moves.apply(actor=clinic.admin, appointment_id=visit.pk, now=now, **asked)


def starts(course: TreatmentCourse) -> dict[str, datetime]:
    return dict(Appointment.objects.filter(course=course).values_list("ref", "start"))


def states_of(course: TreatmentCourse) -> set[str]:
    return set(FollowUpGap.objects.filter(course=course).values_list("status", flat=True))


def test_a_dose_takes_its_follow_up_along_and_pushes_what_is_too_near(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose, was = booked.visit(course, "dose-2"), starts(course)
    found = preview(clinic, dose, start=dose.start + DAY)
    told = {one["ref"]: one["after"]["start"] for one in found.moves}
    assert [one["ref"] for one in found.moves if one["asked"]] == ["dose-2"]
    assert "integration-2" in told and "dose-1" not in told
    assert {stay.why for stay in found.act.stays} == {"fits"}
    assert (found.open, found.act.unmet) == ((), ())
    assert starts(course) == was
    act = apply(clinic, dose, token=found.token)
    now = starts(course)
    assert {ref: start for ref, start in now.items() if start != was[ref]} == told
    assert {one["ref"] for one in acts.done(actor=clinic.admin, act_id=act).relocated} == set(told)
    assert states_of(course) == {"covered"}
    assert race.overlaps() == 0
    assert race.half_booked() == 0


def test_a_pinned_visit_stays_and_the_others_move_around_it(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose, fixed = booked.visit(course, "dose-2"), booked.visit(course, "dose-3")
    pins.pin(actor=clinic.admin, appointment_id=fixed.pk, now=NOW)
    also = booked.visit(course, "dose-4")
    found = preview(clinic, dose, Ways(pins=frozenset({also.pk})), start=dose.start + HOUR)
    assert {"dose-3", "dose-4"}.isdisjoint({one["ref"] for one in found.moves})
    why = {stay.visit.ref: stay.why for stay in found.act.stays}
    assert (why["dose-3"], why["dose-4"], why["dose-5"]) == ("pinned", "pinned", "fits")
    with pytest.raises(Invalid):
        preview(clinic, dose, Ways(pins=frozenset({UUID(int=1)})), start=dose.start + HOUR)


def test_alone_it_leaves_its_follow_up_outside_the_window_and_needs_an_excuse(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose = booked.visit(course, "dose-6")
    found = preview(clinic, dose, ALONE, start=dose.start + DAY + 4 * HOUR)
    assert [one["ref"] for one in found.moves] == ["dose-6"]
    rules = {(one["rule_id"], one["visit"]) for one in found.open}
    assert rules
    with pytest.raises(RuleViolation) as refused:
        apply(clinic, dose, token=found.token)
    assert {(one["rule_id"], one["visit"]) for one in refused.value.violations} == rules
    excuses = tuple({"rule_id": rule, "visit": visit, "reason": "Agreed with her."} for rule, visit in rules)
    apply(clinic, dose, token=found.token, ways=Ways(overrides=excuses))
    assert booked.gap_of(course, "dose-6").status == "prospective", "a move gives no grace"
    assert set(course.overrides.values_list("rule_id", flat=True)) == {rule for rule, _ in rules}


def test_when_a_place_of_the_cascade_is_gone_nothing_moves(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose, was = booked.visit(course, "dose-2"), starts(course)
    found = preview(clinic, dose, start=dose.start + DAY)
    after = next(one for one in found.moves if one["ref"] == "integration-2")["after"]
    other = single.Visit(
        patient_id=factories.patient(clinic.site).pk,
        kind="therapy",
        start=after["start"],
        practitioner_ids=tuple(UUID(one["id"]) for one in after["practitioners"]),
        mode="video",
    )
    single.book(actor=clinic.admin, now=NOW, visit=other)
    before = database.counts()
    with pytest.raises(SlotTaken) as refused:
        apply(clinic, dose, token=found.token)
    assert "integration-2" in {one["visit"] for one in refused.value.clashes}
    assert refused.value.alternative is not None
    assert starts(course) == was
    assert database.counts() == before


def test_a_visit_of_the_course_that_changed_since_is_told(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose = booked.visit(course, "dose-2")
    found = preview(clinic, dose, start=dose.start + HOUR)
    booked.move(clinic, booked.visit(course, "dose-5").pk, "confirm", now=NOW)
    with pytest.raises(PreviewStale) as refused:
        apply(clinic, dose, token=found.token)
    assert [one["visit"] for one in refused.value.changed] == ["dose-5"]


def test_a_follow_up_that_leaves_its_window_uncovers_its_unit(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    visit = booked.visit(course, "integration-6")
    assert booked.gap_of(course, "dose-6").status == "covered"
    found = preview(clinic, visit, ALONE, start=visit.start + 21 * DAY)
    [unit] = [one for one in found.units if one.after and one.after.status != "covered"]
    assert (unit.before and unit.before.status, unit.after and unit.after.status) == (
        "covered",
        "prospective",
    )
    excuses = tuple(
        {"rule_id": one["rule_id"], "visit": one["visit"], "reason": "She is away."} for one in found.open
    )
    apply(clinic, visit, token=found.token, ways=Ways(overrides=excuses))
    gap = booked.gap_of(course, "dose-6")
    assert gap.status == "prospective"
    visit.refresh_from_db()
    assert (visit.accepted_unit, visit.window_closes_at) == ("", None)


def test_a_visit_that_lost_its_place_gets_one_by_a_move(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    visit = booked.visit(course, "integration-2")
    Appointment.objects.filter(pk=visit.pk).update(status="displaced")
    seats.release(appointment_ids=[visit.pk])
    found = preview(clinic, visit)
    assert [one["ref"] for one in found.moves] == ["integration-2"]
    apply(clinic, visit, token=found.token)
    visit.refresh_from_db()
    assert visit.status == "booked"
    assert race.half_booked() == 0
    assert booked.gap_of(course, "dose-2").status == "covered"


# --- what the patient hears -----------------------------------------------------------------------------
def test_a_whole_moved_series_is_told_in_one_message(
    clinic: factories.Clinic, course: TreatmentCourse, sms_provider: SmsProvider
) -> None:
    later = NOW + 2 * HOUR
    making.deliver(Clock(later))
    sms_provider.clear()
    dose = booked.visit(course, "dose-2")
    found = moves.preview(
        actor=clinic.admin,
        appointment_id=dose.pk,
        wish=Wish(start=dose.start + DAY),
        ways=Ways(),
        now=later,
    )
    assert {one.kind for one in found.notices.said} == {"course_booked"}
    act = apply(clinic, dose, token=found.token, now=later)
    moved = len(acts.done(actor=clinic.admin, act_id=act).relocated)
    assert moved > 1
    planned = Message.objects.filter(state="planned", kind="visit_moved")
    assert {(one.subject_id, one.due_at) for one in planned.filter(channel="sms")} == {
        (one.subject_id, one.due_at)
        for one in found.notices.send
        if one.kind == "visit_moved" and one.channel == "sms"
    }
    making.deliver(Clock(later + timedelta(minutes=10)))
    [sms] = sms_provider.inbox()
    assert f"{moved} visits have new times: Fri 15 May 08:00" in sms["body"]
    assert sms["body"].count("STOP") == 1


def test_a_move_and_its_undo_say_nothing(
    clinic: factories.Clinic, course: TreatmentCourse, sms_provider: SmsProvider
) -> None:
    later = NOW + 2 * HOUR
    making.deliver(Clock(later))
    sms_provider.clear()
    dose = booked.visit(course, "dose-6")
    was = dose.start
    for start, at in ((was + HOUR, later), (was, later + timedelta(minutes=2))):
        moves.apply(actor=clinic.admin, appointment_id=dose.pk, now=at, wish=Wish(start=start), ways=ALONE)
    making.deliver(Clock(later + timedelta(minutes=30)))
    assert sms_provider.inbox() == []
    reminders = Message.objects.filter(subject_id=dose.pk, state="planned", kind="reminder_24h")
    assert [one.subject_at for one in reminders] == [was]


def test_a_visit_moved_before_its_confirmation_went_is_told_once(
    clinic: factories.Clinic, course: TreatmentCourse, sms_provider: SmsProvider
) -> None:
    dose = booked.visit(course, "dose-1")
    apply(clinic, dose, wish=Wish(start=dose.start + HOUR), ways=ALONE)
    making.deliver(Clock(NOW + 2 * HOUR))
    assert len(sms_provider.inbox()) == 1
    assert "are booked" in sms_provider.inbox()[0]["body"]


# --- clocks ---------------------------------------------------------------------------------------------
def test_over_the_end_of_daylight_saving_the_wall_time_is_what_was_said(clinic: factories.Clinic) -> None:
    """Sunday, 1 November 2026 has 25 hours in New York."""
    zone = ZoneInfo(factories.NEW_YORK)
    friday = datetime(2026, 10, 30, 10, tzinfo=zone)
    visit_id = single.book(
        actor=clinic.admin,
        now=NOW,
        visit=single.Visit(patient_id=clinic.patient.pk, kind="therapy", start=friday),
    )
    visit = Appointment.objects.get(pk=visit_id)
    apply(clinic, visit, wish=Wish(start=datetime(2026, 11, 2, 10, tzinfo=zone)))
    visit.refresh_from_db()
    assert (visit.local_time.isoformat(), str(visit.local_date)) == ("10:00:00", "2026-11-02")
    assert visit.start.hour == 15
    assert visit.end - visit.start == HOUR


# --- planning anew --------------------------------------------------------------------------------------
def test_what_was_cancelled_is_planned_again(clinic: factories.Clinic, course: TreatmentCourse) -> None:
    for ref in ("integration-6", "integration-3"):
        booked.move(clinic, booked.visit(course, ref).pk, "cancel", now=NOW, reason="Ill.")
    assert "prospective" in states_of(course)
    before = database.counts()
    found = replans.preview(actor=clinic.admin, course_id=course.pk, ways=Ways(), now=NOW)
    assert database.counts() == before
    assert sorted(one.ref for one in found.added) == ["integration-3", "integration-6"]
    assert {one.after.status for one in found.units if one.after} == {"covered"}
    replans.apply(actor=clinic.admin, course_id=course.pk, now=NOW, token=found.token)
    assert states_of(course) == {"covered"}
    assert race.half_booked() == 0
    again = Appointment.objects.get(course=course, ref="integration-3", status="booked")
    assert again.follows is not None and again.follows.ref == "dose-3"


def test_a_visit_that_nothing_needs_is_asked_about_no_more(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose, follow_up = booked.visit(course, "dose-6"), booked.visit(course, "integration-6")
    second = single.Visit(
        patient_id=clinic.patient.pk,
        kind="integration",
        start=follow_up.start + 2 * HOUR,
        course_id=course.pk,
        follows_id=dose.pk,
        mode="video",
    )
    single.book(actor=clinic.admin, now=NOW, visit=second)
    corrections.enter_in_error(actor=clinic.admin, appointment_id=dose.pk, reason="A twin.", now=NOW)
    later = date(2026, 5, 25)
    replans.apply(actor=clinic.admin, course_id=course.pk, now=NOW, start_on_or_after=later)
    ended = Appointment.objects.get(course=course, status="cancelled")
    assert WorkItem.objects.get(kind="orphaned_follow_up", subject_id=ended.pk).done_at == NOW


def test_a_later_start_moves_what_is_not_pinned(clinic: factories.Clinic, course: TreatmentCourse) -> None:
    later = date(2026, 5, 25)
    found = replans.preview(
        actor=clinic.admin, course_id=course.pk, ways=Ways(), now=NOW, start_on_or_after=later
    )
    act = replans.apply(actor=clinic.admin, course_id=course.pk, now=NOW, token=found.token, version=1)
    first = booked.visit(course, "dose-1")
    assert first.local_date >= later
    course.refresh_from_db()
    assert (course.start_on_or_after, course.version) == (later, 2)
    assert states_of(course) == {"covered"}
    assert acts.done(actor=clinic.admin, act_id=act).relocated


@pytest.mark.parametrize("status", ["stopped", "paused", "draft"])
def test_a_course_that_takes_no_dose_is_not_planned_anew(
    clinic: factories.Clinic, course: TreatmentCourse, status: str
) -> None:
    TreatmentCourse.objects.filter(pk=course.pk).update(status=status)
    with pytest.raises(InvalidTransition):
        replans.preview(actor=clinic.admin, course_id=course.pk, ways=Ways(), now=NOW)
