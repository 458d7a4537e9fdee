"""A course: proposed without a trace, booked whole or not at all."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps

from clinic.practice.errors import Invalid, KeyReused, NotAllowed, NotFound
from clinic.practice.idempotency import Key
from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from scheduling.booking.course import courses
from scheduling.booking.protocol import protocols
from scheduling.errors import ProposalExpired, RuleViolation, SlotTaken, Unplannable
from scheduling.models import Absence, Appointment, FollowUpGap, Occupancy, RuleOverride, TreatmentCourse
from tests import factories
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def counts() -> dict[str, int]:
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed
    }


def test_proposing_writes_nothing(clinic: factories.Clinic) -> None:
    before = counts()
    assert len(booked.propose(clinic)) == 3
    assert counts() == before


def test_a_course_is_booked_whole(clinic: factories.Clinic) -> None:
    best = booked.propose(clinic)[0]
    course_id = courses.book(actor=clinic.admin, now=NOW, proposal=best.token)
    visits = list(Appointment.objects.filter(course_id=course_id).order_by("start", "id"))
    assert [(v.ref, v.start, v.end) for v in visits] == [(v.ref, v.start, v.end) for v in best.visits]
    doses = [v for v in visits if v.kind == "dosing"]
    follow_ups = [v for v in visits if v.kind == "integration"]
    assert (len(doses), len(follow_ups)) == (6, 6)
    assert {v.status for v in visits} == {"booked"}
    zone = ZoneInfo(clinic.site.time_zone)
    assert all(datetime.combine(v.local_date, v.local_time, zone) == v.start for v in visits)
    for dose, follow_up in zip(doses, follow_ups, strict=True):
        assert follow_up.follows_id == dose.pk
        assert timedelta(hours=12) <= follow_up.start - dose.end <= timedelta(hours=72)
    gaps = FollowUpGap.objects.filter(course_id=course_id)
    assert [gap.status for gap in gaps] == ["covered"] * 6
    assert not gaps.filter(flagged=True).exists()
    told = TrailEntry.objects.filter(course_id=course_id, subject_kind__in=["course", "appointment"])
    assert told.count() == 1 + len(visits)
    assert Message.objects.filter(course_id=course_id, kind="reminder_24h").exists()


def test_every_place_of_a_course_is_occupied(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    rows = {row.resource_id: row for row in Occupancy.objects.filter(appointment=dose)}
    assert dose.room is not None
    room = rows[dose.room.resource_id]
    assert room.during.upper == dose.end + timedelta(minutes=10), "the chair is held for its turnover"
    assert rows[clinic.patient.resource_id].during.upper == dose.end
    monitor = rows[clinic.monitor.resource_id]  # type: ignore[index]
    assert monitor.seats.upper - monitor.seats.lower == 6, (
        "a monitor of two patients gives half of their places"
    )
    assert clinic.prescriber.resource_id not in rows, "on site is not occupied"


def test_the_same_proposal_cannot_be_booked_twice(clinic: factories.Clinic) -> None:
    best = booked.propose(clinic)[0]
    courses.book(actor=clinic.admin, now=NOW, proposal=best.token)
    before = counts()
    with pytest.raises(SlotTaken) as refusal:
        courses.book(actor=clinic.admin, now=NOW, proposal=best.token)
    assert counts() == before
    assert {clash["visit"] for clash in refusal.value.clashes} >= {"dose-1", "integration-1"}
    alternative = refusal.value.alternative
    assert alternative is not None
    courses.book(actor=clinic.admin, now=NOW, proposal=alternative["token"])


def test_a_key_has_one_effect(clinic: factories.Clinic) -> None:
    first, second, *_ = booked.propose(clinic)
    key = Key(scope="client:1", value="k", fingerprint="a")
    course_id = courses.book(actor=clinic.admin, now=NOW, proposal=first.token, key=key)
    assert courses.book(actor=clinic.admin, now=NOW, proposal=first.token, key=key) == course_id
    assert TreatmentCourse.objects.count() == 1
    with pytest.raises(KeyReused):
        courses.book(
            actor=clinic.admin,
            now=NOW,
            proposal=second.token,
            key=Key(scope="client:1", value="k", fingerprint="b"),
        )
    later = NOW + timedelta(hours=25)
    proposal = courses.propose(
        actor=clinic.admin,
        patient_id=clinic.patient.pk,
        protocol_id=clinic.version.template_id,
        start_on_or_after=booked.START,
        now=later,
    )[0]
    again = courses.book(actor=clinic.admin, now=later, proposal=proposal.token, key=key)
    assert again != course_id, "a key is kept for 24 hours"


def test_a_refused_booking_leaves_its_key_free(clinic: factories.Clinic) -> None:
    first, *_ = booked.propose(clinic)
    courses.book(actor=clinic.admin, now=NOW, proposal=first.token)
    key = Key(scope="client:1", value="k", fingerprint="a")
    with pytest.raises(SlotTaken):
        courses.book(actor=clinic.admin, now=NOW, proposal=first.token, key=key)
    other = booked.propose(clinic)[0]
    courses.book(actor=clinic.admin, now=NOW, proposal=other.token, key=key)


def test_an_old_altered_or_foreign_proposal_is_refused(clinic: factories.Clinic) -> None:
    token = booked.propose(clinic)[0].token
    stranger = factories.small_clinic()
    for actor, text, now in (
        (clinic.admin, token, NOW + timedelta(minutes=16)),
        (clinic.admin, token[:-3] + "abc", NOW),
        (clinic.admin, "nothing", NOW),
        (stranger.admin, token, NOW),
    ):
        with pytest.raises(ProposalExpired):
            courses.book(actor=actor, now=now, proposal=text)


def test_a_therapist_who_fell_ill_since_the_proposal_is_noticed(clinic: factories.Clinic) -> None:
    best = booked.propose(clinic)[0]
    follow_up = next(v for v in best.visits if v.ref == "integration-2")
    Absence.objects.create(
        staff_id=follow_up.staffing[0].practitioner,
        starts_at=follow_up.start - timedelta(hours=1),
        ends_at=follow_up.end,
    )
    with pytest.raises(RuleViolation) as refusal:
        courses.book(actor=clinic.admin, now=NOW, proposal=best.token)
    assert {one["visit"] for one in refusal.value.violations} == {"integration-2"}
    assert not TreatmentCourse.objects.exists()


def test_a_dose_without_its_follow_up_is_booked_and_flagged(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-3",))
    gap = booked.gap_of(course, "dose-3")
    assert (gap.status, gap.severity, gap.flagged) == ("prospective", "low", False)
    assert gap.next_change_at is not None
    others = FollowUpGap.objects.filter(course=course).exclude(pk=gap.pk)
    assert {other.status for other in others} == {"covered"}


def test_who_may_not_book(clinic: factories.Clinic) -> None:
    monitor = factories.actor(clinic.practice, "monitor")
    with pytest.raises(NotAllowed):
        courses.propose(
            actor=monitor,
            patient_id=clinic.patient.pk,
            protocol_id=clinic.version.template_id,
            start_on_or_after=booked.START,
            now=NOW,
        )
    with pytest.raises(NotAllowed):
        courses.book(actor=monitor, now=NOW, proposal="x")


def test_what_belongs_to_others_looks_missing(clinic: factories.Clinic) -> None:
    other = factories.small_clinic()
    for changes in (
        {"patient_id": other.patient.pk},
        {"protocol_id": other.version.template_id},
        {"site_id": other.site.pk},
    ):
        with pytest.raises(NotFound):
            booked.propose(clinic, **changes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"through_phase": "nirvana"}, "through_phase"),
        ({"start_on_or_after": booked.START.replace(year=2031)}, "start_on_or_after"),
        ({"preferences": {"time_of_day": "midnight"}}, "preferences.time_of_day"),
        ({"preferences": {"time_of_day": {"from": "12:00", "to": "11:00"}}}, "preferences.time_of_day"),
        (
            {"overrides": [{"rule_id": "window", "visit": "dose-1", "value": {"max_hours": 96}}]},
            "overrides.0.reason",
        ),
        (
            {
                "overrides": [
                    {
                        "rule_id": "window",
                        "visit": "dose-1",
                        "value": {"min_hours": 96, "max_hours": 24},
                        "reason": "x",
                    }
                ]
            },
            "overrides.0.value",
        ),
        ({"overrides": [{"rule_id": "gravity", "visit": "dose-1", "reason": "x"}]}, "overrides.0.rule_id"),
        ({"overrides": [{"rule_id": "window", "visit": "nurse", "reason": "x"}]}, "overrides.0.visit"),
    ],
)
def test_what_cannot_be_understood_names_its_field(
    clinic: factories.Clinic, changes: dict, field: str
) -> None:  # type: ignore[type-arg]
    with pytest.raises(Invalid) as refusal:
        booked.propose(clinic, **changes)
    assert list(refusal.value.fields) == [field]


def test_an_overridden_window_is_planned_kept_and_signed_by_its_author(clinic: factories.Clinic) -> None:
    override = {"rule_id": "window", "visit": "dose-2", "value": {"max_hours": 96}, "reason": "works away"}
    course = booked.book(clinic, overrides=[override])
    gap = booked.gap_of(course, "dose-2")
    dose = booked.visit(course, "dose-2")
    assert gap.grace_until == dose.end + timedelta(hours=168)
    stored = RuleOverride.objects.get(course=course)
    assert (stored.visit_ref, stored.value, stored.reason) == ("dose-2", {"max_hours": 96}, "works away")


def test_preferences_are_kept_where_they_can_be(clinic: factories.Clinic) -> None:
    best = booked.propose(clinic, preferences={"time_of_day": {"from": "13:00", "to": "18:00"}})[0]
    zone = ZoneInfo(clinic.site.time_zone)
    doses = [v for v in best.visits if v.kind == "dosing"]
    assert all(v.start.astimezone(zone).time() >= time(13) for v in doses)


def test_no_plan_says_why(clinic: factories.Clinic) -> None:
    for therapist in clinic.therapists:
        therapist.shifts.all().delete()
    with pytest.raises(Unplannable) as refusal:
        booked.propose(clinic)
    assert refusal.value.rules
    assert all(rule["message"] for rule in refusal.value.rules)


def test_a_document_without_a_plan_is_not_plannable_until_mapped(clinic: factories.Clinic) -> None:
    document = factories.document()
    del document["plan"]
    unmapped = protocols.create(actor=clinic.admin, document={**document, "key": "unmapped"}, now=NOW)
    with pytest.raises(Unplannable) as refusal:
        booked.propose(clinic, protocol_id=unmapped.template_id)
    assert "until it is mapped" in refusal.value.rules[0]["message"]


def test_cancelling_keeps_the_follow_ups_of_doses_given(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    dose = booked.visit(course, "dose-1")
    booked.give(clinic, dose)
    courses.cancel(actor=clinic.admin, course_id=course.pk, reason="moved away", now=dose.end)
    course.refresh_from_db()
    assert course.status == "stopped"
    live = Appointment.objects.filter(course=course, status="booked", start__gt=dose.end)
    assert [one.ref for one in live] == ["integration-1"]
    assert WorkItem.objects.get().subject_id == live[0].pk, "the patient is asked about it"
    assert booked.gap_of(course, "dose-1").status == "covered"
    assert booked.gap_of(course, "dose-2").status == "void"
    assert not Occupancy.objects.filter(appointment__status="cancelled").exists()
    waiting = Message.objects.filter(state="planned").values_list("subject_id", flat=True)
    # Of the dose that was given: should its follow-up fall through, the patient is still told.
    assert set(waiting) <= {live[0].pk, dose.pk}


def test_visits_that_a_person_chose(clinic: factories.Clinic) -> None:
    dose = datetime(2026, 5, 11, 14, tzinfo=UTC)
    chosen = {
        "patient": clinic.patient.pk,
        "protocol": clinic.version.template_id,
        "visits": [
            {
                "kind": "dosing",
                "start": dose,
                "practitioners": [clinic.prescriber.pk, clinic.monitor.pk],
                "room": clinic.chairs[0].pk,
            },
            {
                "kind": "integration",
                "start": dose + timedelta(hours=27),
                "practitioners": [clinic.therapists[0].pk],
                "room": clinic.therapy_rooms[0].pk,
            },
        ],
    }
    course_id = courses.book(actor=clinic.admin, now=NOW, chosen=chosen)
    assert FollowUpGap.objects.get(course_id=course_id).status == "covered"
    with pytest.raises(SlotTaken):
        courses.book(actor=clinic.admin, now=NOW, chosen=chosen)


def test_a_repeated_key_answers_after_the_proposal_has_expired(clinic: factories.Clinic) -> None:
    token = booked.propose(clinic)[0].token
    key = Key(scope="client:1", value="k", fingerprint="a")
    course_id = courses.book(actor=clinic.admin, now=NOW, proposal=token, key=key)
    later = NOW + timedelta(hours=3)
    assert courses.book(actor=clinic.admin, now=later, proposal=token, key=key) == course_id
    with pytest.raises(KeyReused):
        other = Key(scope="client:1", value="k", fingerprint="b")
        courses.book(actor=clinic.admin, now=later, proposal=token, key=other)


def test_a_proposal_whose_first_visit_is_past_is_refused(clinic: factories.Clinic) -> None:
    token = booked.propose(clinic, start_on_or_after=NOW.date())[0].token
    first = min(visit.start for visit in booked.propose(clinic, start_on_or_after=NOW.date())[0].visits)
    assert first - NOW < timedelta(minutes=15), "the first visit begins while the proposal still stands"
    with pytest.raises(ProposalExpired):
        courses.book(actor=clinic.admin, now=first + timedelta(minutes=1), proposal=token)


def chosen(clinic: factories.Clinic, *hours: int, **extra: Any) -> dict[str, Any]:
    """A dose, and follow-ups so many hours after its start; people and rooms are left to be found."""
    dose = datetime(2026, 5, 11, 14, tzinfo=UTC)
    visits = [{"kind": "dosing", "start": dose}]
    visits += [
        {"kind": "integration", "start": dose + timedelta(hours=one), "follows": "dose-1", "mode": "video"}
        for one in hours
    ]
    return {
        "patient": clinic.patient.pk,
        "protocol": clinic.version.template_id,
        "visits": visits,
        **extra,
    }


def test_chosen_visits_get_people_and_rooms_that_are_free(clinic: factories.Clinic) -> None:
    course_id = courses.book(actor=clinic.admin, now=NOW, chosen=chosen(clinic, 27))
    dose, follow_up = Appointment.objects.filter(course_id=course_id).order_by("start")
    assert set(dose.staffing.values_list("role", flat=True)) == {"prescriber", "monitor"}
    assert dose.room in clinic.chairs
    assert set(follow_up.staffing.values_list("role", flat=True)) == {"therapist"}
    assert follow_up.room is None, "a video visit needs none"


def test_a_chosen_visit_outside_its_window_needs_an_override(clinic: factories.Clinic) -> None:
    with pytest.raises(RuleViolation) as refusal:
        courses.book(actor=clinic.admin, now=NOW, chosen=chosen(clinic, 98))
    broken = {(one["rule_id"], one["overridable"]) for one in refusal.value.violations}
    assert broken == {("follow_up_window", True)}
    excuse = [{"rule_id": "follow_up_window", "reason": "away until Saturday"}]
    course_id = courses.book(actor=clinic.admin, now=NOW, chosen=chosen(clinic, 98, overrides=excuse))
    assert RuleOverride.objects.get(course_id=course_id).reason == "away until Saturday"
    desk = factories.actor(clinic.practice, "front_desk")
    with pytest.raises(NotAllowed):
        courses.book(actor=desk, now=NOW, chosen=chosen(clinic, 98, overrides=excuse))


@pytest.mark.parametrize("told", [False, True])
def test_r_20_a_course_of_substance_use_treatment_is_marked(clinic: factories.Clinic, told: bool) -> None:
    """42 CFR Part 2, S-32: what is exported of it one day is found by its mark."""
    version = factories.protocol(clinic.practice, name="Another", part2_flag=told)
    factories.ready(clinic.patient, version)
    course = booked.book(clinic, protocol_id=version.template_id)
    assert course.sensitive_sud is told
