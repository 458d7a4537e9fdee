"""What goes after a dose: how the patient is, or that a follow-up is missing, and again at half time."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from clinic.local.providers import SmsProvider, SmtpCatcher
from notifications.models import Message
from notifications.planning.kinds import Kind
from scheduling.booking.writing import reminders
from scheduling.models import Appointment, FollowUpGap
from tests.notifications import making
from tests.notifications.making import NOW, Clock, state

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
# 14:00 in New York: twenty hours later it is ten in the morning.
ENDED = NOW + 3 * HOUR


def given(*, language: str = "en", kind: str = "dosing", gap: bool = True, **fields: Any) -> Appointment:
    """A dose that ended just now, and what is planned then; its follow-up's window is the next 72 hours."""
    someone = making.patient(language=language)
    course = making.course(someone)
    facts = {"arrived_at": NOW, "arrived_by": "t", "discharged_at": ENDED, "discharged_by": "t"}
    dose = making.visit(
        someone, ENDED - 2 * HOUR, kind=kind, course=course, status="fulfilled", **{**facts, **fields}
    )
    if gap:
        making.gap(dose, opens_at=dose.end, closes_at=dose.end + 72 * HOUR)
    reminders.on_discharged(appointment=dose, now=ENDED)
    return dose


def due() -> dict[str, datetime]:
    return dict(Message.objects.filter(state="planned").values_list("kind", "due_at"))


def row(kind: Kind) -> Message:
    return Message.objects.get(kind=kind)


def pass_until(moment: datetime) -> None:
    """Deliver what is due by then, and what waited for it."""
    clock = Clock(moment)
    making.deliver(clock)
    clock.forward(seconds=10)
    making.deliver(clock)


def test_when_each_is_due() -> None:
    given()
    # Half of the window is 02:00 there: nobody is woken.
    assert due() == {
        Kind.CHECK_IN: ENDED + 20 * HOUR,
        Kind.FOLLOW_UP_MISSING: ENDED + 20 * HOUR,
        Kind.WINDOW_HALF: ENDED + 43 * HOUR,
    }


def test_a_missing_follow_up_and_a_word_about_the_dose_are_one_message(sms_provider: SmsProvider) -> None:
    given()
    pass_until(ENDED + 20 * HOUR)
    [text] = sms_provider.inbox()
    assert "your next visit is not booked yet" in text["body"]
    assert state(row(Kind.CHECK_IN)) == ("cancelled", "merged")


def test_who_has_a_follow_up_is_asked_how_they_are(sms_provider: SmsProvider) -> None:
    dose = given()
    FollowUpGap.objects.update(status="covered")
    making.visit(dose.patient, ENDED + 48 * HOUR, course=dose.course, follows=dose)
    pass_until(ENDED + 20 * HOUR)
    assert state(row(Kind.FOLLOW_UP_MISSING)) == ("suppressed", "follow_up_covered")
    [text] = sms_provider.inbox()
    assert "we hope you are well. Your next visit is Wed 6 May 14:00." in text["body"]
    pass_until(ENDED + 43 * HOUR)
    assert state(row(Kind.WINDOW_HALF)) == ("suppressed", "follow_up_covered")


def test_at_half_time_the_patient_hears_once_more(sms_provider: SmsProvider) -> None:
    given()
    pass_until(ENDED + 20 * HOUR)
    pass_until(ENDED + 43 * HOUR)
    assert "there is still time to book your next visit" in sms_provider.inbox()[-1]["body"]
    assert len(sms_provider.inbox()) == 2


@pytest.mark.parametrize(
    ("kind", "language", "channel", "said"),
    [
        (Kind.CHECK_IN, "es", "sms", "esperamos que esté bien."),
        (Kind.CHECK_IN, "en", "email", "hopes that you are well since your visit"),
        (Kind.CHECK_IN, "es", "email", "esperamos que esté bien desde su visita"),
        (Kind.WINDOW_HALF, "es", "sms", "aún puede elegir la fecha de su siguiente visita".replace("ú", "u")),
        (Kind.WINDOW_HALF, "en", "email", "Your next visit with"),
        (Kind.WINDOW_HALF, "es", "email", "aún no tiene fecha"),
    ],
)
def test_what_they_say(
    sms_provider: SmsProvider,
    smtp_catcher: SmtpCatcher,
    kind: Kind,
    language: str,
    channel: str,
    said: str,
) -> None:
    given(language=language)
    Message.objects.exclude(kind=kind).delete()
    Message.objects.update(channel=channel)
    pass_until(row(kind).due_at)
    [found] = sms_provider.inbox() if channel == "sms" else smtp_catcher.inbox()
    assert said in found["body"]


def test_nobody_is_asked_how_they_are_who_comes_that_day(sms_provider: SmsProvider) -> None:
    dose = given(gap=False)
    making.visit(dose.patient, ENDED + 24 * HOUR, course=dose.course)
    pass_until(ENDED + 20 * HOUR)
    assert state(row(Kind.CHECK_IN)) == ("suppressed", "seen_anyway")


def test_of_one_unit_only_the_last_dose_speaks_of_half_time(sms_provider: SmsProvider) -> None:
    dose = given()
    later = making.visit(dose.patient, ENDED + 24 * HOUR, kind="dosing", course=dose.course)
    FollowUpGap.objects.get().doses.create(appointment=later)
    Message.objects.exclude(kind=Kind.WINDOW_HALF).delete()
    pass_until(ENDED + 43 * HOUR)
    assert state(row(Kind.WINDOW_HALF)) == ("suppressed", "later_dose")


def test_a_short_window_has_no_half_time_of_its_own() -> None:
    dose = given(gap=False)
    Message.objects.all().delete()
    making.gap(dose, opens_at=dose.end, closes_at=dose.end + 40 * HOUR)
    reminders.on_discharged(appointment=dose, now=ENDED)
    assert set(due()) == {Kind.CHECK_IN, Kind.FOLLOW_UP_MISSING}


def test_devices_are_not_asked_about() -> None:
    given(kind="device", discharged_at=None, discharged_by=None, completed_at=ENDED, completed_by="t")
    assert Kind.CHECK_IN not in due()


def test_a_correction_withdraws_all_of_it() -> None:
    dose = given()
    reminders.on_corrected(appointment=dose, before="fulfilled", now=ENDED)
    assert due() == {}
    assert {one.state_reason for one in Message.objects.all()} == {"record_corrected"}
