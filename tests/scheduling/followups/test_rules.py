"""The state of a follow-up unit, row by row of the table, and which visit counts for which unit."""

from dataclasses import replace

import pytest

from scheduling.followups import rules
from scheduling.followups.rules import SeverityHours
from scheduling.followups.units import Acceptance
from scheduling.planning.protocol import Coverage
from scheduling.planning.values import WindowOverride
from tests.scheduling.followups.facts import at, attended, dose, given, judge, only, rule, visit

# One dose, Monday 10:00 to 12:00: the window is Tuesday 00:00 to Thursday 12:00 (14 to 74 hours), grace to
# 170.


class TestStates:
    @pytest.mark.parametrize("status", ["held", "cancelled", "no_show", "displaced", "entered_in_error"])
    def test_nothing_is_owed_for_a_dose_that_is_not_to_be(self, status):
        unit = only(dose(status=status, hold_expires_at=at(1)), visit(26), now=0)
        assert (unit.state, unit.visits, unit.flagged) == ("void", (), False)

    def test_one_dose_that_stands_keeps_its_unit_alive(self):
        pair = rule(coverage=Coverage.EACH_N, n=2)
        assert only(dose(1, status="cancelled"), dose(2, 48), now=0, rule=pair).state == "prospective"

    def test_a_waived_unit_takes_no_visit(self):
        unit = only(given(), attended(26), now=30, waived=["dose:d1"])
        assert (unit.state, unit.visits) == ("waived", ())

    def test_void_comes_before_waived(self):
        assert only(dose(status="cancelled"), now=0, waived=["dose:d1"]).state == "void"

    @pytest.mark.parametrize("hours", [14, 26, 74])
    def test_attended_in_the_window_closes_it(self, hours):
        unit = only(given(), attended(hours), now=200)
        assert (unit.state, unit.late, unit.flagged) == ("closed", False, False)

    @pytest.mark.parametrize("hours", [74.1, 170])
    def test_attended_in_the_grace_closes_it_late(self, hours):
        unit = only(given(), attended(hours), now=171)
        assert (unit.state, unit.late) == ("closed", True)

    @pytest.mark.parametrize("status", ["booked", "confirmed", "arrived", "in_progress", "monitoring"])
    def test_a_live_visit_ahead_covers_it(self, status):
        assert only(given(), visit(26, status=status), now=20).state == "covered"

    def test_a_visit_still_going_on_when_the_window_closes_covers_it(self):
        assert only(given(), visit(74), now=74.5).state == "covered"

    @pytest.mark.parametrize("status", ["cancelled", "no_show", "displaced", "entered_in_error"])
    def test_a_visit_that_is_off_covers_nothing(self, status):
        unit = only(given(), visit(26, status=status), now=30)
        assert (unit.state, unit.visits, unit.attendance_unrecorded) == ("prospective", (), False)

    def test_a_held_visit_covers_until_its_hold_expires(self):
        held = visit(26, status="held", hold_expires_at=at(20))
        assert only(given(), held, now=19).state == "covered"
        assert only(given(), held, now=19).next_change_at == at(20)
        assert only(given(), held, now=20).state == "prospective"

    @pytest.mark.parametrize(
        ("now", "state"), [(73.9, "prospective"), (74, "open"), (169.9, "open"), (170, "lapsed")]
    )
    def test_without_a_visit_time_decides(self, now, state):
        assert only(given(), now=now).state == state

    @pytest.mark.parametrize("hours", [13, 171])
    def test_a_visit_outside_window_and_grace_counts_for_nothing(self, hours):
        assert only(given(), visit(hours), now=10).visits == ()

    def test_a_visit_booked_in_the_grace_is_booked_late(self):
        late = visit(100)
        assert only(given(), late, now=60).state == "prospective"
        unit = only(given(), late, now=80)
        assert (unit.state, unit.booked_late, unit.visits) == ("open", True, ("v100",))
        assert only(given(), late, now=101).booked_late is False

    def test_a_unit_of_two_needs_two(self):
        two = rule(visits_per_unit=2)
        assert only(given(), attended(26), now=30, rule=two).state == "prospective"
        assert only(given(), attended(26), visit(50), now=30, rule=two).state == "covered"
        assert only(given(), attended(26), attended(50), now=60, rule=two).state == "closed"
        mixed = only(given(), attended(26), attended(100), now=110, rule=two)
        assert (mixed.state, mixed.late) == ("closed", True)

    def test_only_so_many_of_them_on_one_day(self):
        same_day = attended(26), attended(28)
        assert only(given(), *same_day, now=30, rule=rule(visits_per_unit=2)).state == "prospective"
        assert only(given(), *same_day, now=30, rule=rule(visits_per_unit=2, max_per_day=2)).state == "closed"

    def test_an_empty_window_can_only_be_closed_late(self):
        # The next dose starts before the local day after this one begins.
        first, _ = judge(dose(1), dose(2, 8), visit(20, id="v"), now=4)
        assert first.window.closes_at < first.window.opens_at
        assert first.state == "prospective"
        assert judge(dose(1), dose(2, 8), now=9)[0].state == "open"

    def test_a_visit_before_an_empty_window_would_open_is_not_late_for_it(self):
        doses = given(1), given(2, 8)
        assert judge(*doses, attended(12), now=13)[0].state == "open"
        # The second dose's own window takes the first visit after midnight, the first unit's grace the next.
        first, second = judge(*doses, attended(20), attended(40), now=50)
        assert (first.state, first.late, second.state) == ("closed", True, "closed")


