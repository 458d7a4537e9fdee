"""What is planned follows what a practice says of its messages, and what leaves follows it as of then."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from clinic.local.providers import SmsProvider
from clinic.practice import directory
from clinic.practice.models import Practice
from notifications.models import Message, Replan
from notifications.planning import practice_terms
from notifications.planning.kinds import Kind
from notifications.planning.terms import Term
from scheduling.booking.writing import replanning
from scheduling.models import Appointment
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock, state
from tests.scheduling.booking.writing.test_afterwards import given
from tests.scheduling.booking.writing.test_ahead import due, series

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOON = NOW + timedelta(minutes=2)


def say(practice: Practice, now: datetime = NOW, **said: Term) -> None:
    practice_terms.save(actor=factories.admin(practice), said=said, now=now)


def prefer(practice: Practice, **messages: Any) -> None:
    changes = {"settings": {"messages": messages}}
    directory.update_practice(actor=factories.admin(practice), changes=changes, now=NOW)


def follow(now: datetime = SOON) -> None:
    replanning.sweep(now=now)
    assert not Replan.objects.exists()


def rows() -> set[tuple[object, ...]]:
    return set(Message.objects.values_list("pk", "dedupe_key", "due_at", "channel", "state"))


def test_another_hour_moves_what_waits_under_the_same_key() -> None:
    first, second = series(10, 20)
    before = dict(Message.objects.values_list("pk", "dedupe_key"))
    say(first.practice, reminder_72h=Term(hours=96), preparation=Term(hours=120), measure_due=Term(hours=24))
    follow()
    assert due(Kind.REMINDER_72H) == {one.pk: ("sms", one.start - 4 * DAY) for one in (first, second)}
    assert due(Kind.PREPARATION) == {first.pk: ("email", first.start - 5 * DAY)}
    assert due(Kind.MEASURE_DUE) == {one.pk: ("sms", one.start - DAY) for one in (first, second)}
    assert dict(Message.objects.values_list("pk", "dedupe_key")) == before


def test_the_ride_home_is_asked_at_the_hour_of_the_last_reminder() -> None:
    [visit] = series(10)
    say(visit.practice, reminder_24h=Term(hours=26))
    follow()
    assert due(Kind.RIDE_HOME)[visit.pk] == due(Kind.REMINDER_24H)[visit.pk]
    assert due(Kind.RIDE_HOME)[visit.pk][1] == visit.start - 26 * HOUR


def test_saying_the_same_as_is_built_in_changes_no_row() -> None:
    [visit] = series(10)
    before = rows()
    say(visit.practice, reminder_72h=Term(on=True, hours=72), preparation=Term(hours=168))
    follow()
    assert rows() == before


def test_whoever_was_just_writing_is_waited_for() -> None:
    [visit] = series(10)
    say(visit.practice, reminder_72h=Term(hours=96))
    assert replanning.sweep(now=NOW + timedelta(seconds=20)) == 0
    assert due(Kind.REMINDER_72H)[visit.pk][1] == visit.start - 3 * DAY
    follow()
    assert due(Kind.REMINDER_72H)[visit.pk][1] == visit.start - 4 * DAY


def test_many_visits_are_followed_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    visits = series(10, 12, 14, 16, 18)
    monkeypatch.setattr(replanning, "BATCH", 2)
    say(visits[0].practice, reminder_72h=Term(hours=96))
    assert replanning.sweep(now=SOON, limit=1) == 2
    assert sum(at == DAY * 4 for at in leads(visits)) == 2
    follow()
    assert set(leads(visits)) == {4 * DAY}


def leads(visits: list[Appointment]) -> list[timedelta]:
    return [one.start - due(Kind.REMINDER_72H)[one.pk][1] for one in visits]


def test_what_was_said_is_not_said_again(sms_provider: SmsProvider) -> None:
    [visit] = series(10)
    making.deliver(Clock(visit.start - 3 * DAY))
    sent = Message.objects.get(kind=Kind.REMINDER_72H)
    told = len(sms_provider.inbox())
    assert sent.state == "accepted"
    now = visit.start - 3 * DAY + HOUR
    say(visit.practice, now, reminder_72h=Term(hours=60), preparation=Term(hours=100))
    follow(now + timedelta(minutes=2))
    making.deliver(Clock(visit.start - 2.5 * DAY))
    assert state(sent)[0] == "accepted"
    assert Message.objects.filter(kind=Kind.REMINDER_72H).count() == 1
    assert Message.objects.filter(kind=Kind.PREPARATION).count() == 1
    assert len(sms_provider.inbox()) - told <= 1  # the questions, at their own hour


def test_what_a_worker_has_in_hand_is_left_alone() -> None:
    [visit] = series(10)
    tried = Message.objects.filter(kind=Kind.REMINDER_72H)
    tried.update(attempts=1)
    Message.objects.filter(kind=Kind.REMINDER_24H).update(state="leased", lease_until=NOW + HOUR, attempts=1)
    before = rows()
    say(visit.practice, reminder_72h=Term(hours=96), reminder_24h=Term(hours=20))
    follow()
    assert {str(key).partition(":")[0] for _, key, *_ in rows() - before} == {"ride_home"}


def test_what_is_off_is_not_planned_and_what_waits_stays_silent(sms_provider: SmsProvider) -> None:
    [visit] = series(10)
    early = Message.objects.get(kind=Kind.REMINDER_72H)
    say(visit.practice, reminder_72h=Term(on=False))
    # As of now, whether or not the task has come by.
    making.deliver(Clock(early.due_at))
    assert state(early) == ("suppressed", "off_by_practice")
    other = factories.patient(visit.site)
    reminders_of(making.visit(other, NOW + 9 * DAY))
    assert not Message.objects.filter(patient=other, kind=Kind.REMINDER_72H).exists()
    assert Message.objects.filter(patient=other, kind=Kind.REMINDER_24H).exists()


def reminders_of(visit: Appointment) -> None:
    from_now = replanning.reminders.booked(appointments=[visit], now=NOW)
    replanning.drafts.queue(messages=from_now, now=NOW)


def test_off_and_on_again_loses_nothing_and_doubles_nothing() -> None:
    [visit] = series(10)
    before = rows()
    say(visit.practice, reminder_72h=Term(on=False), preparation=Term(on=False))
    follow()
    say(visit.practice, SOON, reminder_72h=Term(), preparation=Term(on=True))
    follow(SOON + timedelta(minutes=2))
    assert rows() == before


def test_on_again_plans_what_was_booked_meanwhile() -> None:
    practice = factories.practice()
    say(practice, reminder_72h=Term(on=False))
    visit = making.visit(factories.patient(factories.site(practice)), NOW + 9 * DAY)
    reminders_of(visit)
    assert not due(Kind.REMINDER_72H)
    say(practice, reminder_72h=Term())
    follow()
    assert due(Kind.REMINDER_72H) == {visit.pk: ("sms", visit.start - 3 * DAY)}


def test_another_order_of_channels_moves_what_waits_to_the_other_one() -> None:
    [visit] = series(10)
    count = Message.objects.count()
    prefer(visit.practice, channels="email,sms")
    follow()
    assert due(Kind.REMINDER_24H)[visit.pk][0] == "email"
    assert Message.objects.count() == count
    key = Message.objects.get(kind=Kind.REMINDER_24H).dedupe_key
    assert key == f"reminder_24h:{visit.pk}:1:email"


def test_what_waits_for_a_channel_that_is_off_goes_by_the_other(sms_provider: SmsProvider) -> None:
    [visit] = series(10)
    row = Message.objects.get(kind=Kind.REMINDER_72H)
    prefer(visit.practice, channels="email")
    making.deliver(Clock(row.due_at))
    assert state(row) == ("suppressed", "channel_off")
    assert Message.objects.filter(kind=Kind.REMINDER_72H, channel="email").exists()
    assert not sms_provider.inbox()


def test_what_follows_a_dose_moves_too() -> None:
    dose = given()
    at = dose.discharged_at
    assert at is not None
    say(dose.practice, at, check_in=Term(hours=26), follow_up_missing=Term(hours=44))
    follow(at + timedelta(minutes=2))
    assert due(Kind.CHECK_IN)[dose.pk][1] == at + 26 * HOUR
    assert due(Kind.FOLLOW_UP_MISSING)[dose.pk][1] == at + 44 * HOUR


def test_another_practice_is_not_touched() -> None:
    [visit], [other] = series(10), series(10)
    say(visit.practice, reminder_72h=Term(hours=96))
    follow()
    assert due(Kind.REMINDER_72H)[other.pk][1] == other.start - 3 * DAY


def test_each_visit_of_a_day_is_reminded_of_by_itself_where_a_practice_wants_it(
    sms_provider: SmsProvider,
) -> None:
    someone = making.patient()
    visits = [making.visit(someone, NOW + 9 * DAY + hours * HOUR) for hours in (0, 3)]
    for one in visits:
        reminders_of(one)
    Message.objects.exclude(kind=Kind.REMINDER_24H).delete()
    prefer(someone.practice, merge_visits=False)
    making.deliver(Clock(NOW + 8 * DAY + 4 * HOUR))
    assert len(sms_provider.inbox()) == 2
