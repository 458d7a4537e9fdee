"""What must hold for every course: the answer is total, needs no order, never worsens, and knows when it
will change.
"""

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.followups import rules
from scheduling.followups.rules import FollowUpUnit, GapState
from scheduling.followups.units import Acceptance, DoseFact, VisitFact
from scheduling.planning.protocol import Coverage
from tests.scheduling.followups import naive
from tests.scheduling.followups.facts import RULE, ZONE, at, dose, visit

DOSE_STATUSES = [
    "booked",
    "fulfilled",
    "fulfilled",
    "confirmed",
    "monitoring",
    "held",
    "cancelled",
    "no_show",
]
VISIT_STATUSES = [
    "booked",
    "fulfilled",
    "confirmed",
    "arrived",
    "held",
    "cancelled",
    "no_show",
    "displaced",
]
BEST_FIRST = [GapState.CLOSED, GapState.COVERED, GapState.PROSPECTIVE, GapState.OPEN, GapState.LAPSED]

# Half-hour steps make equal instants, the borders of every rule, likely.
steps = st.integers(-40, 900).map(lambda half_hours: half_hours / 2)


@st.composite
def rule_facts(draw: Any) -> Any:
    min_hours = draw(st.sampled_from([0, 12, 24]))
    max_hours = min_hours + draw(st.sampled_from([0, 24, 60, 150]))
    return replace(
        RULE,
        coverage=draw(st.sampled_from([c for c in Coverage if c not in (Coverage.SERIES, Coverage.NONE)])),
        n=draw(st.integers(1, 3)),
        visits_per_unit=draw(st.integers(1, 2)),
        min_hours=min_hours,
        ideal_from=min_hours,
        ideal_to=max_hours,
        max_hours=max_hours,
        grace_hours=max_hours + draw(st.sampled_from([0, 24, 96])),
        not_same_day=draw(st.booleans()),
        before_next_dosing=draw(st.booleans()),
        outside_visit_counts=draw(st.booleans()),
        max_per_day=draw(st.integers(1, 2)),
        one_visit_may_serve_all=draw(st.booleans()),
    )


@st.composite
def dose_facts(draw: Any, number: int, hours: float) -> DoseFact:
    status = draw(st.sampled_from(DOSE_STATUSES))
    fact = dose(number, hours, status=status)
    if status == "held":
        return replace(fact, hold_expires_at=at(draw(steps)))
    if status == "fulfilled" and draw(st.booleans()):
        late = draw(st.sampled_from([-1, 0, 1, 6, 12]))
        return replace(fact, discharged_at=fact.planned_end + timedelta(hours=late))
    return fact


@st.composite
def visit_facts(draw: Any, number: int, doses: list[DoseFact]) -> VisitFact:
    status = draw(st.sampled_from(VISIT_STATUSES))
    start = draw(steps)
    fact = replace(
        visit(start, status=status),
        id=f"v{number}",
        kind=draw(st.sampled_from(["integration", "integration", "group_integration", "therapy"])),
        hold_expires_at=at(draw(steps)) if status == "held" else None,
    )
    unit = f"dose:{draw(st.sampled_from(doses)).id}"
    if draw(st.integers(0, 4)) == 0:
        return replace(fact, status="fulfilled", hold_expires_at=None, external_unit=unit)
    if draw(st.booleans()):
        opens = at(start - draw(st.integers(-2, 40)))
        return replace(fact, accepted=Acceptance(unit, opens, opens + timedelta(hours=60)))
    return fact


@st.composite
def courses(draw: Any) -> dict[str, Any]:
    doses: list[DoseFact] = []
    hours = 0.0
    for number in range(1, draw(st.integers(1, 5)) + 1):
        doses.append(draw(dose_facts(number, hours)))
        hours += draw(st.sampled_from([8, 24, 48, 71, 96]))
    visits = [draw(visit_facts(number, doses)) for number in range(draw(st.integers(0, 6)))]
    return {
        "rule": draw(rule_facts()),
        "zone": ZONE,
        "doses": doses,
        "visits": visits,
        "waived": draw(st.sampled_from([(), (), ("dose:d1",), ("n:induction:1",), ("week:2026-W10",)])),
    }