class TestAttendanceUnrecorded:
    def test_a_visit_past_its_end_counts_no_longer_and_says_so(self):
        unit = only(given(), visit(26), now=27)
        assert (unit.state, unit.attendance_unrecorded, unit.flagged) == ("prospective", True, True)
        assert unit.visits == ()

    def test_it_starts_at_the_end_of_the_visit(self):
        before = only(given(), visit(26), now=20)
        assert before.next_change_at == visit(26).end
        assert not before.attendance_unrecorded

    def test_another_visit_that_serves_the_unit_silences_it(self):
        assert not only(given(), visit(26), attended(40), now=50).attendance_unrecorded
        assert not only(given(), visit(26), visit(60), now=50).attendance_unrecorded


class TestSeverity:
    @pytest.mark.parametrize(
        ("now", "severity", "flagged"),
        [(-49, "low", False), (-48, "moderate", True), (49, "moderate", True), (50, "high", True)],
    )
    def test_it_rises_with_time(self, now, severity, flagged):
        unit = only(dose(), now=now)
        assert (unit.state, unit.severity, unit.flagged) == ("prospective", severity, flagged)

    def test_a_given_dose_is_at_least_moderate(self):
        early = given(1, 100)
        assert only(early, now=0).severity == "moderate"

    @pytest.mark.parametrize("now", [74, 170, 1000])
    def test_open_and_lapsed_are_high_and_flagged(self, now):
        unit = only(given(), now=now)
        assert (unit.severity, unit.flagged) == ("high", True)

    def test_covered_and_closed_are_not_flagged_however_late_it_is(self):
        assert not only(given(), visit(70), now=69).flagged
        assert not only(given(), attended(70), now=72).flagged

    def test_the_hours_are_settings(self):
        hours = SeverityHours(closing=10, dose=5)
        assert only(dose(), now=-6, hours=hours).severity == "low"
        assert only(dose(), now=-5, hours=hours).severity == "moderate"
        assert only(dose(), now=63, hours=hours).severity == "moderate"
        assert only(dose(), now=64, hours=hours).severity == "high"


