"""The last look before a hand-over: what became untrue, unwanted or impossible is not sent, and the row says
why.
"""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.models import WorkItem
from notifications.models import Message
from patients.models import MessagingConsent, Patient
from tests.notifications import making
from tests.notifications.making import NOW, Clock, state

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


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


@pytest.mark.parametrize("arrive", [False, True])
def test_a_reply_is_asked_for_where_replies_arrive(
    sms_provider: SmsProvider, settings: Settings, arrive: bool
) -> None:
    settings.SMS_ASKS_FOR_REPLIES = arrive
    making.reminder(making.visit(making.patient(), making.tomorrow()))
    making.deliver()
    [text] = sms_provider.inbox()
    assert ("Reply C to confirm" in text["body"]) is arrive


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


def test_under_a_cap_another_kind_goes_first_and_the_rest_waits_for_it(sms_provider: SmsProvider) -> None:
    """R-06: also where one text could not say both."""
    someone = making.patient()
    someone.practice.settings = {"messages": {"relies_on_exemption": True}}
    someone.practice.save(update_fields=["settings"])
    early = making.reminder(
        making.visit(someone, NOW + timedelta(hours=70), kind="therapy"), kind="reminder_72h"
    )
    missed = making.visit(someone, NOW - timedelta(days=1), status="no_show", no_show_at=NOW, no_show_by="t")
    first = making.reminder(missed, kind="no_show", due_at=NOW + timedelta(hours=1), useful_until=NOW + DAY)
    clock = Clock()
    making.deliver(clock)
    assert (state(early)[0], state(first)[0]) == ("planned", "planned")
    clock.forward(hours=1, seconds=2)
    making.deliver(clock)
    assert (state(first)[0], state(early)) == ("accepted", ("suppressed", "over_cap"))
    assert len(sms_provider.inbox()) == 1


def test_what_was_waited_for_and_became_untrue_takes_no_place_under_the_cap(
    sms_provider: SmsProvider,
) -> None:
    someone = making.patient()
    someone.practice.settings = {"messages": {"relies_on_exemption": True}}
    someone.practice.save(update_fields=["settings"])
    early = making.reminder(making.visit(someone, NOW + timedelta(hours=70)), kind="reminder_72h")
    here = making.visit(someone, NOW - timedelta(days=1), status="booked")
    first = making.reminder(here, kind="no_show", due_at=NOW + timedelta(hours=1), useful_until=NOW + DAY)
    clock = Clock()
    making.deliver(clock)
    clock.forward(hours=1, seconds=2)
    making.deliver(clock)
    assert (state(first), state(early)) == (("suppressed", "not_missed"), ("accepted", ""))


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
