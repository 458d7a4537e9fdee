"""A course that rests, goes on, ends and is taken up again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from clinic.practice.errors import Conflict, Invalid, Stale
from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from scheduling.booking.course import courses, pauses
from scheduling.booking.reading import queries
from scheduling.booking.visit import appointments, corrections, single
from scheduling.followups import reconcile
from scheduling.models import Absence, Appointment, Occupancy, TreatmentCourse
from scheduling.states import InvalidTransition
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
WHY = {"reason": "on holiday"}


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def act(clinic: factories.Clinic, course: TreatmentCourse, verb: str, now: datetime, **extra: Any) -> None:
    getattr(pauses, verb)(actor=clinic.admin, course_id=course.pk, now=now, **extra)
    course.refresh_from_db()


def standing(course: TreatmentCourse) -> dict[str, str]:
    return dict(course.appointments.values_list("ref", "status"))


def after_one_dose(clinic: factories.Clinic) -> tuple[TreatmentCourse, datetime]:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    booked.give(clinic, dose)
    return course, dose.end


def test_a_pause_gives_up_what_is_to_come_but_not_what_is_owed(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    act(clinic, course, "pause", now, **WHY)
    assert course.status == "paused"
    found = standing(course)
    assert (found["dose-1"], found["integration-1"]) == ("fulfilled", "booked")
    assert {found[f"dose-{number}"] for number in range(2, 7)} == {"cancelled"}
    kept = booked.visit(course, "integration-1")
    ours = Occupancy.objects.filter(appointment__course=course, during__startswith__gt=now)
    assert set(ours.values_list("appointment_id", flat=True)) == {kept.pk}
    assert booked.gap_of(course, "dose-1").status == "covered"
    assert booked.gap_of(course, "dose-2").status == "void"
    planned = Message.objects.filter(course_id=course.pk, state="planned")
    assert set(planned.values_list("subject_id", flat=True)) <= {kept.pk, booked.visit(course, "dose-1").pk}
    assert list(reconcile.differences(now=now)) == []


def test_a_resumed_course_has_all_its_visits_back(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    before = standing(course)
    act(clinic, course, "pause", now, **WHY)
    act(clinic, course, "resume", now + timedelta(hours=1))
    assert (course.status, standing(course)) == ("active", before)
    assert pauses.to_replan(course=course) == []
    assert booked.gap_of(course, "dose-2").status == "covered"
    dose = booked.visit(course, "dose-6")
    planned = Message.objects.filter(subject_id=dose.pk, state="planned", kind__startswith="reminder")
    assert planned.count() == 2
    assert not WorkItem.objects.filter(done_at=None).exists()
    assert list(reconcile.differences(now=now + timedelta(hours=1))) == []


def test_all_come_back_or_none(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    act(clinic, course, "pause", now, **WHY)
    last = booked.visit(course, "integration-6")
    other = factories.patient(clinic.site)
    people = tuple(last.staffing.values_list("staff_id", flat=True))
    taken = single.Visit(patient_id=other.pk, kind="therapy", start=last.start, practitioner_ids=people)
    single.book(actor=clinic.admin, now=now, visit=taken)
    act(clinic, course, "resume", now + timedelta(hours=1))
    assert course.status == "active"
    assert standing(course)["dose-2"] == "cancelled"
    whole = queries.course(actor=clinic.admin, course_id=course.pk)
    assert set(whole.to_replan) == {one.pk for one in pauses.to_replan(course=course)}
    assert last.pk in whole.to_replan
    told = TrailEntry.objects.get(course_id=course.pk, verb="course.resumed")
    assert told.data == {"back": 0, "in_the_way": [{"visit": "integration-6", "rule_id": "slot_taken"}]}
    assert WorkItem.objects.get(done_at=None).kind == "course_to_replan"
    assert not Occupancy.objects.filter(appointment__in=whole.to_replan).exists()


def test_what_was_replaced_stays_replaced_through_the_next_pause(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    act(clinic, course, "pause", now, **WHY)
    first = booked.visit(course, "integration-2")
    elsewhere = single.Visit(
        patient_id=factories.patient(clinic.site).pk,
        kind="therapy",
        start=first.start,
        practitioner_ids=tuple(first.staffing.values_list("staff_id", flat=True)),
    )
    in_the_way = single.book(actor=clinic.admin, now=now, visit=elsewhere)
    act(clinic, course, "resume", now)
    instead = single.Visit(
        patient_id=clinic.patient.pk,
        kind="integration",
        start=first.start + timedelta(hours=2),
        course_id=course.pk,
    )
    second = single.book(actor=clinic.admin, now=now, visit=instead)
    assert Appointment.objects.get(pk=second).ref == first.ref
    # At the same moment: only what came later tells which of the two stands for the other.
    act(clinic, course, "pause", now, **WHY)
    step = {"actor": clinic.admin, "appointment_id": in_the_way, "now": now, "reason": "elsewhere"}
    appointments.transition(verb="cancel", **step)
    assert first.pk not in queries.course(actor=clinic.admin, course_id=course.pk).to_replan
    act(clinic, course, "resume", now)
    back = Appointment.objects.filter(course=course, status="booked")
    assert [str(one.pk) for one in back.filter(ref=first.ref)] == [str(second)]
    assert pauses.to_replan(course=course) == []
    for visit in back:
        places = Occupancy.objects.filter(appointment=visit, resource_id=clinic.patient.resource_id)
        assert [one.during.lower for one in places] == [visit.start]


def test_what_is_booked_during_a_pause_takes_no_name_of_what_may_come_back(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    act(clinic, course, "pause", now, **WHY)
    talk = single.Visit(
        patient_id=clinic.patient.pk,
        kind="integration",
        start=booked.visit(course, "integration-1").start + timedelta(hours=3),
        course_id=course.pk,
    )
    more = single.book(actor=clinic.admin, now=now, visit=talk)
    assert Appointment.objects.get(pk=more).ref == "integration-7"
    act(clinic, course, "resume", now)
    assert {one.status for one in course.appointments.exclude(ref="dose-1")} == {"booked"}


def test_a_therapist_who_is_away_by_then_keeps_the_visits_away(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    act(clinic, course, "pause", now, **WHY)
    last = booked.visit(course, "integration-6")
    away = last.staffing.get().staff
    Absence.objects.create(staff=away, starts_at=last.start, ends_at=last.end)
    act(clinic, course, "resume", now + timedelta(hours=1))
    told = TrailEntry.objects.get(course_id=course.pk, verb="course.resumed")
    assert told.data["in_the_way"] == [{"visit": "integration-6", "rule_id": "shift"}]


def test_after_a_long_pause_the_doses_in_it_need_a_new_plan(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    act(clinic, course, "pause", now, **WHY)
    late = booked.visit(course, "dose-4").end
    act(clinic, course, "resume", late)
    refs = {one.ref for one in pauses.to_replan(course=course)}
    assert {"dose-2", "dose-3", "dose-4"} <= refs
    assert standing(course)["dose-5"] == "cancelled", "too long after the last dose to come back as it was"
    assert WorkItem.objects.filter(kind="course_to_replan", done_at=None).exists()


def test_a_follow_up_without_its_dose_does_not_come_back(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    act(clinic, course, "pause", now, **WHY)
    dose = booked.visit(course, "dose-2")
    act(clinic, course, "resume", dose.start + timedelta(minutes=1))
    assert standing(course)["integration-2"] == "cancelled"


def test_a_pause_is_asked_about(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    until = now + timedelta(days=10)
    act(clinic, course, "pause", now, until=until, **WHY)
    asked = WorkItem.objects.get(kind="course_paused")
    assert (asked.due_at, asked.role) == (until, "prescriber")
    courses.cancel(actor=clinic.admin, course_id=course.pk, reason_code="cost", now=now)
    asked.refresh_from_db()
    assert asked.done_at == now


def test_no_dose_is_added_to_a_paused_course_but_its_follow_up_is(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    dose = booked.visit(course, "dose-1")
    booked.give(clinic, dose)
    act(clinic, course, "pause", dose.end, **WHY)
    start = dose.start + timedelta(days=1)
    more = {"patient_id": clinic.patient.pk, "course_id": course.pk, "start": start}
    with pytest.raises(Conflict):
        single.book(actor=clinic.admin, now=dose.end, visit=single.Visit(kind="dosing", **more))
    visit = single.Visit(kind="integration", follows_id=dose.pk, **more)
    single.book(actor=clinic.admin, now=dose.end, visit=visit)
    assert booked.gap_of(course, "dose-1").status == "covered"


def test_pausing_needs_a_reason_an_active_course_and_its_version(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    with pytest.raises(Invalid):
        act(clinic, course, "pause", now, reason=" ")
    with pytest.raises(Invalid):
        act(clinic, course, "pause", now, until=now, **WHY)
    with pytest.raises(Stale):
        act(clinic, course, "pause", now, version=99, **WHY)
    with pytest.raises(InvalidTransition):
        act(clinic, course, "resume", now)
    act(clinic, course, "pause", now, **WHY)
    with pytest.raises(InvalidTransition):
        act(clinic, course, "pause", now, **WHY)


def test_a_course_that_was_stopped_by_mistake_is_whole_again(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    before = standing(course)
    courses.cancel(actor=clinic.admin, course_id=course.pk, reason_code="cost", now=now)
    act(clinic, course, "reopen", now + timedelta(hours=1), reason="the wrong course")
    assert (course.status, standing(course)) == ("active", before)


def test_a_course_is_complete_by_itself_when_nothing_is_left(clinic: factories.Clinic) -> None:
    [phase] = factories.document("kare_aud")["phases"]
    clinic.version = factories.protocol(
        clinic.practice, "kare_aud", phases=[{**phase, "exit_review_required": False}]
    )
    factories.ready(clinic.patient, clinic.version)
    course = booked.book(clinic)
    for visit in course.appointments.order_by("start"):
        course.refresh_from_db()
        assert course.status == "active"
        if visit.kind == "dosing":
            booked.give(clinic, visit)
        else:
            booked.move(clinic, visit.pk, "check_in", now=visit.start)
            booked.move(clinic, visit.pk, "complete", now=visit.end)
    course.refresh_from_db()
    assert course.status == "completed"
    told = TrailEntry.objects.get(course_id=course.pk, verb="course.completed")
    assert told.data == {"by_itself": True}
    dose = booked.visit(course, "dose-3")
    corrections.correct(
        actor=clinic.admin, appointment_id=dose.pk, status="monitoring", reason="not yet", now=dose.end
    )
    course.refresh_from_db()
    assert course.status == "active"


def test_an_open_ended_course_is_completed_by_a_clinician(clinic: factories.Clinic) -> None:
    course, now = after_one_dose(clinic)
    with pytest.raises(Conflict) as refusal:
        act(clinic, course, "complete", now)
    assert refusal.value.data["visits"][0] == "dose-2"
    Appointment.objects.filter(course=course, status="booked", kind="dosing").update(
        status="cancelled", cancelled_at=now, cancelled_by="test"
    )
    act(clinic, course, "complete", now, reason="well")
    assert course.status == "completed"
