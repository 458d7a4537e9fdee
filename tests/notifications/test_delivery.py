"""What becomes of a message that is due, with the real providers' protocols and a real database."""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.ids import new_id
from clinic.practice.models import TrailEntry, WorkItem
from notifications import delivery, recovery
from notifications.channels.base import Outcome, Result
from notifications.models import Attempt, Message, Suppression
from patients.models import MessagingConsent, Patient
from tests.notifications import making
from tests.notifications.making import NOW, Clock, child_environment

pytestmark = pytest.mark.django_db


def phone(someone: Patient) -> str:
    return someone.contact_points.get(channel="sms").value


def state(row: Message) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.state_reason


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
    told = TrailEntry.objects.get(verb="message.sent")
    assert (told.subject_id, told.actor_ref) == (row.pk, "system")


def test_what_is_not_due_stays(sms_provider: SmsProvider) -> None:
    making.reminder(making.visit(making.patient(), making.tomorrow()), due_at=NOW + timedelta(seconds=1))
    assert making.deliver() == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "cancelled", "cancelled_at": NOW, "cancelled_by": "test"}, "visit_cancelled"),
        ({"start": making.tomorrow(15)}, "visit_moved"),
        ({"status": "arrived", "arrived_at": NOW, "arrived_by": "test"}, "visit_arrived"),
    ],
)
def test_a_reminder_that_became_untrue_is_silent(
    sms_provider: SmsProvider, change: dict[str, Any], reason: str
) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    row = making.reminder(visit)
    type(visit).objects.filter(pk=visit.pk).update(**change)
    making.deliver()
    assert state(row) == ("suppressed", reason)
    assert sms_provider.inbox() == []
    assert Message.objects.count() == 1


def test_confirming_a_visit_does_not_silence_its_reminder(sms_provider: SmsProvider) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    row = making.reminder(visit)
    type(visit).objects.filter(pk=visit.pk).update(
        status="confirmed", confirmed_at=NOW, confirmed_by="test", version=2
    )
    making.deliver()
    assert state(row) == ("accepted", "")


def test_only_the_newest_version_of_a_reminder_is_sent(sms_provider: SmsProvider) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    old = making.reminder(visit)
    new = making.reminder(visit, subject_version=3)
    making.deliver()
    assert (state(old), state(new)) == (("suppressed", "superseded"), ("accepted", ""))
    assert len(sms_provider.inbox()) == 1


