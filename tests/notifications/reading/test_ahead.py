"""What somebody is shown of the messages to come is what is sent when their time comes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Min

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice.errors import NotAllowed
from notifications import neutral
from notifications.models import Attempt, Message, Suppression, Wording
from notifications.planning.ports import Silence
from notifications.reading import ahead
from notifications.reading.ahead import Foreseen
from notifications.sending import delivery
from notifications.sending.decision import Send
from patients.models import MessagingConsent, Patient
from scheduling.booking.own import own_messages
from tests import factories
from tests.notifications.making import Clock
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db


def as_ever(clinic: factories.Clinic) -> None:
    """Nothing is special."""


def far_away(clinic: factories.Clinic) -> None:
    """Where it is night when the clinic opens."""
    Patient.objects.filter(pk=clinic.patient.pk).update(time_zone="Pacific/Honolulu", language="es")


def few_a_week(clinic: factories.Clinic) -> None:
    """The practice relies on the exemption: one message a day, three a week (R-06)."""
    clinic.practice.settings = {**clinic.practice.settings, "messages": {"relies_on_exemption": True}}
    clinic.practice.save(update_fields=["settings"])


def stopped(clinic: factories.Clinic) -> None:
    """The telephone opted out: e-mail takes over."""
    number = clinic.patient.contact_points.get(channel="sms").value
    Suppression.objects.create(
        practice=clinic.practice, channel="sms", value=number, reason="opted_out", since=factories.NOW
    )


def in_own_words(clinic: factories.Clinic) -> None:
    words = "{clinic}: we look forward to {times}. Call {phone}. {stop}"
    which = {"kind": "reminder_24h", "language": "en", "channel": "sms"}
    Wording.objects.create(practice=clinic.practice, body=words, **which)


def asked_of_the_database(planned: list[Message]) -> list[Foreseen]:
    """The same, each message asking the database itself."""
    known = ahead.known(patient=planned[0].patient, messages=planned, now=factories.NOW)
    return ahead.walk(messages=planned, known=known, now=factories.NOW)


def told_of(seen: list[Foreseen]) -> list[Any]:
    """In no order: what falls on one moment has none."""
    return sorted(
        (
            (one.at, one.message.kind, one.message.channel, one.into is None, said(one.outcome))
            for one in seen
        ),
        key=str,
    )


def said(outcome: object) -> object:
    if isinstance(outcome, Send):
        return outcome.to, outcome.rendered, outcome.calendar, len(outcome.covers)
    return outcome


def gone_through(clock: Clock) -> None:
    """Let time pass, from one due message to the next."""
    while (due := Message.objects.filter(state="planned").aggregate(due=Min("due_at"))["due"]) is not None:
        clock.now = max(clock.now, due)
        delivery.run(clock=clock, worker="test", pause=lambda _: None)


def told(at: datetime, message: Message, text: str) -> tuple[Any, ...]:
    return at, message.kind, message.channel, message.subject_id, neutral.kept(text)


@pytest.mark.parametrize("change", [as_ever, far_away, few_a_week, stopped, in_own_words])
def test_what_is_foreseen_is_what_arrives(
    change: Callable[[factories.Clinic], None], sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    clinic = factories.small_clinic()
    change(clinic)
    booked.book(clinic)
    # A fortnight says it all, in a third of the time.
    Message.objects.filter(due_at__gt=factories.NOW + timedelta(days=16)).delete()
    planned = list(Message.objects.select_related("practice", "patient"))
    seen = own_messages.of_patient(actor=clinic.admin, patient_id=clinic.patient.pk, now=factories.NOW)
    assert told_of(asked_of_the_database(planned)) == told_of(seen)
    assert Message.objects.filter(state="planned").count() == len(planned)
    gone_through(Clock(factories.NOW))
    attempts = Attempt.objects.select_related("message").order_by("begun_at", "message_id")
    sent = [told(one.begun_at, one.message, one.message.sent_body) for one in attempts]
    assert sent
    foreseen = [
        told(one.at, one.message, one.outcome.rendered.text) for one in seen if isinstance(one.outcome, Send)
    ]
    assert sorted(foreseen, key=str) == sorted(sent, key=str)
    # To the byte, links and all, in the order in which they came.
    texts = [
        one.outcome.rendered.text
        for one in seen
        if isinstance(one.outcome, Send) and one.message.channel == "sms"
    ]
    assert texts == [one["body"] for one in sms_provider.inbox()]
    silent = {one.message.pk: one.outcome.reason for one in seen if isinstance(one.outcome, Silence)}
    unsent = Message.objects.filter(state__in=["suppressed", "cancelled"], pk__in=[one.pk for one in planned])
    assert silent.keys() >= {one.pk for one in unsent}
    assert {one.pk: one.state_reason for one in unsent}.items() <= silent.items()


def test_a_patient_without_any_channel_is_told_to_get_nothing(sms_provider: SmsProvider) -> None:
    clinic = factories.small_clinic()
    booked.book(clinic)
    MessagingConsent.objects.filter(patient=clinic.patient).update(decision="revoked")
    seen = own_messages.of_patient(actor=clinic.admin, patient_id=clinic.patient.pk, now=factories.NOW)
    assert {one.outcome.reason for one in seen if isinstance(one.outcome, Silence)} == {"consent_revoked"}
    assert not any(isinstance(one.outcome, Send) for one in seen)


def test_looking_ahead_is_bounded_and_keeps_to_the_practice() -> None:
    clinic = factories.small_clinic()
    booked.book(clinic)
    somebody = factories.admin(factories.practice())
    assert own_messages.of_patient(actor=somebody, patient_id=clinic.patient.pk, now=factories.NOW) == []
    with pytest.raises(NotAllowed):
        nobody = factories.program(clinic.practice, "read:sites")
        own_messages.of_patient(actor=nobody, patient_id=clinic.patient.pk, now=factories.NOW)
    seen = own_messages.of_patient(actor=clinic.admin, patient_id=clinic.patient.pk, now=factories.NOW)
    assert len({one.message.pk for one in seen}) <= ahead.MOST + 1
    assert seen[0].at >= factories.NOW + timedelta(minutes=3)
