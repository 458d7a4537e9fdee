"""The stored records: true after every write, true as time passes, and proven by a second way of counting."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction

from clinic.practice.errors import Conflict, Invalid, NotAllowed
from clinic.practice.models import TrailEntry
from scheduling.booking.visit import gaps as obligations
from scheduling.errors import InTheFuture
from scheduling.followups import gaps, reconcile
from scheduling.models import Appointment, FollowUpGap, GapVisit, TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def sweep(now: datetime) -> int:
    return gaps.sweep(now=now)


def differences(now: datetime) -> list[tuple[str, str]]:
    return [(one.check, one.subject) for one in reconcile.differences(now=now)]


def test_time_alone_walks_a_gap_through_its_states(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    dose = booked.visit(course, "dose-1")

    def at(moment: datetime) -> tuple[str, str, bool]:
        sweep(moment)
        gap = booked.gap_of(course, "dose-1")
        return gap.status, gap.severity, gap.flagged

    gap = booked.gap_of(course, "dose-1")
    assert gap.closes_at is not None and gap.grace_until is not None
    assert at(dose.start - timedelta(hours=49)) == ("prospective", "low", False)
    assert at(dose.start - timedelta(hours=48)) == ("prospective", "moderate", True)
    assert at(gap.closes_at - timedelta(hours=24)) == ("prospective", "high", True)
    assert at(gap.closes_at) == ("open", "high", True)
    assert at(gap.grace_until) == ("lapsed", "high", True)
    assert not differences(gap.grace_until)
    verbs = TrailEntry.objects.filter(subject_id=gap.pk).order_by("id").values_list("verb", "actor_ref")
    assert list(verbs) == [
        ("follow_up.prospective", clinic.admin.ref),
        ("follow_up.prospective", "system"),
        ("follow_up.open", "system"),
        ("follow_up.lapsed", "system"),
    ]


def test_a_sweep_costs_what_is_due_and_not_what_exists(clinic: factories.Clinic) -> None:
    booked.book(clinic)
    assert sweep(NOW) == 0
    assert sweep(NOW) == 0


def test_a_missed_follow_up_reopens(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    booked.give(clinic, booked.visit(course, "dose-1"))
    visit = booked.visit(course, "integration-1")
    booked.move(clinic, visit.pk, "no_show", now=visit.end)
    gap = booked.gap_of(course, "dose-1")
    assert (gap.status, gap.flagged) == ("prospective", True)


def test_an_unrecorded_visit_stops_counting_and_says_so(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    booked.give(clinic, booked.visit(course, "dose-1"))
    visit = booked.visit(course, "integration-1")
    sweep(visit.end)
    gap = booked.gap_of(course, "dose-1")
    assert (gap.status, gap.attendance_unrecorded) == ("prospective", True)
    booked.move(clinic, visit.pk, "check_in", now=visit.end + timedelta(hours=9), at=visit.start)
    booked.move(clinic, visit.pk, "complete", now=visit.end + timedelta(hours=9), at=visit.end)
    gap = booked.gap_of(course, "dose-1")
    assert (gap.status, gap.late, gap.attendance_unrecorded) == ("closed", False, False)


def test_a_late_discharge_does_not_take_a_booked_follow_up_away(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose, visit = booked.visit(course, "dose-1"), booked.visit(course, "integration-1")
    booked.give(clinic, dose, discharged=visit.start - timedelta(hours=3))
    gap = booked.gap_of(course, "dose-1")
    assert (gap.status, gap.review_needed) == ("covered", True)


def test_waived_and_owed_again(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    gap = booked.gap_of(course, "dose-1")
    with pytest.raises(Invalid):
        obligations.waive(actor=clinic.admin, gap_id=gap.pk, reason=" ", now=NOW)
    with pytest.raises(NotAllowed):
        desk = factories.actor(clinic.practice, "front_desk")
        obligations.waive(actor=desk, gap_id=gap.pk, reason="x", now=NOW)
    obligations.waive(actor=clinic.admin, gap_id=gap.pk, reason="sees her own therapist", now=NOW)
    assert booked.gap_of(course, "dose-1").status == "waived"
    obligations.unwaive(actor=clinic.admin, gap_id=gap.pk, reason="she does not", now=NOW)
    assert booked.gap_of(course, "dose-1").status == "prospective"
    closed = booked.gap_of(course, "dose-2")
    with pytest.raises(Conflict):
        obligations.unwaive(actor=clinic.admin, gap_id=closed.pk, reason="x", now=NOW)


def test_an_outside_visit_closes_its_gap(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    dose = booked.visit(course, "dose-1")
    booked.give(clinic, dose)
    gap = booked.gap_of(course, "dose-1")
    now = dose.end + timedelta(days=2)
    with pytest.raises(InTheFuture):
        obligations.attest(actor=clinic.admin, gap_id=gap.pk, attended_at=now + timedelta(hours=1), now=now)
    with pytest.raises(Invalid):
        obligations.attest(actor=clinic.admin, gap_id=gap.pk, now=now)
    day = (dose.end + timedelta(days=1)).date()
    obligations.attest(actor=clinic.admin, gap_id=gap.pk, attended_on=day, provider="Dr Elsewhere", now=now)
    assert booked.gap_of(course, "dose-1").status == "closed"
    assert not differences(now)


def test_taken_and_put_off(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    gap = booked.gap_of(course, "dose-1")
    obligations.assign(actor=clinic.admin, gap_id=gap.pk, assignee_id=clinic.front_desk.pk, now=NOW)
    obligations.snooze(actor=clinic.admin, gap_id=gap.pk, until=NOW + timedelta(days=1), now=NOW)
    gap = booked.gap_of(course, "dose-1")
    assert (gap.assignee_id, gap.snoozed_until) == (clinic.front_desk.pk, NOW + timedelta(days=1))
    stranger = factories.small_clinic()
    with pytest.raises(Invalid):
        obligations.assign(actor=clinic.admin, gap_id=gap.pk, assignee_id=stranger.front_desk.pk, now=NOW)
    for until in (NOW, NOW + timedelta(days=15)):
        with pytest.raises(Invalid):
            obligations.snooze(actor=clinic.admin, gap_id=gap.pk, until=until, now=NOW)


def test_refreshing_again_changes_nothing(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    before = list(FollowUpGap.objects.order_by("id").values())
    with transaction.atomic():
        assert gaps.refresh(course_ids=[course.pk], now=NOW) == []
    assert list(FollowUpGap.objects.order_by("id").values()) == before


def test_reconciliation_finds_what_a_forgotten_refresh_leaves(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    assert differences(NOW) == []
    Appointment.objects.filter(course=course, ref="integration-2").update(
        status="cancelled", cancelled_at=NOW, cancelled_by="nobody"
    )
    second = booked.gap_of(course, "dose-2").unit_key
    assert set(differences(NOW)) == {("claimed_without_visits", second), ("judged_otherwise", second)}
    with pytest.raises(SystemExit), time_machine.travel(NOW, tick=False):
        call_command("reconcile_gaps")
    Appointment.objects.filter(course=course, ref="integration-2").update(
        status="booked", cancelled_at=None, cancelled_by=None
    )
    FollowUpGap.objects.filter(unit_key=second).update(status="prospective")
    GapVisit.objects.filter(gap__unit_key=second).delete()
    assert ("uncovered_beside_a_visit", second) in differences(NOW)
    FollowUpGap.objects.filter(unit_key=second).delete()
    assert "dose_without_record" in {check for check, _ in differences(NOW)}


def test_two_sweeps_at_once_are_harmless(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-1",))
    later = booked.visit(course, "dose-1").start
    sweep(later)
    before = list(FollowUpGap.objects.order_by("id").values())
    sweep(later)
    assert list(FollowUpGap.objects.order_by("id").values()) == before
    assert TreatmentCourse.objects.get().version == 1


def test_a_visit_held_on_another_day_counts_when_it_was_held(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    booked.give(clinic, booked.visit(course, "dose-1"))
    visit = booked.visit(course, "integration-1")
    gap = booked.gap_of(course, "dose-1")
    assert gap.closes_at is not None
    came = gap.closes_at + timedelta(hours=5)
    booked.move(clinic, visit.pk, "check_in", now=came)
    booked.move(clinic, visit.pk, "complete", now=came + timedelta(hours=1))
    gap = booked.gap_of(course, "dose-1")
    assert (gap.status, gap.late) == ("closed", True), "seen, but after the window"
    assert not differences(came + timedelta(hours=1))


def test_coming_late_on_the_day_is_not_held_against_a_visit(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    booked.give(clinic, booked.visit(course, "dose-1"))
    visit = booked.visit(course, "integration-1")
    came = visit.start + timedelta(minutes=25)
    booked.move(clinic, visit.pk, "check_in", now=came)
    booked.move(clinic, visit.pk, "complete", now=visit.end)
    gap = booked.gap_of(course, "dose-1")
    assert (gap.status, gap.late) == ("closed", False)
    assert not differences(visit.end)
