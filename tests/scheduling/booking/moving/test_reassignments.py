"""Somebody falls out for a day: who takes their visits, and what nobody can take."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic.practice.errors import Invalid, NotFound
from clinic.practice.models import WorkItem
from scheduling.booking.moving import acts, moves, reassignments
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.moving.moves import Ways
from scheduling.booking.moving.reassignments import Asked
from scheduling.booking.visit import single
from scheduling.models import Appointment
from tests import factories
from tests.api import database
from tests.races import race
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = factories.NOW
ZONE = ZoneInfo(factories.NEW_YORK)
DAY = timedelta(days=1)
MONDAY = datetime(2026, 5, 11, tzinfo=ZONE)
KEEP = Ways(cascade=False)


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def talk(clinic: factories.Clinic, hour: int, *, who: int = 0) -> Appointment:
    someone = factories.patient(clinic.site)
    wanted = single.Visit(
        patient_id=someone.pk,
        kind="therapy",
        start=MONDAY + timedelta(hours=hour),
        practitioner_ids=(clinic.therapists[who].pk,),
        mode="video",
    )
    return Appointment.objects.get(pk=single.book(actor=clinic.admin, now=NOW, visit=wanted))


def away(clinic: factories.Clinic, **fields: object) -> Asked:
    """The first therapist, on Monday."""
    asked = {"practitioner_id": clinic.therapists[0].pk, "start": MONDAY, "end": MONDAY + DAY, **fields}
    return Asked(**asked)  # type: ignore[arg-type]


def who(visit: Appointment) -> list[str]:
    return [part.staff.username for part in visit.staffing.select_related("staff")]


def test_the_visits_keep_their_time_with_somebody_else(clinic: factories.Clinic) -> None:
    visits = [talk(clinic, hour) for hour in (9, 11, 14)]
    booked.move(clinic, visits[0].pk, "confirm", now=NOW)
    before = database.counts()
    found = reassignments.preview(actor=clinic.admin, asked=away(clinic), ways=KEEP, now=NOW)
    assert database.counts() == before
    assert [one["outcome"] for one in found.act.outcomes] == ["reassigned"] * 3
    assert (found.notices.send, found.notices.withdraw) == ((), ()), "the patients' times are as they were"
    act = reassignments.apply(actor=clinic.admin, asked=away(clinic), now=NOW, token=found.token)
    assert {tuple(who(visit)) for visit in visits} == {(clinic.therapists[1].username,)}
    visits[0].refresh_from_db()
    assert (visits[0].status, visits[0].start) == ("confirmed", MONDAY + timedelta(hours=9))
    assert len(acts.done(actor=clinic.admin, act_id=act).relocated) == 3
    assert race.overlaps() == 0


def test_somebody_without_visits_may_fall_out(clinic: factories.Clinic) -> None:
    found = reassignments.preview(actor=clinic.admin, asked=away(clinic), ways=KEEP, now=NOW)
    act = reassignments.apply(actor=clinic.admin, asked=away(clinic), now=NOW, token=found.token)
    assert acts.done(actor=clinic.admin, act_id=act).outcomes == []


def test_what_nobody_can_take_is_put_before_people_and_done_when_it_moves(clinic: factories.Clinic) -> None:
    free, clash = talk(clinic, 9), talk(clinic, 11)
    talk(clinic, 11, who=1)
    act = reassignments.apply(actor=clinic.admin, asked=away(clinic), now=NOW)
    outcomes = {
        one["appointment"]: one["outcome"] for one in acts.done(actor=clinic.admin, act_id=act).outcomes
    }
    assert outcomes == {str(free.pk): "reassigned", str(clash.pk): "needs_move"}
    assert who(clash) == [clinic.therapists[0].username]
    item = WorkItem.objects.get(kind="needs_new_place")
    assert (item.subject_id, item.done_at) == (clash.pk, None)
    moves.apply(actor=clinic.admin, appointment_id=clash.pk, now=NOW, wish=Wish(start=clash.start + DAY))
    item.refresh_from_db()
    assert item.done_at == NOW


def test_two_visits_at_once_do_not_go_to_one_person(clinic: factories.Clinic) -> None:
    third = factories.worker(clinic.site, "therapist")
    first = talk(clinic, 9)
    late = single.Visit(
        patient_id=factories.patient(clinic.site).pk,
        kind="therapy",
        start=MONDAY + timedelta(hours=9, minutes=30),
        practitioner_ids=(third.pk,),
        mode="video",
    )
    single.book(actor=clinic.admin, now=NOW, visit=late)
    reassignments.apply(actor=clinic.admin, asked=away(clinic), now=NOW)
    assert who(first) == [clinic.therapists[1].username]
    assert race.overlaps() == 0


def test_a_named_person_takes_what_they_can_and_nobody_else_does(clinic: factories.Clinic) -> None:
    third = factories.worker(clinic.site, "therapist")
    visit = talk(clinic, 9)
    reassignments.apply(actor=clinic.admin, asked=away(clinic, to_id=third.pk), now=NOW)
    assert who(visit) == [third.username]
    monitor = away(clinic, practitioner_id=third.pk, to_id=clinic.monitor.pk)
    found = reassignments.preview(actor=clinic.admin, asked=monitor, ways=KEEP, now=NOW)
    assert [one["outcome"] for one in found.act.outcomes] == ["needs_move"]


def test_the_visits_of_one_course_all_change_or_none_does(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    mine = Appointment.objects.filter(course=course, kind="integration", staffing__role="therapist")
    therapist = mine.order_by("start")[0].staffing.get().staff
    hers = list(mine.filter(staffing__staff=therapist).order_by("start"))
    other = next(one for one in clinic.therapists if one != therapist)
    factories.absence(other, hers[0].start, hers[0].end)
    asked = Asked(practitioner_id=therapist.pk, start=hers[0].start, end=hers[-1].end)
    act = reassignments.apply(actor=clinic.admin, asked=asked, now=NOW)
    outcomes = [one["outcome"] for one in acts.done(actor=clinic.admin, act_id=act).outcomes]
    assert outcomes.count("needs_move") == 1
    assert set(outcomes) == {"needs_move", "left"}
    assert mine.filter(staffing__staff=therapist).count() == len(hers)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"end": MONDAY}, "end"),
        ({"end": MONDAY + 93 * DAY}, "end"),
        ({"start": NOW - 2 * DAY, "end": NOW - DAY}, "end"),
    ],
)
def test_a_span_that_means_nothing_is_refused(
    clinic: factories.Clinic, fields: dict[str, datetime], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        reassignments.preview(actor=clinic.admin, asked=away(clinic, **fields), ways=KEEP, now=NOW)
    assert list(refused.value.fields) == [field]


def test_nobody_of_another_practice_gives_or_takes(clinic: factories.Clinic) -> None:
    theirs = factories.small_clinic()
    with pytest.raises(Invalid):
        reassignments.preview(
            actor=clinic.admin, asked=away(clinic, to_id=theirs.monitor.pk), ways=KEEP, now=NOW
        )
    with pytest.raises(NotFound):
        reassignments.preview(actor=theirs.admin, asked=away(clinic), ways=KEEP, now=NOW)
