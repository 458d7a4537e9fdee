"""Whose a follow-up is, who has it while they are away, and when it goes to the clinical lead."""

from datetime import datetime, timedelta

import pytest
import time_machine

from clinic.practice import delegates, directory, work
from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.models import Delegation, StaffMember, TrailEntry, WorkItem
from scheduling import tasks
from scheduling.booking.visit import gaps as worked
from scheduling.followups import escalation, gaps, owners, queries, reconcile
from scheduling.models import FollowUpGap, TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
HOUR = timedelta(hours=1)


@pytest.fixture
def clinic() -> factories.Clinic:
    made = factories.small_clinic()
    made.extra["lead"] = factories.worker(made.site, "clinical_lead")
    return made


def lost(clinic: factories.Clinic) -> tuple[TreatmentCourse, FollowUpGap, datetime]:
    """A dose that was given without its follow-up, and when its window closes."""
    course = booked.book(clinic, skip=("integration-1",))
    booked.give(clinic, booked.visit(course, "dose-1"))
    gap = booked.gap_of(course, "dose-1")
    assert gap.closes_at is not None
    return course, gap, gap.closes_at


def escalated() -> list[tuple[str, bool]]:
    rows = WorkItem.objects.filter(kind=escalation.KIND).order_by("created_at")
    return [(row.role, row.done_at is None) for row in rows]


def settings(clinic: factories.Clinic, **values: object) -> None:
    directory.update_practice(actor=clinic.admin, changes={"settings": {"follow_ups": values}}, now=NOW)


# --- owners ---------------------------------------------------------------------------------------------
def test_what_needs_somebody_is_the_course_therapist_s(clinic: factories.Clinic) -> None:
    course, gap, _ = lost(clinic)
    assert gap.flagged
    known = set(course.appointments.filter(kind="integration").values_list("staffing__staff_id", flat=True))
    assert gap.owner_id in known
    assert gap.assignee_id is None
    assert booked.gap_of(course, "dose-6").owner_id is None, "it does not need anybody yet"


def test_the_practice_says_whose_it_is(clinic: factories.Clinic) -> None:
    settings(clinic, owner="responsible_clinician")
    course, gap, _ = lost(clinic)
    assert gap.owner_id is None, "nobody is responsible for the course: the front desk"
    TreatmentCourse.objects.filter(pk=course.pk).update(responsible_clinician=clinic.prescriber)
    course.refresh_from_db()
    assert owners.of_course(course=course) == clinic.prescriber.pk
    StaffMember.objects.filter(pk=clinic.prescriber.pk).update(is_active=False)
    assert owners.of_course(course=course) is None


def test_it_is_counted_for_its_owner_and_for_nobody_else(clinic: factories.Clinic) -> None:
    _, gap, _ = lost(clinic)
    now = NOW + timedelta(days=8)
    people = [*clinic.therapists, clinic.front_desk, clinic.prescriber]
    counts = {one.pk: queries.open_items(staff=one, now=now) for one in people}
    assert counts == {one.pk: int(one.pk == gap.owner_id) for one in people}
    worked.assign(actor=clinic.admin, gap_id=gap.pk, assignee_id=clinic.front_desk.pk, now=now)
    counts = {one.pk: queries.open_items(staff=one, now=now) for one in people}
    assert counts == {one.pk: int(one == clinic.front_desk) for one in people}


# --- delegates ------------------------------------------------------------------------------------------
def away(clinic: factories.Clinic, who: StaffMember, instead: StaffMember, now: datetime) -> Delegation:
    return delegates.create(
        actor=factories.as_actor(who),
        staff_id=who.pk,
        delegate_id=instead.pk,
        starts_at=now,
        ends_at=now + timedelta(days=1),
        now=now,
    )


def test_a_delegate_has_it_while_its_owner_is_away(clinic: factories.Clinic) -> None:
    _, gap, _ = lost(clinic)
    now = NOW + timedelta(days=8)
    owner = StaffMember.objects.get(pk=gap.owner_id)
    [other] = [one for one in clinic.therapists if one.pk != owner.pk]
    row = away(clinic, owner, other, now)

    def count(one: StaffMember, at: datetime) -> int:
        return queries.open_items(staff=one, now=at)

    assert (count(owner, now), count(other, now)) == (0, 1)
    after = row.ends_at
    assert (count(owner, after), count(other, after)) == (1, 0)
    delegates.end(actor=factories.as_actor(owner), delegation_id=row.pk, now=now, version=1)
    assert (count(owner, now), count(other, now)) == (1, 0)


