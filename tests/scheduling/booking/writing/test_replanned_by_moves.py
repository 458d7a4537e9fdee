"""Another first dose is prepared for, and questions go on after the last one."""

import copy
from datetime import timedelta

import pytest

from clinic.local.providers import SmsProvider
from notifications.models import Message
from notifications.planning.kinds import Kind
from scheduling.booking.writing import ahead, reminders
from scheduling.models import Appointment
from tests.notifications import making
from tests.notifications.making import NOW, Clock, state
from tests.scheduling.booking.writing.test_ahead import due, series

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def elsewhere(visit: Appointment, days: int) -> Appointment:
    """The visit as a move puts it, before anything is written."""
    moved = copy.copy(visit)
    moved.start, moved.version = NOW + days * DAY, visit.version + 1
    return moved


def prepared(*moved: Appointment) -> list[tuple[object, object]]:
    made = ahead.of_new_firsts(moved=moved, now=NOW)
    assert {one.kind for one in made} <= {Kind.PREPARATION}
    return [(one.subject_id, one.due_at) for one in made]


def test_a_first_dose_that_moves_past_the_next_leaves_that_one_to_be_prepared_for() -> None:
    first, second, third = series(10, 13, 16)
    assert prepared(elsewhere(first, 14)) == [(second.pk, second.start - 7 * DAY)]
    assert prepared(elsewhere(first, 18), elsewhere(second, 19)) == [(third.pk, third.start - 7 * DAY)]


def test_a_move_that_leaves_the_first_dose_the_first_prepares_for_no_other() -> None:
    first, second = series(10, 13)
    assert prepared(elsewhere(first, 11)) == []
    assert prepared(elsewhere(second, 20)) == []
    # The one that moves is planned with its move.
    assert prepared(elsewhere(second, 9)) == []
    assert prepared(making.visit(first.patient, NOW + 9 * DAY)) == []


def test_what_was_planned_or_said_already_is_not_planned_again() -> None:
    first, second = series(10, 13)
    Message.objects.filter(kind=Kind.PREPARATION).update(subject_id=second.pk, state="accepted")
    assert prepared(elsewhere(first, 14)) == []


@pytest.mark.parametrize(("days", "asked"), [(5, False), (8, True), (40, True)])
def test_visits_from_a_week_after_the_last_dose_on_ask_too(days: int, asked: bool) -> None:
    *_, last = series(10, 13)
    talk = making.visit(last.patient, last.start + days * DAY, course=last.course)
    reminders.on_appointments_booked(appointments=[talk], now=NOW)
    assert due(Kind.MEASURE_DUE, subject_id=talk.pk) == (
        {talk.pk: ("sms", talk.start - 2 * DAY)} if asked else {}
    )


def test_talks_between_doses_and_of_no_course_ask_nothing() -> None:
    first, last = series(10, 30)
    between = making.visit(last.patient, first.start + 9 * DAY, course=last.course)
    alone = making.visit(last.patient, last.start + 9 * DAY)
    reminders.on_appointments_booked(appointments=[between, alone], now=NOW)
    assert not due(Kind.MEASURE_DUE, subject_id__in=[between.pk, alone.pk])


def test_after_the_last_dose_the_questions_go_once_a_time(sms_provider: SmsProvider) -> None:
    [last] = series(10)
    talks = [making.visit(last.patient, last.start + days * DAY, course=last.course) for days in (8, 9)]
    reminders.on_appointments_booked(appointments=talks, now=NOW)
    Message.objects.exclude(kind=Kind.MEASURE_DUE).delete()
    Message.objects.filter(subject_id=last.pk).delete()
    Appointment.objects.filter(pk=last.pk).update(
        status="fulfilled", arrived_at=last.start, arrived_by="t", completed_at=last.end, completed_by="t"
    )
    first = Message.objects.get(subject_id=talks[0].pk)
    making.deliver(Clock(first.due_at))
    assert state(first)[0] == "accepted"
    assert len(sms_provider.inbox()) == 1
