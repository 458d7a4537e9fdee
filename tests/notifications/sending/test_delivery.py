"""What becomes of a message that is due, with the real providers' protocols and a real database."""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.ids import new_id
from clinic.practice.models import TrailEntry, WorkItem
from notifications import tasks
from notifications.channels import twilio
from notifications.channels.base import Outcome, Result, Sent
from notifications.models import Attempt, Message, Suppression
from notifications.planning import suppressions
from notifications.sending import delivery, recovery, spans
from patients.models import Patient
from tests.notifications import making
from tests.notifications.making import NOW, Clock, child_environment, state
from tests.races import race

pytestmark = pytest.mark.django_db


def phone(someone: Patient) -> str:
    return someone.contact_points.get(channel="sms").value


def test_a_due_reminder_arrives_and_is_kept_as_it_was_sent(sms_provider: SmsProvider) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    row = making.reminder(visit)
    assert making.deliver() == 1
    [sms] = sms_provider.inbox()
    row.refresh_from_db()
    clinic = visit.practice.message_name
    assert sms["body"] == (
        f"{clinic}: see you Tue 5 May 10:00. Questions or changes: +12025550100. STOP to opt out."
    )
    assert sms["to"] == row.sent_to == phone(visit.patient)
    assert (row.state, row.sent_body) == ("accepted", sms["body"])
    [attempt] = Attempt.objects.all()
    assert (attempt.number, attempt.outcome, attempt.provider_id) == (1, "accepted", row.provider_id)
    assert attempt.segments == 1
    told = TrailEntry.objects.get(verb="message.sent")
    assert (told.subject_id, told.actor_ref) == (row.pk, "system")


def test_what_is_not_due_stays(sms_provider: SmsProvider) -> None:
    making.reminder(making.visit(making.patient(), making.tomorrow()), due_at=NOW + timedelta(seconds=1))
    assert making.deliver() == 0


@pytest.mark.parametrize(
    ("number", "suppressed"), [("+15005550004", "opted_out"), ("+15005550001", "no_such_address")]
)
def test_a_permanent_refusal_is_remembered_and_the_other_channel_takes_over(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher, number: str, suppressed: str
) -> None:
    someone = making.patient()
    someone.contact_points.filter(channel="sms").update(value=number)
    row = making.reminder(making.visit(someone, making.tomorrow()))
    making.deliver()
    assert state(row)[0] == "failed_final"
    assert Suppression.objects.get().reason == suppressed
    assert len(smtp_catcher.inbox()) == 1
    second = making.reminder(making.visit(someone, making.tomorrow(18)))
    making.deliver()
    assert state(second) == ("suppressed", suppressed)


def test_a_transient_failure_is_tried_again_later(sms_provider: SmsProvider) -> None:
    clock = Clock()
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    sms_provider.fault(times=1, to=None, status=503)
    making.deliver(clock)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.due_at > NOW) == ("planned", 1, True)
    clock.forward(minutes=2)
    making.deliver(clock)
    assert state(row)[0] == "accepted"
    assert len(sms_provider.inbox()) == 1


def test_a_lost_answer_is_a_doubt_that_a_look_up_resolves(sms_provider: SmsProvider) -> None:
    """At the real time, because the provider dates what it took by its own clock."""
    clock = Clock(timezone.now())
    row = making.reminder_now(clock())
    sms_provider.fault(times=1, to=None, drop=True, accept=True)
    making.deliver(clock)
    assert state(row)[0] == "in_doubt"
    item = WorkItem.objects.get(kind="message_in_doubt")
    assert (item.subject_id, item.done_at) == (row.pk, None)
    assert recovery.settle(clock=clock) == 1
    assert state(row)[0] == "accepted"
    item.refresh_from_db()
    assert item.done_by == "system"
    making.deliver(clock)
    assert len(sms_provider.inbox()) == 1


@pytest.mark.parametrize(("taken", "becomes"), [(True, "accepted"), (False, "planned")])
def test_an_error_answer_is_settled_by_what_the_provider_lists(
    sms_provider: SmsProvider, taken: bool, becomes: str
) -> None:
    """It had answered: what it does not list a minute later it has not taken, and it is tried again."""
    clock = Clock(timezone.now())
    row = making.reminder_now(clock())
    sms_provider.fault(times=1, to=None, status=500, accept=taken)
    making.deliver(clock)
    assert state(row)[0] == "in_doubt"
    assert recovery.settle(clock=clock) == taken
    clock.forward(seconds=61)
    assert recovery.settle(clock=clock) == (not taken)
    assert state(row)[0] == becomes
    assert not WorkItem.objects.filter(done_at=None).exists()
    clock.forward(minutes=3)
    making.deliver(clock)
    assert len(sms_provider.inbox()) == 1


