"""Seeded random planning cases, and a text form from which a failing one can be rebuilt.

`generate(seed=…, size=…)` is a pure function of its arguments; `Instance.reproduction()` prints them with the
whole case as JSON, `from_json` reads that text back (so that a case outlives a change of the generator).
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from scheduling.planning import protocol
from scheduling.planning.values import (
    Availability,
    GivenDose,
    HardLimits,
    PlanRequest,
    Preferences,
    Weights,
    WindowOverride,
)
from tests.scheduling.planning.oracle import calendars, codec, documents

BUSY_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Size:
    """The caps of one class of cases."""

    name: str
    doses: int
    days: int
    grids: tuple[int, ...]
    hours: tuple[int, int]


TINY = Size(name="tiny", doses=3, days=12, grids=(60,), hours=(4, 6))
SMALL = Size(name="small", doses=4, days=24, grids=(30, 60), hours=(5, 9))
MEDIUM = Size(name="medium", doses=6, days=40, grids=(15, 20, 30), hours=(6, 10))
SIZES = {size.name: size for size in (TINY, SMALL, MEDIUM)}


@dataclass(frozen=True, slots=True)
class Instance:
    """One planning case and where it came from."""

    seed: int
    size: str
    document: dict[str, Any]
    request: PlanRequest
    availability: Availability

    def reproduction(self) -> str:
        """Two lines: the seed, and the whole case as JSON for `from_json`."""
        return f"seed={self.seed} size={self.size}\n{to_json(self)}"


def to_json(instance: Instance) -> str:
    """The case as one line of JSON; the protocol as its document."""
    request = codec.dump(instance.request)
    request.pop("protocol")
    return json.dumps(
        {
            "seed": instance.seed,
            "size": instance.size,
            "document": instance.document,
            "request": request,
            "availability": codec.dump(instance.availability),
        }
    )


def from_json(text: str) -> Instance:
    """The case that `to_json` wrote."""
    data = json.loads(text)
    parsed = protocol.parse(data["document"])
    fields = codec.load_fields(PlanRequest, data["request"])
    return Instance(
        seed=data["seed"],
        size=data["size"],
        document=data["document"],
        request=PlanRequest(protocol=parsed, **fields),
        availability=codec.load(Availability, data["availability"]),
    )


def generate(*, seed: int, size: Size) -> Instance:
    """The case of this seed and size."""
    rng = Random(f"{size.name}-{seed}")
    grid = rng.choice(size.grids)
    document = documents.random_document(
        rng=rng, doses=rng.randint(1, size.doses), grid=grid, tiny=size is TINY
    )
    parsed = protocol.parse(document)
    shape = _shape(rng=rng, size=size, grid=grid)
    follow_up = document["plan"]["follow_up"]
    group = follow_up["minutes"] if follow_up and follow_up["coverage"] == "group" else None
    availability = calendars.random_calendar(rng=rng, shape=shape, group_minutes=group)
    request = _request(rng=rng, parsed=parsed, shape=shape, availability=availability)
    return Instance(seed=seed, size=size.name, document=document, request=request, availability=availability)


def _shape(*, rng: Random, size: Size, grid: int) -> calendars.Shape:
    zone = rng.choice(tuple(calendars.CLOCK_CHANGES))
    change = rng.choice(calendars.CLOCK_CHANGES[zone])
    # Nearly always the change of the clocks falls inside the calendar.
    first_day = change - timedelta(days=rng.randint(0, max(2, size.days // 2)))
    opens = rng.choice((8, 9, 9, 10, 10, 13, 18, 0))
    return calendars.Shape(
        zone=zone,
        first_day=first_day,
        days=rng.randint(size.days * 2 // 3, size.days),
        grid=grid,
        opens=opens,
        closes=opens + rng.randint(*size.hours),
        busy=min(rng.choice(BUSY_SHARES), rng.choice(BUSY_SHARES))
        if rng.random() < 0.7
        else rng.choice(BUSY_SHARES),
        around_the_clock=size is SMALL and rng.random() < 0.06,
        lean=size is TINY or rng.random() < 0.4,
    )


def _request(
    *, rng: Random, parsed: protocol.Protocol, shape: calendars.Shape, availability: Availability
) -> PlanRequest:
    start = shape.first_day + timedelta(days=rng.choice((0, 1, 2, 3)))
    given = _given(rng=rng, parsed=parsed, shape=shape, start=start) if rng.random() < 0.12 else ()
    return PlanRequest(
        protocol=parsed,
        zone=shape.zone,
        grid_minutes=shape.grid,
        start_on_or_after=start,
        not_before=calendars.local(zone=shape.zone, day=shape.first_day, hour=shape.opens),
        through_phase=rng.choice((None, *(phase.name for phase in parsed.phases))),
        preferences=_preferences(rng=rng),
        hard_limits=_limits(rng=rng, shape=shape),
        weights=Weights(),
        given=given,
        proposals=1,
        review_on=start + timedelta(days=rng.randint(2, 14)) if parsed.phases[-1].sessions is None else None,
        windows=_overrides(rng=rng, parsed=parsed),
        spacing_max={rng.randint(1, 4): rng.randint(3, 9)} if rng.random() < 0.08 else None,
    )


def _overrides(*, rng: Random, parsed: protocol.Protocol) -> dict[int, WindowOverride] | None:
    rule = parsed.follow_up
    if rule is None or rule.min_hours < 0 or rng.random() < 0.85:
        return None
    longer = WindowOverride(max_hours=rule.max_hours + 48, grace_hours=rule.grace_hours + 48)
    sooner = WindowOverride(min_hours=0, ideal_from=rule.ideal_from / 2)
    return {rng.randint(1, 4): longer, rng.randint(1, 4): sooner}


def _preferences(*, rng: Random) -> Preferences:
    if rng.random() < 0.4:
        return Preferences()
    return Preferences(
        practitioners=tuple(
            rng.sample([f"person-{number}" for number in range(1, 7)], k=rng.choice((0, 1, 2)))
        ),
        therapist=rng.choice((None, "person-3", "person-4")),
        weekdays=tuple(sorted(rng.sample(range(1, 8), k=rng.choice((0, 0, 2, 4))))),
        time_of_day=rng.choice((None, None, (time(9), time(12)), (time(13), time(17)))),
        modality=rng.choice((None, None, "in_person", "video")),
    )


def _limits(*, rng: Random, shape: calendars.Shape) -> HardLimits:
    if rng.random() < 0.7:
        return HardLimits()
    return HardLimits(
        weekdays_never=tuple(sorted(rng.sample(range(1, 8), k=rng.choice((0, 1, 2))))),
        not_before=rng.choice((None, time(shape.opens, 30))),
        not_after=rng.choice((None, time(min(shape.closes, 23), 0))),
    )


def _given(
    *, rng: Random, parsed: protocol.Protocol, shape: calendars.Shape, start: date
) -> tuple[GivenDose, ...]:
    phase = parsed.phases[0]
    if phase.sessions is None or phase.sessions < 2:
        return ()
    end: datetime = calendars.local(zone=shape.zone, day=start - timedelta(days=1), hour=shape.opens + 1)
    return (
        GivenDose(
            phase=phase.name,
            sequence=1,
            start=end - timedelta(minutes=phase.minutes or parsed.block.minutes),
            end=end,
        ),
    )
