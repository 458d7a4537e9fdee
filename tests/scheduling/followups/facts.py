"""Facts for the follow-up tests: a site in New York in the week in which its clocks go forward (8 March
2026).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduling.followups import rules
from scheduling.followups.rules import FollowUpUnit
from scheduling.followups.units import DoseFact, VisitFact
from scheduling.planning.protocol import Coverage, FollowUpRule

ZONE = "America/New_York"
# Monday, 10:00 on the site's clocks.
MONDAY = datetime(2026, 3, 2, 15, tzinfo=UTC)

RULE = FollowUpRule(
    coverage=Coverage.EACH_DOSING,
    n=1,
    visits_per_unit=1,
    min_hours=12,
    ideal_from=24,
    ideal_to=48,
    max_hours=72,
    grace_hours=168,
    minutes=50,
    not_same_day=True,
    before_next_dosing=True,
    outside_visit_counts=True,
    role="therapist",
    room_kinds=("therapy_room",),
    modes=("in_person", "video", "phone"),
    max_per_day=1,
    one_visit_may_serve_all=False,
)


def at(hours: float) -> datetime:
    """Hours after the first dose's start, Monday 10:00."""
    return MONDAY + timedelta(hours=hours)


def rule(**changes: Any) -> FollowUpRule:
    return replace(RULE, **changes)


def dose(number: int = 1, hours: float = 0, **changes: Any) -> DoseFact:
    """A dose of two hours that starts `hours` after Monday 10:00."""
    fact = DoseFact(
        id=f"d{number}",
        phase="induction",
        sequence=number,
        start=at(hours),
        planned_end=at(hours + 2),
        status="booked",
    )
    return replace(fact, **changes)


def given(number: int = 1, hours: float = 0, **changes: Any) -> DoseFact:
    return dose(number, hours, status="fulfilled", discharged_at=at(hours + 2), **changes)


def visit(hours: float, **changes: Any) -> VisitFact:
    """A follow-up visit of 50 minutes that starts `hours` after Monday 10:00."""
    start = at(hours)
    fact = VisitFact(
        id=f"v{hours:g}", kind="integration", start=start, end=start + timedelta(minutes=50), status="booked"
    )
    return replace(fact, **changes)


def attended(hours: float, **changes: Any) -> VisitFact:
    return visit(hours, status="fulfilled", **changes)


def judge(*facts: DoseFact | VisitFact, now: float, **arguments: Any) -> list[FollowUpUnit]:
    """Every unit, `now` hours after Monday 10:00."""
    return list(
        rules.evaluate(
            **{"rule": RULE, "zone": ZONE, "now": at(now)}
            | {"doses": [one for one in facts if isinstance(one, DoseFact)]}
            | {"visits": [one for one in facts if isinstance(one, VisitFact)]}
            | arguments
        )
    )


def only(*facts: DoseFact | VisitFact, now: float, **arguments: Any) -> FollowUpUnit:
    (unit,) = judge(*facts, now=now, **arguments)
    return unit