class TestWhichUnitAVisitCountsFor:
    # Two doses four days apart in a wide window: both windows contain hours 115 to 160.
    WIDE = rule(max_hours=160, grace_hours=400, before_next_dosing=False)

    def test_the_one_that_closes_first(self):
        first, second = judge(given(1), given(2, 96), attended(130), now=140, rule=self.WIDE)
        assert (first.state, second.state) == ("closed", "prospective")

    def test_the_one_that_closes_first_not_the_one_that_opened_first(self):
        shorter = {"dose:d2": WindowOverride(max_hours=50)}
        first, second = judge(
            given(1), given(2, 96), attended(130), now=140, rule=self.WIDE, overrides=shorter
        )
        assert (first.state, second.state) == ("prospective", "closed")

    def test_the_next_visit_goes_to_the_unit_still_needing_one(self):
        first, second = judge(given(1), given(2, 96), attended(130), attended(140), now=150, rule=self.WIDE)
        assert (first.state, second.state) == ("closed", "closed")

    def test_attended_visits_choose_before_live_ones(self):
        first, second = judge(given(1), given(2, 96), visit(130), attended(140), now=120, rule=self.WIDE)
        assert (first.visits, second.visits) == (("v140",), ("v130",))

    def test_live_visits_ahead_choose_before_those_whose_end_passed(self):
        first, second = judge(given(1), given(2, 96), visit(120), visit(150), now=140, rule=self.WIDE)
        assert (first.visits, first.attendance_unrecorded) == (("v150",), False)
        assert (second.visits, second.attendance_unrecorded) == ((), True)

    def test_a_window_is_preferred_to_a_grace_that_ends_sooner(self):
        first, second = judge(given(1), given(2, 72), attended(100), now=110)
        assert (first.state, second.state) == ("open", "closed")

    def test_one_visit_may_serve_all_where_the_practice_says_so(self):
        shared = replace(self.WIDE, one_visit_may_serve_all=True)
        first, second = judge(given(1), given(2, 96), attended(130), now=140, rule=shared)
        assert (first.state, second.state) == ("closed", "closed")

    def test_an_attendance_after_everything_lapsed_is_noted_on_the_latest_unit(self):
        first, second = judge(given(1), given(2, 96), attended(500), now=600)
        assert (first.state, first.attended_after) == ("lapsed", None)
        assert (second.state, second.attended_after) == ("lapsed", at(500))

    def test_a_later_unit_that_was_closed_is_passed_over(self):
        first, second = judge(given(1), given(2, 96), attended(130), attended(500), now=600)
        assert (first.state, first.attended_after) == ("lapsed", at(500))
        assert (second.state, second.attended_after) == ("closed", None)

    def test_the_first_attendance_after_it_is_the_one_noted(self):
        unit = only(given(), attended(500), attended(700), now=800)
        assert unit.attended_after == at(500)

    def test_a_visit_before_a_lapse_is_not_noted_as_after_it(self):
        unit = only(given(), attended(5), now=800)
        assert (unit.state, unit.attended_after) == ("lapsed", None)


class TestOutsideVisits:
    def outside(self, hours, unit="dose:d1", **changes):
        return attended(hours, external_unit=unit, **changes)

    def test_it_goes_to_its_own_unit(self):
        wide = rule(max_hours=160, grace_hours=400, before_next_dosing=False)
        first, second = judge(given(1), given(2, 96), self.outside(130, "dose:d2"), now=140, rule=wide)
        assert (first.state, second.state) == ("prospective", "closed")

    def test_in_the_grace_it_closes_late_and_after_it_it_is_noted(self):
        assert only(given(), self.outside(100), now=110).late
        assert only(given(), self.outside(300), now=310).attended_after == at(300)

    def test_whoever_attests_it_decides_that_it_counts_also_where_only_groups_do(self):
        group = rule(coverage=Coverage.GROUP)
        assert only(given(), self.outside(26), now=30, rule=group).state == "closed"

    def test_a_practice_may_not_count_it(self):
        unit = only(given(), self.outside(26), now=30, rule=rule(outside_visit_counts=False))
        assert unit.state == "prospective"