def test_who_was_held_up_past_its_lease_does_not_begin_the_call(sms_provider: SmsProvider) -> None:
    clock = Clock()
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    claimed = delivery.claim(worker="slow", now=clock())
    assert claimed == row.pk
    begun = delivery.begin(message_id=row.pk, worker="slow", now=clock())
    assert begun is not None
    clock.forward(seconds=90)
    result = delivery._call(begun, clock)
    assert (result.outcome, result.code) == (Outcome.TRANSIENT, "not_called")
    assert sms_provider.inbox() == []


def test_a_doubt_that_nobody_can_settle_does_not_keep_others_from_being_asked_about(
    sms_provider: SmsProvider,
) -> None:
    """More than are asked about at a time, older, and never settled."""
    clock = Clock(timezone.now())
    sms_provider.fault(times=3, to=None, drop=True, accept=False)
    for _ in range(3):
        making.reminder_now(clock())
    making.deliver(clock)
    sms_provider.fault(times=1, to=None, drop=True, accept=True)
    row = making.reminder_now(clock())
    making.deliver(clock)
    assert sum(recovery.settle(clock=clock, limit=2) for _ in range(2)) == 1
    assert state(row)[0] == "accepted"


def test_a_provider_that_hangs_is_not_asked_until_the_task_is_ended(
    sms_provider: SmsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that there was no time for are asked about first the next time."""
    clock = Clock(timezone.now())
    sms_provider.fault(times=5, to=None, drop=True, accept=True)
    for _ in range(5):
        making.reminder_now(clock())
    making.deliver(clock)
    asked: list[str] = []

    def hangs(*, sent: Sent) -> None:
        asked.append(sent.to)
        clock.forward(seconds=13)

    monkeypatch.setattr(twilio, "look_up", hangs)
    for _ in range(2):
        began = clock()
        recovery.settle(clock=clock, until=began + spans.beginning(task=tasks.RECOVER_SECONDS))
        assert clock() - began < timedelta(seconds=tasks.RECOVER_SECONDS)
    assert len(asked) == 6
    assert set(asked) == set(Message.objects.values_list("sent_to", flat=True))
    asked.clear()
    recovery.settle(clock=clock)
    assert len(asked) == 5, "the control: without its end, for as long as there are doubts"


def test_a_doubt_without_evidence_stays_with_a_person_and_is_never_sent_again(
    sms_provider: SmsProvider,
) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    sms_provider.fault(times=1, to=None, drop=True, accept=False)
    clock = Clock()
    making.deliver(clock)
    for _ in range(5):
        clock.forward(minutes=10)
        assert recovery.settle(clock=clock) == 0
        recovery.recover(now=clock())
        assert making.deliver(clock) == 0
    assert state(row)[0] == "in_doubt"
    assert WorkItem.objects.filter(kind="message_in_doubt", done_at=None).count() == 1
    assert sms_provider.inbox() == []


def test_what_cannot_be_made_fails_alone(sms_provider: SmsProvider) -> None:
    someone = making.patient()
    poison = making.reminder(
        making.visit(someone, making.tomorrow()),
        kind="nobody_knows",
        due_at=NOW - timedelta(hours=1),
        useful_until=NOW + timedelta(days=2),
    )
    good = [making.reminder(making.visit(making.patient(), making.tomorrow())) for _ in range(3)]
    clock = Clock()
    for _ in range(6):
        making.deliver(clock)
        clock.forward(hours=2)
    assert state(poison) == ("failed_final", "too_many_attempts:NotWired")
    assert {state(row)[0] for row in good} == {"accepted"}
    assert WorkItem.objects.get().kind == "message_failed"


def test_a_lease_that_ran_out_goes_back_and_gives_up_after_five_times(sms_provider: SmsProvider) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    clock = Clock()
    for attempt in range(1, 6):
        assert delivery.claim(worker="dies", now=clock()) == row.pk
        row.refresh_from_db()
        assert row.attempts == attempt
        clock.forward(seconds=61)
        recovery.recover(now=clock())
    assert state(row) == ("failed_final", "too_many_attempts:worker_lost")


def test_a_worker_that_lost_its_lease_begins_nothing(sms_provider: SmsProvider) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    clock = Clock()
    delivery.claim(worker="slow", now=clock())
    clock.forward(seconds=61)
    assert delivery.begin(message_id=row.pk, worker="slow", now=clock()) is None
    recovery.recover(now=clock())
    delivery.claim(worker="other", now=clock())
    assert delivery.begin(message_id=row.pk, worker="slow", now=clock()) is None


def test_a_process_that_was_paused_past_its_time_does_not_call_the_provider(
    sms_provider: SmsProvider,
) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    delivery.claim(worker="paused", now=NOW)
    times = iter([NOW, NOW + timedelta(seconds=90), NOW + timedelta(seconds=91)])
    delivery.handle(message_id=row.pk, worker="paused", clock=lambda: next(times))
    assert sms_provider.inbox() == []
    assert state(row) == ("planned", "transient:not_called")


def test_a_late_result_overwrites_nothing(sms_provider: SmsProvider) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    delivery.claim(worker="late", now=NOW)
    begun = delivery.begin(message_id=row.pk, worker="late", now=NOW)
    assert begun is not None
    stale = Result(Outcome.PERMANENT, code="late")
    assert not delivery.record(message_id=row.pk, attempt_id=new_id(), result=stale, now=NOW)
    good = Result(Outcome.ACCEPTED, provider_id="SM1")
    assert delivery.record(message_id=row.pk, attempt_id=begun.attempt_id, result=good, now=NOW)
    assert not delivery.record(message_id=row.pk, attempt_id=begun.attempt_id, result=stale, now=NOW)
    assert state(row)[0] == "accepted"


def test_a_late_answer_resolves_the_doubt_about_its_own_attempt(sms_provider: SmsProvider) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    delivery.claim(worker="late", now=NOW)
    begun = delivery.begin(message_id=row.pk, worker="late", now=NOW)
    assert begun is not None
    later = NOW + timedelta(minutes=2)
    recovery.recover(now=later)
    assert state(row)[0] == "in_doubt"
    refused = Result(Outcome.TRANSIENT, code="20429")
    assert delivery.record(message_id=row.pk, attempt_id=begun.attempt_id, result=refused, now=later)
    assert state(row)[0] == "planned"
    assert WorkItem.objects.get().done_by == "system"


@pytest.mark.django_db(transaction=True)
def test_four_loops_at_once_hand_each_message_over_once(sms_provider: SmsProvider) -> None:
    rows = [making.reminder(making.visit(making.patient(), making.tomorrow())) for _ in range(24)]
    start = threading.Barrier(4)

    def loop(name: str) -> None:
        try:
            start.wait(timeout=30)
            making.deliver(worker=name)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=loop, args=(f"loop-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sorted(sms["to"] for sms in sms_provider.inbox()) == sorted(phone(row.patient) for row in rows)
    assert Attempt.objects.count() == 24


@pytest.mark.django_db(transaction=True)
def test_two_loops_at_once_say_a_day_of_one_patient_once(sms_provider: SmsProvider) -> None:
    someone = making.patient()
    for hour in (14, 16, 18):
        making.reminder(making.visit(someone, making.tomorrow(hour)))
    start = threading.Barrier(3)
    clock = Clock()

    def loop(name: str) -> None:
        try:
            start.wait(timeout=30)
            making.deliver(clock, worker=name)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=loop, args=(f"loop-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    clock.forward(seconds=10)
    making.deliver(clock)
    assert len(sms_provider.inbox()) == 1
    assert sorted(Message.objects.values_list("state", flat=True)) == ["accepted", "cancelled", "cancelled"]


@pytest.mark.django_db(transaction=True)
def test_a_stop_that_comes_while_the_row_is_held_is_heard(sms_provider: SmsProvider) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    assert delivery.claim(worker="one", now=NOW) == row.pk

    def stop() -> None:
        with transaction.atomic():
            Message.objects.select_for_update().get(pk=row.pk)
            said = {"channel": "sms", "value": phone(row.patient), "reason": suppressions.OPTED_OUT}
            suppressions.refuse(practice_id=row.practice_id, now=NOW, **said)

    def send() -> bool:
        return delivery.handle(message_id=row.pk, worker="one", clock=Clock())

    assert race.in_turn(stop, send, at=(suppressions, "refuse")).results == [None, False]
    assert sms_provider.inbox() == []
    assert state(row) == ("suppressed", "opted_out")


DELIVER = """
    import django
    django.setup()
    from tests.notifications import making
    making.deliver(worker="killed")
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("taken", [True, False])
def test_a_worker_killed_during_a_hand_over_leaves_a_doubt_and_sends_nothing_twice(
    sms_provider: SmsProvider, taken: bool
) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    sms_provider.fault(times=1, to=None, seconds=30, accept=taken)
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(DELIVER)], env=child_environment())
    try:
        wait_until(lambda: state(row)[0] == "handing_over" and (not taken or sms_provider.inbox()))
    finally:
        child.kill()
        child.wait()
    clock = Clock(NOW + timedelta(minutes=5))
    assert making.deliver(clock) == 0
    recovery.recover(now=clock())
    assert state(row) == ("in_doubt", "lease_expired")
    assert Attempt.objects.get().outcome == "in_doubt"
    assert WorkItem.objects.get().kind == "message_in_doubt"
    assert making.deliver(clock) == 0
    assert len(sms_provider.inbox()) == taken


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
