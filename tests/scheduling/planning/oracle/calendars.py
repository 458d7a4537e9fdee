"""Random clinic calendars: shifts, partly used seats, rooms, the patient's other appointments."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.planning.values import Availability, Busy, GroupSession, Practitioner, Room, Span

FULL = 12
UTC = ZoneInfo("UTC")
# The first date of each pair is close before a change of the clocks at that place.
CLOCK_CHANGES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/Santiago": (date(2026, 9, 6), date(2026, 4, 5)),
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2026, 4, 5)),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How large and how full a calendar is. `opens`, `closes` are local hours, `busy` a share of 0 to 1."""

    zone: str
    first_day: date
    days: int
    grid: int
    opens: int
    closes: int
    busy: float
    around_the_clock: bool
    lean: bool


def random_calendar(*, rng: Random, shape: Shape, group_minutes: int | None) -> Availability:
    """People, rooms, group sessions and the patient's own appointments for `shape.days` days."""
    people = _people(rng=rng, shape=shape)
    rooms = _rooms(rng=rng, shape=shape)
    sessions = _group_sessions(rng=rng, shape=shape, minutes=group_minutes) if group_minutes else ()
    return Availability(
        practitioners=people,
        rooms=rooms,
        patient_busy=_patient_busy(rng=rng, shape=shape),
        group_sessions=sessions,
    )


def local(*, zone: str, day: date, hour: float) -> datetime:
    """The instant of a local wall time (the earlier one in an overlap, moved on in a gap)."""
    wall = datetime.combine(day, time()) + timedelta(hours=hour)
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _people(*, rng: Random, shape: Shape) -> tuple[Practitioner, ...]:
    roles: list[set[str]] = [{"prescriber"}, {"monitor"}, {"therapist"}, {"therapist", "counsellor"}]
    if not shape.lean:
        roles += rng.sample(
            [{"therapist"}, {"prescriber", "monitor"}, {"monitor", "therapist"}, {"counsellor"}, {"monitor"}],
            k=2,
        )
    return tuple(
        Practitioner(
            id=f"person-{number}",
            name=f"Person {number}",
            roles=frozenset(held),
            on_shift=_open_spans(rng=rng, shape=shape, off=0.06),
            busy=_busy(rng=rng, shape=shape, partly="monitor" in held),
        )
        for number, held in enumerate(roles, start=1)
    )


def _rooms(*, rng: Random, shape: Shape) -> tuple[Room, ...]:
    kinds = [
        "infusion_chair",
        "therapy_room_recliner",
        "infusion_room",
        "therapy_room",
        "group_room",
        "consult_room",
    ]
    if not shape.lean:
        kinds += rng.sample(["infusion_chair", "therapy_room", "therapy_room_recliner"], k=1)
    kept = [kind for kind in kinds if rng.random() < 0.95]
    return tuple(
        Room(
            id=f"room-{number}",
            name=f"Room {number}",
            kind=kind,
            open=_open_spans(rng=rng, shape=shape, off=0.03),
            busy=_busy(rng=rng, shape=shape, partly=False),
        )
        for number, kind in enumerate(kept, start=1)
    )


def _open_spans(*, rng: Random, shape: Shape, off: float) -> tuple[Span, ...]:
    last = shape.first_day + timedelta(days=shape.days)
    if shape.around_the_clock:
        return (
            Span(
                start=local(zone=shape.zone, day=shape.first_day, hour=0),
                end=local(zone=shape.zone, day=last, hour=0),
            ),
        )
    spans: list[Span] = []
    for number in range(shape.days):
        day = shape.first_day + timedelta(days=number)
        if rng.random() < off or (day.isoweekday() == 7 and rng.random() < 0.5):
            continue
        spans += _day_shift(rng=rng, shape=shape, day=day)
    return tuple(spans)


def _day_shift(*, rng: Random, shape: Shape, day: date) -> list[Span]:
    start = local(zone=shape.zone, day=day, hour=shape.opens)
    end = local(zone=shape.zone, day=day, hour=shape.closes)
    if rng.random() < 0.8 or shape.closes - shape.opens < 5:
        return [Span(start=start, end=end)]
    noon = local(zone=shape.zone, day=day, hour=(shape.opens + shape.closes) // 2)
    return [Span(start=start, end=noon), Span(start=noon + timedelta(minutes=30), end=end)]


def _busy(*, rng: Random, shape: Shape, partly: bool) -> tuple[Busy, ...]:
    taken: list[Busy] = []
    for number in range(shape.days):
        day = shape.first_day + timedelta(days=number)
        at = local(zone=shape.zone, day=day, hour=0 if shape.around_the_clock else shape.opens)
        end = local(zone=shape.zone, day=day, hour=24 if shape.around_the_clock else shape.closes)
        while at < end:
            step = timedelta(minutes=rng.choice((30, 45, 60, 90, 120)))
            if rng.random() < shape.busy:
                taken += _entries(rng=rng, span=Span(start=at, end=min(at + step, end)), partly=partly)
            at += step
    return tuple(taken)


def _entries(*, rng: Random, span: Span, partly: bool) -> list[Busy]:
    if not partly or rng.random() < 0.3:
        return [Busy(span=span, seats=FULL)]
    first = Busy(span=span, seats=rng.choice((3, 4, 6)))
    if rng.random() < 0.5:
        return [first]
    return [first, Busy(span=span, seats=rng.choice((3, 4, 6)))]


def _patient_busy(*, rng: Random, shape: Shape) -> tuple[Span, ...]:
    spans: list[Span] = []
    for number in range(shape.days):
        if rng.random() < 0.12:
            day = shape.first_day + timedelta(days=number)
            start = local(zone=shape.zone, day=day, hour=rng.randint(shape.opens, shape.closes - 1))
            spans.append(Span(start=start, end=start + timedelta(minutes=rng.choice((30, 60, 180)))))
    return tuple(spans)


def _group_sessions(*, rng: Random, shape: Shape, minutes: int) -> tuple[GroupSession, ...]:
    found: list[GroupSession] = []
    for number in range(shape.days):
        if rng.random() < 0.35:
            continue
        day = shape.first_day + timedelta(days=number)
        start = local(zone=shape.zone, day=day, hour=rng.randint(shape.opens, shape.closes - 1))
        found.append(
            GroupSession(
                id=f"group-{number}",
                kind="therapy" if rng.random() < 0.1 else "group_integration",
                span=Span(start=start, end=start + timedelta(minutes=minutes)),
                places_left=rng.choice((0, 1, 1, 3)),
                practitioners=(f"person-{rng.choice((3, 4))}",),
                room=None,
            )
        )
    return tuple(found)


def describe(shape: Shape) -> dict[str, Any]:
    """The shape in words, for a failing case's header."""
    return {
        "zone": shape.zone,
        "first_day": shape.first_day.isoformat(),
        "days": shape.days,
        "busy": shape.busy,
    }
