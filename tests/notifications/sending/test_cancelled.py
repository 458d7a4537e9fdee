"""A visit that does not take place is told of, and taken out of the calendar."""

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.db import transaction
from icalendar import Calendar

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice import actor as actors
from clinic.practice.actor import Actor
from clinic.practice.models import WorkItem
from notifications.models import Message
from patients.models import Patient
from scheduling.booking.writing import cancellations, reminders
from scheduling.models import Appointment
from tests.notifications import making
from tests.notifications.making import Clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    return Clock(making.NOW)


@pytest.fixture
def someone(sms_provider: SmsProvider, smtp_catcher: SmtpCatcher) -> Patient:
    return making.patient()


def desk(someone: Patient) -> Actor:
    return actors.system(practice_id=someone.practice_id)


def booked(
    someone: Patient, clock: Clock, days: tuple[int, ...] = (3,), told: bool = True
) -> list[Appointment]:
    """Visits that were booked together, and their confirmation, which has gone out when `told`."""
    made = [making.visit(someone, clock.now + timedelta(days=day), created_at=clock.now) for day in days]
    with transaction.atomic():
        reminders.on_appointments_booked(appointments=made, now=clock.now)
    if told:
        clock.forward(minutes=4)
        making.deliver(clock)
    return made


def cancel(visits: list[Appointment], actor: Actor, clock: Clock) -> None:
    with transaction.atomic():
        for one in visits:
            one.status, one.cancelled_at, one.version = "cancelled", clock.now, one.version + 1
            one.cancelled_by = actor.ref
            one.save(update_fields=["status", "cancelled_at", "cancelled_by", "version"])
        cancellations.on_cancelled(actor=actor, appointments=visits, now=clock.now)


def calendar(catcher: SmtpCatcher) -> tuple[str, Calendar]:
    """The method, as the part's head says it, and the calendar of the last mail."""
    raw = email.message_from_bytes(catcher.raw(catcher.inbox()[-1]), policy=email.policy.default)
    assert isinstance(raw, EmailMessage)
    part = next(part for part in raw.walk() if part.get_content_type() == "text/calendar")
    return str(part.get_param("method")), Calendar.from_ical(part.get_payload(decode=True))


def test_one_visit_is_taken_back_with_its_uid_and_a_higher_sequence(
    someone: Patient, clock: Clock, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    visits = booked(someone, clock)
    _, before = calendar(smtp_catcher)
    cancel(visits, desk(someone), clock)
    assert making.deliver(clock) == 0
    clock.forward(minutes=4)
    making.deliver(clock)
    method, after = calendar(smtp_catcher)
    assert (method, str(after["method"])) == ("CANCEL", "CANCEL")
    [old], [new] = before.events, after.events
    assert str(new["uid"]) == str(old["uid"])
    assert new["sequence"] > old["sequence"]
    assert (str(new["status"]), str(new["summary"])) == ("CANCELLED", str(old["summary"]))
    assert str(new["attendee"]) == str(old["attendee"])
    assert "cancelled" in smtp_catcher.inbox()[-1]["subject"]
    assert "is cancelled" in sms_provider.inbox()[-1]["body"]


def test_a_whole_series_is_one_message(
    someone: Patient, clock: Clock, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    """RFC 5546 wants one UID in a CANCEL: several are published, each with its own state."""
    visits = booked(someone, clock, days=(3, 5, 8))
    told = len(sms_provider.inbox()), len(smtp_catcher.inbox())
    cancel(visits[:1], desk(someone), clock)
    cancel(visits[1:], desk(someone), clock)
    clock.forward(minutes=4)
    making.deliver(clock)
    assert (len(sms_provider.inbox()), len(smtp_catcher.inbox())) == (told[0] + 1, told[1] + 1)
    method, found = calendar(smtp_catcher)
    assert method == "PUBLISH"
    assert {str(event["status"]) for event in found.events} == {"CANCELLED"}
    assert {str(event["uid"]).partition("@")[0] for event in found.events} == {str(one.pk) for one in visits}
    assert "3 visits are cancelled" in sms_provider.inbox()[-1]["body"]


def test_who_never_heard_of_a_visit_is_not_told_of_its_end(someone: Patient, clock: Clock) -> None:
    cancel(booked(someone, clock, told=False), desk(someone), clock)
    assert not Message.objects.filter(kind="visit_cancelled").exists()


def test_patients_who_cancel_by_their_link_get_the_e_mail_alone(someone: Patient, clock: Clock) -> None:
    patient = actors.patient(practice_id=someone.practice_id, patient_id=someone.pk)
    cancel(booked(someone, clock), patient, clock)
    assert list(Message.objects.filter(kind="visit_cancelled").values_list("channel", flat=True)) == ["email"]


def test_an_undo_within_the_grace_sends_no_cancellation_and_a_later_one_invites_again(
    someone: Patient, clock: Clock, smtp_catcher: SmtpCatcher
) -> None:
    [visit] = booked(someone, clock)
    for wait in (1, 4):
        cancel([visit], desk(someone), clock)
        clock.forward(minutes=wait)
        making.deliver(clock)
        Appointment.objects.filter(pk=visit.pk).update(
            status="booked", cancelled_at=None, cancelled_by=None, version=visit.version + 1
        )
        visit.refresh_from_db()
        with transaction.atomic():
            reminders.on_reinstated(appointments=[visit], now=clock.now)
        clock.forward(minutes=4)
        making.deliver(clock)
        method, found = calendar(smtp_catcher)
        assert (method, found.events[0]["sequence"]) == ("REQUEST", visit.version)
    states = Message.objects.filter(kind="visit_cancelled", channel="email").order_by("subject_version")
    assert [one.state for one in states] == ["cancelled", "accepted"]


@pytest.mark.parametrize(
    ("minutes", "hour", "code", "calls"),
    [
        (30, 15, "clinic_cancelled", 1),  # too near
        (30, 15, "patient_unwell", 0),  # they said so themselves
        (300, 15, "clinic_cancelled", 0),  # a text comes in time
        (9 * 60, 4, "clinic_cancelled", 1),  # midnight in New York: a text at nine is too late
        (14 * 60, 4, "clinic_cancelled", 0),  # it comes before two in the afternoon
    ],
)
def test_whom_no_message_can_tell_in_time_is_called(
    someone: Patient, minutes: int, hour: int, code: str, calls: int
) -> None:
    clock = Clock(making.NOW.replace(hour=hour))
    start = clock.now + timedelta(minutes=minutes)
    visit = making.visit(someone, start, created_at=clock.now - timedelta(days=2), cancel_code=code)
    making.reminder(visit, state="accepted", due_at=clock.now - timedelta(hours=1), useful_until=start)
    cancel([visit], desk(someone), clock)
    found = WorkItem.objects.filter(kind=cancellations.CALL_ITEM)
    assert [(one.role, one.subject_id) for one in found] == [("front_desk", visit.pk)] * calls


def test_nobody_is_called_about_what_they_cancelled_or_what_was_never_planned(
    someone: Patient, clock: Clock
) -> None:
    soon = clock.now + timedelta(minutes=30)
    patient = actors.patient(practice_id=someone.practice_id, patient_id=someone.pk)
    cancel([making.visit(someone, soon, created_at=clock.now - timedelta(days=2))], patient, clock)
    cancel([making.visit(someone, soon + timedelta(hours=3), created_at=clock.now)], desk(someone), clock)
    assert not WorkItem.objects.exists()
