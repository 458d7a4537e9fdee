"""Two changes of the clocks in each of seven zones: by an hour, by half an hour, at midnight, around Ramadan,
and in a place that never changes.

People keep their wall time, windows keep their length, a day is as long as the clocks make it, and every
visit is found on the day that the wall says.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from rest_framework import serializers

from clinic.practice.errors import Invalid
from notifications.models import Message
from notifications.planning.policy import SendWindow, Timing, allowed, send_at
from scheduling.booking.course import courses
from scheduling.booking.openings import days
from scheduling.booking.protocol import protocols
from scheduling.booking.visit import single
from scheduling.models import Appointment, FollowUpGap
from scheduling.planning import windows
from tests import factories
from tests.journeys.clocks import CHANGES, MINUTE, QUARTER, ZONES, Change


def test_the_zones_change_as_they_are_known_to() -> None:
    assert {zone: {abs(one.minutes) for one in CHANGES if one.zone == zone} for zone in ZONES} == {
        zone: {minutes} for zone, minutes in ZONES.items()
    }
    assert len(CHANGES) == 14


@pytest.fixture(params=CHANGES, ids=str)
def change(request: pytest.FixtureRequest) -> Change:
    found: Change = request.param
    return found


def test_a_day_is_as_long_as_the_clocks_make_it(change: Change) -> None:
    near = [change.day + timedelta(days=ahead) for ahead in (-2, -1, 0, 1)]
    spans = [windows.day_bounds(zone=change.zone, day=day) for day in near]
    lengths = [span.end - span.start for span in spans]
    assert sum(lengths, timedelta()) == timedelta(days=4) - timedelta(minutes=change.minutes)
    assert all(a.end == b.start for a, b in zip(spans, spans[1:], strict=False)), "no minute between days"


def test_every_quarter_is_found_on_the_day_that_its_wall_says(change: Change, db: None) -> None:
    clinic = factories.small_clinic(time_zone=change.zone)
    now = change.at + timedelta(days=2)
    starts = [change.at + QUARTER * step for step in range(-12, 13)]
    booked = {}
    for start in starts:
        wanted = single.Visit(
            patient_id=factories.patient(clinic.site, consents=False).pk,
            kind="therapy",
            start=start,
            end=start + QUARTER,
            mode="phone",
            late_entry_reason="Written down afterwards.",
        )
        booked[single.book(actor=clinic.admin, now=now, visit=wanted)] = start
    seen = []
    for ahead in (-1, 0, 1):
        day = change.day + timedelta(days=ahead)
        roster = days.site_day(actor=clinic.admin, site_id=clinic.site.pk, day=day)
        seen += [one.id for one in roster.visits]
        for one in roster.visits:
            assert booked[one.id].astimezone(ZoneInfo(change.zone)).date() == day
    assert sorted(seen) == sorted(booked), "each is on one day, none on two"
    for visit in Appointment.objects.filter(id__in=booked):
        wall = visit.start.astimezone(ZoneInfo(change.zone))
        assert (visit.local_date, visit.local_time) == (wall.date(), wall.time())


def test_weekly_visits_keep_their_wall_time_and_windows_their_length(change: Change, db: None) -> None:
    clinic = factories.small_clinic(time_zone=change.zone)
    document = factories.document()
    weekly = {"interval_min_days": 7, "interval_ideal_days": 7, "interval_max_days": 7, "sessions": 4}
    document["phases"] = [{**document["phases"][0], **weekly, "max_per_rolling_7_days": 1}]
    document["plan"].pop("series")
    document |= {"key": "weekly_series", "name": "Weekly series"}
    version = protocols.create(actor=clinic.admin, document=document, now=factories.NOW)
    first = change.day - timedelta(days=11)
    now = windows.day_start(zone=change.zone, day=first) - timedelta(days=20)
    best = courses.propose(
        actor=clinic.admin,
        patient_id=clinic.patient.pk,
        protocol_id=version.template_id,
        start_on_or_after=first,
        alternatives=1,
        now=now,
    )[0]
    course_id = courses.book(actor=clinic.admin, proposal=best.token, now=now)
    doses = list(Appointment.objects.filter(course_id=course_id, kind="dosing").order_by("start"))
    assert doses[0].start < change.at < doses[-1].start, "the course passes the change"
    walls = [one.start.astimezone(ZoneInfo(change.zone)) for one in doses]
    assert len({(wall.isoweekday(), wall.time()) for wall in walls}) == 1, walls
    elapsed = doses[-1].start - doses[0].start
    assert elapsed == timedelta(days=21) - timedelta(minutes=change.minutes)
    for dose in doses:
        gap = FollowUpGap.objects.get(doses__appointment=dose)
        assert gap.ideal_from is not None and gap.grace_until is not None
        assert gap.ideal_from - dose.end == timedelta(hours=24), "elapsed hours, whatever the clocks did"
        assert gap.grace_until - dose.end == timedelta(hours=168)
    for dose in doses:
        due = Message.objects.get(subject_id=dose.pk, kind="reminder_24h").due_at
        if allowed(instant=dose.start - timedelta(hours=24), zone=change.zone, window=SendWindow()):
            assert due == dose.start - timedelta(hours=24)


def test_nothing_goes_out_in_quiet_hours_around_the_change(change: Change) -> None:
    window = SendWindow()
    for minutes in range(-24 * 60, 24 * 60, 7):
        due = change.at + MINUTE * minutes
        latest = due + timedelta(days=2)
        timing = Timing(due_at=due, defer_until=latest, useful_until=latest)
        goes = send_at(timing=timing, zone=change.zone, window=window, now=due - timedelta(hours=30))
        assert goes is not None
        local = goes.astimezone(ZoneInfo(change.zone)).time()
        assert time(9) <= local < time(20)
        assert abs(goes - due) <= timedelta(hours=14), "the night is no longer than that, even with 25 hours"


def test_a_wall_time_that_is_skipped_is_refused_and_one_shown_twice_is_asked_about(
    change: Change, db: None
) -> None:
    clinic = factories.small_clinic(time_zone=change.zone)
    width = timedelta(minutes=abs(change.minutes))
    before = (change.at - MINUTE).astimezone(ZoneInfo(change.zone)).replace(tzinfo=None) + MINUTE
    if change.minutes > 0:
        inside = before + width / 2
        with pytest.raises(windows.LocalGap) as skipped:
            windows.resolve_local(zone=change.zone, wall=inside)
        assert skipped.value.nearest == change.at
        with pytest.raises(Invalid) as refused:
            _one_day_shift(clinic, inside)
        assert f"{change.at.astimezone(ZoneInfo(change.zone)):%H:%M}" in refused.value.fields["starts"][0]
        # The control: what a plain field of the framework does with it.
        plain = serializers.DateTimeField(default_timezone=ZoneInfo(change.zone))
        assert plain.to_internal_value(inside.isoformat()).utcoffset() is not None
    elif change.minutes < 0:
        inside = before - width / 2
        with pytest.raises(windows.LocalOverlap) as twice:
            windows.resolve_local(zone=change.zone, wall=inside)
        assert twice.value.second - twice.value.first == width
    else:
        assert windows.resolve_local(zone=change.zone, wall=before) == change.at


def _one_day_shift(clinic: factories.Clinic, starts: datetime) -> None:
    factories.shift(
        clinic.front_desk,
        clinic.site,
        weekdays=(starts.isoweekday(),),
        starts=starts.time(),
        ends=(starts + timedelta(hours=4)).time(),
        valid_from=starts.date(),
        valid_until=starts.date(),
    )
