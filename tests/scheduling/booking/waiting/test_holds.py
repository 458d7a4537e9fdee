"""Holds: seen by everyone, booked whole or not at all, never in anybody's way once their time is over."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Invalid, NotFound, Stale
from clinic.practice.idempotency import Key
from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from scheduling.booking.course import courses
from scheduling.booking.reading import queries
from scheduling.booking.visit import corrections, group_sessions, single
from scheduling.booking.waiting import holds
from scheduling.booking.wanted import nearest
from scheduling.booking.wanted.holding import Hold
from scheduling.errors import HeldWhole, HoldExpired, SlotTaken
from scheduling.followups import gaps, reconcile
from scheduling.models import Appointment, FollowUpGap, Occupancy, TreatmentCourse
from scheduling.planning.values import Span
from scheduling.roster import availability
from scheduling.states import InvalidTransition
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db(transaction=True)
NOW = factories.NOW
LATER = date(2026, 6, 1)
TEN = datetime(2026, 5, 11, 10, tzinfo=ZoneInfo(factories.NEW_YORK))


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def propose(clinic: factories.Clinic, **changes: object) -> list[courses.Proposal]:
    """Courses whose first visit is weeks away."""
    return booked.propose(clinic, start_on_or_after=LATER, **changes)


def hold(clinic: factories.Clinic, token: str | None = None, **more: object) -> TreatmentCourse:
    token = token or propose(clinic)[0].token
    given = {"actor": clinic.admin, "now": NOW, "hold": Hold(), **more}
    return TreatmentCourse.objects.get(pk=courses.book(proposal=token, **given))  # type: ignore[arg-type]


def hold_visit(clinic: factories.Clinic, **more: object) -> Appointment:
    fields = {"patient_id": clinic.patient.pk, "kind": "therapy", "start": TEN, "mode": "video"}
    now = more.pop("now", NOW)
    visit = single.Visit(**{**fields, "hold": Hold(10), **more})  # type: ignore[arg-type]
    return Appointment.objects.get(pk=single.book(actor=clinic.admin, now=now, visit=visit))  # type: ignore[arg-type]


def statuses(course: TreatmentCourse) -> set[str]:
    return set(course.appointments.values_list("status", flat=True))


def story(course: TreatmentCourse) -> list[str]:
    told = TrailEntry.objects.filter(course_id=course.pk, subject_kind="course").order_by("id")
    return list(told.values_list("verb", flat=True))


class TestHeldCourse:
    def test_it_is_a_draft_that_takes_its_places_and_tells_nobody(self, clinic: factories.Clinic) -> None:
        course = hold(clinic)
        assert course.status == "draft"
        assert statuses(course) == {"held"}
        assert {one.hold_expires_at for one in course.appointments.all()} == {minutes(10)}
        places = Occupancy.objects.filter(appointment__course=course)
        assert places.exists()
        assert not places.exclude(expires_at=minutes(10)).exists()
        assert not Message.objects.exists()
        assert not FollowUpGap.objects.exclude(status="void").exists()
        assert not FollowUpGap.objects.filter(flagged=True).exists()
        assert list(reconcile.differences(now=NOW)) == []
        assert story(course) == ["course.held"]

    def test_its_places_are_nobody_elses_while_it_lasts(self, clinic: factories.Clinic) -> None:
        token = propose(clinic)[0].token
        other = factories.patient(clinic.site)
        factories.ready(other, clinic.version)
        theirs = propose(clinic, patient_id=other.pk)[0].token
        hold(clinic, token)
        with pytest.raises(SlotTaken) as refusal:
            courses.book(actor=clinic.admin, now=minutes(9.9), proposal=theirs)
        assert refusal.value.alternative is not None
        assert TreatmentCourse.objects.count() == 1

    def test_everybody_sees_it(self, clinic: factories.Clinic) -> None:
        course = hold(clinic)
        whole = queries.course(actor=clinic.admin, course_id=course.pk)
        assert whole.course.status == "draft"
        assert whole.hold_expires_at == minutes(10)
        assert {one.hold_expires_at for one in whole.visits} == {minutes(10)}
        dose = booked.visit(course, "dose-1")
        span = Span(dose.start, dose.end)
        free = availability.calendar(
            practice_id=clinic.practice.pk,
            site_id=clinic.site.pk,
            patient_id=clinic.patient.pk,
            span=span,
            now=NOW,
        ).availability()
        assert free.patient_busy

    def test_booking_it_is_booking_a_course(self, clinic: factories.Clinic) -> None:
        course = hold(clinic)
        assert holds.book_course(actor=clinic.admin, course_id=course.pk, now=minutes(9)) == course.pk
        course.refresh_from_db()
        assert (course.status, course.version) == ("active", 2)
        assert statuses(course) == {"booked"}
        assert not Occupancy.objects.filter(expires_at__isnull=False).exists()
        assert set(FollowUpGap.objects.values_list("status", flat=True)) == {"covered"}
        assert Message.objects.filter(kind="course_booked", course_id=course.pk).exists()
        assert Message.objects.filter(kind="reminder_24h").count() == course.appointments.count()
        assert list(reconcile.differences(now=minutes(9))) == []
        assert story(course) == ["course.held", "course.booked"]
        gaps.sweep(now=minutes(11))
        assert holds.expire(now=minutes(11)) == 0
        assert statuses(course) == {"booked"}

    def test_it_is_booked_once(self, clinic: factories.Clinic) -> None:
        course = hold(clinic)
        key = Key("test", "one", "a")
        holds.book_course(actor=clinic.admin, course_id=course.pk, now=NOW, key=key)
        assert (
            holds.book_course(actor=clinic.admin, course_id=course.pk, now=minutes(30), key=key) == course.pk
        )
        with pytest.raises(InvalidTransition):
            holds.book_course(actor=clinic.admin, course_id=course.pk, now=NOW)
        assert story(course) == ["course.held", "course.booked"]

    def test_the_same_key_holds_once(self, clinic: factories.Clinic) -> None:
        token = propose(clinic)[0].token
        key = Key("test", "one", "a")
        assert hold(clinic, token, key=key) == hold(clinic, token, key=key)
        assert TreatmentCourse.objects.count() == 1

    @pytest.mark.parametrize("swept", [False, True])
    def test_an_expired_one_cannot_be_booked(self, clinic: factories.Clinic, swept: bool) -> None:
        course = hold(clinic)
        if swept:
            holds.expire(now=minutes(10))
        with pytest.raises(HoldExpired) as refusal:
            holds.book_course(actor=clinic.admin, course_id=course.pk, now=minutes(10))
        assert refusal.value.data["alternative"]["visits"], "another plan is shown"
        assert "booked" not in statuses(course)
        assert not Message.objects.exists()

    def test_it_is_nobody_elses(self, clinic: factories.Clinic) -> None:
        course = hold(clinic)
        stranger = factories.admin(factories.practice())
        for use in (holds.book_course, holds.release_course):
            with pytest.raises(NotFound):
                use(actor=stranger, course_id=course.pk, now=NOW)
        assert statuses(course) == {"held"}

    def test_a_booking_takes_what_an_expired_one_has(self, clinic: factories.Clinic) -> None:
        token = propose(clinic)[0].token
        expired = hold(clinic, token)
        course_id = courses.book(actor=clinic.admin, now=minutes(10), proposal=token)
        assert statuses(TreatmentCourse.objects.get(pk=course_id)) == {"booked"}
        assert not Occupancy.objects.filter(appointment__course=expired).exists()
        # By a slower clock the hold would still live: its places tell that it is over.
        with pytest.raises(HoldExpired):
            holds.book_course(actor=clinic.admin, course_id=expired.pk, now=minutes(9.9))
        assert statuses(expired) == {"held"}

    def test_it_is_whole_or_nothing(self, clinic: factories.Clinic) -> None:
        """One visit's person was taken after the expiry: nothing of the course is booked."""
        course = hold(clinic)
        follow_up = booked.visit(course, "integration-3")
        therapist = follow_up.staffing.get().staff
        single.book(
            actor=clinic.admin,
            now=minutes(10),
            visit=single.Visit(
                patient_id=factories.patient(clinic.site).pk,
                kind="therapy",
                start=follow_up.start,
                practitioner_ids=(therapist.pk,),
                mode="video",
            ),
        )
        with pytest.raises(HoldExpired):
            holds.book_course(actor=clinic.admin, course_id=course.pk, now=minutes(9.9))
        assert statuses(course) == {"held"}
        assert Occupancy.objects.filter(expires_at=minutes(10)).exists()

    def test_an_expired_one_can_be_held_again(self, clinic: factories.Clinic) -> None:
        token = propose(clinic)[0].token
        first = hold(clinic, token)
        second = hold(clinic, token, now=minutes(10))
        holds.expire(now=minutes(11))
        first.refresh_from_db()
        assert (first.status, statuses(first)) == ("stopped", {"cancelled"})
        holds.book_course(actor=clinic.admin, course_id=second.pk, now=minutes(12))
        assert statuses(second) == {"booked"}

    def test_releasing_it_frees_everything(self, clinic: factories.Clinic) -> None:
        token = propose(clinic)[0].token
        course = hold(clinic, token)
        with pytest.raises(Stale):
            holds.release_course(actor=clinic.admin, course_id=course.pk, now=NOW, version=7)
        key = Key("test", "one", "a")
        for _ in range(2):
            holds.release_course(actor=clinic.admin, course_id=course.pk, now=NOW, version=1, key=key)
        course.refresh_from_db()
        assert (course.status, statuses(course)) == ("stopped", {"cancelled"})
        assert not Occupancy.objects.exists()
        assert story(course) == ["course.held", "course.released"]
        with pytest.raises(HoldExpired):
            holds.book_course(actor=clinic.admin, course_id=course.pk, now=NOW)
        with pytest.raises(InvalidTransition):
            holds.release_course(actor=clinic.admin, course_id=course.pk, now=NOW)
        courses.book(actor=clinic.admin, now=NOW, proposal=token)

    def test_it_never_outlives_its_first_visit(self, clinic: factories.Clinic) -> None:
        soon = hold_visit(clinic, start=minutes(15), hold=Hold(60))
        assert soon.hold_expires_at == minutes(15)
        with pytest.raises(Invalid) as refusal:
            hold_visit(clinic, start=NOW, patient_id=factories.patient(clinic.site).pk)
        assert "minutes" in refusal.value.fields

    def test_nothing_is_added_to_it_and_no_part_of_it_is_booked(self, clinic: factories.Clinic) -> None:
        course = hold(clinic)
        with pytest.raises(Invalid) as refusal:
            hold_visit(clinic, course_id=course.pk, start=TEN + timedelta(days=60))
        assert "course" in refusal.value.fields
        part = booked.visit(course, "dose-1")
        for use in (holds.book_visit, holds.release_visit):
            with pytest.raises(HeldWhole):
                use(actor=clinic.admin, appointment_id=part.pk, now=NOW)


