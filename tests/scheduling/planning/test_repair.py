"""What must move when one visit of a course does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from scheduling.planning import patches, repair
from scheduling.planning.repair import Repair, RepairRequest, Standing
from scheduling.planning.values import Availability, NoPlan, Plan, PlannedVisit, PlanRequest, Severity, Span
from tests.scheduling.planning.clinic import (
    MONDAY,
    at,
    best_of,
    clinic,
    document,
    doses,
    of_kind,
    request,
    short,
)


def _standing(plan: Plan) -> tuple[Standing, ...]:
    return tuple(Standing(visit) for visit in plan.visits)


def _by(visit: PlannedVisit, **delta: float) -> PlannedVisit:
    return replace(visit, start=visit.start + timedelta(**delta), end=visit.end + timedelta(**delta))


def _repair(
    asked: PlanRequest,
    standing: Sequence[Standing],
    *placed: PlannedVisit,
    place: Availability | None = None,
    replan: bool = False,
) -> Repair | NoPlan:
    asks = RepairRequest(asked, tuple(standing), placed, replan)
    return repair.repair(request=asks, availability=place or clinic())


def _repaired(
    asked: PlanRequest,
    standing: Sequence[Standing],
    *placed: PlannedVisit,
    place: Availability | None = None,
    replan: bool = False,
) -> Repair:
    found = _repair(asked, standing, *placed, place=place, replan=replan)
    assert isinstance(found, Repair), found
    return found


def _refused(found: Repair | NoPlan) -> list[str]:
    assert isinstance(found, NoPlan), found
    return [one.rule for one in found.rules]


def _moves(found: Repair) -> dict[str, timedelta]:
    """By how much each visit moved."""
    return {
        one.ref: one.after.start - one.before.start
        for one in found.changes
        if one.before is not None and one.after is not None
    }


def _without(place: Availability, who: str, away: Span) -> Availability:
    people = tuple(
        replace(one, on_shift=tuple(span for span in one.on_shift if not span.start < away.end <= span.end))
        if one.id == who
        else one
        for one in place.practitioners
    )
    return replace(place, practitioners=people)


def test_a_sound_course_stays_as_it_is() -> None:
    asked = request(short(sessions=4))
    plan = best_of(asked)
    found = _repaired(asked, _standing(plan))
    assert found.changes == ()
    assert found.visits == plan.visits
    assert found.violations == ()


def test_a_visit_put_elsewhere_without_harm_moves_alone() -> None:
    asked = request(short(sessions=3))
    plan = best_of(asked)
    later = _by(doses(plan)[1], minutes=15)
    found = _repaired(asked, _standing(plan), later)
    assert [(one.ref, one.after) for one in found.changes] == [("dose-2", later)]


def test_rules_are_judged_by_the_refs_of_the_caller() -> None:
    asked = request(short(sessions=3))
    plan = best_of(asked)
    names = {visit.ref: f"visit {number}" for number, visit in enumerate(plan.visits)}
    standing = [
        Standing(replace(visit, ref=names[visit.ref], follows=names.get(visit.follows or "")))
        for visit in plan.visits
    ]
    soon = _by(next(one.visit for one in standing if one.visit.ref == names["dose-2"]), days=-2)
    asks = RepairRequest(asked, tuple(standing), (soon,))
    found = repair.judge(request=asks, availability=clinic())
    assert ("spacing_min", names["dose-2"]) in {(one.rule_id, one.visit) for one in found}
    assert isinstance(repair.repair(request=asks, availability=clinic()), NoPlan)


def test_a_visit_that_does_not_stand_cannot_be_placed() -> None:
    asked = request(short(sessions=2))
    plan = best_of(asked)
    stray = replace(doses(plan)[0], ref="dose-9")
    with pytest.raises(repair.UnknownVisit):
        _repaired(asked, _standing(plan), stray)


def test_a_follow_up_goes_along_only_where_its_window_asks_for_it() -> None:
    asked = request(short(sessions=3, not_same_day=False))
    plan = best_of(asked)
    follow = next(visit for visit in of_kind(plan, "integration") if visit.follows == "dose-2")
    assert follow.window is not None
    slack = follow.start - follow.window.opens_at
    hour_later = _by(doses(plan)[1], minutes=15)
    assert timedelta() <= slack < timedelta(days=1)
    found = _repaired(asked, _standing(plan), hour_later)
    moved = _moves(found)
    assert moved["dose-2"] == timedelta(minutes=15)
    kept = next(visit for visit in found.visits if visit.ref == follow.ref)
    assert kept.window is not None
    assert kept.window.opens_at <= kept.start <= kept.window.closes_at
    assert (follow.ref in moved) == (slack < timedelta(minutes=15))


def test_a_week_off_pushes_the_rest_and_keeps_its_order() -> None:
    asked = request(short(sessions=4))
    plan = best_of(asked)
    found = _repaired(asked, _standing(plan), _by(doses(plan)[1], days=7))
    refs = [visit.ref for visit in found.visits if visit.kind == "dosing"]
    assert refs == [dose.ref for dose in doses(plan)]
    assert found.violations == ()
    assert _moves(found)["dose-3"] > timedelta()


def test_hours_of_a_window_stay_elapsed_hours_over_a_change_of_the_clocks() -> None:
    # New York puts its clocks back on 1 November 2026: Saturday's dose is 25 hours before Sunday's hour.
    start = MONDAY.replace(month=10, day=26)
    asked = request(short(sessions=2), start_on_or_after=start)
    place = clinic(first=start - timedelta(days=35), weekends=True)
    plan = best_of(asked, place)
    later = replace(
        doses(plan)[1], start=at(start + timedelta(days=5), 12), end=at(start + timedelta(days=5), 14)
    )
    length = doses(plan)[1].end - doses(plan)[1].start
    found = _repaired(asked, _standing(plan), replace(later, end=later.start + length), place=place)
    moved = next(visit for visit in found.visits if visit.follows == "dose-2")
    assert moved.window is not None
    rule = asked.protocol.follow_up
    assert rule is not None
    assert moved.window.closes_at - (later.start + length) == timedelta(hours=rule.max_hours)
    assert moved.window.opens_at <= moved.start <= moved.window.closes_at


def test_a_therapist_who_is_away_is_replaced_at_the_same_time() -> None:
    asked = request(short(sessions=3))
    plan = best_of(asked)
    follow = of_kind(plan, "integration")[0]
    who = follow.staffing[0].practitioner
    place = _without(clinic(), who, Span(follow.start, follow.end))
    found = _repaired(asked, _standing(plan), place=place)
    (change,) = found.changes
    assert change.ref == follow.ref
    assert change.after is not None
    assert (change.after.start, change.after.end) == (follow.start, follow.end)
    assert change.after.staffing[0].practitioner != who
    assert (found.told_moved, found.minutes_shifted, found.practitioner_changes) == (0, 0, 1)


def test_a_dose_that_comes_too_soon_is_refused_with_the_rule() -> None:
    asked = request(short(sessions=2))
    plan = best_of(asked)
    standing = [Standing(visit, pinned=visit.ref == "dose-1") for visit in plan.visits]
    assert "spacing_min" in _refused(_repair(asked, standing, _by(doses(plan)[1], days=-2)))


def test_a_dose_cannot_be_put_behind_one_that_is_pinned() -> None:
    asked = request(short(sessions=3))
    plan = best_of(asked)
    pinned = [Standing(visit, pinned=visit.ref == "dose-3") for visit in plan.visits]
    found = _repair(
        asked,
        pinned,
        replace(doses(plan)[1], start=doses(plan)[2].end, end=doses(plan)[2].end + timedelta(hours=2)),
    )
    assert _refused(found) == ["dose_order"]


def test_what_has_happened_cannot_be_placed() -> None:
    asked = replace(request(short(sessions=3)), not_before=at(MONDAY, 18))
    plan = best_of(request(short(sessions=3)))
    standing = [Standing(visit, given=visit.ref == "dose-1") for visit in plan.visits]
    assert _refused(_repair(asked, standing, _by(doses(plan)[0], days=1))) == ["given"]


def test_a_visit_cannot_be_put_where_its_people_are_not() -> None:
    asked = request(short(sessions=2))
    plan = best_of(asked)
    at_night = _by(doses(plan)[0], hours=12)
    assert "staff_shift" in _refused(_repair(asked, _standing(plan), at_night))


def test_a_pin_that_forbids_every_repair_is_named() -> None:
    asked = request(short(sessions=2))
    plan = best_of(asked)
    follow = next(visit for visit in of_kind(plan, "integration") if visit.follows == "dose-2")
    standing = [Standing(visit, pinned=visit.ref == follow.ref) for visit in plan.visits]
    asks = RepairRequest(asked, tuple(standing), (_by(doses(plan)[1], days=1),))
    found = repair.repair(request=asks, availability=clinic())
    assert isinstance(found, NoPlan)
    patch = next(
        change.patch for rule in found.rules for change in rule.relaxations if "unpin" in change.patch
    )
    freed, place = patches.apply_repair_patch(request=asks, availability=clinic(), patch=patch)
    assert isinstance(repair.repair(request=freed, availability=place), Repair)


def test_what_was_accepted_between_visits_that_stay_is_not_repaired() -> None:
    asked = request(short(sessions=4))
    plan = best_of(asked)
    # Somebody accepted the third dose a day after the second; the fourth one is to move a little.
    third = next(visit for visit in plan.visits if visit.ref == "dose-3")
    close = replace(
        third, start=doses(plan)[1].start + timedelta(days=1), end=doses(plan)[1].end + timedelta(days=1)
    )
    visits = [close if visit.ref == "dose-3" else visit for visit in plan.visits if visit.kind == "dosing"]
    found = _repaired(asked, [Standing(visit) for visit in visits], _by(doses(plan)[3], minutes=15))
    assert set(_moves(found)) == {"dose-4"}
    assert "spacing_min" in {one.rule_id for one in found.violations}


def test_therapy_makes_room_for_a_dose() -> None:
    asked = request(document("iv_ketamine_2x_3wk_cbt"))
    plan = best_of(asked)
    therapy = next(visit for visit in of_kind(plan, "therapy") if visit.start > doses(plan)[0].start)
    first = doses(plan)[0]
    length = first.end - first.start
    found = _repaired(asked, _standing(plan), replace(first, start=therapy.start, end=therapy.start + length))
    assert therapy.ref in _moves(found)
    spans = sorted((visit.start, visit.end) for visit in found.visits)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_replan_adds_what_the_protocol_asks_for_and_moves_nobody_who_was_told() -> None:
    asked = request(short(sessions=4))
    plan = best_of(asked)
    missing = {"dose-4"} | {visit.ref for visit in plan.visits if visit.follows in ("dose-4", "dose-2")}
    standing = [Standing(visit) for visit in plan.visits if visit.ref not in missing]
    kept = _repaired(asked, standing)
    assert kept.changes == ()
    found = _repaired(asked, standing, replan=True)
    assert found.told_moved == 0
    assert all(one.before is None for one in found.changes)
    assert len(found.visits) == len(plan.visits)
    assert [one for one in found.violations if one.severity is Severity.ERROR] == []
    assert {visit.follows for visit in found.visits if visit.kind == "integration"} == {
        f"dose-{number}" for number in range(1, 5)
    }


def test_a_course_under_way_keeps_what_was_given() -> None:
    whole = request(short(sessions=4))
    plan = best_of(whole)
    now = doses(plan)[1].end + timedelta(minutes=30)
    asked = replace(whole, not_before=now)
    standing = [Standing(visit, given=visit.start < now) for visit in plan.visits]
    found = _repaired(asked, standing, _by(doses(plan)[2], days=1))
    before = [visit for visit in found.visits if visit.start < now]
    assert before == [visit for visit in plan.visits if visit.start < now]
    assert "dose-3" in _moves(found)


def test_a_week_that_gets_a_dose_gets_its_follow_up() -> None:
    asked = request(short(sessions=2, coverage="weekly", before_next_dosing=False))
    plan = best_of(asked)
    assert len(of_kind(plan, "integration")) == 1
    monday = replace(doses(plan)[1], start=at(MONDAY + timedelta(days=7), 9))
    length = doses(plan)[1].end - doses(plan)[1].start
    asked = replace(asked, spacing_max={2: 7})
    found = _repaired(asked, _standing(plan), replace(monday, end=monday.start + length))
    new = [one.after for one in found.changes if one.before is None]
    assert [one.follows for one in new if one is not None] == ["dose-2"]
    assert found.violations == ()
