"""What goes ahead of a visit besides its reminders: who takes the patient home, how to prepare, questions."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from clinic.local.providers import SmsProvider, SmtpCatcher
from notifications.models import Message
from notifications.planning.kinds import Kind
from patients.models import Escort, MessagingConsent
from scheduling.booking.writing import cancellations, reminders
from scheduling.models import Appointment, TreatmentCourse
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock, state

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def series(*days: int, kind: str = "dosing", language: str = "en", **document: Any) -> list[Appointment]:
    """A booked course of visits so many days from now, at 11:00 in New York."""
    someone = making.patient(language=language)
    version = factories.protocol(someone.practice, **document)
    course = TreatmentCourse.objects.create(
        practice=someone.practice,
        patient=someone,
        site=someone.site,
        protocol_version=version,
        start_on_or_after=NOW.date(),
        created_at=NOW,
        created_by="test",
    )
    visits = [making.visit(someone, NOW + day * DAY, kind=kind, course=course) for day in days]
    reminders.on_course_booked(course=course, appointments=visits, now=NOW)
    return visits


def due(kind: Kind, **where: Any) -> dict[Any, tuple[str, datetime]]:
    rows = Message.objects.filter(kind=kind, state="planned", **where)
    return {row.subject_id: (row.channel, row.due_at) for row in rows}


def only(visit: Appointment, *kinds: Kind) -> Message:
    """Nothing but these of this visit is planned; the first of them."""
    Message.objects.exclude(subject_id=visit.pk, kind__in=kinds).delete()
    return Message.objects.get(subject_id=visit.pk, kind=kinds[0])


def at(row: Message) -> Clock:
    return Clock(row.due_at)


def test_each_dose_asks_who_takes_home_and_for_measures_and_the_first_how_to_prepare() -> None:
    first, second = series(10, 13)
    assert due(Kind.RIDE_HOME) == {one.pk: ("sms", one.start - DAY) for one in (first, second)}
    assert due(Kind.MEASURE_DUE) == {one.pk: ("sms", one.start - 2 * DAY) for one in (first, second)}
    assert due(Kind.PREPARATION) == {first.pk: ("email", first.start - 7 * DAY)}


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("dosing", {"escort_required": False, "measures": {}}, {Kind.PREPARATION}),
        # Devices leave nobody drowsy.
        ("device", {}, {Kind.PREPARATION, Kind.MEASURE_DUE}),
        ("integration", {}, set()),
    ],
)
def test_only_what_the_protocol_asks(kind: str, document: dict[str, Any], expected: set[Kind]) -> None:
    series(10, kind=kind, **document)
    found = {Kind.PREPARATION, Kind.MEASURE_DUE, Kind.RIDE_HOME}
    assert {one for one in found if due(one)} == expected


def test_one_text_tells_the_time_and_asks_who_takes_home(sms_provider: SmsProvider) -> None:
    [visit] = series(10)
    ride = only(visit, Kind.RIDE_HOME, Kind.REMINDER_24H)
    making.deliver(at(ride))
    clock = at(ride)
    clock.forward(seconds=10)
    making.deliver(clock)
    [text] = sms_provider.inbox()
    assert "see you Thu 14 May 11:00. Who takes you home? " in text["body"]
    assert "/v/" in text["body"]
    assert state(Message.objects.get(kind=Kind.REMINDER_24H)) == ("cancelled", "merged")


def test_once_somebody_is_named_the_reminder_goes_alone(sms_provider: SmsProvider) -> None:
    [visit] = series(10)
    ride = only(visit, Kind.RIDE_HOME, Kind.REMINDER_24H)
    Escort.objects.create(patient=visit.patient, appointment_id=visit.pk, name="A. Friend", confirmed_at=NOW)
    clock = at(ride)
    making.deliver(clock)
    clock.forward(seconds=10)
    making.deliver(clock)
    assert state(ride) == ("suppressed", "ride_named")
    [text] = sms_provider.inbox()
    assert "home" not in text["body"]


@pytest.mark.parametrize(
    ("kind", "language", "subject", "said"),
    [
        (Kind.RIDE_HOME, "es", "", "le esperamos el jue 14 may 11:00. ¿Quién le lleva a casa? "),
        (Kind.MEASURE_DUE, "en", "", "questions before your visit: http"),
        (Kind.MEASURE_DUE, "es", "", "preguntas antes de su visita: http"),
        (Kind.PREPARATION, "en", "Please prepare for your visit", "is on Thu 14 May 11:00"),
        (Kind.PREPARATION, "es", "Prepare su visita", "es el jue 14 may 11:00"),
    ],
)
def test_what_they_say(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher, kind: Kind, language: str, subject: str, said: str
) -> None:
    [visit] = series(10, language=language)
    making.deliver(at(only(visit, kind)))
    [found] = smtp_catcher.inbox() if subject else sms_provider.inbox()
    assert said in found["body"]
    assert not subject or found["subject"] == subject


def test_a_patient_without_email_is_told_how_to_prepare_by_sms(sms_provider: SmsProvider) -> None:
    [visit] = series(10)
    row = only(visit, Kind.PREPARATION)
    visit.patient.contact_points.filter(channel="email").delete()
    making.deliver(at(row))
    assert state(row)[0] == "suppressed"
    clock = at(row)
    clock.forward(seconds=1)
    making.deliver(clock)
    [text] = sms_provider.inbox()
    assert "Please prepare: " in text["body"]


@pytest.mark.parametrize(("days", "after"), [(30, 23), (5, 1), (3, None)])
def test_preparation_comes_a_week_before_or_the_day_after_the_booking(days: int, after: int | None) -> None:
    [visit] = series(days)
    expected = {} if after is None else {visit.pk: ("email", NOW + after * DAY)}
    assert due(Kind.PREPARATION) == expected


def test_when_the_first_dose_is_cancelled_the_next_one_is_prepared_for() -> None:
    first, second = series(10, 13)
    Appointment.objects.filter(pk=first.pk).update(status="cancelled", cancelled_at=NOW, cancelled_by="t")
    first.refresh_from_db()
    actor = factories.admin(first.practice)
    cancellations.on_cancelled(actor=actor, appointments=[first], now=NOW)
    assert due(Kind.PREPARATION) == {second.pk: ("email", second.start - 7 * DAY)}
    assert set(due(Kind.RIDE_HOME)) == set(due(Kind.MEASURE_DUE)) == {second.pk}


def test_a_dose_that_is_no_longer_the_first_needs_no_preparation(smtp_catcher: SmtpCatcher) -> None:
    [visit] = series(10)
    row = only(visit, Kind.PREPARATION)
    making.visit(visit.patient, NOW - DAY, kind="dosing", course=visit.course)
    making.deliver(at(row))
    assert state(row) == ("suppressed", "not_first")


def test_questions_that_were_answered_are_not_asked_for(sms_provider: SmsProvider) -> None:
    [visit] = series(10, measures={})
    row = making.reminder(visit, kind=Kind.MEASURE_DUE, due_at=visit.start - 2 * DAY)
    making.deliver(at(only(visit, Kind.MEASURE_DUE)))
    assert state(row) == ("suppressed", "nothing_asked")


def test_who_wants_no_questions_still_gets_reminders(sms_provider: SmsProvider) -> None:
    """R-09: each category of messages can be stopped by itself."""
    [visit] = series(10)
    MessagingConsent.objects.create(
        patient=visit.patient,
        channel="sms",
        category="forms",
        decision="revoked",
        decided_at=NOW,
        decided_by="test",
    )
    asked = Message.objects.get(kind=Kind.MEASURE_DUE)
    making.deliver(Clock(visit.start - 3 * DAY))
    making.deliver(at(asked))
    assert state(asked) == ("suppressed", "consent_revoked")
    assert state(Message.objects.get(kind=Kind.REMINDER_72H))[0] == "accepted"