def test_revoked_consent_is_honoured_and_the_other_channel_takes_over(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    row = making.reminder(visit)
    MessagingConsent.objects.create(
        patient=visit.patient, channel="sms", decision="revoked", decided_at=NOW, decided_by="test"
    )
    making.deliver()
    assert state(row) == ("suppressed", "consent_revoked")
    assert sms_provider.inbox() == []
    [email] = smtp_catcher.inbox()
    assert "Tue 5 May 10:00" in email["body"]


def test_nobody_is_messaged_who_asked_for_no_messages(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    row = making.reminder(visit)
    Patient.objects.filter(pk=visit.patient_id).update(no_messages=True)
    making.deliver()
    assert state(row) == ("suppressed", "no_messages")
    assert (sms_provider.inbox(), smtp_catcher.inbox(), WorkItem.objects.count()) == ([], [], 0)


def test_without_an_sms_provider_nothing_is_lost(settings: Settings, smtp_catcher: SmtpCatcher) -> None:
    settings.TWILIO_ACCOUNT_SID = ""
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    making.deliver()
    assert state(row) == ("suppressed", "no_provider")
    assert len(smtp_catcher.inbox()) == 1


def test_whom_no_channel_reaches_is_on_the_call_list_once(sms_provider: SmsProvider) -> None:
    visit = making.visit(making.patient(consents=False), making.tomorrow())
    making.reminder(visit, kind="reminder_72h")
    making.deliver()
    making.reminder(visit)
    making.deliver()
    [item] = WorkItem.objects.all()
    assert (item.kind, item.patient_id, item.role) == ("patient_unreachable", visit.patient_id, "front_desk")


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
    sms_provider.fault(times=1, to=None, status=500)
    making.deliver(clock)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.due_at > NOW) == ("planned", 1, True)
    clock.forward(minutes=2)
    making.deliver(clock)
    assert state(row)[0] == "accepted"
    assert len(sms_provider.inbox()) == 1


def test_a_lost_answer_is_a_doubt_that_a_look_up_resolves(sms_provider: SmsProvider) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    sms_provider.fault(times=1, to=None, drop=True, accept=True)
    now = provider_time(row)
    making.deliver(now)
    assert state(row)[0] == "in_doubt"
    item = WorkItem.objects.get(kind="message_in_doubt")
    assert (item.subject_id, item.done_at) == (row.pk, None)
    assert recovery.settle(now=now()) == 1
    assert state(row)[0] == "accepted"
    item.refresh_from_db()
    assert item.done_by == "system"
    making.deliver(now)
    assert len(sms_provider.inbox()) == 1


def test_a_doubt_without_evidence_stays_with_a_person_and_is_never_sent_again(
    sms_provider: SmsProvider,
) -> None:
    row = making.reminder(making.visit(making.patient(), making.tomorrow()))
    sms_provider.fault(times=1, to=None, drop=True, accept=False)
    clock = Clock()
    making.deliver(clock)
    for _ in range(5):
        clock.forward(minutes=10)
        assert recovery.settle(now=clock()) == 0
        recovery.recover(now=clock())
        assert making.deliver(clock) == 0
    assert state(row)[0] == "in_doubt"
    assert WorkItem.objects.filter(kind="message_in_doubt", done_at=None).count() == 1
    assert sms_provider.inbox() == []


def provider_time(row: Message) -> Clock:
    """The provider dates by the real clock: move the test to it, and the message with it."""
    row.refresh_from_db()
    real = row.pk.int >> 80
    clock = Clock(NOW.fromtimestamp(real / 1000, tz=NOW.tzinfo))
    shift = clock.now - NOW
    noon = clock.now.replace(hour=16, minute=0)
    Patient.objects.filter(pk=row.patient_id).update(time_zone=zone_where_it_is_day(clock))
    Message.objects.filter(pk=row.pk).update(
        due_at=clock.now, subject_at=noon + timedelta(days=2), useful_until=noon + timedelta(days=1)
    )
    type(row.patient).objects.get(pk=row.patient_id).appointments.update(
        start=noon + timedelta(days=2), end=noon + timedelta(days=2, hours=1)
    )
    assert shift
    return clock


def zone_where_it_is_day(clock: Clock) -> str:
    """A zone in which it is about noon at the clock's time."""
    ahead = 12 - clock.now.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/UTC"


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


def test_a_text_that_tells_too_much_is_never_sent(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    type(visit.practice).objects.filter(pk=visit.practice_id).update(message_name="Bayside Ketamine")
    row = making.reminder(visit)
    making.deliver()
    assert state(row) == ("failed_final", "not_neutral:denied_word")
    assert (sms_provider.inbox(), smtp_catcher.inbox()) == ([], [])
    assert WorkItem.objects.get().kind == "message_failed"


@pytest.mark.parametrize(
    ("zone", "sent_at_once"), [("America/New_York", True), ("Asia/Tokyo", False), ("America/Adak", False)]
)
def test_quiet_hours_are_the_patients_own(sms_provider: SmsProvider, zone: str, sent_at_once: bool) -> None:
    """11:00 in New York is midnight in Tokyo and 06:00 on Adak."""
    clock = Clock()
    row = making.reminder(making.visit(making.patient(time_zone=zone), making.tomorrow(23)))
    making.deliver(clock)
    assert state(row)[0] == ("accepted" if sent_at_once else "planned")
    if not sent_at_once:
        row.refresh_from_db()
        clock.now = row.due_at
        making.deliver(clock)
        assert state(row)[0] == "accepted"
        assert row.attempts == 1


def test_what_waited_too_long_is_not_sent(sms_provider: SmsProvider) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    row = making.reminder(visit, due_at=NOW - timedelta(days=1), useful_until=NOW - timedelta(seconds=1))
    making.deliver()
    assert state(row) == ("suppressed", "skipped_stale")


def test_reminders_of_one_day_are_one_message(sms_provider: SmsProvider) -> None:
    someone = making.patient()
    first = making.reminder(making.visit(someone, making.tomorrow(14)))
    later = making.reminder(making.visit(someone, making.tomorrow(19)), due_at=NOW + timedelta(hours=4))
    clock = Clock()
    making.deliver(clock)
    clock.forward(hours=5)
    making.deliver(clock)
    [sms] = sms_provider.inbox()
    assert "Tue 5 May 10:00, Tue 5 May 15:00" in sms["body"]
    assert (state(first), state(later)) == (("accepted", ""), ("cancelled", "merged"))


def test_the_less_important_waits_for_the_other_and_goes_alone_if_that_one_does_not(
    sms_provider: SmsProvider,
) -> None:
    someone = making.patient()
    far = making.visit(someone, making.tomorrow(16) + timedelta(days=2))
    near = making.visit(someone, making.tomorrow(17))
    waits = making.reminder(far, kind="reminder_72h")
    carrier = making.reminder(near, due_at=NOW + timedelta(hours=2))
    clock = Clock()
    making.deliver(clock)
    assert sms_provider.inbox() == []
    type(near).objects.filter(pk=near.pk).update(status="cancelled", cancelled_at=NOW, cancelled_by="test")
    clock.forward(hours=2, seconds=5)
    making.deliver(clock)
    [sms] = sms_provider.inbox()
    assert "Thu 7 May 12:00" in sms["body"]
    assert (state(waits)[0], state(carrier)[0]) == ("accepted", "suppressed")


def test_after_a_downtime_both_reminders_of_a_visit_are_one(sms_provider: SmsProvider) -> None:
    visit = making.visit(making.patient(), making.tomorrow(15))
    early = making.reminder(visit, kind="reminder_72h", due_at=NOW - timedelta(days=2))
    making.reminder(visit)
    making.deliver(Clock())
    making.deliver(Clock(NOW + timedelta(seconds=10)))
    [sms] = sms_provider.inbox()
    assert "see you Tue 5 May 11:00." in sms["body"]
    assert state(early)[1] == "merged"


def test_a_practice_that_relies_on_the_exemption_sends_one_a_day(sms_provider: SmsProvider) -> None:
    someone = making.patient()
    type(someone.practice).objects.filter(pk=someone.practice_id).update(
        settings={"messages": {"relies_on_exemption": True}}
    )
    visits = [making.visit(someone, making.tomorrow(hour)) for hour in (14, 16)]
    first = making.reminder(visits[0])
    making.deliver()
    second = making.reminder(visits[1], due_at=NOW, kind="reminder_24h")
    third = making.reminder(visits[1], due_at=NOW, kind="reminder_24h", uncapped=True, subject_version=2)
    assert first.pk
    making.deliver()
    assert state(second)[0] == "suppressed"
    assert state(third)[0] == "accepted"


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
