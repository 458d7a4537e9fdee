"""Which messages a booking, a move, a cancellation, a discharge and a no-show imply, and when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice import actor as actors
from clinic.practice import directory
from notifications.models import Message
from notifications.planning.kinds import Kind
from patients.models import Patient
from scheduling.booking.moving import notices, relocations
from scheduling.booking.writing import cancellations, reminders
from scheduling.models import Appointment
from tests import factories
from tests.notifications import making
from tests.notifications.making import NOW, Clock

pytestmark = pytest.mark.django_db


def planned(**where: Any) -> list[tuple[str, str, datetime]]:
    rows = Message.objects.filter(state="planned", **where).order_by("due_at", "kind", "channel")
    return [(row.kind, row.channel, row.due_at) for row in rows]


def weekly(someone: Patient, number: int, **fields: Any) -> list[Appointment]:
    """Visits at 11:00 in New York, the first in a week."""
    return [making.visit(someone, NOW + timedelta(days=7 * (week + 1)), **fields) for week in range(number)]


def change(visit: Appointment, **values: Any) -> Appointment:
    for name, value in values.items():
        setattr(visit, name, value)
    visit.version += 1
    visit.save(update_fields=[*values, "version"])
    return visit


def cancel(visit: Appointment, now: datetime) -> None:
    change(visit, status="cancelled", cancelled_at=now, cancelled_by="test")
    by = actors.system(practice_id=visit.practice_id)
    cancellations.on_cancelled(actor=by, appointments=[visit], now=now)


def test_a_course_gets_one_confirmation_a_channel_and_two_reminders_a_visit() -> None:
    someone = making.patient()
    course = making.course(someone)
    visits = weekly(someone, 3, course=course)
    reminders.on_course_booked(course=course, appointments=visits, now=NOW)
    grace = NOW + timedelta(minutes=3)
    assert planned(kind=Kind.COURSE_BOOKED) == [
        (Kind.COURSE_BOOKED, "email", grace),
        (Kind.COURSE_BOOKED, "sms", grace),
    ]
    due = {(row.subject_id, row.kind): row.due_at for row in Message.objects.exclude(subject_id=course.pk)}
    assert due == {
        (visit.pk, kind): visit.start - timedelta(hours=hours)
        for visit in visits
        for kind, hours in ((Kind.REMINDER_72H, 72), (Kind.REMINDER_24H, 24))
    }


def test_the_number_of_queries_does_not_grow_with_the_course() -> None:
    someone = making.patient()
    counts = []
    for number in (2, 20):
        course = making.course(someone)
        visits = weekly(someone, number, course=course)
        with CaptureQueriesContext(connection) as queries:
            reminders.on_course_booked(course=course, appointments=visits, now=NOW)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 6


def test_24_hours_are_elapsed_hours_over_the_end_of_daylight_saving() -> None:
    """Sunday 1 November 2026 has 25 hours in New York."""
    start = datetime(2026, 11, 1, 19, tzinfo=UTC)
    visit = making.visit(making.patient(), start)
    reminders.on_appointments_booked(appointments=[visit], now=NOW)
    assert planned(kind=Kind.REMINDER_24H) == [
        (Kind.REMINDER_24H, "sms", datetime(2026, 10, 31, 19, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("zone", "hour", "due"),
    [
        # 08:00 at the clinic: an hour later, when the patient's window opens.
        ("America/New_York", 12, datetime(2026, 5, 10, 13, tzinfo=UTC)),
        # 21:00 at the clinic: the next morning is still in time.
        ("America/New_York", 25, datetime(2026, 5, 11, 13, tzinfo=UTC)),
        # The patient's own clock decides: 09:00 in Los Angeles.
        ("America/Los_Angeles", 14, datetime(2026, 5, 10, 16, tzinfo=UTC)),
    ],
)
def test_a_reminder_keeps_out_of_the_patients_quiet_hours(zone: str, hour: int, due: datetime) -> None:
    start = datetime(2026, 5, 11, tzinfo=UTC) + timedelta(hours=hour)
    reminders.on_appointments_booked(
        appointments=[making.visit(making.patient(time_zone=zone), start)], now=NOW
    )
    [(_, _, at)] = planned(kind=Kind.REMINDER_24H)
    assert at == due


def test_what_the_confirmation_tells_needs_no_reminder_at_once() -> None:
    visit = making.visit(making.patient(), NOW + timedelta(hours=30))
    soon = making.visit(making.patient(), NOW + timedelta(hours=20))
    reminders.on_appointments_booked(appointments=[visit, soon], now=NOW)
    assert [kind for kind, _, _ in planned(subject_id=visit.pk, channel="sms")] == [
        Kind.COURSE_BOOKED,
        Kind.REMINDER_24H,
    ]
    assert [kind for kind, _, _ in planned(subject_id=soon.pk, channel="sms")] == [Kind.COURSE_BOOKED]


def test_nothing_is_planned_about_the_past() -> None:
    visit = making.visit(making.patient(), NOW - timedelta(days=1))
    reminders.on_appointments_booked(appointments=[visit], now=NOW)
    assert planned() == []


def test_a_patient_without_a_phone_is_reminded_by_email() -> None:
    someone = making.patient()
    someone.contact_points.filter(channel="sms").delete()
    reminders.on_appointments_booked(appointments=weekly(someone, 1), now=NOW)
    assert {channel for _, channel, _ in planned()} == {"email"}


def test_a_move_and_a_move_back_arm_the_reminders_again(sms_provider: SmsProvider) -> None:
    first = making.tomorrow(16) + timedelta(days=3)
    visit = making.visit(making.patient(), first)
    reminders.on_appointments_booked(appointments=[visit], now=NOW)
    for start in (first + timedelta(days=1), first):
        before = {visit.pk: relocations.place_of(visit=visit)}
        change(visit, start=start, end=start + timedelta(hours=2))
        told = notices.of_move(visits=[visit], before=before, now=NOW)
        notices.carry_out(notices=told, now=NOW)
        assert [due for _, _, due in planned(kind=Kind.REMINDER_24H)] == [start - timedelta(hours=24)]
    clock = Clock(first - timedelta(hours=24))
    making.deliver(clock)
    assert [sms["body"] for sms in sms_provider.inbox() if "see you" in sms["body"]] != []
    assert Message.objects.filter(kind=Kind.REMINDER_24H, state="accepted").count() == 1


def test_a_visit_booked_and_cancelled_within_the_grace_sends_nothing(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    [visit] = weekly(making.patient(), 1)
    reminders.on_appointments_booked(appointments=[visit], now=NOW)
    assert making.deliver(Clock(NOW + timedelta(seconds=179))) == 0
    cancel(visit, NOW + timedelta(seconds=100))
    making.deliver(Clock(NOW + timedelta(days=7)))
    assert (sms_provider.inbox(), smtp_catcher.inbox()) == ([], [])
    assert not Message.objects.exclude(state__in=("cancelled", "suppressed")).exists()


def test_the_confirmation_tells_what_still_stands(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    someone = making.patient(language="es")
    course = making.course(someone)
    visits = weekly(someone, 3, course=course)
    reminders.on_course_booked(course=course, appointments=visits, now=NOW)
    cancel(visits[0], NOW)
    making.deliver(Clock(NOW + timedelta(minutes=4)))
    [sms], [email] = sms_provider.inbox(), smtp_catcher.inbox()
    assert "tiene 2 visitas con fecha, la primera el lun 18 may 11:00" in sms["body"]
    assert email["subject"] == "Sus próximas visitas"
    assert email["body"].count("\n- ") == 2
    assert email["calendar"][0].count("BEGIN:VEVENT") == 2


def test_what_was_booked_together_is_confirmed_once(sms_provider: SmsProvider) -> None:
    someone = making.patient()
    together = weekly(someone, 2)
    making.visit(someone, NOW + timedelta(days=30), created_at=NOW - timedelta(days=1))
    reminders.on_appointments_booked(appointments=together, now=NOW)
    making.deliver(Clock(NOW + timedelta(minutes=4)))
    [sms] = sms_provider.inbox()
    assert "your 2 visits are booked, the first Mon 11 May 11:00" in sms["body"]


@pytest.mark.parametrize("settled", [{"status": "covered"}, {"status": "waived"}, {"status": "closed"}])
def test_after_a_dose_the_patient_hears_only_if_no_follow_up_is_booked_by_then(
    sms_provider: SmsProvider, settled: dict[str, str]
) -> None:
    discharged = NOW + timedelta(hours=2)
    for number, values in enumerate(({"status": "prospective"}, settled)):
        someone = making.patient()
        dose = making.visit(
            someone,
            NOW,
            kind="dosing",
            status="fulfilled",
            course=making.course(someone),
            discharged_at=discharged,
            discharged_by="test",
        )
        gap = making.gap(dose)
        reminders.on_discharged(appointment=dose, now=discharged)
        Message.objects.exclude(kind=Kind.FOLLOW_UP_MISSING).delete()
        if number:
            type(gap).objects.filter(pk=gap.pk).update(**values)
    first = Message.objects.order_by("created_at", "id").first()
    assert first is not None
    assert timedelta(hours=20) <= first.due_at - discharged <= timedelta(hours=24)
    making.deliver(Clock(discharged + timedelta(hours=23)))
    [sms] = sms_provider.inbox()
    assert "your next visit is not booked yet" in sms["body"]
    silent = Message.objects.exclude(state="accepted").get()
    assert (silent.state, silent.state_reason) == ("suppressed", f"follow_up_{settled['status']}")


def test_after_a_dose_that_owes_no_follow_up_none_is_asked_for() -> None:
    dose = making.visit(making.patient(), NOW, kind="dosing", discharged_at=NOW, discharged_by="test")
    reminders.on_discharged(appointment=dose, now=NOW)
    assert [kind for kind, _, _ in planned()] == [Kind.CHECK_IN]


def no_show(someone: Patient, start: datetime) -> Appointment:
    visit = making.visit(someone, start)
    reminders.on_appointments_booked(appointments=[visit], now=NOW - timedelta(days=14))
    marked = start + timedelta(hours=1)
    change(visit, status="no_show", no_show_at=marked, no_show_by="test")
    reminders.on_no_show(appointment=visit, now=marked)
    return visit


def test_a_no_show_is_answered_on_the_next_business_morning(sms_provider: SmsProvider) -> None:
    """Missed on a Friday; the site is closed on Monday."""
    someone = making.patient()
    directory.create_closure(
        actor=factories.admin(someone.practice),
        site_id=someone.site_id,
        starts_at=datetime(2026, 5, 11, 4, tzinfo=UTC),
        ends_at=datetime(2026, 5, 12, 4, tzinfo=UTC),
        now=NOW,
    )
    visit = no_show(someone, datetime(2026, 5, 8, 15, tzinfo=UTC))
    tuesday = datetime(2026, 5, 12, 13, tzinfo=UTC)
    assert planned(subject_id=visit.pk) == [(Kind.NO_SHOW, "sms", tuesday)]
    making.deliver(Clock(tuesday))
    [sms] = sms_provider.inbox()
    assert "we missed you" in sms["body"]


def test_a_missed_visit_that_was_booked_again_needs_no_word(sms_provider: SmsProvider) -> None:
    visit = no_show(making.patient(), datetime(2026, 5, 6, 15, tzinfo=UTC))
    again = datetime(2026, 5, 20, 15, tzinfo=UTC)
    making.visit(visit.patient, again, created_at=visit.no_show_at)
    making.deliver(Clock(datetime(2026, 5, 7, 13, tzinfo=UTC)))
    row = Message.objects.get(kind=Kind.NO_SHOW)
    assert (row.state, row.state_reason) == ("suppressed", "rebooked")


def test_a_cancelled_course_keeps_the_word_about_a_dose_already_given() -> None:
    someone = making.patient()
    course = making.course(someone)
    visits = weekly(someone, 2, course=course)
    reminders.on_course_booked(course=course, appointments=visits, now=NOW)
    dose = making.visit(
        someone,
        NOW - timedelta(hours=3),
        kind="dosing",
        status="fulfilled",
        course=course,
        discharged_at=NOW,
        discharged_by="test",
    )
    making.gap(dose)
    reminders.on_discharged(appointment=dose, now=NOW)
    for visit in visits:
        change(visit, status="cancelled", cancelled_at=NOW, cancelled_by="test")
    reminders.on_course_cancelled(course=course, now=NOW)
    assert [kind for kind, _, _ in planned()] == [Kind.CHECK_IN, Kind.FOLLOW_UP_MISSING, Kind.WINDOW_HALF]


def test_the_grace_is_a_setting(settings: Settings) -> None:
    settings.MESSAGE_GRACE_SECONDS = 0
    reminders.on_appointments_booked(appointments=weekly(making.patient(), 1), now=NOW)
    assert {due for kind, _, due in planned() if kind == Kind.COURSE_BOOKED} == {NOW}


def test_only_a_doses_last_reminder_is_beyond_every_cap() -> None:
    someone = making.patient()
    visits = [*weekly(someone, 1, kind="dosing"), *weekly(someone, 1)]
    reminders.on_appointments_booked(appointments=visits, now=NOW)
    uncapped = Message.objects.filter(uncapped=True)
    assert [(row.subject_id, row.kind) for row in uncapped] == [(visits[0].pk, Kind.REMINDER_24H)]