class TestHeldVisit:
    def test_it_is_booked(self, clinic: factories.Clinic) -> None:
        visit = hold_visit(clinic)
        assert (visit.status, visit.hold_expires_at) == ("held", minutes(10))
        assert not Message.objects.exists()
        key = Key("test", "one", "a")
        for _ in range(2):
            holds.book_visit(actor=clinic.admin, appointment_id=visit.pk, now=minutes(5), version=1, key=key)
        visit.refresh_from_db()
        assert (visit.status, visit.hold_expires_at, visit.version) == ("booked", None, 2)
        assert not Occupancy.objects.filter(expires_at__isnull=False).exists()
        assert Message.objects.filter(kind="reminder_24h", subject_version=2).count() == 1

    def test_its_place_is_nobody_elses_while_it_lasts(self, clinic: factories.Clinic) -> None:
        therapist = (clinic.therapists[0].pk,)
        hold_visit(clinic, practitioner_ids=therapist)
        other = factories.patient(clinic.site).pk
        wanted = single.Visit(other, "therapy", TEN, practitioner_ids=therapist, mode="video")
        with pytest.raises(SlotTaken):
            single.book(actor=clinic.admin, now=minutes(9.9), visit=wanted)
        assert single.book(actor=clinic.admin, now=minutes(10), visit=wanted)

    def test_an_expired_one_is_told_the_nearest_start(self, clinic: factories.Clinic) -> None:
        visit = hold_visit(clinic)
        with pytest.raises(HoldExpired) as refusal:
            holds.book_visit(actor=clinic.admin, appointment_id=visit.pk, now=minutes(10))
        assert refusal.value.data["alternative"]["start"]
        visit.refresh_from_db()
        assert visit.status == "held"

    def test_releasing_it_frees_it(self, clinic: factories.Clinic) -> None:
        visit = hold_visit(clinic)
        holds.release_visit(actor=clinic.admin, appointment_id=visit.pk, now=NOW)
        visit.refresh_from_db()
        assert (visit.status, visit.cancelled_by) == ("cancelled", clinic.admin.ref)
        assert not Occupancy.objects.exists()
        with pytest.raises(HoldExpired):
            holds.book_visit(actor=clinic.admin, appointment_id=visit.pk, now=NOW)
        with pytest.raises(InvalidTransition):
            holds.release_visit(actor=clinic.admin, appointment_id=visit.pk, now=NOW)

    def test_a_held_follow_up_covers_until_it_expires(self, clinic: factories.Clinic) -> None:
        course = booked.book(clinic, skip=("integration-1",))
        gap = booked.gap_of(course, "dose-1")
        assert gap.status == "prospective"
        dose = booked.visit(course, "dose-1")
        start = nearest_start(clinic, dose.end + timedelta(hours=24))
        hold_visit(
            clinic, kind="integration", course_id=course.pk, follows_id=dose.pk, start=start, mode="in_person"
        )
        gap.refresh_from_db()
        assert (gap.status, gap.next_change_at) == ("covered", minutes(10))
        assert holds.expire(now=minutes(10)) == 1
        gap.refresh_from_db()
        assert gap.status == "prospective"
        assert list(reconcile.differences(now=minutes(10))) == []

    def test_what_happened_is_not_held(self, clinic: factories.Clinic) -> None:
        with pytest.raises(Invalid) as refusal:
            hold_visit(clinic, start=NOW - timedelta(days=1), late_entry_reason="Forgotten.")
        assert "hold_minutes" in refusal.value.fields


