"""Reviews beside the doses, and the room that a dose still holds while it is made ready."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from scheduling.planning import course, protocol
from scheduling.planning.values import Availability, NoPlan, PlanRequest, Span
from tests.scheduling.planning.clinic import MONDAY, at, best_of, clinic, document, doses, of_kind, request
from tests.scheduling.planning.oracle import compare, cpsat_followups, instances


def _device_course(*modes: str) -> PlanRequest:
    """One device session of 30 minutes with 10 of turnover, and the review of medication after it."""
    source: dict[str, Any] = document("tms_standard_36")
    source["phases"] = [source["phases"][0] | {"sessions": 1, "minutes": 30, "exit_review_required": False}]
    review = {"after_doses": [1], "minutes": 30, "role": "prescriber", "modes": list(modes)}
    review["room_kinds"] = source["plan"]["room_kinds"]
    source["plan"] |= {"turnover_minutes": 10, "preparation": None, "series": [], "follow_up": None}
    source["plan"]["reviews"] = {"medication_review": review}
    return request(source, grid_minutes=10)


def _one_monday(*, minutes: int) -> Availability:
    """Rooms open on a Monday from 8 to 10, people from 8:00 to 8:30, the prescriber some minutes more."""
    place = clinic()
    begins = at(MONDAY, 8)
    block, seen = (Span(begins, begins + timedelta(minutes=length)) for length in (30, 30 + minutes))
    people = tuple(
        replace(one, on_shift=(seen if "prescriber" in one.roles else block,)) for one in place.practitioners
    )
    rooms = tuple(replace(room, open=(Span(begins, at(MONDAY, 10)),)) for room in place.rooms)
    return replace(place, practitioners=people, rooms=rooms)


def test_a_review_by_video_may_begin_as_a_device_session_ends() -> None:
    best = best_of(_device_course("video"), _one_monday(minutes=30))
    assert of_kind(best, "medication_review")[0].start == doses(best)[0].end


def test_a_review_in_the_sessions_own_room_waits_for_its_turnover() -> None:
    best = best_of(_device_course("in_person"), _one_monday(minutes=40))
    gap = of_kind(best, "medication_review")[0].start - doses(best)[0].end
    assert gap == timedelta(minutes=10)


def test_a_review_that_finds_only_the_room_being_made_ready_is_refused() -> None:
    asked, place = _device_course("in_person"), _one_monday(minutes=30)
    assert isinstance(course.plan_course(request=asked, availability=place), NoPlan)
    assert cpsat_followups.solve(request=asked, availability=place, seconds=20).cost is None


def test_planner_and_oracle_mean_the_same_by_turnover() -> None:
    costs = []
    for seed in range(5000, 5030):
        instance = _with_devices(instances.generate(seed=seed, size=instances.TINY))
        verdict = compare.with_cpsat(instance=instance, seconds=20)
        assert not verdict.differences, compare.report(instance=instance, differences=verdict.differences)
        costs.append(verdict.feasible)
    assert 5 < sum(costs) < 30


def _with_devices(instance: instances.Instance) -> instances.Instance:
    """The case with device sessions, half an hour of turnover, and reviews in the rooms of the sessions."""
    source = copy.deepcopy(instance.document)
    plan = source["plan"]
    rooms = plan["room_kinds"] or ["therapy_room"]
    review = {"minutes": 30, "role": "prescriber", "modes": ["in_person"], "room_kinds": rooms}
    plan |= {"dose_kind": "device", "turnover_minutes": 30, "room_kinds": rooms}
    plan["reviews"] = {"medication_review": review | {"after_doses": [1, 2, 3]}}
    asked = replace(instance.request, protocol=protocol.parse(source), grid_minutes=30)
    return replace(instance, document=source, request=asked)
