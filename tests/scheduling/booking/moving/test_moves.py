"""Moving a visit: where it goes, what has to follow, and what is seen before anything is written."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Conflict, Invalid, NotFound, Stale
from clinic.practice.idempotency import Key
from clinic.practice.models import TrailEntry
from scheduling.booking.course import courses
from scheduling.booking.moving import acts, moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.booking.visit import single
from scheduling.errors import PreviewExpired, PreviewStale, RuleViolation, SlotTaken
from scheduling.models import Appointment, Occupancy, TreatmentCourse
from scheduling.states import InvalidTransition
from tests import factories
from tests.api import database
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = ZoneInfo(factories.NEW_YORK)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def course(clinic: factories.Clinic) -> TreatmentCourse:
    return booked.book(clinic)


def preview(clinic: factories.Clinic, visit: Appointment, *, now: datetime = NOW, **asked: Any) -> Preview:
    ways = asked.pop("ways", Ways())
    return moves.preview(actor=clinic.admin, appointment_id=visit.pk, wish=Wish(**asked), ways=ways, now=now)


def apply(clinic: factories.Clinic, visit: Appointment, *, now: datetime = NOW, **asked: Any) -> UUID:
    extra = {name: asked.pop(name) for name in ("ways", "token", "version", "key") if name in asked}
    return moves.apply(
        actor=clinic.admin, appointment_id=visit.pk, now=now, wish=Wish(**asked) if asked else None, **extra
    )


def talk(clinic: factories.Clinic, hour: int = 10, **fields: Any) -> Appointment:
    """A visit by itself on Monday, 11 May, in no course."""
    start = datetime(2026, 5, 11, hour, tzinfo=ZONE)
    asked = {"patient_id": clinic.patient.pk, "kind": "therapy", "start": start, **fields}
    visit_id = single.book(actor=clinic.admin, now=NOW, visit=single.Visit(**asked))
    return Appointment.objects.get(pk=visit_id)


def taken_by(visit: Appointment) -> set[tuple[int, datetime, datetime]]:
    rows = Occupancy.objects.filter(appointment=visit)
    return {(row.resource_id, row.during.lower, row.during.upper) for row in rows}


def people(visit: Appointment) -> set[UUID]:
    return set(visit.staffing.values_list("staff_id", flat=True))


# --- one visit by itself --------------------------------------------------------------------------------
def test_a_visit_goes_to_another_time_with_its_people_and_its_room(clinic: factories.Clinic) -> None:
    visit = talk(clinic)
    booked.move(clinic, visit.pk, "confirm", now=NOW)
    visit.refresh_from_db()
    who, where, was = people(visit), visit.room_id, visit.start
    act = apply(clinic, visit, start=was + DAY, ways=Ways(reason="The bus."))
    visit.refresh_from_db()
    assert (visit.start, visit.end) == (was + DAY, was + DAY + HOUR)
    assert (str(visit.local_date), str(visit.local_time)) == ("2026-05-12", "10:00:00")
    assert (visit.status, visit.confirmed_at, visit.version) == ("booked", None, 3)
    assert (people(visit), visit.room_id) == (who, where)
    assert {(start, end) for _, start, end in taken_by(visit)} == {(visit.start, visit.end)}
    assert len(taken_by(visit)) == 3
    step = TrailEntry.objects.get(verb="appointment.move")
    assert (step.subject_id, step.reason) == (visit.pk, "The bus.")
    assert (step.data["before"]["start"], step.data["after"]["start"]) == (
        was.isoformat(),
        visit.start.isoformat(),
    )
    [moved] = acts.done(actor=clinic.admin, act_id=act).relocated
    assert (moved["id"], moved["verb"], moved["asked"]) == (visit.pk, "move", True)


def test_its_old_place_is_free_again_and_may_overlap_the_new_one(clinic: factories.Clinic) -> None:
    visit = talk(clinic, practitioner_ids=(clinic.therapists[0].pk,))
    apply(clinic, visit, start=visit.start + timedelta(minutes=30))
    other = factories.patient(clinic.site)
    early = talk(clinic, 9, patient_id=other.pk, practitioner_ids=(clinic.therapists[0].pk,))
    apply(clinic, early, start=early.start + timedelta(minutes=30))
    early.refresh_from_db()
    assert early.local_time.isoformat() == "09:30:00"


def test_another_person_or_room_for_the_same_time_leaves_the_rest_alone(clinic: factories.Clinic) -> None:
    visit = talk(clinic, practitioner_ids=(clinic.therapists[0].pk,))
    booked.move(clinic, visit.pk, "confirm", now=NOW)
    found = preview(clinic, visit, practitioner_ids=(clinic.therapists[1].pk,))
    assert [one["verb"] for one in found.moves] == ["reassign"]
    assert (found.notices.send, found.notices.withdraw) == ((), ())
    apply(clinic, visit, practitioner_ids=(clinic.therapists[1].pk,))
    visit.refresh_from_db()
    assert (visit.status, people(visit)) == ("confirmed", {clinic.therapists[1].pk})
    other = next(room for room in clinic.therapy_rooms if room.pk != visit.room_id)
    apply(clinic, visit, room_id=other.pk)
    visit.refresh_from_db()
    assert (visit.status, visit.room_id) == ("confirmed", other.pk)


def test_by_video_it_needs_no_room(clinic: factories.Clinic) -> None:
    visit = talk(clinic)
    apply(clinic, visit, mode="video")
    visit.refresh_from_db()
    assert (visit.mode, visit.room_id, len(taken_by(visit))) == ("video", None, 2)


def test_whoever_is_not_free_is_replaced_unless_they_were_named(clinic: factories.Clinic) -> None:
    first, second = clinic.therapists
    visit = talk(clinic, practitioner_ids=(first.pk,))
    other = factories.patient(clinic.site)
    talk(clinic, 14, patient_id=other.pk, practitioner_ids=(first.pk,))
    at_two = visit.start + 4 * HOUR
    assert preview(clinic, visit, start=at_two).moves[0]["after"]["practitioners"][0]["id"] == str(second.pk)
    with pytest.raises(SlotTaken) as refused:
        preview(clinic, visit, start=at_two, practitioner_ids=(first.pk,))
    assert refused.value.clashes[0]["appointment"] == str(visit.pk)
    assert refused.value.alternative is not None


def test_another_site_of_the_practice_has_its_own_clock_rooms_and_people(clinic: factories.Clinic) -> None:
    there = factories.site(clinic.practice, time_zone="America/Los_Angeles")
    room, therapist = factories.room(there, "therapy_room"), factories.worker(there, "therapist")
    visit = talk(clinic)
    start = datetime(2026, 5, 12, 9, tzinfo=ZoneInfo("America/Los_Angeles"))
    apply(clinic, visit, start=start, site_id=there.pk)
    visit.refresh_from_db()
    assert (visit.site_id, visit.time_zone, visit.room_id) == (there.pk, "America/Los_Angeles", room.pk)
    assert (visit.start, str(visit.local_time), people(visit)) == (start, "09:00:00", {therapist.pk})


def test_outside_the_shift_it_needs_somebody_who_may_and_says_why(clinic: factories.Clinic) -> None:
    visit = talk(clinic)
    sunday = visit.start - DAY
    found = preview(clinic, visit, start=sunday)
    assert [(one["rule_id"], one["overridable"]) for one in found.open] == [("shift", True)]
    assert "clinical_lead" in found.open[0]["may_override"]
    with pytest.raises(RuleViolation):
        apply(clinic, visit, token=found.token)
    excuse = {"rule_id": "shift", "reason": "She comes in for it."}
    apply(clinic, visit, token=found.token, ways=Ways(overrides=(excuse,)))
    visit.refresh_from_db()
    assert visit.start == sunday


# --- what cannot be -------------------------------------------------------------------------------------
def test_what_has_begun_or_is_over_does_not_move(clinic: factories.Clinic) -> None:
    visit = talk(clinic)
    with pytest.raises(InvalidTransition):
        apply(clinic, visit, start=visit.start + DAY, now=visit.end)
    booked.move(clinic, visit.pk, "check_in", now=visit.start)
    with pytest.raises(InvalidTransition):
        preview(clinic, visit, start=visit.start + DAY, now=visit.start)
    booked.move(clinic, visit.pk, "complete", now=visit.end)
    with pytest.raises(InvalidTransition):
        apply(clinic, visit, practitioner_ids=(clinic.therapists[1].pk,), now=visit.end)


def test_somebody_who_is_late_may_come_later(clinic: factories.Clinic) -> None:
    visit = talk(clinic)
    apply(clinic, visit, start=visit.start + HOUR, now=visit.start + timedelta(minutes=10))
    visit.refresh_from_db()
    assert visit.local_time.isoformat() == "11:00:00"


def test_a_dose_whose_hour_had_come_when_its_course_was_stopped_goes_nowhere(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose = booked.visit(course, "dose-1")
    late = dose.start + timedelta(minutes=10)
    courses.cancel(actor=clinic.admin, course_id=course.pk, reason="Moved away.", now=late)
    for act in (preview, apply):
        with pytest.raises(Conflict, match="The course is stopped: it takes no dose"):
            act(clinic, dose, start=dose.start + DAY, now=late)
    dose.refresh_from_db()
    assert dose.status == "booked" and dose.start < late


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "start"),
        ({"start": NOW - DAY}, "start"),
        ({"start": NOW + DAY, "end": NOW}, "end"),
        ({"start": NOW + DAY, "end": NOW + 3 * DAY}, "end"),
        ({"group_session_id": UUID(int=1)}, "group_session"),
        ({"practitioner_ids": (UUID(int=1),)}, "practitioners"),
    ],
)
def test_what_cannot_be_names_its_field(clinic: factories.Clinic, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        preview(clinic, talk(clinic), **asked)
    assert list(refused.value.fields) == [field]


def test_another_practices_visit_or_site_is_not_there(clinic: factories.Clinic) -> None:
    other = factories.small_clinic()
    visit = talk(clinic)
    with pytest.raises(NotFound):
        preview(clinic, visit, site_id=other.site.pk)
    with pytest.raises(NotFound):
        moves.preview(
            actor=other.admin,
            appointment_id=visit.pk,
            wish=Wish(start=visit.start + DAY),
            ways=Ways(),
            now=NOW,
        )
    found = preview(clinic, visit, start=visit.start + DAY)
    with pytest.raises(PreviewExpired):
        moves.apply(actor=other.admin, appointment_id=visit.pk, now=NOW, token=found.token)


# --- seen first, then done ------------------------------------------------------------------------------
def test_a_preview_writes_nothing_and_applying_does_exactly_what_it_showed(
    clinic: factories.Clinic, course: TreatmentCourse
) -> None:
    dose = booked.visit(course, "dose-3")
    before = database.counts()
    stored = list(database.texts())
    found = preview(clinic, dose, start=dose.start + HOUR)
    assert database.counts() == before
    assert list(database.texts()) == stored
    act = apply(clinic, dose, token=found.token)
    told = [(one["id"], one["after"]["start"], one["after"]["room"]) for one in found.moves]
    done = acts.done(actor=clinic.admin, act_id=act).relocated
    assert [(one["id"], one["after"]["start"], one["after"]["room"]) for one in done] == told
    for one in found.units:
        gap = booked.gap_of(course, Appointment.objects.get(pk=one.doses[-1]).ref)
        assert one.after is not None and one.after.window is not None
        assert (gap.status, gap.closes_at) == (one.after.status, one.after.window.closes_at)


def test_a_preview_of_what_changed_since_is_refused_with_what_changed(clinic: factories.Clinic) -> None:
    visit = talk(clinic)
    found = preview(clinic, visit, start=visit.start + DAY)
    booked.move(clinic, visit.pk, "confirm", now=NOW)
    with pytest.raises(PreviewStale) as refused:
        apply(clinic, visit, token=found.token)
    assert [(one["what"], one["appointment"]) for one in refused.value.changed] == [("visit", str(visit.pk))]
    visit.refresh_from_db()
    assert visit.status == "confirmed"


def test_a_place_that_is_gone_names_the_nearest_one(clinic: factories.Clinic) -> None:
    visit = talk(clinic, practitioner_ids=(clinic.therapists[0].pk,))
    found = preview(clinic, visit, start=visit.start + DAY, practitioner_ids=(clinic.therapists[0].pk,))
    other = factories.patient(clinic.site)
    talk(
        clinic,
        patient_id=other.pk,
        start=visit.start + DAY,
        practitioner_ids=(clinic.therapists[0].pk,),
    )
    with pytest.raises(SlotTaken) as refused:
        apply(clinic, visit, token=found.token)
    assert {one["appointment"] for one in refused.value.clashes} == {str(visit.pk)}
    assert refused.value.alternative is not None


def test_a_shift_that_is_gone_is_told_and_another_one_does_no_harm(clinic: factories.Clinic) -> None:
    visit = talk(clinic, practitioner_ids=(clinic.therapists[0].pk,))
    found = preview(clinic, visit, start=visit.start + DAY)
    factories.worker(clinic.site, "monitor")
    again = preview(clinic, visit, start=visit.start + DAY)
    factories.absence(clinic.therapists[0], visit.start + DAY, visit.end + DAY)
    with pytest.raises(PreviewStale) as refused:
        apply(clinic, visit, token=again.token)
    assert [one["what"] for one in refused.value.changed] == ["roster"]
    found = preview(clinic, visit, start=visit.start + 2 * DAY)
    factories.worker(clinic.site, "monitor")
    apply(clinic, visit, token=found.token)
    visit.refresh_from_db()
    assert visit.local_date.isoformat() == "2026-05-13"


def test_a_token_is_for_its_visit_for_a_while_and_unaltered(clinic: factories.Clinic) -> None:
    visit, other = talk(clinic), talk(clinic, 14)
    token = preview(clinic, visit, start=visit.start + DAY).token
    with pytest.raises(PreviewExpired):
        apply(clinic, other, token=token)
    with pytest.raises(PreviewExpired):
        apply(clinic, visit, token=token[:-2] + "xx")
    with pytest.raises(PreviewExpired):
        apply(clinic, visit, token=token, now=NOW + HOUR)


def test_a_key_moves_once_and_another_version_is_refused(clinic: factories.Clinic) -> None:
    visit = talk(clinic)
    key = Key("client:1", "k", "a")
    first = apply(clinic, visit, start=visit.start + DAY, key=key, version=1)
    assert apply(clinic, visit, start=visit.start + DAY, key=key, version=1) == first
    visit.refresh_from_db()
    assert visit.version == 2
    with pytest.raises(Stale):
        apply(clinic, visit, start=visit.start + DAY, version=1)
    with pytest.raises(Stale):
        moves.preview(
            actor=clinic.admin,
            appointment_id=visit.pk,
            wish=Wish(start=visit.start + DAY),
            ways=Ways(),
            now=NOW,
            version=1,
        )