def test_everybody_names_their_own_delegate_the_admin_anybody_s(clinic: factories.Clinic) -> None:
    first, second = clinic.therapists
    span = {"starts_at": NOW, "ends_at": NOW + HOUR, "now": NOW}
    with pytest.raises(NotAllowed):
        delegates.create(
            actor=factories.as_actor(clinic.front_desk), staff_id=first.pk, delegate_id=second.pk, **span
        )
    delegates.create(actor=clinic.admin, staff_id=first.pk, delegate_id=second.pk, **span)
    with pytest.raises(Invalid):
        delegates.create(actor=clinic.admin, staff_id=first.pk, delegate_id=first.pk, **span)
    stranger = factories.small_clinic().therapists[0]
    with pytest.raises(Invalid):
        delegates.create(actor=clinic.admin, staff_id=first.pk, delegate_id=stranger.pk, **span)
    with pytest.raises(NotFound):
        delegates.create(actor=clinic.admin, staff_id=stranger.pk, delegate_id=first.pk, **span)


# --- escalation -----------------------------------------------------------------------------------------
def test_what_nobody_settled_goes_to_the_lead_once(clinic: factories.Clinic) -> None:
    course, gap, closes = lost(clinic)
    assert escalation.sweep(now=closes - timedelta(seconds=1)) == 0
    gaps.sweep(now=closes)
    assert [escalation.sweep(now=closes) for _ in range(2)] == [1, 0]
    assert escalated() == [("clinical_lead", True)]
    gap.refresh_from_db()
    assert (gap.escalated_at, gap.status) == (closes, "open")
    told = TrailEntry.objects.get(subject_id=gap.pk, verb="follow_up.escalated")
    assert (told.actor_ref, told.course_id) == ("system", course.pk)
    assert queries.open_items(staff=clinic.extra["lead"], now=closes) == 1
    assert list(reconcile.differences(now=closes)) == []


def test_putting_off_does_not_stop_it(clinic: factories.Clinic) -> None:
    _, gap, closes = lost(clinic)
    worked.snooze(actor=clinic.admin, gap_id=gap.pk, until=closes, now=closes - HOUR)
    assert escalation.sweep(now=closes) == 1


@pytest.mark.parametrize("hours", [-24, 12.5])
def test_the_practice_sets_the_hour(clinic: factories.Clinic, hours: float) -> None:
    settings(clinic, escalate_hours=hours)
    _, _, closes = lost(clinic)
    due = closes + timedelta(hours=hours)
    assert escalation.sweep(now=due - timedelta(seconds=1)) == 0
    assert escalation.sweep(now=due) == 1


def test_what_is_settled_is_taken_back_and_may_go_to_the_lead_again(clinic: factories.Clinic) -> None:
    _, gap, closes = lost(clinic)
    escalation.sweep(now=closes)
    worked.waive(actor=clinic.admin, gap_id=gap.pk, reason="seen at home", now=closes)
    assert escalated() == [("clinical_lead", False)]
    gap.refresh_from_db()
    assert gap.escalated_at is None
    worked.unwaive(actor=clinic.admin, gap_id=gap.pk, reason="a mistake", now=closes + HOUR)
    assert escalation.sweep(now=closes + HOUR) == 1
    assert escalated() == [("clinical_lead", False), ("clinical_lead", True)]


def test_without_a_lead_the_administrator_is_asked(clinic: factories.Clinic) -> None:
    StaffMember.objects.filter(pk=clinic.extra["lead"].pk).update(is_active=False)
    _, _, closes = lost(clinic)
    escalation.sweep(now=closes)
    assert escalated() == [("practice_admin", True)]


def test_what_closed_long_ago_is_history(clinic: factories.Clinic) -> None:
    _, _, closes = lost(clinic)
    assert escalation.sweep(now=closes + escalation.REACH) == 0


def test_what_is_booked_is_not_escalated(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    booked.give(clinic, booked.visit(course, "dose-1"))
    gap = booked.gap_of(course, "dose-1")
    assert gap.closes_at is not None
    assert escalation.sweep(now=gap.closes_at - HOUR) == 0


def test_the_task_does_it_by_itself(clinic: factories.Clinic) -> None:
    _, _, closes = lost(clinic)
    with time_machine.travel(closes, tick=False):
        tasks.escalate()
        tasks.escalate()
        tasks.reviews_due()
    assert escalated() == [("clinical_lead", True)]


# --- tasks ----------------------------------------------------------------------------------------------
def test_a_task_is_done_once(clinic: factories.Clinic) -> None:
    _, _, closes = lost(clinic)
    escalation.sweep(now=closes)
    [item] = work.items(actor=clinic.admin)
    with pytest.raises(Stale):
        work.done(actor=clinic.admin, item_id=item.pk, now=closes, version=2)
    assert work.done(actor=clinic.admin, item_id=item.pk, now=closes, version=1).done_at == closes
    again = work.done(actor=clinic.admin, item_id=item.pk, now=closes + HOUR)
    assert again.done_at == closes
    assert TrailEntry.objects.filter(subject_id=item.pk, verb="done").count() == 1
    with pytest.raises(NotFound):
        work.done(actor=factories.small_clinic().admin, item_id=item.pk, now=closes)
