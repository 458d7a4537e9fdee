"""The benchmark's clinic: 8 weeks of weekdays, a 15-minute grid, 5 therapists, 3 chairs, a six-dose course.

Busy calendars are full the way clinics are: chairs by whole doses, monitors by the doses they watch,
therapists by the hour.
"""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.planning import protocol
from scheduling.planning.values import Availability, Busy, PlanRequest, Practitioner, Room, Span

ZONE = "America/New_York"
FIRST_DAY = date(2026, 10, 5)
WEEKS = 8
OPENS, CLOSES = 8, 18
DOSE_SLOT = timedelta(minutes=140)

DOCUMENT: dict[str, Any] = {
    "key": "bench",
    "name": "Six doses, three a week, each followed by an integration visit",
    "phases": [
        {
            "name": "series",
            "sessions": 6,
            "interval_min_days": 2,
            "interval_ideal_days": 2,
            "interval_max_days": 3,
            "max_per_rolling_7_days": 3,
            "exit_review_required": True,
        }
    ],
    "plan": {
        "dose_kind": "dosing",
        "room_kinds": ["infusion_chair"],
        "block_minutes": {"check_in": 20, "administration": 40, "monitoring": 60, "discharge": 10},
        "turnover_minutes": 10,
        "staff": [
            {"role": "prescriber", "presence": "on_site"},
            {"role": "monitor", "presence": "shared", "patients": 2},
        ],
        "preparation": {
            "count": 1,
            "minutes": 60,
            "window_before_hours": [24, 336],
            "role": "therapist",
            "room_kinds": ["therapy_room"],
            "modes": ["in_person", "video"],
        },
        "follow_up": {
            "coverage": "each_dosing",
            "visits_per_unit": 1,
            "window_hours": {"min": 12, "ideal_from": 24, "ideal_to": 48, "max": 72, "grace": 168},
            "minutes": 50,
            "not_same_day": True,
            "before_next_dosing": True,
            "role": "therapist",
            "room_kinds": ["therapy_room"],
            "modes": ["in_person", "video", "phone"],
            "max_per_day": 1,
        },
        "reviews": {"plan_review": {"minutes": 30, "role": "prescriber", "modes": ["in_person", "video"]}},
    },
}


def request() -> PlanRequest:
    """The six-dose course, from the second Monday on, with one proposal asked for."""
    return PlanRequest(
        protocol=protocol.parse(DOCUMENT),
        zone=ZONE,
        grid_minutes=15,
        start_on_or_after=FIRST_DAY + timedelta(days=7),
        not_before=_local(FIRST_DAY, OPENS),
        proposals=1,
    )


def calendar(*, rng: Random, busy: float) -> Availability:
    """The clinic with this share of its chairs, monitors and therapists taken."""
    chairs = {number: _taken(rng=rng, busy=busy, length=DOSE_SLOT) for number in range(3)}
    people = [_person(f"prescriber-{n}", "prescriber", ()) for n in range(2)]
    # The first monitor watches the first two chairs, the second the third: 6 of 12 seats a patient.
    people += [
        _person("monitor-1", "monitor", [replace(one, seats=6) for n in (0, 1) for one in chairs[n]]),
        _person("monitor-2", "monitor", [replace(one, seats=6) for one in chairs[2]]),
    ]
    hour = timedelta(hours=1)
    people += [
        _person(f"therapist-{n}", "therapist", _taken(rng=rng, busy=busy, length=hour)) for n in range(5)
    ]
    rooms = [_room(f"chair-{n}", "infusion_chair", chairs[n]) for n in range(3)]
    rooms += [
        _room(f"therapy-{n}", "therapy_room", _taken(rng=rng, busy=busy, length=hour)) for n in range(3)
    ]
    return Availability(practitioners=tuple(people), rooms=tuple(rooms))


def without_a_week(*, availability: Availability, role: str, week: int) -> Availability:
    """The clinic with nobody of a role there in one week: a course that cannot pause does not fit over it."""
    first = FIRST_DAY + timedelta(weeks=week)
    gone = Span(_local(first, 0), _local(first + timedelta(days=7), 0))
    return replace(
        availability,
        practitioners=tuple(
            replace(
                person, on_shift=tuple(s for s in person.on_shift if not gone.start <= s.start < gone.end)
            )
            if role in person.roles
            else person
            for person in availability.practitioners
        ),
    )


def _local(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=ZoneInfo(ZONE)).astimezone(ZoneInfo("UTC"))


def _working_days() -> list[date]:
    days = [FIRST_DAY + timedelta(days=number) for number in range(7 * WEEKS)]
    return [day for day in days if day.isoweekday() <= 5]


def _shifts() -> tuple[Span, ...]:
    return tuple(Span(_local(day, OPENS), _local(day, CLOSES)) for day in _working_days())


def _taken(*, rng: Random, busy: float, length: timedelta) -> tuple[Busy, ...]:
    found = []
    for day in _working_days():
        at, end = _local(day, OPENS), _local(day, CLOSES)
        while at < end:
            if rng.random() < busy:
                found.append(Busy(Span(at, min(at + length, end))))
            at += length
    return tuple(found)


def _person(name: str, role: str, busy: Any) -> Practitioner:
    return Practitioner(id=name, name=name, roles=frozenset({role}), on_shift=_shifts(), busy=tuple(busy))


def _room(name: str, kind: str, busy: tuple[Busy, ...]) -> Room:
    return Room(id=name, name=name, kind=kind, open=_shifts(), busy=busy)
