"""Planning a course: every protocol, every coverage, clocks, caps over phase borders, capacity."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from scheduling.planning import course, grid, scoring, steps, windows
from scheduling.planning.menus import calendar_for
from scheduling.planning.problem import Problem
from scheduling.planning.values import (
    Availability,
    Busy,
    GivenDose,
    HardLimits,
    NoPlan,
    Preferences,
    Span,
    WindowOverride,
)
from tests.scheduling.planning.clinic import (
    DOCUMENTS,
    MONDAY,
    ZONE,
    at,
    best_of,
    clinic,
    document,
    doses,
    of_kind,
    offsets,
    request,
    short,
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("iv_ketamine_3x_2wk", [0, 2, 4, 7, 9, 11]),
        ("iv_ketamine_2x_3wk_cbt", [0, 3, 7, 10, 14, 17]),
        ("esketamine_spravato_trd", [0, 3, 7, 10, 14, 17, 21, 24]),
        ("sc_ketamine_kads", [0, 3, 7, 10, 14, 17, 21, 24]),
        ("kare_aud", [0, 7, 14]),
        ("roots_to_thrive_group", [0, 21, 42]),
        ("at_home_sublingual_telehealth", [0, 7, 14, 21, 28, 35]),
        ("tms_standard_36", [7 * (day // 5) + day % 5 for day in range(30)]),
    ],
)
def test_a_protocol_takes_its_usual_rhythm_in_a_generous_clinic(key: str, expected: list[int]) -> None:
    assert offsets(best_of(request(DOCUMENTS[key]))) == expected


@pytest.mark.parametrize("key", DOCUMENTS)
def test_every_protocol_can_be_planned_to_its_last_phase(key: str) -> None:
    last = DOCUMENTS[key]["phases"][-1]["name"]
    best = best_of(request(DOCUMENTS[key], through_phase=last))
    assert doses(best)[-1].phase == last


def test_a_plan_stops_at_the_first_phase_that_asks_for_a_review() -> None:
    best = best_of(request(document("esketamine_spravato_trd")))
    assert {dose.phase for dose in doses(best)} == {"induction"}
    assert of_kind(best, "plan_review")[0].start > doses(best)[-1].end


def test_a_plan_through_a_review_puts_it_between_the_phases() -> None:
    best = best_of(request(document("iv_ketamine_3x_2wk"), through_phase="continuation"))
    review = of_kind(best, "plan_review")[0]
    acute = [dose for dose in doses(best) if dose.phase == "acute_series"]
    following = next(dose for dose in doses(best) if dose.phase == "continuation")
    assert acute[-1].end <= review.start
    assert review.end <= following.start


def test_an_open_ended_phase_runs_to_its_review_date() -> None:
    asked = request(document("sc_ketamine_kads"))
    phase = replace(asked.protocol.phases[0], sessions=None, interval_ideal_days=4)
    asked = replace(asked, protocol=replace(asked.protocol, phases=(phase,)))
    assert len(steps.dose_steps(asked)) == 1 + 84 // 4
    assert len(steps.dose_steps(replace(asked, review_on=MONDAY + timedelta(days=20)))) == 1 + 20 // 4


def test_the_breakdown_counts_what_the_visits_show() -> None:
    asked, place = request(document()), clinic()
    best = best_of(asked, place)
    problem = Problem(calendar_for(asked, place))
    chain = [visit for visit in best.visits if visit.kind != "therapy"]
    assert dict(scoring.breakdown(problem, chain)) == dict(best.breakdown)
    assert best.breakdown["spacing"] == 2 * 12  # two gaps of 4 days where 3 are ideal
    assert (
        best.breakdown["finish"] == 1 * 4
    )  # by arithmetic the last dose could be a day sooner: 0 2 7 9 14 16


# --- clocks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [date(2026, 3, 2), date(2026, 10, 26)])
def test_a_course_over_a_change_of_the_clocks_keeps_days_hours_and_windows(start: date) -> None:
    place = clinic(first=start - timedelta(days=40), days=150)
    best = best_of(request(start_on_or_after=start, source=short(4)), place)
    zone = windows.load_zone(ZONE)
    assert offsets(best) == [0, 3, 7, 10]
    assert {dose.start.astimezone(zone).time() for dose in doses(best)} == {time(8)}
    for visit in of_kind(best, "integration"):
        assert visit.window is not None
        assert visit.window.ideal_from <= visit.start <= visit.window.ideal_to


def test_starts_lie_on_the_local_grid_where_the_zone_is_off_the_hour() -> None:
    place = clinic(zone="Asia/Kathmandu")
    best = best_of(request(short(3), zone="Asia/Kathmandu", grid_minutes=30), place)
    zone = windows.load_zone("Asia/Kathmandu")
    assert {visit.start.astimezone(zone).minute % 30 for visit in best.visits} == {0}


# --- spacing and caps -----------------------------------------------------------------------------------


def test_caps_hold_over_the_border_of_two_phases() -> None:
    source = short(3)
    second = source["phases"][0] | {"name": "second", "interval_min_days": 1, "interval_ideal_days": 1}
    source["phases"].append(second | {"sessions": 3})
    source["phases"][0]["max_per_rolling_7_days"] = 3
    source["phases"][0]["interval_ideal_days"] = 2
    second_cap = 2
    best = best_of(request(source))
    days = offsets(best)
    phases = [dose.phase for dose in doses(best)]
    for number, day in enumerate(days):
        week = [other for other in range(number + 1) if day - days[other] < 7]
        assert len(week) <= 3
        assert sum(1 for other in week if phases[other] == "second") <= second_cap


def test_given_doses_shape_spacing_and_caps() -> None:
    days = (MONDAY - timedelta(days=5), MONDAY - timedelta(days=2))
    given = tuple(
        GivenDose("acute_series", number, at(day, 9), at(day, 11, 10))
        for number, day in enumerate(days, start=1)
    )
    best = best_of(request(document(), given=given))
    first = doses(best)[0]
    assert (first.ref, first.sequence) == ("dose-3", 3)
    # Two were given on Wednesday and Saturday: a third within 7 days of the Wednesday is one too many.
    assert windows.local_day(zone=ZONE, instant=first.start) == days[0] + timedelta(days=7)
    assert of_kind(best, "preparation") == []


def test_the_first_dose_waits_for_the_days_of_the_therapy_before_it() -> None:
    asked = request(document("montreal_model"), not_before=at(MONDAY, 8))
    best = best_of(asked)
    first = windows.local_day(zone=ZONE, instant=doses(best)[0].start)
    assert (first - MONDAY).days >= 14
    therapy = of_kind(best, "therapy")
    assert len(therapy) == 6
    assert (first - windows.local_day(zone=ZONE, instant=therapy[0].start)).days >= 14


# --- people and rooms -----------------------------------------------------------------------------------


def _with_monitor_seats(seats: int) -> Availability:
    place = clinic()
    whole = Span(at(MONDAY, 8), at(MONDAY + timedelta(days=60), 18))
    people = tuple(
        replace(person, busy=(Busy(whole, seats),)) if person.id == "m1" else person
        for person in place.practitioners
    )
    return replace(place, practitioners=people)


def test_a_shared_monitor_takes_patients_up_to_the_twelfth_seat() -> None:
    asked = request(short(2))  # one monitor for two patients: six seats each
    assert doses(best_of(asked, _with_monitor_seats(6)))
    answer = course.plan_course(request=asked, availability=_with_monitor_seats(7))
    assert isinstance(answer, NoPlan)


def test_someone_on_site_is_needed_but_not_occupied() -> None:
    place = clinic()
    whole = Busy(Span(at(MONDAY, 8), at(MONDAY + timedelta(days=60), 18)))
    busy = tuple(
        replace(person, busy=(whole,)) if person.id == "p1" else person for person in place.practitioners
    )
    assert doses(best_of(request(short(2)), replace(place, practitioners=busy)))
    gone = tuple(person for person in place.practitioners if person.id != "p1")
    assert isinstance(
        course.plan_course(request=request(short(2)), availability=replace(place, practitioners=gone)), NoPlan
    )


def test_one_person_does_not_fill_two_needs_of_a_dose() -> None:
    place = clinic()
    both = replace(place.practitioners[2], roles=frozenset({"prescriber", "monitor"}))
    people = tuple(person for person in place.practitioners if person.id not in ("p1", "m1"))
    answer = course.plan_course(
        request=request(short(2)), availability=replace(place, practitioners=(*people, both))
    )
    assert isinstance(answer, NoPlan)


def test_turnover_keeps_the_room_but_not_the_patient() -> None:
    place = clinic()
    first, second = at(MONDAY, 10, 10), at(MONDAY, 12)
    rooms = tuple(
        replace(
            room,
            busy=(
                Busy(Span(at(MONDAY, 8), first)),
                Busy(Span(second + timedelta(hours=0, minutes=15), at(MONDAY, 18))),
            ),
        )
        if room.kind == "infusion_chair"
        else room
        for room in place.rooms
    )
    # 125 minutes are free on Monday: too few for a block of 130 and its turnover.
    best = best_of(request(short(2)), replace(place, rooms=rooms))
    assert windows.local_day(zone=ZONE, instant=doses(best)[0].start) > MONDAY


def test_a_follow_up_without_a_free_room_is_by_video() -> None:
    place = clinic()
    rooms = tuple(
        room for room in place.rooms if "therapy_room" not in room.kind and room.kind != "infusion_room"
    )
    best = best_of(request(short(2)), replace(place, rooms=rooms))
    assert {visit.mode for visit in of_kind(best, "integration")} == {"video"}
    assert {visit.room for visit in of_kind(best, "integration")} == {None}


def test_staff_are_at_home_doses_only_where_the_protocol_says() -> None:
    best = best_of(request(document("at_home_sublingual_telehealth")))
    assert [len(dose.staffing) for dose in doses(best)] == [1, 1, 0, 0, 0, 0]
    assert {dose.room for dose in doses(best)} == {None}
    assert [visit.follows for visit in of_kind(best, "medication_review")] == ["dose-2", "dose-6"]


# --- the patient ----------------------------------------------------------------------------------------


def test_the_patient_is_never_in_two_places() -> None:
    place = clinic()
    mornings = tuple(
        Span(at(MONDAY + timedelta(days=day), 8), at(MONDAY + timedelta(days=day), 12)) for day in range(60)
    )
    best = best_of(request(short(3)), replace(place, patient_busy=mornings))
    zone = windows.load_zone(ZONE)
    assert all(visit.start.astimezone(zone).hour >= 12 for visit in best.visits)
    for before, after in zip(best.visits, best.visits[1:], strict=False):
        assert before.end <= after.start


def test_hard_limits_are_never_broken() -> None:
    limits = HardLimits(weekdays_never=(1,), not_before=time(10), not_after=time(15))
    best = best_of(request(short(3), hard_limits=limits))
    zone = windows.load_zone(ZONE)
    for visit in best.visits:
        start, end = visit.start.astimezone(zone), visit.end.astimezone(zone)
        assert start.isoweekday() != 1
        assert time(10) <= start.time() <= end.time() <= time(15)


@pytest.mark.parametrize(
    ("wish", "holds"),
    [
        ({"therapist": "t2"}, lambda visit: visit.staffing[0].practitioner == "t2"),
        ({"practitioners": ("t2",)}, lambda visit: visit.staffing[0].practitioner == "t2"),
        ({"modality": "video"}, lambda visit: visit.mode == "video"),
    ],
)
def test_a_wish_that_costs_nothing_else_is_met(wish: dict[str, Any], holds: Any) -> None:
    best = best_of(request(short(3), preferences=Preferences(**wish)))
    assert all(holds(visit) for visit in of_kind(best, "integration"))
    assert best.breakdown["preference"] == 0


def test_a_wished_time_of_day_moves_the_visits() -> None:
    wish = Preferences(time_of_day=(time(13), time(18)))
    best = best_of(request(short(3), preferences=wish))
    zone = windows.load_zone(ZONE)
    assert all(visit.start.astimezone(zone).hour >= 13 for visit in best.visits)


def test_an_override_widens_the_window_of_one_dose() -> None:
    asked = request(short(2), windows={1: WindowOverride(min_hours=36, ideal_from=36, ideal_to=60)})
    first = of_kind(best_of(asked), "integration")[0]
    assert first.window is not None
    assert first.start >= first.window.opens_at == doses(best_of(asked))[0].end + timedelta(hours=36)


# --- reviews by time, determinism, requests that mean nothing ---------------------------------------------


def test_medication_is_reviewed_every_so_many_days() -> None:
    best = best_of(request(document("esketamine_spravato_trd"), through_phase="maintenance"))
    first = windows.local_day(zone=ZONE, instant=doses(best)[0].start)
    reviews = [windows.local_day(zone=ZONE, instant=v.start) for v in of_kind(best, "medication_review")]
    assert len(reviews) == 1
    assert 90 - 14 <= (reviews[0] - first).days <= 90


def test_the_same_input_gives_the_same_plan() -> None:
    asked, place = request(document()), clinic()
    shuffled = replace(place, practitioners=place.practitioners[::-1], rooms=place.rooms[::-1])
    assert course.plan_course(request=asked, availability=place) == course.plan_course(
        request=asked, availability=shuffled
    )


def test_nothing_starts_before_it_may() -> None:
    soon = at(MONDAY, 13)
    best = best_of(request(short(2), not_before=soon))
    assert min(visit.start for visit in best.visits) >= soon


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(steps.UnknownPhase):
        course.plan_course(request=request(short(2), through_phase="elsewhere"), availability=clinic())


@pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31)])
def test_dates_beyond_any_calendar_are_refused(day: date) -> None:
    asked = replace(request(short(2)), start_on_or_after=day)
    with pytest.raises(steps.BadDates):
        course.plan_course(request=asked, availability=clinic())


def test_a_review_date_far_away_asks_for_no_more_doses_than_fit() -> None:
    source = short(2)
    source["phases"][0]["sessions"] = None
    asked = request(source, review_on=date(9999, 12, 31))
    assert len(steps.dose_steps(asked)) <= steps.HORIZON_DAYS
    assert isinstance(course.plan_course(request=asked, availability=clinic()), NoPlan)


def test_an_odd_grid_is_refused() -> None:
    with pytest.raises(grid.BadGrid):
        course.plan_course(request=request(short(2), grid_minutes=7), availability=clinic())


def test_a_course_with_every_dose_given_says_so() -> None:
    given = (GivenDose("acute_series", 1, at(MONDAY, 9), at(MONDAY, 11)),)
    answer = course.plan_course(request=request(short(1), given=given), availability=clinic())
    assert isinstance(answer, NoPlan)
    assert answer.rules[0].rule == "nothing_to_plan"


def test_the_horizon_is_26_weeks() -> None:
    asked = request(document("kap_sublingual_im"))
    assert steps.last_dose_day(asked, steps.dose_steps(asked)) - MONDAY <= timedelta(days=181)
    late = datetime.combine(MONDAY, time()) + timedelta(days=182)
    assert steps.horizon_end(asked) == late.date()