class TestARecordedDischarge:
    """A dose ends a day late, or an hour early: what was booked inside its window keeps counting."""

    LATE = dose(status="fulfilled", discharged_at=at(26))  # Tuesday 12:00: the window opens on Wednesday
    WAS = Acceptance("dose:d1", at(14), at(74))

    def test_a_visit_that_was_inside_keeps_counting_and_asks_for_a_review(self):
        unit = only(self.LATE, visit(30, accepted=self.WAS), now=27)
        assert (unit.state, unit.review_needed) == ("covered", True)
        unit = only(self.LATE, attended(30, accepted=self.WAS), now=40)
        assert (unit.state, unit.late, unit.review_needed) == ("closed", False, True)

    def test_an_early_discharge_too(self):
        early = dose(status="fulfilled", discharged_at=at(1))
        unit = only(early, visit(74, accepted=self.WAS), now=27)
        assert (unit.state, unit.review_needed) == ("covered", True)

    def test_without_a_stored_window_it_does_not(self):
        unit = only(self.LATE, visit(30), now=27)
        assert (unit.state, unit.review_needed) == ("prospective", False)

    def test_a_visit_inside_both_windows_needs_no_review(self):
        assert not only(self.LATE, visit(60, accepted=self.WAS), now=27).review_needed

    def test_a_window_accepted_for_another_unit_does_not_help(self):
        other = replace(self.WAS, unit="dose:d9")
        assert only(self.LATE, visit(30, accepted=other), now=27).state == "prospective"

    def test_a_visit_moved_out_of_what_was_accepted_has_no_grace(self):
        assert only(self.LATE, visit(10, accepted=self.WAS), now=5).state == "prospective"

    def test_a_dose_that_was_moved_gives_no_grace_even_after_its_discharge(self):
        moved = dose(1, 48, status="booked")
        assert only(moved, visit(30, accepted=self.WAS), now=27).state == "prospective"
        moved_and_given = dose(1, 48, status="fulfilled", discharged_at=at(51))
        assert only(moved_and_given, visit(30, accepted=self.WAS), now=52).state == "prospective"

    def test_a_next_dose_that_was_moved_up_gives_no_grace(self):
        first, _ = judge(self.LATE, dose(2, 28), visit(30, accepted=self.WAS), now=27)
        assert first.state == "prospective"

    def test_what_is_stored_is_the_window_that_a_visit_was_inside(self):
        facts = [dose(), visit(26), visit(100)]
        units = judge(*facts, now=0)
        assert rules.acceptances(answers=units, visits=facts[1:]) == {"v26": self.WAS}

    def test_a_visit_that_counts_by_acceptance_alone_gets_no_new_one(self):
        accepted = visit(30, accepted=self.WAS)
        units = judge(self.LATE, accepted, now=27)
        assert rules.acceptances(answers=units, visits=[accepted]) == {}


class TestNextChange:
    def test_an_unfollowed_dose_changes_at_each_threshold(self):
        seen, now = [], -1000.0
        while (unit := only(dose(), now=now)).next_change_at is not None:
            now = (unit.next_change_at - at(0)).total_seconds() / 3600
            changed = only(dose(), now=now)
            seen.append((now, changed.state, changed.severity))
        assert seen == [
            (-48, "prospective", "moderate"),
            (50, "prospective", "high"),
            (74, "open", "high"),
            (170, "lapsed", "high"),
        ]

    def test_a_lapsed_unit_never_changes_by_itself(self):
        assert only(given(), now=170).next_change_at is None

    def test_the_end_of_one_visit_can_change_another_unit(self):
        wide = rule(max_hours=160, grace_hours=400, before_next_dosing=False)
        first, second = judge(given(1), given(2, 96), visit(130), visit(150), now=125, rule=wide)
        assert (first.visits, second.visits) == (("v130",), ("v150",))
        assert second.next_change_at == visit(130).end
        first, second = judge(given(1), given(2, 96), visit(130), visit(150), now=132, rule=wide)
        assert (first.visits, second.attendance_unrecorded) == (("v150",), True)