def stored(unit: FollowUpUnit) -> FollowUpUnit:
    """What a row holds, but for when to look again."""
    return replace(unit, next_change_at=None)


def instants(course: dict[str, Any], units: tuple[FollowUpUnit, ...]) -> list[datetime]:
    """Every instant at which anything could change, and the ones just before and after."""
    found = {one.hold_expires_at for one in (*course["doses"], *course["visits"]) if one.hold_expires_at}
    found |= {fact.end for fact in course["visits"]} | {fact.start for fact in course["visits"]}
    found |= {fact.start - timedelta(hours=48) for fact in course["doses"]}
    for unit in units:
        if unit.window is not None:
            closes = unit.window.closes_at
            found |= {closes, closes - timedelta(hours=24), unit.window.grace_until, unit.window.opens_at}
    moment = timedelta(microseconds=1)
    return sorted({near for one in found for near in (one - moment, one, one + moment)})


@settings(max_examples=250, deadline=None)
@given(courses(), steps)
def test_it_agrees_with_the_naive_rules_at_every_instant(course, now):
    units = rules.evaluate(**course, now=at(now))
    for instant in [at(now), *instants(course, units)]:
        expected = naive.snapshot(**course, now=instant)
        answers = rules.evaluate(**course, now=instant)
        assert {unit.key for unit in answers} == set(expected)
        for unit in answers:
            seen = {field.name: getattr(unit, field.name) for field in fields(unit)}
            assert {name: seen[name] for name in expected[unit.key]} == expected[unit.key]


@settings(max_examples=250, deadline=None)
@given(courses(), steps)
def test_the_next_change_is_exact(course, now):
    units = rules.evaluate(**course, now=at(now))
    later = [instant for instant in instants(course, units) if instant > at(now)]
    later += [unit.next_change_at for unit in units if unit.next_change_at is not None]
    by_instant = {
        instant: {unit.key: stored(unit) for unit in rules.evaluate(**course, now=instant)}
        for instant in later
    }
    for unit in units:
        changed = [instant for instant in sorted(later) if by_instant[instant][unit.key] != stored(unit)]
        assert unit.next_change_at == (changed[0] if changed else None)


@settings(max_examples=200, deadline=None)
@given(courses(), steps, st.randoms(use_true_random=False))
def test_the_order_of_the_facts_does_not_matter(course, now, chance):
    shuffled = {**course, "doses": list(course["doses"]), "visits": list(course["visits"])}
    chance.shuffle(shuffled["doses"])
    chance.shuffle(shuffled["visits"])
    assert rules.evaluate(**course, now=at(now)) == rules.evaluate(**shuffled, now=at(now))


@settings(max_examples=200, deadline=None)
@given(courses(), steps)
def test_it_is_total_and_keeps_no_memory(course, now):
    first = rules.evaluate(**course, now=at(now))
    rules.evaluate(**course, now=at(now + 50))
    assert rules.evaluate(**course, now=at(now)) == first
    assert {identity for unit in first for identity in unit.dose_ids} == {one.id for one in course["doses"]}
    for unit in first:
        assert unit.state in GapState
        assert unit.next_change_at is None or unit.next_change_at > at(now)
        assert unit.window is not None or unit.state is GapState.VOID


@settings(max_examples=250, deadline=None)
@given(courses(), steps, st.data())
def test_one_more_live_visit_inside_a_window_never_worsens_a_state(course, now, data):
    before = rules.evaluate(**course, now=at(now))
    windows = [unit.window for unit in before if unit.window]
    windows = [window for window in windows if window.opens_at <= window.closes_at]
    if not windows:
        return
    window = data.draw(st.sampled_from(windows))
    share = data.draw(st.floats(0, 1))
    start = window.opens_at + (window.closes_at - window.opens_at) * share
    more = replace(visit(0), id="more", start=start, end=start + timedelta(minutes=50))
    after = rules.evaluate(**{**course, "visits": [*course["visits"], more]}, now=at(now))
    for old, new in zip(before, after, strict=True):
        if old.state in BEST_FIRST:
            assert BEST_FIRST.index(new.state) <= BEST_FIRST.index(old.state)
        else:
            assert new.state is old.state