def test_nobody_is_asked_about_a_hold_that_is_over(clinic: factories.Clinic) -> None:
    course = hold(clinic)
    dose = booked.visit(course, "dose-6")
    corrections.enter_in_error(actor=clinic.admin, appointment_id=dose.pk, reason="A twin.", now=NOW)
    asked = WorkItem.objects.filter(kind="orphaned_follow_up", done_at=None)
    assert asked.exists()
    holds.expire(now=minutes(60))
    assert not asked.exists()


def nearest_start(clinic: factories.Clinic, around: datetime) -> datetime:
    found = nearest.start(
        wanted=nearest.Wanted(
            practice_id=clinic.practice.pk,
            site_id=clinic.site.pk,
            patient_id=clinic.patient.pk,
            kind="integration",
            start=around,
            length=timedelta(hours=1),
            grid_minutes=15,
            mode="in_person",
            protocol=None,
            ordinal=1,
        ),
        now=NOW,
    )
    assert found is not None
    return found


def test_a_group_place_that_was_given_on_after_the_expiry_is_not_booked(clinic: factories.Clinic) -> None:
    dose = datetime(2026, 5, 11, 14, tzinfo=UTC)
    session = group_sessions.schedule(
        actor=clinic.admin,
        site_id=clinic.site.pk,
        start=dose + timedelta(hours=27),
        end=dose + timedelta(hours=28),
        places=1,
        staff_ids=[clinic.therapists[0].pk],
        now=NOW,
    )
    one, other = (
        {
            "patient": patient.pk,
            "protocol": clinic.version.template_id,
            "visits": [
                {"kind": "dosing", "start": dose},
                {
                    "kind": "group_integration",
                    "start": dose + timedelta(hours=27),
                    "end": dose + timedelta(hours=28),
                    "group_session": session,
                },
            ],
        }
        for patient in (clinic.patient, factories.patient(clinic.site))
    )
    held = courses.book(actor=clinic.admin, now=NOW, chosen=one, hold=Hold())
    with pytest.raises(SlotTaken):
        courses.book(actor=clinic.admin, now=minutes(9), chosen=other)
    courses.book(actor=clinic.admin, now=minutes(10), chosen=other)
    with pytest.raises(HoldExpired):
        holds.book_course(actor=clinic.admin, course_id=held, now=minutes(9.9))
    assert statuses(TreatmentCourse.objects.get(pk=held)) == {"held"}


class TestExpiry:
    def test_it_marks_what_is_over_and_nothing_else_once(self, clinic: factories.Clinic) -> None:
        course = hold(clinic)
        alone = hold_visit(clinic, start=TEN + timedelta(days=60), hold=Hold(30))
        assert holds.expire(now=minutes(9.9)) == 0
        assert holds.expire(now=minutes(10)) == course.appointments.count()
        assert holds.expire(now=minutes(10)) == 0
        course.refresh_from_db()
        assert (course.status, statuses(course)) == ("stopped", {"cancelled"})
        assert course.appointments.filter(cancelled_by="system").count() == course.appointments.count()
        assert set(Occupancy.objects.values_list("appointment_id", flat=True)) == {alone.pk}
        assert story(course) == ["course.held", "course.expired"]
        assert list(reconcile.differences(now=minutes(10))) == []

    def test_it_does_so_many_at_a_time(self, clinic: factories.Clinic) -> None:
        for day in range(3):
            hold_visit(clinic, start=TEN + timedelta(days=day))
        assert [holds.expire(now=minutes(10), limit=2) for _ in range(3)] == [2, 1, 0]
