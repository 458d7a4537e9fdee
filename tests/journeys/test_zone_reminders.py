"""Reminders around each change of the clocks: one a rule, at its elapsed hours, never in the night of whoever
is told, and with the day and the hour that the clinic's wall will show.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.db.models import Min

from clinic.local.providers import SmsProvider
from notifications.models import Attempt, Message
from notifications.planning import kinds
from notifications.planning.kinds import Kind
from scheduling.booking.writing import drafts, reminders
from scheduling.models import Appointment
from tests import factories
from tests.journeys.clocks import CHANGES, Change
from tests.notifications import making

REMINDERS = (Kind.REMINDER_72H, Kind.REMINDER_24H)
# Past every hour of the day, and past both nights beside the change.
STEPS = range(-29, 48, 11)
TICK = timedelta(seconds=15)
# What falls into the night waits for the morning or goes the evening before: a night of 13 hours, one of them
# twice, and the last call.
NIGHT = timedelta(hours=14, minutes=5)


def test_each_goes_once_by_day_at_its_hours_and_says_the_day(sms_provider: SmsProvider, db: None) -> None:
    """In the clinic's own zone, and for a patient there of a clinic elsewhere, whose clock is another."""
    visits = [visit for change in CHANGES for visit in booked(change)]
    walk(first=min(change.at for change in CHANGES) - timedelta(days=7))
    for visit in visits:
        for kind in REMINDERS:
            check(visit, kind, timedelta(hours=kinds.hours(kind)))
    assert len(sms_provider.inbox()) == len(visits) * len(REMINDERS)


def booked(change: Change) -> Iterator[Appointment]:
    """Each of somebody else, so that no two are told in one text."""
    elsewhere = "America/Phoenix" if change.minutes else "America/New_York"
    practice = factories.practice()
    sites = [factories.site(practice, time_zone=zone) for zone in (change.zone, elsewhere)]
    now = change.at - timedelta(days=7)
    for site in sites:
        for step in STEPS:
            someone = factories.patient(site, time_zone=change.zone, email="")
            start = change.at + timedelta(hours=step, minutes=45)
            visit = making.visit(someone, start)
            with transaction.atomic():
                drafts.queue(messages=reminders.planned(visits=[visit], told=(), now=now), now=now)
            yield visit


def walk(*, first: datetime) -> None:
    """A worker that looks every quarter of a minute, for as long as anything is planned."""
    clock = making.Clock(first)
    while due := Message.objects.filter(state="planned").aggregate(due=Min("due_at"))["due"]:
        clock.now = max(clock.now, due) + TICK
        making.deliver(clock)


def check(visit: Appointment, kind: str, lead: timedelta) -> None:
    rows = Message.objects.filter(subject_id=visit.pk, kind=kind)
    [row] = rows
    assert (row.state, row.state_reason) == ("accepted", ""), f"{kind} of {visit.start}"
    [attempt] = Attempt.objects.filter(message=row)
    at = attempt.begun_at.astimezone(ZoneInfo(visit.patient.time_zone))
    assert 9 <= at.hour < 20, f"{kind} at {at}"
    elapsed = visit.start.astimezone(UTC) - lead
    if 9 <= elapsed.astimezone(at.tzinfo).hour < 20:
        assert timedelta() <= attempt.begun_at - elapsed <= 2 * TICK
    else:
        assert abs(attempt.begun_at - elapsed) <= NIGHT
    says_when(row.sent_body, visit, attempt.begun_at)


def says_when(body: str, visit: Appointment, sent: datetime) -> None:
    """The day and the hour of the clinic's wall; the zone too, where the patient's clock shows another."""
    clinic, patient = ZoneInfo(visit.site.time_zone), ZoneInfo(visit.patient.time_zone)
    wall = visit.start.astimezone(clinic)
    assert f"{wall:%a} {wall.day} {wall:%b} {wall:%H:%M}" in body
    named = f"{wall:%H:%M} (" in body
    assert named == (wall.utcoffset() != visit.start.astimezone(patient).utcoffset()), body
    assert relative_days(body, sent.astimezone(clinic).date()) <= {wall.date()}, body


def relative_days(body: str, today: date) -> set[date]:
    """The days that "today" and "tomorrow" mean in a text of that day."""
    words = {"today": today, "tomorrow": today + timedelta(days=1)}
    return {day for word, day in words.items() if word in body.lower()}


@pytest.mark.parametrize(("word", "day"), [("Tomorrow", 9), ("today", 8)])
def test_control_a_word_that_means_another_day_is_found(word: str, day: int) -> None:
    assert relative_days(f"Clinic: see you {word} 10:00.", date(2026, 3, 8)) == {date(2026, 3, day)}
