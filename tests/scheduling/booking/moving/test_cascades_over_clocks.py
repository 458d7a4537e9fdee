"""A move whose whole cascade crosses a change of New York's clocks: people keep their wall time, windows keep
their elapsed hours, and what was shown is what was done."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifications.models import Message
from scheduling.booking.moving import acts, moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.previews import Preview
from scheduling.models import Appointment, FollowUpGap, TreatmentCourse
from tests import factories
from tests.races import race
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
ZONE = ZoneInfo(factories.NEW_YORK)
# The Thursday of the first dose; the clocks change on the Sunday after the second.
THURSDAYS = {"forward": date(2027, 3, 4), "back": date(2026, 10, 22)}


@pytest.fixture(params=THURSDAYS)
def change(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


@pytest.fixture
def course(clinic: factories.Clinic, change: str) -> TreatmentCourse:
    """Four doses, a week apart to the day, on Thursdays."""
    weekly = {"interval_min_days": 7, "interval_ideal_days": 7, "interval_max_days": 7, "sessions": 4}
    document = factories.document()
    document["plan"].pop("series")
    version = factories.protocol(
        clinic.practice,
        key=factories.IV,
        name="Weekly",
        phases=[{**document["phases"][0], **weekly, "example_offsets_days": [0, 7, 14, 21]}],
        plan=document["plan"],
    )
    return booked.book(clinic, protocol_id=version.template_id, start_on_or_after=THURSDAYS[change])


def doses(course: TreatmentCourse) -> list[Appointment]:
    return list(Appointment.objects.filter(course=course, kind="dosing").order_by("start"))


def test_the_cascade_keeps_wall_times_and_elapsed_windows(
    clinic: factories.Clinic, course: TreatmentCourse, change: str
) -> None:
    was = doses(course)
    assert [one.local_date for one in was] == [THURSDAYS[change] + timedelta(weeks=week) for week in range(4)]
    assert len({one.local_time for one in was}) == 1, "the same hour each week, whatever the clocks do"
    assert len({one.start.astimezone(ZONE).utcoffset() for one in was}) == 2
    monday = was[0].start.astimezone(ZONE) + timedelta(days=4)

    found = moves.preview(
        actor=clinic.admin,
        appointment_id=was[0].pk,
        wish=Wish(start=monday),
        ways=Ways(reason="Away on Thursdays."),
        now=NOW,
    )
    act = moves.apply(actor=clinic.admin, appointment_id=was[0].pk, now=NOW, token=found.token)

    now = doses(course)
    assert [(new.local_date - old.local_date).days for old, new in zip(was, now, strict=True)] == [4] * 4
    assert [one.local_time for one in now] == [one.local_time for one in was]
    # The second dose is the one that goes over the change: four days by the wall, an hour less or more.
    hours = (now[1].start - was[1].start) / timedelta(hours=1)
    assert hours == {"forward": 95, "back": 97}[change]
    _check_windows(course)
    _check_shown(course, found)
    told = {(one["ref"], one["after"]["start"]) for one in found.moves}
    done = acts.done(actor=clinic.admin, act_id=act).relocated
    assert {(one["ref"], one["after"]["start"]) for one in done} == told
    assert race.overlaps() == race.half_booked() == 0


def _check_shown(course: TreatmentCourse, found: Preview) -> None:
    """Every visit, unit and reminder is as the preview said it would be."""
    stored = {visit.pk: visit for visit in Appointment.objects.filter(course=course)}
    for one in found.moves:
        visit = stored[one["id"]]
        assert (visit.start, visit.end) == (one["after"]["start"], one["after"]["end"])
        assert str(visit.room_id) == str(one["after"]["room"])
        who = {str(part.staff_id) for part in visit.staffing.all()}
        assert who == {str(person["id"]) for person in one["after"]["practitioners"]}
    units = {gap.pk: gap for gap in course.gaps.all()}
    assert len(found.units) == 4
    for change in found.units:
        assert change.gap_id and change.after and change.after.window
        gap = units[change.gap_id]
        assert (gap.status, gap.severity) == (change.after.status, change.after.severity)
        window = change.after.window
        assert (gap.opens_at, gap.closes_at, gap.grace_until) == (
            window.opens_at,
            window.closes_at,
            window.grace_until,
        )
    for draft in found.notices.send:
        assert Message.objects.filter(
            kind=draft.kind, subject_id=draft.subject_id, due_at=draft.due_at, state="planned"
        ).exists()
    assert not Message.objects.filter(
        pk__in=[one.pk for one in found.notices.withdraw], state="planned"
    ).exists()


def _check_windows(course: TreatmentCourse) -> None:
    """Seventy-two elapsed hours after each dose, or its next dose; each follow-up is inside, and counted."""
    for dose in doses(course):
        gap = FollowUpGap.objects.get(course=course, doses__appointment=dose)
        assert gap.status == "covered"
        assert gap.closes_at == dose.end + timedelta(hours=72)
        assert gap.grace_until == dose.end + timedelta(hours=168)
        follow_up = gap.visits.get().appointment
        assert gap.opens_at <= follow_up.start <= gap.closes_at
        assert follow_up.follows_id == dose.pk
